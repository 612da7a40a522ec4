//! A directory as a place that knows clients: finds their entry, and compares hashes or binds as them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::connection::{MOST_ENTRIES, Searched};
use super::entry::{Entry, IS_ENABLED};
use super::links::{Binding, Claim, Query, Searching, Way, detail};
use super::relay::Protection;
use super::result::{INVALID_CREDENTIALS, NO_SUCH_OBJECT, SIZE_LIMIT_EXCEEDED, SUCCESS, failed, nonsense};
use super::settings::{Attributes, Method, Search, Server, Settings};
use crate::auth::{Clock, Credentials, Finding, ProviderError, Reason, Verdict};
use crate::backends::account::{Account, Record};
use crate::backends::idle::{Idle, Link as _};
use crate::backends::reach::Source;
use crate::backends::remote::{Answer, note_found};
use crate::backends::template::{Placeholder, Template};

/// Values of one password attribute; each is checked.
const MOST_PASSWORDS: usize = 8;

/// A directory, ready to be asked.
pub(super) struct Directory {
    search: Search,
    method: Method,
    inputs: Vec<Placeholder>,
    /// For probes, which make connections of their own.
    way: Arc<Searching>,
    searching: Idle<Arc<Searching>>,
    binding: Idle<Binding>,
    clock: Arc<dyn Clock>,
}

impl Directory {
    /// Opens nothing yet, but reads certificates: not to be called on the async threads.
    pub(super) fn new(settings: Settings, secrets_dir: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let inputs = settings.inputs();
        let Settings {
            server,
            search,
            method,
            reach,
        } = settings;
        let way = Way {
            protection: protection(&server, &secrets_dir)?,
            address: server.address,
        };
        let searching = Arc::new(Searching {
            way: way.clone(),
            username: server.username,
            password: server.password,
            secrets_dir,
            wanted: wanted(&search.attributes),
        });
        let (most, limit) = (reach.pool_size(), reach.times.connect);
        Ok(Self {
            search,
            method,
            inputs,
            searching: Idle::new(Arc::clone(&searching), most, limit),
            binding: Idle::new(Binding { way }, most, limit),
            way: searching,
            clock,
        })
    }

    fn query(&self, credentials: &Credentials) -> Option<Query> {
        let Search { base, filter, .. } = &self.search;
        Some(Query {
            base: base.filled(credentials)?,
            filter: filter.filled(credentials)?,
        })
    }

    /// Lets the directory judge. Who is not right is told so by one result only; every other one decides nothing.
    async fn judged(
        &self,
        entry: &Entry,
        template: &Template,
        credentials: &Credentials,
    ) -> Result<Answer, ProviderError> {
        let denied = |reason, why: &str| Ok(Answer::Judged(Verdict::Deny(Finding::new(reason, why).into())));
        let password = Zeroizing::new(template.bytes(credentials));
        // RFC 4513 (5.1.2) has directories welcome whoever comes with a name and no password, as nobody.
        if password.is_empty() {
            return denied(Reason::BadUsernameOrPassword, "the password is empty");
        }
        let Ok(password) = std::str::from_utf8(&password) else {
            return denied(Reason::BadUsernameOrPassword, "the password is no UTF-8");
        };
        if entry.dn.is_empty() {
            return Err(nonsense("the entry has no name to bind as"));
        }
        let is_disabled = entry.is_disabled()?;
        let identity = entry.identity(&self.search.attributes, self.clock.now())?;
        let claim = Claim {
            dn: entry.dn.clone(),
            password: Zeroizing::new(password.to_owned()),
        };
        let binding = credentials.notes.time("of that, bound");
        let result = self.binding.ask(&claim).await?;
        binding.end();
        match result.rc {
            SUCCESS if is_disabled => denied(Reason::UserDisabled, ""),
            SUCCESS => Ok(Answer::Judged(Verdict::Allow(Box::new(identity)))),
            INVALID_CREDENTIALS => denied(Reason::BadUsernameOrPassword, ""),
            _ => Err(failed(&result)),
        }
    }

    fn account(&self, entry: &Entry, attribute: &str) -> Result<Answer, ProviderError> {
        let values = entry.values(attribute);
        if values.len() > MOST_PASSWORDS {
            return Err(nonsense(format!(
                "the entry has more than {MOST_PASSWORDS} values of `{attribute}`"
            )));
        }
        // Whoever has several, as after a change, may use any of them; those that cannot be checked let nobody in.
        let (mut records, mut fault) = (Vec::new(), None);
        for value in values {
            match Record::of_itself(&opened(value)) {
                Ok(record) => records.push(record),
                Err(why) => fault = Some(why),
            }
        }
        match fault {
            Some(why) if records.is_empty() => Err(why),
            _ => Ok(Answer::Account(Box::new(Account {
                records,
                is_disabled: entry.is_disabled()?,
                identity: entry.identity(&self.search.attributes, self.clock.now())?,
            }))),
        }
    }
}

/// EMQX also takes values that were encoded once more on their way into the directory.
fn opened(value: &[u8]) -> Cow<'_, [u8]> {
    match STANDARD.decode(value) {
        Ok(inner) if inner.starts_with(b"{") => Cow::Owned(inner),
        _ => Cow::Borrowed(value),
    }
}

fn protection(server: &Server, secrets_dir: &Path) -> Result<Protection, ProviderError> {
    let Server { ssl, starttls, .. } = server;
    if !ssl.is_enabled && !starttls {
        return Ok(Protection::Plain);
    }
    let material = ssl.material(secrets_dir);
    let config = material.and_then(|material| material.client_config()).map_err(|why| {
        let why = format!("TLS cannot be set up: {why}");
        ProviderError::new(Reason::BackendUnavailable, why)
    })?;
    let config = Arc::new(config);
    Ok(if *starttls {
        Protection::StartTls(config)
    } else {
        Protection::Ldaps(config)
    })
}

/// The names of all attributes that say something.
fn wanted(attributes: &Attributes) -> Vec<String> {
    let Attributes {
        password,
        is_superuser,
        client_id_override,
        publish,
        subscribe,
        all,
        acl_rule,
        acl_ttl,
    } = attributes;
    let optional = [password, publish, subscribe, all, acl_rule, acl_ttl];
    [IS_ENABLED, is_superuser, client_id_override]
        .into_iter()
        .chain(optional.into_iter().flatten().map(String::as_str))
        .map(str::to_owned)
        .collect()
}

/// The entry, if there is one and only one.
fn only(Searched { mut entries, result }: Searched) -> Result<Option<Entry>, ProviderError> {
    if entries.len() >= MOST_ENTRIES || result.rc == SIZE_LIMIT_EXCEEDED {
        return Err(nonsense("the directory has more than one entry of the client"));
    }
    match result.rc {
        SUCCESS => Ok(entries.pop()),
        NO_SUCH_OBJECT => Ok(None),
        _ => Err(failed(&result)),
    }
}

/// Somebody whom no directory has.
fn nobody(inputs: &[Placeholder]) -> Credentials {
    const NAME: &str = "nobody, a probe of portcullis";
    let text = || NAME.to_owned();
    let attributes = inputs.iter().filter_map(|input| match input {
        Placeholder::ClientAttr(name) => Some((name.clone(), text())),
        _ => None,
    });
    Credentials {
        listener: text(),
        client_id: text(),
        username: text(),
        peer_host: text(),
        peer_port: 1,
        cert_common_name: text(),
        cert_subject: text(),
        cert_pem: NAME.into(),
        zone: text(),
        client_attrs: attributes.collect(),
        ..Credentials::default()
    }
}

impl Source for Directory {
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.inputs.clone()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let Some(query) = self.query(credentials) else {
            return Ok(Answer::unasked(credentials));
        };
        let Some(entry) = only(self.searching.ask(&query).await?)? else {
            credentials.notes.note(|| "no entry was found".to_owned());
            return Ok(Answer::Nobody);
        };
        note_found("an entry", entry.names(), &credentials.notes);
        match (&self.method, &self.search.attributes.password) {
            (Method::Bind(template), _) => self.judged(&entry, template, credentials).await,
            (Method::Hash(_), Some(attribute)) => self.account(&entry, attribute),
            (Method::Hash(_), None) => Err(nonsense("no attribute is known to hold hashes")),
        }
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    /// A connection of its own, so that it shows what a new one would meet: the name, TLS, the user that searches.
    async fn probe(&self) -> Result<(), String> {
        let mut connection = self.way.connect().await?;
        if let Some(query) = self.query(&nobody(&self.inputs)) {
            let searched = self.way.ask(&mut connection, &query).await.map_err(detail)?;
            if !matches!(searched.result.rc, SUCCESS | NO_SUCH_OBJECT | SIZE_LIMIT_EXCEEDED) {
                return Err(failed(&searched.result).detail);
            }
        }
        Ok(())
    }
}

//! A directory as a place that knows clients: finds their entry, and compares hashes or binds as them.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ldap3::LdapResult;

use super::connection::{Connection, MOST_ENTRIES, Searched};
use super::entry::{Entry, IS_ENABLED};
use super::idle::Idle;
use super::relay::Protection;
use super::settings::{Method, Server, Settings};
use crate::auth::{Clock, Credentials, Finding, ProviderError, Reason, Verdict};
use crate::backends::account::{Account, Record};
use crate::backends::reach::Source;
use crate::backends::remote::Answer;
use crate::backends::template::{Placeholder, Template};

/// Values of one password attribute; each is checked.
const MOST_PASSWORDS: usize = 8;

const SUCCESS: u32 = 0;
const TIME_LIMIT_EXCEEDED: u32 = 3;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;
const BUSY: u32 = 51;
const UNAVAILABLE: u32 = 52;

/// A directory, ready to be asked.
pub(super) struct Directory {
    settings: Settings,
    protection: Protection,
    /// What is wanted of an entry.
    wanted: Vec<String>,
    /// Connections bound as the user that searches.
    searching: Idle<Connection>,
    /// Connections on which clients are bound. Nothing is ever searched on them, so that it does not matter as whom they are bound.
    binding: Idle<Connection>,
    secrets_dir: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Directory {
    /// Opens nothing yet, but reads the system's authorities: not to be called on the async threads.
    pub(super) fn new(settings: Settings, secrets_dir: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, ProviderError> {
        let Server { ssl, starttls, .. } = &settings.server;
        let protection = if ssl.is_enabled || *starttls {
            let config = ssl.client_config().map_err(|why| {
                ProviderError::new(Reason::BackendUnavailable, format!("TLS cannot be set up: {why}"))
            })?;
            if *starttls {
                Protection::StartTls(Arc::new(config))
            } else {
                Protection::Ldaps(Arc::new(config))
            }
        } else {
            Protection::Plain
        };
        let pool_size = settings.reach.pool_size();
        Ok(Self {
            wanted: wanted(&settings),
            protection,
            searching: Idle::new(pool_size),
            binding: Idle::new(pool_size),
            secrets_dir,
            clock,
            settings,
        })
    }

    async fn connected(&self) -> Result<Connection, ProviderError> {
        let address = &self.settings.server.address;
        let limit = self.settings.reach.times.connect;
        let opened = tokio::time::timeout(limit, Connection::open(&address.host, address.port, &self.protection));
        opened.await.unwrap_or_else(|_| {
            let why = format!("no connection within {limit:?}");
            Err(ProviderError::new(Reason::BackendTimeout, why))
        })
    }

    /// A new connection that may search.
    async fn searcher(&self) -> Result<Connection, ProviderError> {
        let refused = |why: String| ProviderError::new(Reason::BackendUnavailable, why);
        let Server { username, password, .. } = &self.settings.server;
        let password = password.resolve(&self.secrets_dir).map_err(refused)?;
        let password =
            std::str::from_utf8(password.expose()).map_err(|_| refused("`password` is no UTF-8".to_owned()))?;
        if password.is_empty() {
            return Err(refused(
                "`password` is empty: a directory would take the user for nobody".to_owned(),
            ));
        }
        let mut connection = self.connected().await?;
        let result = connection.bind(username, password).await?;
        if result.rc == SUCCESS {
            Ok(connection)
        } else {
            Err(refused(format!(
                "the directory refuses the user that searches: {}",
                told(&result)
            )))
        }
    }

    /// Finds the entry of a client. A kept connection may have ended without anybody noticing, and then a new one is asked.
    async fn search(&self, base: &str, filter: &str) -> Result<Searched, ProviderError> {
        while let Some(mut kept) = self.searching.take() {
            if !kept.is_closed()
                && let Ok(searched) = kept.search(base, filter, &self.wanted).await
            {
                self.searching.keep(kept);
                return Ok(searched);
            }
        }
        let mut connection = self.searcher().await?;
        let searched = connection.search(base, filter, &self.wanted).await?;
        self.searching.keep(connection);
        Ok(searched)
    }

    async fn bind(&self, dn: &str, password: &str) -> Result<LdapResult, ProviderError> {
        while let Some(mut kept) = self.binding.take() {
            if !kept.is_closed()
                && let Ok(result) = kept.bind(dn, password).await
            {
                self.binding.keep(kept);
                return Ok(result);
            }
        }
        let mut connection = self.connected().await?;
        let result = connection.bind(dn, password).await?;
        self.binding.keep(connection);
        Ok(result)
    }

    async fn answer(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let Some(entry) = self.entry(credentials).await? else {
            return Ok(Answer::Nobody);
        };
        match (&self.settings.method, &self.settings.search.attributes.password) {
            (Method::Bind(template), _) => self.judged(&entry, template, credentials).await,
            (Method::Hash(_), Some(attribute)) => self.account(&entry, attribute),
            (Method::Hash(_), None) => Err(nonsense("no attribute is known to hold hashes")),
        }
    }

    async fn entry(&self, credentials: &Credentials) -> Result<Option<Entry>, ProviderError> {
        let search = &self.settings.search;
        let (Some(base), Some(filter)) = (search.base.filled(credentials), search.filter.filled(credentials)) else {
            return Ok(None);
        };
        only(self.search(&base, &filter).await?)
    }

    /// Lets the directory judge. Who is not right is told so by one result only; every other one decides nothing.
    async fn judged(
        &self,
        entry: &Entry,
        template: &Template,
        credentials: &Credentials,
    ) -> Result<Answer, ProviderError> {
        let denied = |reason, why: &str| Ok(Answer::Judged(Verdict::Deny(Finding::new(reason, why).into())));
        let password = zeroize::Zeroizing::new(template.bytes(credentials));
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
        let identity = entry.identity(&self.settings.search.attributes, self.clock.now())?;
        let result = self.bind(&entry.dn, password).await?;
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
            return Err(nonsense(&format!(
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
                identity: entry.identity(&self.settings.search.attributes, self.clock.now())?,
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

fn wanted(settings: &Settings) -> Vec<String> {
    let attributes = &settings.search.attributes;
    let optional = [
        &attributes.password,
        &attributes.publish,
        &attributes.subscribe,
        &attributes.all,
        &attributes.acl_rule,
        &attributes.acl_ttl,
    ];
    let fixed = [
        IS_ENABLED.to_owned(),
        attributes.is_superuser.clone(),
        attributes.client_id_override.clone(),
    ];
    fixed
        .into_iter()
        .chain(optional.into_iter().flatten().cloned())
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

/// A result that decides nothing.
fn failed(result: &LdapResult) -> ProviderError {
    let reason = match result.rc {
        BUSY | UNAVAILABLE => Reason::BackendUnavailable,
        TIME_LIMIT_EXCEEDED => Reason::BackendTimeout,
        _ => Reason::BackendBadResponse,
    };
    let why = if result.rc == REFERRAL {
        "the directory refers to another one, which is not followed".to_owned()
    } else {
        format!("the directory answers {}", told(result))
    };
    ProviderError::new(reason, why)
}

/// Without the names that directories repeat: they may hold what clients sent.
fn told(result: &LdapResult) -> String {
    let nameless = LdapResult {
        matched: String::new(),
        text: String::new(),
        refs: Vec::new(),
        ctrls: Vec::new(),
        ..*result
    };
    let text = nameless.to_string();
    let brief = text.split(", dn:").next().unwrap_or_default().to_owned();
    if result.text.is_empty() {
        brief
    } else {
        format!("{brief}: {}", result.text)
    }
}

fn nonsense(why: &str) -> ProviderError {
    ProviderError::new(Reason::BackendBadResponse, why)
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

/// Closes what is kept if a question is dropped before its answer: connections that went silent without a word go silent together.
struct Unanswered<'a>(Option<&'a Directory>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(directory) = self.0 {
            directory.searching.clear();
            directory.binding.clear();
        }
    }
}

impl Source for Directory {
    type Answer = Answer;

    fn inputs(&self) -> Vec<Placeholder> {
        self.settings.inputs()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Answer, ProviderError> {
        let mut unanswered = Unanswered(Some(self));
        let answer = self.answer(credentials).await;
        unanswered.0 = None;
        answer
    }

    fn turns_away(answer: &Answer) -> bool {
        answer.turns_away()
    }

    /// A connection of its own, so that it shows what a new one would meet: the name, TLS, the user that searches.
    async fn probe(&self) -> Result<(), String> {
        let nobody = nobody(&self.settings.inputs());
        let search = &self.settings.search;
        let mut connection = self.searcher().await.map_err(|error| error.detail)?;
        if let (Some(base), Some(filter)) = (search.base.filled(&nobody), search.filter.filled(&nobody)) {
            let searched = connection.search(&base, &filter, &self.wanted).await;
            let result = searched.map_err(|error| error.detail)?.result;
            if !matches!(result.rc, SUCCESS | NO_SUCH_OBJECT | SIZE_LIMIT_EXCEEDED) {
                return Err(failed(&result).detail);
            }
        }
        Ok(())
    }
}

//! `scram:http`: the keys of users come from a server, for one exchange each.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Settings;
use super::handshake::{Handshake, Step, admitted, denied, hash_of};
use super::sealed::Fetched;
use crate::auth::{
    AuthenticatorKey, BoxFuture, Clock, Credentials, Finding, Health, Identity, Provider, ProviderError,
    ProviderStatus, Reason, Usage, Verdict,
};
use crate::backends::account::identity;
use crate::backends::backend::{Backend, Context, Opened, Violation, unusable};
use crate::backends::fields::Fields;
use crate::backends::http::{ASK, HttpSettings, Requests, Unfit, object, probe, requests, schemas};
use crate::backends::reach::{Reach, Source};
use crate::backends::remote::schema;
use crate::backends::template::Placeholder;
use crate::hash::{Scram, ScramRecord};

pub(in crate::backends) const BACKEND: Backend = Backend {
    mechanism: "scram",
    backend: "http",
    title: "SCRAM, HTTP server",
    needs_password: false,
    schema: || {
        let mut own = schemas();
        if let Value::Object(own) = &mut own {
            own.extend(Settings::schemas());
        }
        schema(
            "SCRAM, HTTP server",
            "A server that knows the keys of users: `${username}` is the name that the client is about to prove. It answers 200 with `stored_key`, `server_key` and `salt` in hexadecimal, made with `algorithm` and `iteration_count`, and what else it says of the user; or without them, or 404, if there is no such user.",
            own,
            ASK,
            false,
        )
    },
    check: |settings| parse(settings).map(|(_, _, filled)| filled.into()),
    password_algorithm: |_| None,
    asks_elsewhere: |_| true,
    open,
};

type Parsed = (Settings, HttpSettings, Map<String, Value>);

fn parse(settings: &Value) -> Result<Parsed, Vec<Violation>> {
    let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
    let (own, http) = (Settings::read(&mut fields), HttpSettings::parse(&mut fields));
    let filled = fields.finish()?;
    match (own, http) {
        (Some(own), Some(http)) => Ok((own, http, filled)),
        _ => Err(vec![Violation::new("settings", "are incomplete")]),
    }
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, http, filled) = parse(settings).map_err(unusable)?;
    let text = Value::Object(filled).to_string();
    let source = Keys {
        requests: requests(&http, context)?,
        made: settings.made,
    };
    Ok(Arc::new(Elsewhere {
        handshake: Handshake::new(key, &text, Arc::clone(&context.keys), Arc::clone(&context.clock)),
        reach: Reach::open(key, source, &http.reach, context)?,
        settings,
        clock: Arc::clone(&context.clock),
    }))
}

/// The server, asked for one user's keys.
struct Keys {
    requests: Requests,
    made: Scram,
}

impl Source for Keys {
    type Answer = Option<Fetched>;

    fn inputs(&self) -> Vec<Placeholder> {
        self.requests.inputs()
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Option<Fetched>, ProviderError> {
        let response = match self.requests.send(credentials).await? {
            Ok(response) => response,
            // Nobody has such a name.
            Err(Unfit(_)) => return Ok(None),
        };
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            credentials.notes.note(|| "the server answered 404".to_owned());
            return Ok(None);
        }
        match object(response, &credentials.notes).await? {
            Some(members) => fetched(&members, self.made),
            None => Ok(None),
        }
    }

    fn turns_away(answer: &Option<Fetched>) -> bool {
        answer.is_none()
    }

    async fn probe(&self) -> Result<(), String> {
        probe(&self.requests).await
    }
}

const KEYS: [&str; 3] = ["salt", "stored_key", "server_key"];

/// The user of an answer. One that has only some of the keys is no answer at all.
fn fetched(members: &Map<String, Value>, made: Scram) -> Result<Option<Fetched>, ProviderError> {
    let nonsense = |why: String| ProviderError::new(Reason::BackendBadResponse, why);
    if KEYS.iter().all(|name| members.get(*name).is_none_or(Value::is_null)) {
        return Ok(None);
    }
    let key = |name: &str| {
        let text = members.get(name).and_then(Value::as_str);
        let text = text.ok_or_else(|| nonsense(format!("the answer has no `{name}`")))?;
        hex::decode(text).map_err(|_| nonsense(format!("`{name}` is not hexadecimal")))
    };
    let [salt, stored_key, server_key] = KEYS.map(key);
    let record = ScramRecord::from_parts(made.hash, made.iterations, &salt?, &stored_key?, &server_key?)
        .map_err(|fault| nonsense(fault.to_string()))?;
    Ok(Some(Fetched {
        record: record.encode(),
        identity: identity(members)?,
    }))
}

/// A running instance.
struct Elsewhere {
    settings: Settings,
    handshake: Handshake,
    reach: Reach<Keys>,
    clock: Arc<dyn Clock>,
}

impl Elsewhere {
    async fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        if hash_of(&credentials.auth_method) != Some(self.settings.made.hash) {
            return Ok(Verdict::ignore(Reason::MethodMismatch));
        }
        let step = if credentials.exchange.is_empty() {
            self.first_step(credentials).await
        } else {
            self.last_step(credentials)
        };
        step.unwrap_or_else(|ended| ended)
    }

    async fn first_step(&self, credentials: &Credentials) -> Step<Result<Verdict, ProviderError>> {
        let begun = self.handshake.begin(credentials)?;
        // The server is asked about the name that is to be proven, whatever the connection calls itself.
        let proven = Credentials {
            username: begun.username.clone(),
            ..credentials.clone()
        };
        if let Some(missing) = self.reach.lacks(&proven) {
            let why = format!("the client brings no `{}`", missing.name());
            return Err(Ok(Verdict::Ignore(Finding::new(Reason::MissingCredential, why))));
        }
        let found = self.reach.ask(&proven).await.map_err(Err)?;
        let decoy = begun.decoy(self.settings.made);
        let record = found.answer.as_ref().as_ref().and_then(record_of).unwrap_or(decoy);
        let fetched = (*found.answer).clone();
        Ok(self.handshake.challenge(&begun, credentials, &record, 0, fetched))
    }

    fn last_step(&self, credentials: &Credentials) -> Step<Result<Verdict, ProviderError>> {
        let resumed = self.handshake.resume(credentials)?;
        let fetched = resumed.exchange.fetched.clone();
        let decoy = resumed.decoy(self.settings.made);
        let record = fetched.as_ref().and_then(record_of).unwrap_or(decoy);
        let server_final = self.handshake.prove(&resumed, &record)?;
        // A decoy is nobody's, so who has proven it is nobody.
        let Some(Fetched { identity, .. }) = fetched else {
            return Err(Ok(denied(Finding::from(Reason::ScramBadProof), "invalid-proof")));
        };
        Ok(Ok(self.admit(
            identity,
            resumed.exchange.username,
            server_final,
            credentials,
        )))
    }

    fn admit(&self, identity: Identity, name: String, server_final: Vec<u8>, credentials: &Credentials) -> Verdict {
        if identity.expire_at.is_some_and(|end| end <= self.clock.now()) {
            return denied(Finding::from(Reason::CredentialExpired), "other-error");
        }
        admitted(identity, name, server_final, credentials, self.settings.bind_username)
    }
}

fn record_of(fetched: &Fetched) -> Option<ScramRecord> {
    ScramRecord::parse(&fetched.record).ok()
}

impl Provider for Elsewhere {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(self.decide(credentials))
    }

    fn speaks(&self, auth_method: &str) -> bool {
        hash_of(auth_method) == Some(self.settings.made.hash)
    }

    fn health(&self) -> Health {
        let health = self.reach.health();
        if self.handshake.is_ready() {
            return health;
        }
        Health {
            status: ProviderStatus::Connecting,
            error: "the cluster has not drawn its keys yet".to_owned(),
            ..health
        }
    }

    fn usage(&self) -> Usage {
        self.reach.usage()
    }

    fn purge(&self) {
        self.reach.purge();
    }
}

//! Passwords against the replicated user table of this authenticator.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::bootstrap::Declared;
use super::backend::{Backend, Context, Opened, Violation};
use super::decoys::Decoys;
use crate::auth::{
    AuthenticatorKey, AuthenticatorRecord, BoxFuture, Credentials, Finding, Health, Identity, Provider, ProviderError,
    ProviderStatus, Reason, Timestamp, UserKey, UserRecord, Verdict,
};
use crate::hash::{self, Algorithm, HashError, Stored};
use crate::words::unknown;

mod bootstrap;

pub use self::bootstrap::Bootstrap;

pub(super) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "built_in_database",
    title: "Built-in database",
    needs_password: true,
    schema,
    check: |settings| Settings::parse(settings).map(|settings| settings.to_json()),
    password_algorithm: |settings| Settings::parse(settings).ok().map(|settings| settings.algorithm),
    open,
};

/// Which text of the client is the user's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UserIdType {
    Username,
    ClientId,
}

impl UserIdType {
    const fn word(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::ClientId => "clientid",
        }
    }
}

struct Settings {
    user_id_type: UserIdType,
    algorithm: Algorithm,
    allow_legacy_hashes: bool,
    bootstrap: Declared,
}

impl Settings {
    fn parse(settings: &Value) -> Result<Self, Vec<Violation>> {
        let object = settings
            .as_object()
            .ok_or_else(|| vec![Violation::new("settings", "must be an object")])?;
        let mut faults: Vec<_> = object.keys().filter_map(|field| refuse_unknown(field)).collect();
        let user_id_type = parse_user_id_type(object).unwrap_or_else(|fault| {
            faults.push(fault);
            UserIdType::Username
        });
        let algorithm = parse_algorithm(object).unwrap_or_else(|more| {
            faults.extend(more);
            Algorithm::recommended()
        });
        let allow_legacy_hashes = parse_allow_legacy_hashes(object).unwrap_or_else(|fault| {
            faults.push(fault);
            false
        });
        let bootstrap = Declared::parse(object, &mut faults);
        if faults.is_empty() {
            Ok(Self {
                user_id_type,
                algorithm,
                allow_legacy_hashes,
                bootstrap,
            })
        } else {
            Err(faults)
        }
    }

    fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("user_id_type".to_owned(), json!(self.user_id_type.word()));
        object.insert("password_hash_algorithm".to_owned(), self.algorithm.to_json());
        object.insert("allow_legacy_hashes".to_owned(), json!(self.allow_legacy_hashes));
        self.bootstrap.write(&mut object);
        Value::Object(object)
    }
}

/// The file that is to fill this authenticator at its beginning, if it keeps users and names one.
pub fn bootstrap_of(record: &AuthenticatorRecord) -> Option<Bootstrap> {
    if (record.mechanism.as_str(), record.backend.as_str()) != (BACKEND.mechanism, BACKEND.backend) {
        return None;
    }
    let settings = serde_json::from_str(&record.settings).ok()?;
    Settings::parse(&settings).ok()?.bootstrap.file().cloned()
}

fn refuse_unknown(field: &str) -> Option<Violation> {
    let known: Vec<_> = ["user_id_type", "password_hash_algorithm", "allow_legacy_hashes"]
        .into_iter()
        .chain(bootstrap::FIELDS)
        .collect();
    let is_known = known.contains(&field);
    (!is_known).then(|| Violation::new(format!("settings.{field}"), unknown(field, &known)))
}

fn parse_user_id_type(object: &Map<String, Value>) -> Result<UserIdType, Violation> {
    match object.get("user_id_type") {
        None | Some(Value::Null) => Ok(UserIdType::Username),
        Some(Value::String(word)) if word == "username" => Ok(UserIdType::Username),
        Some(Value::String(word)) if word == "clientid" => Ok(UserIdType::ClientId),
        Some(_) => Err(Violation::new(
            "settings.user_id_type",
            "must be `username` or `clientid`",
        )),
    }
}

fn parse_allow_legacy_hashes(object: &Map<String, Value>) -> Result<bool, Violation> {
    match object.get("allow_legacy_hashes") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(allow)) => Ok(*allow),
        Some(_) => Err(Violation::new(
            "settings.allow_legacy_hashes",
            "must be `true` or `false`",
        )),
    }
}

fn parse_algorithm(object: &Map<String, Value>) -> Result<Algorithm, Vec<Violation>> {
    let given = match object.get("password_hash_algorithm") {
        None | Some(Value::Null) => return Ok(Algorithm::recommended()),
        Some(given) => given,
    };
    let within = |fault| Violation::within("settings.password_hash_algorithm", fault);
    Algorithm::parse(given).map_err(|faults| faults.into_iter().map(within).collect())
}

fn schema() -> Value {
    let [(file, file_schema), (kind, kind_schema)] = bootstrap::properties();
    json!({
        "title": "Built-in database",
        "description": "Users that live in this cluster, on every node.",
        "type": "object",
        "properties": {
            "user_id_type": {
                "title": "User ID type",
                "description": "Which text of the client is the user's name.",
                "enum": [UserIdType::Username.word(), UserIdType::ClientId.word()],
                "default": UserIdType::Username.word(),
            },
            "password_hash_algorithm": Algorithm::schema(),
            "allow_legacy_hashes": {
                "title": "Allow legacy hashes",
                "description": "Whether users may log in whose imported hash is too weak to be made here. A login makes it anew by the algorithm above.",
                "type": "boolean",
                "default": false,
            },
            file: file_schema,
            kind: kind_schema,
        },
        "additionalProperties": false,
    })
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let settings = Settings::parse(settings).map_err(|faults| {
        let first = faults.first().map(Violation::to_string).unwrap_or_default();
        ProviderError::new(Reason::BackendUnavailable, first)
    })?;
    Ok(Arc::new(Builtin::new(key, settings, context)))
}

/// A running instance. It has nothing to connect to, so it is connected as long as it lives.
struct Builtin {
    key: AuthenticatorKey,
    settings: Settings,
    context: Context,
    decoys: Decoys,
    opened: Timestamp,
}

impl Builtin {
    fn new(key: &AuthenticatorKey, settings: Settings, context: &Context) -> Self {
        Self {
            key: key.clone(),
            decoys: Decoys::new(&settings.algorithm),
            settings,
            context: context.clone(),
            opened: context.clock.now(),
        }
    }

    /// Every login that is not let in does the same work (see [`super::decoys`]), and only who knows the password learns why a
    /// user may not log in.
    async fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let user_id = self.user_id(credentials);
        let Some(password) = credentials.password.as_ref().filter(|_| !user_id.is_empty()) else {
            return Ok(Verdict::ignore(Reason::MissingCredential));
        };
        let password = password.expose();
        let Some(user) = self.context.users.user(&self.key.chain, &self.key.id, user_id) else {
            self.pay(None, password).await?;
            return Ok(Verdict::ignore(Reason::UnknownUser));
        };
        // By the record's own algorithm, whatever the authenticator's is by now.
        let record = Stored::parse(user.password.expose()).map_err(cannot_hash)?;
        let verdict = if self.verify(&record, password).await? {
            self.admit(&user, &record)
        } else {
            Verdict::deny(Reason::BadUsernameOrPassword)
        };
        self.decoys.note(&record, self.context.clock.instant());
        if !matches!(verdict, Verdict::Allow(_)) {
            self.pay(Some(&record), password).await?;
        }
        Ok(verdict)
    }

    /// Spends what a login costs that is not let in, but for what its own record has cost already.
    async fn pay(&self, record: Option<&Stored>, password: &[u8]) -> Result<(), ProviderError> {
        for decoy in self.decoys.besides(record, self.context.clock.instant()) {
            self.verify(&decoy, password).await?;
        }
        Ok(())
    }

    async fn verify(&self, record: &Stored, password: &[u8]) -> Result<bool, ProviderError> {
        self.context.hasher.verify(record, password).await.map_err(cannot_hash)
    }

    fn user_id<'a>(&self, credentials: &'a Credentials) -> &'a str {
        match self.settings.user_id_type {
            UserIdType::Username => &credentials.username,
            UserIdType::ClientId => &credentials.client_id,
        }
    }

    /// The verdict on a user who gave the right password.
    fn admit(&self, user: &UserRecord, record: &Stored) -> Verdict {
        let is_outdated = !record.is_made_by(&self.settings.algorithm);
        // What the authenticator itself makes is the operator's choice, and no legacy.
        let weakness = is_outdated.then(|| hash::weakness(user.password.expose())).flatten();
        if let Some(objection) = self.objection(user, weakness) {
            return Verdict::Deny(objection.into());
        }
        Verdict::Allow(Box::new(Identity {
            is_superuser: user.is_superuser,
            client_attrs: user.attributes.clone(),
            expire_at: user.expires_at,
            outdated: is_outdated.then_some(user.revision),
            ..Identity::default()
        }))
    }

    /// Why a user may not log in in spite of the right password.
    fn objection(&self, user: &UserRecord, weakness: Option<&str>) -> Option<Finding> {
        if user.disabled {
            Some(Reason::UserDisabled.into())
        } else if user.expires_at.is_some_and(|end| end <= self.context.clock.now()) {
            Some(Reason::CredentialExpired.into())
        } else {
            weakness.filter(|_| !self.settings.allow_legacy_hashes).map(too_weak)
        }
    }
}

/// Told to a client as a wrong password, like every reason why a user who exists may not log in.
fn too_weak(weakness: &str) -> Finding {
    let detail = format!(
        "the password is right, but its hash is too weak ({weakness}): set the password anew, or let such hashes in with \
         `allow_legacy_hashes` of the authenticator"
    );
    Finding::new(Reason::CredentialExpired, detail)
}

fn cannot_hash(error: HashError) -> ProviderError {
    let reason = match error {
        HashError::Overloaded => Reason::Overloaded,
        HashError::Unusable(_) => Reason::BackendBadResponse,
        HashError::TooLarge { .. }
        | HashError::TooLong { .. }
        | HashError::Prohibited(_)
        | HashError::NoRandomness(_)
        | HashError::Stopped => Reason::BackendUnavailable,
    };
    ProviderError::new(reason, error.to_string())
}

impl Provider for Builtin {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(self.decide(credentials))
    }

    /// A login is the only time when the password is at hand, so it is then that an older record can be made anew.
    fn follow_up(&self, credentials: &Credentials, verdict: &Verdict) {
        let Verdict::Allow(identity) = verdict else { return };
        if let (Some(revision), Some(password)) = (identity.outdated, &credentials.password) {
            let user = UserKey {
                chain: self.key.chain.clone(),
                authenticator: self.key.id.clone(),
                user_id: self.user_id(credentials).to_owned(),
            };
            self.context.upgrades.offer(user, revision, password);
        }
    }

    fn health(&self) -> Health {
        Health {
            status: ProviderStatus::Connected,
            error: String::new(),
            since: self.opened,
        }
    }

    /// Nothing but hashing takes time here.
    fn timed_out(&self) -> Reason {
        Reason::Overloaded
    }
}

#[cfg(test)]
mod tests;

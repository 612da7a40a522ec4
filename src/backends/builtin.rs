//! Passwords against the replicated user table of this authenticator.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::bootstrap::Declared;
use super::backend::{Backend, Context, Opened, Violation};
use crate::auth::{
    AuthenticatorKey, AuthenticatorRecord, BoxFuture, Credentials, Health, Identity, Provider, ProviderError,
    ProviderStatus, Reason, Timestamp, UserRecord, Verdict,
};
use crate::hash::{Algorithm, HashError};

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
        let bootstrap = Declared::parse(object, &mut faults);
        if faults.is_empty() {
            Ok(Self {
                user_id_type,
                algorithm,
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
    let known = ["user_id_type", "password_hash_algorithm"]
        .into_iter()
        .chain(bootstrap::FIELDS);
    if known.clone().any(|known| known == field) {
        return None;
    }
    let known = known.collect::<Vec<_>>().join(", ");
    Some(Violation::new(
        format!("settings.{field}"),
        format!("is unknown; known are {known}"),
    ))
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
    let opened = context.clock.now();
    Ok(Arc::new(Builtin {
        key: key.clone(),
        settings,
        context: context.clone(),
        opened,
    }))
}

/// A running instance. It has nothing to connect to, so it is connected as long as it lives.
struct Builtin {
    key: AuthenticatorKey,
    settings: Settings,
    context: Context,
    opened: Timestamp,
}

impl Builtin {
    /// Unknown user, wrong password and a user who may not log in all cost one verification, and only who knows the password
    /// learns of the latter. Only a record slower than the authenticator's algorithm still shows by the time it takes.
    async fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let user_id = match self.settings.user_id_type {
            UserIdType::Username => &credentials.username,
            UserIdType::ClientId => &credentials.client_id,
        };
        let Some(password) = credentials.password.as_ref().filter(|_| !user_id.is_empty()) else {
            return Ok(Verdict::ignore(Reason::MissingCredential));
        };
        let (hasher, algorithm, password) = (&self.context.hasher, &self.settings.algorithm, password.expose());
        let Some(user) = self.context.users.user(&self.key.chain, &self.key.id, user_id) else {
            hasher.pretend(algorithm, password).await.map_err(cannot_hash)?;
            return Ok(Verdict::ignore(Reason::UnknownUser));
        };
        // By the record's own algorithm, whatever the authenticator's is by now.
        let record = user.password.expose();
        if !hasher.verify(record, password).await.map_err(cannot_hash)? {
            hasher
                .even_out(record, algorithm, password)
                .await
                .map_err(cannot_hash)?;
            return Ok(Verdict::deny(Reason::BadUsernameOrPassword));
        }
        Ok(self.admit(&user))
    }

    /// The verdict on a user who gave the right password.
    fn admit(&self, user: &UserRecord) -> Verdict {
        if user.disabled {
            return Verdict::deny(Reason::UserDisabled);
        }
        if user.expires_at.is_some_and(|end| end <= self.context.clock.now()) {
            return Verdict::deny(Reason::CredentialExpired);
        }
        Verdict::Allow(Box::new(Identity {
            is_superuser: user.is_superuser,
            client_attrs: user.attributes.clone(),
            expire_at: user.expires_at,
            ..Identity::default()
        }))
    }
}

fn cannot_hash(error: HashError) -> ProviderError {
    let reason = match error {
        HashError::Overloaded => Reason::Overloaded,
        HashError::Unusable(_) => Reason::BackendBadResponse,
        HashError::TooLong { .. } | HashError::NoRandomness(_) | HashError::Stopped => Reason::BackendUnavailable,
    };
    ProviderError::new(reason, error.to_string())
}

impl Provider for Builtin {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(self.decide(credentials))
    }

    fn health(&self) -> Health {
        Health {
            status: ProviderStatus::Connected,
            error: String::new(),
            since: self.opened,
        }
    }
}

#[cfg(test)]
mod tests;

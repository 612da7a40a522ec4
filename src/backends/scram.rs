//! SCRAM (RFC 5802, RFC 7677; MQTT 5 enhanced authentication) against the replicated users of this authenticator.
//!
//! A user that does not exist is challenged like one that does and fails only at the proof. That holds for the mechanism that
//! the authenticator is set to. Users whose records were made under the other one (before the setting was changed) are served
//! under theirs; who asks for that mechanism and is not among them is passed on, as one who asks for any other method is.

mod ended;
#[cfg(fuzzing)]
mod fuzzing;
mod handshake;
mod http;
mod messages;
mod sealed;

use std::sync::Arc;

use serde_json::{Map, Value, json};

#[cfg(fuzzing)]
pub use self::fuzzing::rewritten_scram_messages;
use self::handshake::{Handshake, Step, admitted, denied, hash_of};
pub(super) use self::http::BACKEND as HTTP_BACKEND;
use super::backend::{Backend, Context, Opened, Violation, unusable};
use super::fields::Fields;
use crate::auth::{
    AuthenticatorKey, BoxFuture, Credentials, Finding, Health, Identity, Provider, ProviderError, ProviderStatus,
    Reason, Timestamp, UserRecord, Verdict,
};
use crate::hash::{Algorithm, Scram, ScramRecord};

pub(super) const BACKEND: Backend = Backend {
    mechanism: "scram",
    backend: "built_in_database",
    title: "SCRAM, built-in database",
    needs_password: false,
    schema,
    check: |settings| Settings::parse(settings).map(|(_, filled)| filled.into()),
    password_algorithm: |settings| {
        Settings::parse(settings)
            .ok()
            .map(|(settings, _)| Algorithm::Scram(settings.made))
    },
    asks_elsewhere: |_| false,
    open,
};

struct Settings {
    made: Scram,
    bind_username: bool,
}

impl Settings {
    /// Reads settings; returns them with every default filled in, too.
    fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        let settings = Self::read(&mut fields);
        let filled = fields.finish()?;
        let settings = settings.ok_or_else(|| vec![Violation::new("settings", "are incomplete")])?;
        Ok((settings, filled))
    }

    /// Reads the fields that all SCRAM authenticators have; `None` if a fault was noted.
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut own = Map::new();
        for name in ["algorithm", "iteration_count"] {
            if let Some(value) = fields.get(name) {
                own.insert(name.to_owned(), value.clone());
            }
        }
        let bind_username = fields.flag("bind_username", true);
        match Scram::from_settings(&own) {
            Ok(made) => {
                fields.fill("algorithm", made.hash.word());
                fields.fill("iteration_count", made.iterations);
                Some(Self { made, bind_username })
            }
            Err(faults) => {
                fields.add_faults(faults.into_iter().map(|fault| Violation::within("settings", fault)));
                None
            }
        }
    }

    /// JSON schema of these fields.
    fn schemas() -> Map<String, Value> {
        let mut properties = match Scram::field_schemas() {
            Value::Object(properties) => properties,
            _ => Map::new(),
        };
        let bind_username = json!({
            "title": "Bind the user name",
            "description": "Deny a client whose MQTT user name is not the name that it has proven.",
            "type": "boolean",
            "default": true,
        });
        properties.insert("bind_username".to_owned(), bind_username);
        properties
    }
}

fn schema() -> Value {
    json!({
        "title": "SCRAM, built-in database",
        "description": "Users that live in this cluster, on every node; their passwords never travel.",
        "type": "object",
        "properties": Settings::schemas(),
        "additionalProperties": false,
    })
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, filled) = Settings::parse(settings).map_err(unusable)?;
    // With every default, so that every node has the same text.
    let text = Value::Object(filled).to_string();
    Ok(Arc::new(Builtin {
        key: key.clone(),
        handshake: Handshake::new(key, &text, Arc::clone(&context.keys), Arc::clone(&context.clock)),
        settings,
        opened: context.clock.now(),
        context: context.clone(),
    }))
}

struct Builtin {
    key: AuthenticatorKey,
    settings: Settings,
    handshake: Handshake,
    context: Context,
    opened: Timestamp,
}

impl Builtin {
    fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let step = if credentials.exchange.is_empty() {
            self.first_step(credentials)
        } else {
            self.last_step(credentials)
        };
        step.unwrap_or_else(|ended| ended)
    }

    fn first_step(&self, credentials: &Credentials) -> Step<Result<Verdict, ProviderError>> {
        let made = self.made_for(credentials)?;
        let begun = self.handshake.begin(credentials)?;
        let user = self.user(&begun.username);
        let record = user.as_ref().and_then(|user| record_of(user, made));
        if record.is_none() && made.hash != self.settings.made.hash {
            return Err(Ok(Verdict::ignore(Reason::MethodMismatch)));
        }
        // Drawn for everybody: it is not to be seen in the time whose it is.
        let decoy = begun.decoy(made);
        let (record, revision) = match (record, user) {
            (Some(record), Some(user)) => (record, user.revision),
            _ => (decoy, 0),
        };
        Ok(self.handshake.challenge(&begun, credentials, &record, revision, None))
    }

    fn last_step(&self, credentials: &Credentials) -> Step<Result<Verdict, ProviderError>> {
        let made = self.made_for(credentials)?;
        let resumed = self.handshake.resume(credentials)?;
        let challenged = resumed.exchange.user_revision;
        let user = self.user(&resumed.exchange.username).filter(|_| challenged != 0);
        match &user {
            Some(user) if user.revision < challenged => {
                let why = "this node has not applied the user that another one has challenged";
                return Err(Err(ProviderError::new(Reason::NotReady, why)));
            }
            Some(user) if user.revision > challenged => {
                let why = "the user has changed since the exchange began";
                return Err(Ok(denied(Finding::new(Reason::ScramBadState, why), "other-error")));
            }
            _ => {}
        }
        let decoy = resumed.decoy(made);
        let record = user.as_ref().and_then(|user| record_of(user, made)).unwrap_or(decoy);
        let server_final = self.handshake.prove(&resumed, &record)?;
        // A decoy is nobody's, so who has proven it is nobody.
        let Some(user) = user else {
            return Err(Ok(denied(Finding::from(Reason::ScramBadProof), "invalid-proof")));
        };
        Ok(Ok(self.admit(
            &user,
            resumed.exchange.username,
            server_final,
            credentials,
        )))
    }

    /// How a record must be made to serve the mechanism that the client asks for.
    fn made_for(&self, credentials: &Credentials) -> Step<Scram> {
        match hash_of(&credentials.auth_method) {
            Some(hash) => Ok(Scram {
                hash,
                ..self.settings.made
            }),
            None => Err(Ok(Verdict::ignore(Reason::MethodMismatch))),
        }
    }

    fn user(&self, name: &str) -> Option<Arc<UserRecord>> {
        self.context.users.user(&self.key.chain, &self.key.id, name)
    }

    /// The verdict on a user who has proven to know the password.
    fn admit(&self, user: &UserRecord, name: String, server_final: Vec<u8>, credentials: &Credentials) -> Verdict {
        if user.disabled {
            return denied(Finding::from(Reason::UserDisabled), "other-error");
        }
        if user.expires_at.is_some_and(|end| end <= self.context.clock.now()) {
            return denied(Finding::from(Reason::CredentialExpired), "other-error");
        }
        let identity = Identity {
            is_superuser: user.is_superuser,
            client_attrs: user.attributes.clone(),
            expire_at: user.expires_at,
            ..Identity::default()
        };
        admitted(identity, name, server_final, credentials, self.settings.bind_username)
    }
}

/// The user's record, if it serves the mechanism.
fn record_of(user: &UserRecord, made: Scram) -> Option<ScramRecord> {
    let record = ScramRecord::parse(user.password.expose()).ok()?;
    (record.made().hash == made.hash).then_some(record)
}

impl Provider for Builtin {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(std::future::ready(self.decide(credentials)))
    }

    fn speaks(&self, auth_method: &str) -> bool {
        hash_of(auth_method).is_some()
    }

    fn health(&self) -> Health {
        let (status, error) = if self.handshake.is_ready() {
            (ProviderStatus::Connected, "")
        } else {
            (ProviderStatus::Connecting, "the cluster has not drawn its keys yet")
        };
        Health::of(status, error.to_owned(), self.opened)
    }
}

#[cfg(test)]
mod tests;

//! SCRAM (RFC 5802, RFC 7677; MQTT 5 enhanced authentication) against the replicated users of this authenticator.
//!
//! A user that does not exist is challenged like one that does and fails only at the proof. That holds for the mechanism that
//! the authenticator is set to. Users whose records were made under the other one (before the setting was changed) are served
//! under theirs; who asks for that mechanism and is not among them is passed on, as one who asks for any other method is.

mod ended;
#[cfg(fuzzing)]
mod fuzzing;
mod handshake;
mod messages;
mod sealed;

use std::sync::Arc;

use serde_json::{Map, Value, json};

#[cfg(fuzzing)]
pub use self::fuzzing::rewritten_scram_messages;
use self::handshake::{Handshake, Step, denied, hash_of};
use super::backend::{Backend, Context, Opened, Violation};
use crate::auth::{
    AuthenticatorKey, BoxFuture, Credentials, Finding, Health, Identity, Provider, ProviderError, ProviderStatus,
    Reason, Timestamp, UserRecord, Verdict,
};
use crate::hash::{Algorithm, Scram, ScramRecord, saslprep};

pub(super) const BACKEND: Backend = Backend {
    mechanism: "scram",
    backend: "built_in_database",
    title: "SCRAM, built-in database",
    needs_password: false,
    schema,
    check: |settings| Settings::parse(settings).map(|settings| settings.to_json()),
    password_algorithm: |settings| {
        Settings::parse(settings)
            .ok()
            .map(|settings| Algorithm::Scram(settings.made))
    },
    open,
};

struct Settings {
    made: Scram,
    bind_username: bool,
}

impl Settings {
    fn parse(settings: &Value) -> Result<Self, Vec<Violation>> {
        let mut object = settings
            .as_object()
            .cloned()
            .ok_or_else(|| vec![Violation::new("settings", "must be an object")])?;
        let bind_username = take_flag(&mut object, "bind_username", true);
        let made = Scram::from_settings(&object).map_err(|faults| {
            faults
                .into_iter()
                .map(|fault| Violation::within("settings", fault))
                .collect()
        });
        match (bind_username, made) {
            (Ok(bind_username), Ok(made)) => Ok(Self { made, bind_username }),
            (Err(fault), Ok(_)) => Err(vec![fault]),
            (Ok(_), Err(faults)) => Err(faults),
            (Err(fault), Err(faults)) => Err([vec![fault], faults].concat()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "algorithm": self.made.hash.word(),
            "iteration_count": self.made.iterations,
            "bind_username": self.bind_username,
        })
    }
}

fn take_flag(object: &mut Map<String, Value>, field: &str, default: bool) -> Result<bool, Violation> {
    match object.shift_remove(field) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(flag)) => Ok(flag),
        Some(_) => Err(Violation::new(format!("settings.{field}"), "must be true or false")),
    }
}

fn schema() -> Value {
    let mut properties = Scram::field_schemas();
    if let Value::Object(properties) = &mut properties {
        let bind_username = json!({
            "title": "Bind the user name",
            "description": "Deny a client whose MQTT user name is not the name that it has proven.",
            "type": "boolean",
            "default": true,
        });
        properties.insert("bind_username".to_owned(), bind_username);
    }
    json!({
        "title": "SCRAM, built-in database",
        "description": "Users that live in this cluster, on every node; their passwords never travel.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let parsed = Settings::parse(settings).map_err(|faults| {
        let first = faults.first().map(Violation::to_string).unwrap_or_default();
        ProviderError::new(Reason::BackendUnavailable, first)
    })?;
    // As written by `to_json`, so that every node has the same text.
    let text = parsed.to_json().to_string();
    Ok(Arc::new(Builtin {
        key: key.clone(),
        handshake: Handshake::new(key, &text, Arc::clone(&context.keys), Arc::clone(&context.clock)),
        settings: parsed,
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
        Ok(self.handshake.challenge(&begun, credentials, &record, revision))
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
        let claimed = &credentials.username;
        if self.settings.bind_username && !claimed.is_empty() && saslprep(claimed).ok().as_deref() != Some(&name) {
            let why = "the user name of the connection is not the one that was proven (`bind_username`)";
            return denied(Finding::new(Reason::NotAuthorized, why), "other-error");
        }
        let mut client_attrs = user.attributes.clone();
        client_attrs.insert("scram_username".to_owned(), name);
        Verdict::Allow(Box::new(Identity {
            is_superuser: user.is_superuser,
            client_attrs,
            expire_at: user.expires_at,
            auth_data: server_final,
            ..Identity::default()
        }))
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
        Health {
            status,
            error: error.to_owned(),
            since: self.opened,
        }
    }
}

#[cfg(test)]
mod tests;

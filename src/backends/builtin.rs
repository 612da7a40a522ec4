//! Passwords against the replicated user table of this authenticator.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::backend::{Backend, Context, Opened, Violation, unusable};
use super::fields::Fields;
use super::passwords::{PasswordSettings, Passwords};
use crate::auth::{
    AuthenticatorKey, AuthenticatorRecord, BoxFuture, Credentials, Finding, Health, Identity, Provider, ProviderError,
    Reason, Timestamp, UserKey, UserRecord, Verdict,
};
use crate::hash::{self, Algorithm, Stored};

mod bootstrap;

pub use self::bootstrap::Bootstrap;

pub(super) const BACKEND: Backend = Backend {
    mechanism: "password_based",
    backend: "built_in_database",
    title: "Built-in database",
    needs_password: true,
    schema,
    check: |settings| Settings::parse(settings).map(|(_, filled)| filled.into()),
    password_algorithm: |settings| {
        Settings::parse(settings)
            .ok()
            .map(|(settings, _)| settings.passwords.algorithm)
    },
    asks_elsewhere: |_| false,
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
    passwords: PasswordSettings,
    bootstrap: Option<Bootstrap>,
}

impl Settings {
    /// Reads settings; returns them with every default filled in, too.
    fn parse(settings: &Value) -> Result<(Self, Map<String, Value>), Vec<Violation>> {
        let mut fields = Fields::of("settings", settings).map_err(|fault| vec![fault])?;
        let kinds = [UserIdType::Username, UserIdType::ClientId].map(|kind| (kind.word(), kind));
        let settings = Self {
            user_id_type: fields.word("user_id_type", &kinds, UserIdType::Username),
            passwords: PasswordSettings::parse(&mut fields, Algorithm::recommended()),
            bootstrap: Bootstrap::parse(&mut fields),
        };
        let filled = fields.finish()?;
        Ok((settings, filled))
    }
}

/// The file that is to fill this authenticator at its beginning, if it keeps users and names one.
pub fn bootstrap_of(record: &AuthenticatorRecord) -> Option<Bootstrap> {
    if (record.mechanism.as_str(), record.backend.as_str()) != (BACKEND.mechanism, BACKEND.backend) {
        return None;
    }
    let settings = serde_json::from_str(&record.settings).ok()?;
    Settings::parse(&settings).ok()?.0.bootstrap
}

fn schema() -> Value {
    let mut properties = Map::new();
    properties.insert(
        "user_id_type".to_owned(),
        json!({
            "title": "User ID type",
            "description": "Which text of the client is the user's name.",
            "enum": [UserIdType::Username.word(), UserIdType::ClientId.word()],
            "default": UserIdType::Username.word(),
        }),
    );
    properties.extend(PasswordSettings::schemas());
    properties.extend(Bootstrap::schemas());
    json!({
        "title": "Built-in database",
        "description": "Users that live in this cluster, on every node. A login makes a record anew that was made by another algorithm.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = Settings::parse(settings).map_err(unusable)?;
    Ok(Arc::new(Builtin::new(key, settings, context)))
}

/// A running instance. It has nothing to connect to, so it is connected as long as it lives.
struct Builtin {
    key: AuthenticatorKey,
    user_id_type: UserIdType,
    passwords: Passwords,
    context: Context,
    opened: Timestamp,
}

impl Builtin {
    fn new(key: &AuthenticatorKey, settings: Settings, context: &Context) -> Self {
        Self {
            key: key.clone(),
            user_id_type: settings.user_id_type,
            passwords: Passwords::new(settings.passwords, context),
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
        let (password, notes) = (password.expose(), &credentials.notes);
        let Some(user) = self.context.users.user(&self.key.chain, &self.key.id, user_id) else {
            notes.note(|| "no user was found".to_owned());
            self.passwords.pay(None, password, notes).await?;
            return Ok(Verdict::ignore(Reason::UnknownUser));
        };
        // By the record's own algorithm, whatever the authenticator's is by now.
        let encoded = user.password.expose();
        notes.note(|| format!("found a user, protected by {}", hash::name_of(encoded)));
        let record = Passwords::parse(encoded)?;
        let verdict = if self.passwords.verify(&record, password, notes).await? {
            self.admit(&user, &record)
        } else {
            Verdict::deny(Reason::BadUsernameOrPassword)
        };
        if !matches!(verdict, Verdict::Allow(_)) {
            self.passwords.pay(Some(&record), password, notes).await?;
        }
        Ok(verdict)
    }

    fn user_id<'a>(&self, credentials: &'a Credentials) -> &'a str {
        match self.user_id_type {
            UserIdType::Username => &credentials.username,
            UserIdType::ClientId => &credentials.client_id,
        }
    }

    /// The verdict on a user who gave the right password.
    fn admit(&self, user: &UserRecord, record: &Stored) -> Verdict {
        if let Some(objection) = self.objection(user, record) {
            return Verdict::Deny(objection.into());
        }
        Verdict::Allow(Box::new(Identity {
            is_superuser: user.is_superuser,
            client_attrs: user.attributes.clone(),
            expire_at: user.expires_at,
            outdated: self.passwords.is_outdated(record).then_some(user.revision),
            ..Identity::default()
        }))
    }

    /// Why a user may not log in in spite of the right password.
    fn objection(&self, user: &UserRecord, record: &Stored) -> Option<Finding> {
        if user.disabled {
            Some(Reason::UserDisabled.into())
        } else if user.expires_at.is_some_and(|end| end <= self.context.clock.now()) {
            Some(Reason::CredentialExpired.into())
        } else {
            self.passwords.too_weak(record, user.password.expose())
        }
    }
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
        Health::connected(self.opened)
    }

    /// Nothing but hashing takes time here.
    fn timed_out(&self) -> Reason {
        Reason::Overloaded
    }
}

#[cfg(test)]
mod tests;

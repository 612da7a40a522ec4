//! An authenticator whose users live in another system: that system is asked, and what it says is judged here.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::account::Account;
use super::backend::Context;
use super::passwords::{PasswordSettings, Passwords};
use super::reach::{Found, Reach, ReachSettings, Source};
use crate::auth::{
    AuthenticatorKey, BoxFuture, Clock, Credentials, Finding, Health, Notes, Provider, ProviderError, Reason, Usage,
    Verdict,
};
use crate::hash::Algorithm;

/// What another system says of a client.
pub(super) enum Answer {
    /// It does not know the client.
    Nobody,
    /// It knows how the client is protected.
    Account(Box<Account>),
    /// It has judged by itself.
    Judged(Verdict),
}

impl Answer {
    /// Nobody was asked, since nobody can be known by what the client brings.
    pub(super) fn unasked(credentials: &Credentials) -> Self {
        let note = "not asked: nobody can be known by what the client brings";
        credentials.notes.note(|| note.to_owned());
        Self::Nobody
    }

    /// What the fields of an account say, if one was found. `what` it is and which fields it has is noted, and no value of them.
    pub(super) fn of(
        found: Option<Map<String, Value>>,
        what: &'static str,
        algorithm: &Algorithm,
        credentials: &Credentials,
    ) -> Result<Self, ProviderError> {
        let Some(fields) = found else {
            credentials.notes.note(|| format!("no {what} was found"));
            return Ok(Self::Nobody);
        };
        note_found(
            format_args!("a {what}"),
            fields.keys().map(String::as_str),
            &credentials.notes,
        );
        Ok(Self::Account(Box::new(Account::read(&fields, algorithm)?)))
    }

    /// For [`Source::turns_away`].
    pub(super) const fn turns_away(&self) -> bool {
        !matches!(self, Self::Account(_) | Self::Judged(Verdict::Allow(_)))
    }
}

/// Notes what was found, and the names of what it holds.
pub(super) fn note_found<'a>(what: impl fmt::Display, names: impl Iterator<Item = &'a str>, notes: &Notes) {
    notes.note(|| match names.collect::<Vec<_>>().as_slice() {
        [] => format!("found {what}"),
        names => format!("found {what} with {}", names.join(", ")),
    });
}

/// A running instance.
pub(super) struct Remote<S: Source<Answer = Answer>> {
    reach: Reach<S>,
    /// For those systems that leave the password to us.
    passwords: Option<Passwords>,
    clock: Arc<dyn Clock>,
}

impl<S: Source<Answer = Answer>> Remote<S> {
    /// Begins to probe. Must be called within a runtime.
    pub(super) fn open(
        key: &AuthenticatorKey,
        source: S,
        reach: &ReachSettings,
        passwords: Option<PasswordSettings>,
        context: &Context,
    ) -> Result<Self, ProviderError> {
        Ok(Self {
            reach: Reach::open(key, source, reach, context)?,
            passwords: passwords.map(|settings| Passwords::new(settings, context)),
            clock: Arc::clone(&context.clock),
        })
    }

    async fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        if let Some(missing) = self.reach.lacks(credentials) {
            let why = format!("the client brings no `{}`", missing.name());
            return Ok(Verdict::Ignore(Finding::new(Reason::MissingCredential, why)));
        }
        let found = self.reach.ask(credentials).await?;
        let verdict = self.judge(&found, credentials).await?;
        if found.is_remembered && matches!(verdict, Verdict::Deny(_)) && matches!(*found.answer, Answer::Account(_)) {
            // The password may have been changed since.
            let found = self.reach.ask_anew(credentials).await?;
            return self.judge(&found, credentials).await;
        }
        Ok(verdict)
    }

    async fn judge(&self, found: &Found<Answer>, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let verdict = match (&*found.answer, &self.passwords) {
            (Answer::Judged(verdict), _) => verdict.clone(),
            (Answer::Nobody, None) | (Answer::Account(_), None) => Verdict::ignore(Reason::UnknownUser),
            (Answer::Nobody, Some(passwords)) => {
                passwords
                    .pay(None, password_of(credentials), &credentials.notes)
                    .await?;
                Verdict::ignore(Reason::UnknownUser)
            }
            (Answer::Account(account), Some(passwords)) => check(account, passwords, credentials).await?,
        };
        Ok(self.in_time(verdict))
    }

    /// Whom the other system lets in only until a time that is over, nobody lets in.
    fn in_time(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Allow(identity) if identity.expire_at.is_some_and(|end| end <= self.clock.now()) => {
                Verdict::deny(Reason::CredentialExpired)
            }
            other => other,
        }
    }
}

fn password_of(credentials: &Credentials) -> &[u8] {
    credentials.password.as_ref().map_or(b"", |password| password.expose())
}

/// Every login that is not let in does the same work, whether there is such a user or not, and only who knows the password learns
/// why a user may not log in.
async fn check(account: &Account, passwords: &Passwords, credentials: &Credentials) -> Result<Verdict, ProviderError> {
    let (password, notes) = (password_of(credentials), &credentials.notes);
    if account.records.is_empty() {
        passwords.pay(None, password, notes).await?;
        let finding = Finding::new(Reason::BadUsernameOrPassword, "the user has no password");
        return Ok(Verdict::Deny(finding.into()));
    }
    let mut verdict = Verdict::deny(Reason::BadUsernameOrPassword);
    for record in &account.records {
        if !passwords.verify(&record.stored, password, notes).await? {
            continue;
        }
        if account.is_disabled {
            verdict = Verdict::deny(Reason::UserDisabled);
        } else if let Some(objection) = passwords.too_weak(&record.stored, record.encoded()) {
            verdict = Verdict::Deny(objection.into());
        } else {
            return Ok(Verdict::Allow(Box::new(account.identity.clone())));
        }
    }
    let last = account.records.last().map(|record| &record.stored);
    passwords.pay(last, password, notes).await?;
    Ok(verdict)
}

impl<S: Source<Answer = Answer>> Provider for Remote<S> {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(self.decide(credentials))
    }

    fn health(&self) -> Health {
        self.reach.health()
    }

    fn usage(&self) -> Usage {
        self.reach.usage()
    }

    fn purge(&self) {
        self.reach.purge();
    }
}

/// The schema of an object with these properties, those of the way to the backend and, where it keeps passwords for us, those of
/// their hashes.
pub(super) fn schema(title: &str, description: &str, own: Value, ask: &str, keeps_passwords: bool) -> Value {
    let mut properties = match own {
        Value::Object(own) => own,
        _ => serde_json::Map::new(),
    };
    if keeps_passwords {
        properties.extend(PasswordSettings::schemas_of_elsewhere());
    }
    properties.extend(ReachSettings::schemas(ask));
    properties.insert("ssl".to_owned(), super::ssl::Ssl::schema());
    serde_json::json!({
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

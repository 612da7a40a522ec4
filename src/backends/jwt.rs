//! Tokens (RFC 7519): whoever shows one that is signed by a known key and says what it must, is let in.

mod algorithm;
mod claims;
mod expected;
mod fetch;
#[cfg(fuzzing)]
mod fuzzing;
mod grants;
mod jwk_set;
mod kept;
mod keys;
mod moment;
mod pem;
mod public_key;
mod refresh;
mod remote;
mod schema;
mod settings;
mod token;

use std::sync::Arc;

use serde_json::Value;

#[cfg(fuzzing)]
pub use self::fuzzing::{judge_parts, judge_token};
pub(super) use self::kept::remove_others as remove_kept_of_others;
use self::keys::{Key, KeySet, Signer};
use self::remote::RemoteKeys;
use self::settings::{From, Otherwise, Settings, Source, read_public_keys};
use self::token::{Token, Unfit};
use super::backend::{Backend, Context, Opened, unusable};
use crate::auth::{
    AuthenticatorKey, AuthenticatorRecord, BoxFuture, Clock, Credentials, Finding, Health, Provider, ProviderError,
    Reason, Timestamp, Verdict,
};

pub(super) const BACKEND: Backend = Backend {
    mechanism: "jwt",
    backend: "",
    title: "JWT",
    // The token may be the user name, and whoever sends none is for `on_missing_jwt` to judge.
    needs_password: false,
    schema: schema::schema,
    check: |settings| Settings::parse(settings).map(|(_, filled)| Value::Object(filled)),
    password_algorithm: |_| None,
    asks_elsewhere: |settings| settings.get("use_jwks") == Some(&Value::Bool(true)),
    open,
};

/// What is taken but should be changed, if the record is of this kind.
pub(super) fn warning(record: &AuthenticatorRecord) -> Option<String> {
    if record.mechanism != BACKEND.mechanism {
        return None;
    }
    let settings = serde_json::from_str(&record.settings).ok()?;
    Settings::parse(&settings).ok()?.0.source.weakness()
}

fn open(key: &AuthenticatorKey, settings: &Value, context: &Context) -> Opened {
    let (settings, _) = Settings::parse(settings).map_err(unusable)?;
    let Settings {
        from,
        source,
        checks,
        grants,
        on_missing,
        on_bad_signature,
    } = settings;
    let mut weakness = source.weakness();
    let unread = |field: &str, why: String| {
        ProviderError::new(Reason::BackendUnavailable, format!("`{field}` cannot be used: {why}"))
    };
    let keys = match source {
        Source::Secret(secret) => {
            let secret = secret.read(&context.secrets_dir).map_err(|why| unread("secret", why))?;
            weakness = weakness.or_else(|| settings::weakness(&secret));
            Keys::Fixed(KeySet::of(vec![Key::secret(secret.expose())]))
        }
        Source::Public(texts) => {
            let keys = read_public_keys(&texts, &context.secrets_dir).map_err(|why| unread("public_key", why))?;
            let keys = keys.iter().map(|key| Key::public(key, None, None));
            Keys::Fixed(KeySet::of(keys.collect()))
        }
        Source::Set(source) => Keys::Remote(RemoteKeys::open(key, *source, context)?),
    };
    if let Some(weakness) = weakness {
        let AuthenticatorKey { chain, id } = key;
        tracing::warn!(%chain, authenticator = %id, "{weakness}");
    }
    Ok(Arc::new(Jwt {
        from,
        keys,
        checks,
        grants,
        on_missing,
        on_bad_signature,
        opened: context.clock.now(),
        clock: Arc::clone(&context.clock),
    }))
}

/// The keys, given or fetched.
enum Keys {
    Fixed(KeySet),
    Remote(RemoteKeys),
}

/// A running instance.
struct Jwt {
    from: From,
    keys: Keys,
    checks: claims::Checks,
    grants: grants::Grants,
    on_missing: Otherwise,
    on_bad_signature: Otherwise,
    opened: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Jwt {
    async fn decide(&self, credentials: &Credentials) -> Result<Verdict, ProviderError> {
        let Some(presented) = self.presented(credentials) else {
            return Ok(self.on_missing.verdict(Reason::MissingCredential.into()));
        };
        let token = match Token::parse(presented) {
            Ok(token) => token,
            Err(Unfit::NoToken) => return Ok(self.on_missing.verdict(Reason::TokenMalformed.into())),
            Err(Unfit::Refused(why)) => return Ok(malformed(why)),
        };
        let checking = credentials.notes.time("checked the signature");
        let signed = match &self.keys {
            Keys::Fixed(keys) => keys.check(&token),
            Keys::Remote(keys) => keys.check(&token).await?,
        };
        checking.end();
        Ok(match signed {
            Signer::Ours => self.judge(&token, credentials),
            Signer::Other => self.on_bad_signature.verdict(Reason::TokenBadSignature.into()),
            Signer::Unknown => self.on_bad_signature.verdict(Reason::TokenUnknownKey.into()),
        })
    }

    fn presented<'a>(&self, credentials: &'a Credentials) -> Option<&'a [u8]> {
        let text = match self.from {
            From::Username => credentials.username.as_bytes(),
            From::Password => credentials.password.as_ref()?.expose(),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// The verdict on a token that one of our keys has signed: final, whatever it is.
    fn judge(&self, token: &Token<'_>, credentials: &Credentials) -> Verdict {
        let claims = match token.claims() {
            Ok(claims) => claims,
            Err(why) => return malformed(why),
        };
        let now = self.clock.now();
        let leeway = u64::try_from(self.checks.leeway.as_millis()).unwrap_or(u64::MAX);
        let judged = self
            .checks
            .check(&claims, credentials, now)
            .and_then(|()| self.grants.identity(&claims, now, leeway));
        match judged {
            Ok(identity) => Verdict::Allow(Box::new(identity)),
            Err(finding) => Verdict::Deny(finding.into()),
        }
    }
}

/// Nobody should accept such a token, so nobody else is asked.
fn malformed(why: &str) -> Verdict {
    Verdict::Deny(Finding::new(Reason::TokenMalformed, why).into())
}

impl Otherwise {
    fn verdict(self, finding: Finding) -> Verdict {
        match self {
            Self::Ignore => Verdict::Ignore(finding),
            Self::Deny => Verdict::Deny(finding.into()),
        }
    }
}

impl Provider for Jwt {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(self.decide(credentials))
    }

    fn health(&self) -> Health {
        match &self.keys {
            Keys::Fixed(_) => Health::connected(self.opened),
            Keys::Remote(keys) => keys.health(),
        }
    }
}

#[cfg(test)]
mod tests;

//! What a token must be to let somebody in, and what becomes of every other one.

#[expect(unreachable_pub, reason = "the tests with real nodes use the same authority")]
#[path = "../../../cluster-tests/src/authority.rs"]
mod authority;
mod forged;
mod hostile;
mod implementations;
#[expect(unreachable_pub, reason = "the tests with real nodes use the same issuer")]
#[path = "../../../cluster-tests/src/issuer.rs"]
mod issuer;
mod key_material;
mod key_sets;
mod settings;
mod tls;
mod wishes;

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::BACKEND;
use crate::auth::{
    AuthenticatorKey, Clock, Credentials, Identity, KeyRing, PasswordUpgrades, Provider, ProviderError, Reason, Secret,
    SharedKeys, TestClock, UserDirectory, UserKey, UserRecord, Verdict,
};
use crate::backends::Context;
use crate::hash::{Hasher, Settings};

/// 2023-11-14T22:13:20Z.
const NOW: u64 = 1_700_000_000;
const SECRET: &str = "a secret of more than thirty-two bytes";

struct Nobody;

impl UserDirectory for Nobody {
    fn user(&self, _chain: &str, _authenticator: &str, _user_id: &str) -> Option<Arc<UserRecord>> {
        None
    }
}

impl KeyRing for Nobody {
    fn shared_keys(&self) -> Option<Arc<SharedKeys>> {
        None
    }
}

impl PasswordUpgrades for Nobody {
    fn offer(&self, _user: UserKey, _revision: u64, _password: &Secret) {}
}

/// A running authenticator, and the clock it goes by.
struct Fixture {
    clock: Arc<TestClock>,
    provider: Arc<dyn Provider>,
}

/// What is kept and what secrets there are lies in that folder.
fn open_in(dir: PathBuf, settings: &Value) -> Fixture {
    let clock = Arc::new(TestClock::at(NOW * 1000));
    let hasher = Hasher::start(&Settings {
        threads: 1,
        queue: 8,
        queue_timeout_ms: 1000,
        ..Settings::default()
    });
    let context = Context {
        users: Arc::new(Nobody),
        hasher,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        keys: Arc::new(Nobody),
        upgrades: Arc::new(Nobody),
        kept_dir: dir.clone(),
        secrets_dir: dir,
    };
    let key = AuthenticatorKey {
        chain: "global".to_owned(),
        id: "jwt".to_owned(),
    };
    let provider = (BACKEND.open)(&key, settings, &context).unwrap();
    Fixture { clock, provider }
}

fn open(settings: &Value) -> Fixture {
    open_in(PathBuf::new(), settings)
}

/// By the shared secret, with more settings.
fn open_hmac(more: Value) -> Fixture {
    let mut settings = json!({"algorithm": "hmac-based", "secret": SECRET});
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    open(&settings)
}

fn credentials(token: impl Into<Vec<u8>>) -> Credentials {
    Credentials {
        username: "myuser".to_owned(),
        client_id: "client-1".to_owned(),
        password: Some(Secret::new(token)),
        ..Credentials::default()
    }
}

impl Fixture {
    async fn answer(&self, token: &str) -> Result<Verdict, ProviderError> {
        self.provider.authenticate(&credentials(token)).await
    }

    async fn login(&self, token: &str) -> Verdict {
        self.answer(token).await.unwrap()
    }

    async fn says(&self, token: &str) -> String {
        said(&self.login(token).await)
    }

    async fn identity(&self, token: &str) -> Identity {
        match self.login(token).await {
            Verdict::Allow(identity) => *identity,
            other => panic!("not let in: {other:?}"),
        }
    }
}

/// A verdict in short, with everything that an operator is told.
fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::Deny(denial) => format!("deny {} {}", denial.finding.reason, denial.finding.detail)
            .trim()
            .to_owned(),
        Verdict::Ignore(finding) => format!("ignore {} {}", finding.reason, finding.detail)
            .trim()
            .to_owned(),
        Verdict::Continue(_) => "continue".to_owned(),
    }
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A token of exactly these two parts, with a good signature.
fn signed(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    signed_by(SECRET.as_bytes(), HMAC_SHA256, header, payload)
}

fn signed_by(secret: &[u8], hash: hmac::Algorithm, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sealed_by(secret, hash, &format!("{}.{}", encode(header), encode(payload)))
}

/// These very parts with their signature.
fn sealed_by(secret: &[u8], hash: hmac::Algorithm, message: &str) -> String {
    let signature = hmac::sign(&hmac::Key::new(hash, secret), message.as_bytes());
    format!("{message}.{}", encode(signature))
}

/// A good token with these claims.
fn token(claims: Value) -> String {
    signed(r#"{"alg":"HS256","typ":"JWT"}"#, claims.to_string())
}

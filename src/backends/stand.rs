//! What tests of backends stand on: a node without users, keys or a disk.

#![cfg(test)]

#[expect(unreachable_pub, reason = "the tests with real nodes use the same server")]
#[path = "../../cluster-tests/src/decider.rs"]
pub(super) mod decider;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Context;
use crate::auth::{
    AuthenticatorKey, Credentials, KeyRing, PasswordUpgrades, Provider, ProviderError, Secret, SharedKeys, TestClock,
    UserDirectory, UserKey, UserRecord, Verdict,
};
use crate::hash::{Hasher, Settings};

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

/// A context with this clock and folder of secrets.
pub(super) fn context(clock: &Arc<TestClock>, secrets_dir: &Path) -> Context {
    Context {
        users: Arc::new(Nobody),
        hasher: Hasher::start(&Settings {
            threads: 1,
            queue: 8,
            queue_timeout_ms: 5000,
            ..Settings::default()
        }),
        clock: clock.clone(),
        keys: Arc::new(Nobody),
        upgrades: Arc::new(Nobody),
        kept_dir: PathBuf::new(),
        secrets_dir: secrets_dir.to_owned(),
    }
}

/// The authenticator under test.
pub(super) fn key() -> AuthenticatorKey {
    AuthenticatorKey {
        chain: "global".to_owned(),
        id: "tested".to_owned(),
    }
}

/// What a provider says, in a word and a reason.
pub(super) async fn says(provider: &dyn Provider, credentials: &Credentials) -> String {
    in_words(&provider.authenticate(credentials).await)
}

pub(super) fn in_words(answer: &Result<Verdict, ProviderError>) -> String {
    match answer {
        Ok(Verdict::Allow(_)) => "allow".to_owned(),
        Ok(Verdict::Ignore(finding)) => format!("ignore {}", finding.reason),
        Ok(Verdict::Deny(denial)) => format!("deny {}", denial.finding.reason),
        Ok(Verdict::Continue(_)) => "continue".to_owned(),
        Err(error) => format!("fail {}", error.reason),
    }
}

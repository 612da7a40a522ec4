//! One file per place where a credential can be checked; one catalog; reconcile. CONTRACT STUB.

use std::sync::Arc;

use tokio::sync::watch;

use crate::auth::{
    AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, Clock, Figures, Health, LiveChains, UserDirectory,
};
use crate::hash::Hasher;

/// A setting that cannot be used; `field` is a path as in the JSON (`settings.password_hash_algorithm.iterations`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {why}")]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// A kind of authenticator, for showing.
#[derive(Clone, Debug)]
pub struct BackendInfo {
    /// `password_based`…
    pub mechanism: &'static str,
    /// `built_in_database`…
    pub backend: &'static str,
    /// For people.
    pub title: &'static str,
    /// JSON schema of its settings.
    pub schema: serde_json::Value,
}

/// Every kind there is.
pub fn kinds() -> Vec<BackendInfo> {
    todo!()
}

/// Checks settings against the backend's schema: unknown field, wrong type, out of range, all at once. Returns them with defaults filled in.
pub fn check(_mechanism: &str, _backend: &str, _settings: &serde_json::Value) -> Result<serde_json::Value, Vec<Violation>> {
    todo!()
}

/// The algorithm that new passwords of this authenticator get, if it keeps users.
pub fn password_algorithm(_record: &AuthenticatorRecord) -> Option<crate::hash::Algorithm> {
    todo!()
}

/// What providers are made of.
#[derive(Clone)]
pub struct Context {
    /// The built-in users.
    pub users: Arc<dyn UserDirectory>,
    /// Hashing.
    pub hasher: Hasher,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Keeps the live chains in step with the declared authenticators.
pub struct Reconciler {
    _stub: (),
}

impl Reconciler {
    /// Opens a provider for everything declared and fills the chains; a record that cannot be opened gets a provider that always fails.
    pub fn new(_feed: Arc<dyn AuthenticatorFeed>, _context: Context, _chains: Arc<LiveChains>) -> Self {
        todo!()
    }

    /// One pass: opens what changed, swaps the chains whole, drops what is gone after its logins.
    pub fn reconcile(&self) {
        todo!()
    }

    /// Reconciles after every change, until the sender is gone.
    pub async fn run(self: Arc<Self>, _changes: watch::Receiver<u64>) {
        todo!()
    }

    /// Health and figures of every authenticator on this node.
    pub fn status(&self) -> Vec<(AuthenticatorKey, Health, Figures)> {
        todo!()
    }
}

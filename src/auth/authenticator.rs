//! One declared link of a chain as data, and the PORT through which reconcile learns of changes.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;

/// The chain of every listener that has none of its own.
pub const GLOBAL_CHAIN: &str = "global";

/// The id an authenticator has unless told otherwise: `mechanism:backend`, or the mechanism alone.
pub fn default_id(mechanism: &str, backend: &str) -> String {
    if backend.is_empty() {
        mechanism.to_owned()
    } else {
        format!("{mechanism}:{backend}")
    }
}

/// Which authenticator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuthenticatorKey {
    /// `global` or a listener's id.
    pub chain: String,
    /// Its id within the chain.
    pub id: String,
}

/// What a failure of an authenticator means for the login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// Ask the next one.
    Next,
    /// Deny.
    #[default]
    Deny,
}

/// A declared authenticator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatorRecord {
    /// Chain and id.
    pub key: AuthenticatorKey,
    /// `password_based`, `jwt`, `scram`.
    pub mechanism: String,
    /// `built_in_database`, `mysql`…; empty for `jwt`.
    pub backend: String,
    /// Whether it is asked at all.
    pub enabled: bool,
    /// Its settings, a JSON object as text, checked by its backend.
    pub settings: String,
    /// An expression that says whether it is concerned; empty: always.
    pub precondition: String,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// How long a decision of it may take.
    pub timeout: Duration,
    /// Raft index of its last change.
    pub revision: u64,
    /// Wall time of its last change.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

/// Settings may hold secrets, so they are not shown.
impl fmt::Debug for AuthenticatorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorRecord")
            .field("key", &self.key)
            .field("enabled", &self.enabled)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// PORT: the declared authenticators, and a way to wait for their next change.
pub trait AuthenticatorFeed: Send + Sync {
    /// All of them, chain by chain, each chain in its order.
    fn authenticators(&self) -> Vec<AuthenticatorRecord>;
    /// A number that grows with every change of an authenticator.
    fn authenticators_version(&self) -> u64;
}

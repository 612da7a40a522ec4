//! What a kind of authenticator is: its names, its settings, and how an instance of it is opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::auth::{AuthenticatorKey, Clock, KeyRing, PasswordUpgrades, Provider, ProviderError, Reason, UserDirectory};
use crate::hash::{Algorithm, Hasher, Invalid};

/// A setting that cannot be used; `field` is a path as in the JSON (`settings.password_hash_algorithm.iterations`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {why}")]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

impl Violation {
    /// A fault of one field.
    pub(super) fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            why: why.into(),
        }
    }

    /// A fault of the password hash algorithm that stands at `path`.
    pub(super) fn within(path: &str, Invalid { field, why }: Invalid) -> Self {
        let field = if field.is_empty() {
            path.to_owned()
        } else {
            format!("{path}.{field}")
        };
        Self { field, why }
    }
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
    pub schema: Value,
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
    /// The keys that all nodes share.
    pub keys: Arc<dyn KeyRing>,
    /// Where records that should be made anew are offered.
    pub upgrades: Arc<dyn PasswordUpgrades>,
    /// A folder of this node, for what backends keep over a restart.
    pub kept_dir: PathBuf,
    /// A folder of this node, with the secrets that settings only name.
    pub secrets_dir: PathBuf,
}

/// Settings that were taken once and cannot be used now: perhaps another version of the program has stored them.
pub(super) fn unusable(faults: Vec<Violation>) -> ProviderError {
    let faults: Vec<_> = faults.iter().map(Violation::to_string).collect();
    ProviderError::new(Reason::BackendUnavailable, faults.join("; "))
}

/// An instance, or why there is none.
pub(super) type Opened = Result<Arc<dyn Provider>, ProviderError>;

/// One kind: a row of the catalog.
pub(super) struct Backend {
    pub(super) mechanism: &'static str,
    pub(super) backend: &'static str,
    pub(super) title: &'static str,
    /// Whether it checks passwords, and so needs one and takes no part in enhanced authentication.
    pub(super) needs_password: bool,
    /// JSON schema of its settings.
    pub(super) schema: fn() -> Value,
    /// Checks settings, names every fault, fills defaults in.
    pub(super) check: fn(&Value) -> Result<Value, Vec<Violation>>,
    /// The algorithm that new passwords get, if it keeps users.
    pub(super) password_algorithm: fn(&Value) -> Option<Algorithm>,
    /// Whether with these settings it asks somebody beyond this node, who may be out of reach.
    pub(super) asks_elsewhere: fn(&Value) -> bool,
    /// Opens an instance with settings as [`Backend::check`] returned them.
    pub(super) open: fn(&AuthenticatorKey, &Value, &Context) -> Opened,
}

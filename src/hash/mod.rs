//! Password hashing: one file per family, one catalog. Knows nothing of users. CONTRACT STUB.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of hashing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Threads that hash; 0: one less than there are cores, at least one.
    pub threads: usize,
    /// Logins that may wait for one; more are refused as overloaded.
    pub queue: usize,
    /// How long one may wait, in milliseconds.
    pub queue_timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threads: 0, queue: 1024, queue_timeout_ms: 2000 }
    }
}

/// Where the salt goes in the simple digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaltPosition {
    /// No salt.
    Disable,
    /// Salt, then password.
    #[default]
    Prefix,
    /// Password, then salt.
    Suffix,
}

/// An algorithm with its parameters: EMQX's `password_hash_algorithm` object. The stub lacks its variants:
/// plain md5 sha sha256 sha512 {salt_position}, bcrypt {salt_rounds}, pbkdf2 {mac_fun, iterations, dk_length}, argon2id {memory_kib,
/// iterations, parallelism or preset}.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    _stub: (),
}

/// A setting or record that cannot be used: which field, and why. `field` is a path below `password_hash_algorithm`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {why}")]
pub struct Invalid {
    /// Path of the field; empty for the whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// Why a hash could not be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many wait.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The stored text is not one of ours.
    #[error("the stored hash cannot be used: {0}")]
    Unusable(String),
    /// The pool has stopped.
    #[error("hashing has stopped")]
    Stopped,
}

impl Algorithm {
    /// argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane).
    pub fn recommended() -> Self {
        todo!()
    }

    /// From the JSON object or a bare name; every violation at once.
    pub fn parse(_json: &serde_json::Value) -> Result<Self, Vec<Invalid>> {
        todo!()
    }

    /// The JSON object, defaults filled in.
    pub fn to_json(&self) -> serde_json::Value {
        todo!()
    }

    /// JSON schema of the object, with titles, descriptions and defaults.
    pub fn schema() -> serde_json::Value {
        todo!()
    }

    /// The self-describing text for a hash and salt made elsewhere (EMQX's `password_hash` and `salt` columns).
    pub fn import(&self, _password_hash: &str, _salt: &str) -> Result<String, Invalid> {
        todo!()
    }

    /// Whether a record of that text is already made by this algorithm with these parameters.
    pub fn made(&self, _encoded: &str) -> bool {
        todo!()
    }
}

/// The name of what protects a record ("argon2id", "sha256"…), for showing.
pub fn name_of(_encoded: &str) -> &str {
    todo!()
}

/// Hashes and verifies off the async threads, on a bounded pool of its own threads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hasher {
    _stub: Arc<()>,
}

impl Hasher {
    /// Starts the threads.
    pub fn start(_settings: &Settings) -> Self {
        todo!()
    }

    /// A new record for a password, under a fresh salt.
    pub async fn hash(&self, _algorithm: &Algorithm, _password: &[u8]) -> Result<String, HashError> {
        todo!()
    }

    /// Whether the password is the record's. Cheap digests are computed in place (a fraction of a microsecond), slow ones on the pool.
    pub async fn verify(&self, _encoded: &str, _password: &[u8]) -> Result<bool, HashError> {
        todo!()
    }

    /// Spends as much work as verifying a record of this algorithm would, for users that do not exist.
    pub async fn pretend(&self, _algorithm: &Algorithm, _password: &[u8]) -> Result<(), HashError> {
        todo!()
    }

    /// Logins waiting now.
    pub fn waiting(&self) -> usize {
        todo!()
    }

    /// How long a waiter may have to wait before it is refused.
    pub fn patience(&self) -> Duration {
        todo!()
    }
}

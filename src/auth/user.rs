//! A built-in user as data, and the PORT through which backends read users.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::secret::Secret;

/// Whose user: the chain and the authenticator it belongs to, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserKey {
    /// `global` or a listener's id.
    pub chain: String,
    /// The authenticator's id.
    pub authenticator: String,
    /// User name or client identifier, exact bytes, case matters.
    pub user_id: String,
}

/// A password as it is kept: algorithm, parameters, salt and hash in one self-describing text made by the `hash` room.
/// Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRecord(Box<str>);

impl PasswordRecord {
    /// Wraps the text made by the `hash` room.
    pub fn new(encoded: impl Into<Box<str>>) -> Self {
        Self(encoded.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A built-in user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// What protects it.
    pub password: PasswordRecord,
    /// Bypasses authorization at the caller's.
    pub is_superuser: bool,
    /// Switched off: never logs in.
    pub disabled: bool,
    /// After this instant it never logs in.
    pub expires_at: Option<Timestamp>,
    /// Handed to the caller as `client_attrs`.
    pub attributes: BTreeMap<String, String>,
    /// Raft index of its last change.
    pub revision: u64,
    /// Wall time of its last change, of the node that proposed it.
    pub updated_at: Timestamp,
}

/// PORT: read users by key. A point read from memory: no lock is held across it and it never blocks on the disk.
pub trait UserDirectory: Send + Sync {
    /// The user, if there is one.
    fn user(&self, chain: &str, authenticator: &str, user_id: &str) -> Option<Arc<UserRecord>>;
}

/// PORT: takes note that a user gave the right password, but that its record is not made as the authenticator makes records
/// now. Never blocks, and may forget: the next login says it again.
pub trait PasswordUpgrades: Send + Sync {
    /// `revision` is that of the record that was verified: if it has changed since, nothing is done.
    fn offer(&self, user: UserKey, revision: u64, password: &Secret);
}

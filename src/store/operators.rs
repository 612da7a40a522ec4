//! Operators and their API keys as data.

use serde::{Deserialize, Serialize};

use crate::auth::Timestamp;

/// What an operator may do. `Client` may only call Login; the others form a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Only Login.
    Client,
    /// Read.
    Viewer,
    /// Read and write users and authenticators.
    Editor,
    /// Everything.
    Admin,
}

/// An operator with its key's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRecord {
    /// The public half of the key.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the key's secret half.
    pub secret_hash: [u8; 32],
    /// Raft index of its creation.
    pub revision: u64,
    /// When.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

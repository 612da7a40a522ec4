//! What goes into the store and what it says of itself, as data.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::command::Envelope;

/// Limits of the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Memory that sled may use to cache pages, in bytes (it takes about half as much again).
    pub cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// One committed log entry. `position` is the raft room's own encoding of its log id.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Raft index.
    pub index: u64,
    /// Encoded log id; never empty.
    pub position: Bytes,
    /// What it says.
    pub payload: Payload,
}

/// What a log entry says.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Nothing.
    Blank,
    /// A new membership, in the raft room's own encoding (with its log id).
    Membership(Bytes),
    /// A change.
    Command(Envelope),
}

/// How far the state has been applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Raft index, 0 for an empty state.
    pub index: u64,
    /// Encoded log id, empty for an empty state.
    pub position: Bytes,
    /// Encoded membership, empty for none.
    pub membership: Bytes,
    /// Rolling hash of everything applied.
    pub state_hash: u64,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The folder was sound, or new.
    Sound,
    /// It was dropped, for this reason; the state is that of the snapshot given, or empty.
    Rebuilt(String),
}

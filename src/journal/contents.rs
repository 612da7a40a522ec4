//! The journal's settings, errors and plain data.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Limits of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// At most so many bytes of entries go into one commit.
    pub commit_bytes: usize,
    /// Newest entries kept in memory for the followers, in bytes.
    pub tail_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_bytes: 4 << 20,
            tail_bytes: 32 << 20,
        }
    }
}

/// Why the journal could not do it. Never retried.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process holds it.
    #[error("journal `{0}` is in use by another process")]
    Locked(String),
    /// Written by another node or version.
    #[error("journal: {0}")]
    Refused(String),
    /// It is damaged, and is not served.
    #[error("journal is damaged: {0}")]
    Damaged(String),
    /// The disk.
    #[error("journal: {doing}: {why}")]
    Io { doing: String, why: String },
}

impl JournalError {
    /// Names what was being done when the disk (or the engine) refused.
    pub(super) fn io(doing: &str, why: impl ToString) -> Self {
        Self::Io {
            doing: doing.to_owned(),
            why: why.to_string(),
        }
    }
}

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Given by the configuration.
    pub node_id: u64,
    /// Drawn when the folder was made: a wiped node is another incarnation. Never 0.
    pub incarnation: u64,
    /// Made by `init`; `None` until the node belongs to a cluster.
    pub cluster_id: Option<String>,
}

/// What the journal holds apart from the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Encoded vote.
    pub vote: Option<Bytes>,
    /// Encoded log id; a hint.
    pub committed: Option<Bytes>,
    /// Encoded log id of the last purged entry.
    pub purged: Option<Bytes>,
    /// The last entry (index, bytes), if any.
    pub last: Option<(u64, Bytes)>,
}

/// Called once the append is on the disk.
pub type Done = Box<dyn FnOnce() + Send>;

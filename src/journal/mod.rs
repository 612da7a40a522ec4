//! What a node has promised: Raft log, vote, committed index, identity. Durable and checksummed. The only room that knows its engine (redb). CONTRACT STUB.

use std::ops::Range;
use std::path::Path;

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

/// The journal. Cheap to clone. Its writer thread commits all waiting appends in one transaction.
#[derive(Clone, Debug)]
pub struct Journal {
    _stub: (),
}

impl Journal {
    /// Opens or creates it, locked against a second process; a new one draws an incarnation. Blocking.
    pub fn open(_dir: &Path, _node_id: u64, _settings: &Settings) -> Result<Self, JournalError> {
        todo!()
    }

    /// Who this node is.
    pub fn identity(&self) -> Identity {
        todo!()
    }

    /// Takes on the cluster's identity, durably; refused if it has another one. Blocking.
    pub fn adopt(&self, _cluster_id: &str) -> Result<(), JournalError> {
        todo!()
    }

    /// Vote, committed, purged and last entry as they stand.
    pub fn contents(&self) -> Result<Contents, JournalError> {
        todo!()
    }

    /// Queues entries (index, bytes), readable at once; `done` runs on the writer's thread when they are on the disk, in order.
    /// A storage error ends the process.
    pub fn append(&self, _entries: Vec<(u64, Bytes)>, _done: Done) {
        todo!()
    }

    /// Returns once the vote is on the disk.
    pub async fn save_vote(&self, _vote: Bytes) -> Result<(), JournalError> {
        todo!()
    }

    /// A hint: queued, never waits for the disk.
    pub fn save_committed(&self, _committed: Option<Bytes>) {
        todo!()
    }

    /// Drops the entries after `index`; durable with the next append at the latest, in order.
    pub async fn truncate_after(&self, _index: Option<u64>) -> Result<(), JournalError> {
        todo!()
    }

    /// Drops the entries up to and with `index`.
    pub async fn purge(&self, _index: u64, _position: Bytes) -> Result<(), JournalError> {
        todo!()
    }

    /// Entries of the range, at least one if there is any, up to about `max_bytes`.
    pub fn read(&self, _range: Range<u64>, _max_bytes: usize) -> Result<Vec<(u64, Bytes)>, JournalError> {
        todo!()
    }

    /// How long the oldest unfinished commit has been waiting for the disk; zero when none is.
    pub fn stalled_for(&self) -> std::time::Duration {
        todo!()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        todo!()
    }

    /// Waits for the writer to finish and closes. Blocking.
    pub fn close(&self) {
        todo!()
    }
}

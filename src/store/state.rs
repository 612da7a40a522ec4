//! The applied state: apply, read, freeze, install. CONTRACT STUB.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::command::{Envelope, Outcome};
use super::operators::OperatorRecord;
use crate::auth::{
    AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, ClusterSettings, UserDirectory, UserKey, UserRecord,
};

/// Limits of the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Memory that sled may use to cache pages, in bytes (it takes about half as much again).
    pub cache_bytes: u64,
    /// How many `request_id`s are remembered.
    pub remembered_requests: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            remembered_requests: 10_000,
        }
    }
}

/// Why the store could not do it. Any of these from `apply` or `install` stops the node.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or sled.
    #[error("store: {doing}: {source}")]
    Io { doing: String, source: std::io::Error },
    /// A value that cannot be read back.
    #[error("store: {what} is damaged: {why}")]
    Damaged { what: String, why: String },
}

/// One committed log entry. `position` is the raft room's own encoding of its log id.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Raft index.
    pub index: u64,
    /// Encoded log id.
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

/// The head of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotHeader {
    /// Which cluster.
    pub cluster_id: String,
    /// Raft index.
    pub index: u64,
    /// Encoded log id.
    pub position: Bytes,
    /// Encoded membership.
    pub membership: Bytes,
    /// Rolling hash at that index.
    pub state_hash: u64,
}

/// A finished snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Its head.
    pub header: SnapshotHeader,
    /// Its size.
    pub bytes: u64,
}

/// A consistent view of the state at one index, kept while the state goes on changing.
#[derive(Debug)]
pub struct Frozen {
    _stub: (),
}

impl Frozen {
    /// How far this view goes.
    pub fn applied(&self) -> &Applied {
        todo!()
    }

    /// Writes it as one file: beside, synced, renamed, folder synced. Blocking.
    pub fn write(self, _path: &Path, _cluster_id: &str) -> Result<SnapshotSummary, StoreError> {
        todo!()
    }
}

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// Whose.
    pub chain: String,
    /// Whose.
    pub authenticator: String,
    /// Names that begin so.
    pub prefix: String,
    /// Names with this within.
    pub contains: String,
    /// Only (or no) superusers.
    pub is_superuser: Option<bool>,
    /// Names after this one; empty: from the first.
    pub after: String,
    /// At most so many.
    pub limit: usize,
}

/// One page of users, ascending.
#[derive(Clone, Debug, Default)]
pub struct UserPage {
    /// The users.
    pub users: Vec<(UserKey, Arc<UserRecord>)>,
    /// Whether there are more.
    pub more: bool,
    /// How many there are in all with that prefix; `None` with another filter.
    pub total: Option<u64>,
}

/// The applied state of this node. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    _stub: Arc<()>,
}

impl Store {
    /// Opens or creates the folder. A folder in doubt (does not open, other format or incarnation, behind the snapshot,
    /// no valid marker) is dropped and refilled from `snapshot` if there is one. Blocking.
    pub fn open(
        _dir: &Path,
        _incarnation: u64,
        _snapshot: Option<&Path>,
        _settings: &Settings,
    ) -> Result<(Self, Opened), StoreError> {
        todo!()
    }

    /// Applies a run of committed entries as one sled batch; one outcome for each. Entries at or below the applied index are
    /// an error. Pure in state and entry. Blocking.
    pub fn apply(&self, _entries: &[Entry]) -> Result<Vec<Outcome>, StoreError> {
        todo!()
    }

    /// A consistent view as of now. Constant time; one at a time: `None` while another lives.
    pub fn freeze(&self) -> Option<Frozen> {
        todo!()
    }

    /// Reads a snapshot's head and checks every frame; a damaged file is refused. Blocking.
    pub fn verify_snapshot(_path: &Path) -> Result<SnapshotSummary, StoreError> {
        todo!()
    }

    /// Replaces the whole state by the snapshot's. Blocking.
    pub fn install(&self, _path: &Path) -> Result<SnapshotHeader, StoreError> {
        todo!()
    }

    /// Makes everything applied so far durable (sled flush, then fdatasync): before a log is purged. Blocking.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Marks a clean end and closes. Blocking.
    pub fn close(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// How far the state has been applied.
    pub fn applied(&self) -> Applied {
        todo!()
    }

    /// Follows the applied index.
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Follows [`AuthenticatorFeed::authenticators_version`].
    pub fn watch_authenticators(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// A page of users. Reads sled in order. Blocking, bounded by `limit` and an internal scan limit.
    pub fn users(&self, _query: &UserQuery) -> Result<UserPage, StoreError> {
        todo!()
    }

    /// How many users there are in all.
    pub fn user_count(&self) -> u64 {
        todo!()
    }

    /// One authenticator.
    pub fn authenticator(&self, _key: &AuthenticatorKey) -> Option<AuthenticatorRecord> {
        todo!()
    }

    /// One operator; from memory.
    pub fn operator(&self, _id: &str) -> Option<Arc<OperatorRecord>> {
        todo!()
    }

    /// All operators by id.
    pub fn operators(&self) -> Vec<Arc<OperatorRecord>> {
        todo!()
    }

    /// The cluster's settings; from memory.
    pub fn settings(&self) -> Arc<ClusterSettings> {
        todo!()
    }

    /// Whether that node was removed for good.
    pub fn is_retired(&self, _node_id: u64) -> bool {
        todo!()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        todo!()
    }
}

impl UserDirectory for Store {
    fn user(&self, _chain: &str, _authenticator: &str, _user_id: &str) -> Option<Arc<UserRecord>> {
        todo!()
    }
}

impl AuthenticatorFeed for Store {
    fn authenticators(&self) -> Vec<AuthenticatorRecord> {
        todo!()
    }

    fn authenticators_version(&self) -> u64 {
        todo!()
    }
}

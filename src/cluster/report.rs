//! This node's figures, as it reports them to the others.

use serde::{Deserialize, Serialize};

use super::handle::{Cluster, Inner};
use crate::auth::{AuthenticatorKey, Figures, Health};
use crate::raft;

/// One node's figures, as it reports them to others (postcard on the peer port).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// Node id.
    pub id: u64,
    /// Ready to serve.
    pub ready: bool,
    /// Consensus.
    pub role: raft::Role,
    /// Raft term.
    pub term: u64,
    /// Leader it knows; 0: none.
    pub leader: u64,
    /// Last entry in its log.
    pub last_log_index: u64,
    /// Last entry applied.
    pub applied_index: u64,
    /// Where its last snapshot stands; 0: none.
    pub snapshot_index: u64,
    /// Entries up to here are gone.
    pub purged_index: u64,
    /// Proven staleness in milliseconds; `None`: never proven.
    pub staleness_ms: Option<u64>,
    /// Program version.
    pub version: String,
    /// Since its start.
    pub uptime_ms: u64,
    /// Rolling hash of the applied state at `applied_index`.
    pub state_hash: u64,
    /// Built-in users.
    pub users: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Logins waiting for a hashing thread.
    pub hash_queue: u32,
    /// Its authenticators.
    pub authenticators: Vec<(AuthenticatorKey, Health, Figures)>,
}

/// Figures that other rooms add to this node's report (`node.rs` wires it to the reconciler and the hasher).
pub trait LocalFigures: Send + Sync {
    /// Authenticators on this node.
    fn authenticators(&self) -> Vec<(AuthenticatorKey, Health, Figures)>;
    /// Logins waiting for a hashing thread.
    fn hash_queue(&self) -> u32;
}

impl Cluster {
    /// This node's report.
    pub fn report(&self) -> NodeReport {
        self.inner.report()
    }
}

impl Inner {
    pub(super) fn report(&self) -> NodeReport {
        let parts = &self.parts;
        let status = parts.raft.status();
        // Index and hash from one look, so that two nodes at the same index can be compared.
        let applied = parts.store.applied();
        NodeReport {
            id: self.node_id,
            ready: *self.ready.borrow(),
            role: status.role,
            term: status.term,
            leader: status.leader.unwrap_or(0),
            last_log_index: status.last_log_index,
            applied_index: applied.index,
            snapshot_index: status.snapshot_index,
            purged_index: status.purged_index,
            staleness_ms: self.freshness().staleness.map(millis),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: millis(parts.clock.instant().since(self.started)),
            state_hash: applied.state_hash,
            users: parts.store.user_count(),
            disk_bytes: parts.store.disk_bytes().saturating_add(parts.journal.disk_bytes()),
            hash_queue: parts.figures.hash_queue(),
            authenticators: parts.figures.authenticators(),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

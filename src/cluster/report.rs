//! This node's figures, as it reports them to the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::errand::{Done, Errand};
use super::handle::{Cluster, Inner};
use crate::auth::{AuthenticatorReport, BoxFuture};
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
    pub authenticators: Vec<AuthenticatorReport>,
    /// How hashing fares.
    pub hashing: Hashing,
    /// Bytes left on the disk; `None`: it cannot tell.
    pub disk_free_bytes: Option<u64>,
    /// Its clock, in milliseconds since 1970.
    pub clock_ms: u64,
    /// Where it serves monitoring; empty: nowhere.
    pub http_address: String,
}

/// How the threads fare that hash and check passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashing {
    /// Threads.
    pub threads: u32,
    /// Memory that they may take together.
    pub memory_bytes: u64,
    /// Threads at work.
    pub running: u32,
    /// Jobs waiting for a thread and its memory.
    pub waiting: u32,
    /// Jobs done since the start.
    pub done: u64,
    /// Jobs refused as overloaded since the start.
    pub refused: u64,
    /// How long the latest jobs waited: the median, …
    pub wait_p50: Duration,
    /// … the 99th percentile, …
    pub wait_p99: Duration,
    /// … and the longest.
    pub wait_max: Duration,
    /// Passwords hashed anew after a login since the start.
    pub rehashed: u64,
    /// Those that should have been, and were given up until the next login.
    pub rehash_dropped: u64,
}

/// PORT: the rooms of this node that stand beside this one (`node.rs` wires it to the reconciler and the hasher): what they add to
/// its report, and what they do for an operator who asked another node.
pub trait ThisNode: Send + Sync {
    /// Authenticators on this node.
    fn authenticators(&self) -> Vec<AuthenticatorReport>;
    /// How hashing fares on this node.
    fn hashing(&self) -> Hashing;
    /// Bytes left on the disk that this node writes to, if it can tell.
    fn disk_free_bytes(&self) -> Option<u64>;
    /// Does an errand.
    fn run(&self, errand: Errand) -> BoxFuture<'_, Done>;
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
        let hashing = parts.this_node.hashing();
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
            hash_queue: hashing.waiting,
            authenticators: parts.this_node.authenticators(),
            hashing,
            disk_free_bytes: parts.this_node.disk_free_bytes(),
            clock_ms: parts.clock.now().0,
            http_address: parts.http_address.clone(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

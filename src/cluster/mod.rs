//! The nodes together: membership, writer, reads, staleness, status, gather, inbound.

mod errors;
mod freshness;
mod gather;
mod handle;
mod identity;
mod inbound;
mod init;
mod membership;
mod orders;
mod read_index;
mod readiness;
mod reads;
mod report;
mod settings;
mod writer;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::auth::{AuthenticatorKey, Clock, Figures, Health, Reason};
use crate::journal::Journal;
use crate::raft::{self, Member, ProposeError, SnapshotTaken};
use crate::store::{Command, Outcome, Store};
use crate::wire::pb::peer as pb;
use crate::wire::{PeerError, Peers};

/// Who forms the cluster at `init`, and how patient the nodes are with each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The nodes that `cluster init` makes a cluster of: node id = peer address. This node is among them.
    pub initial_nodes: BTreeMap<String, String>,
    /// How long a write may take in all, in milliseconds.
    pub write_timeout_ms: u64,
    /// How often a node proves how fresh it is, in milliseconds.
    pub freshness_probe_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            initial_nodes: BTreeMap::new(),
            write_timeout_ms: 5000,
            freshness_probe_ms: 500,
        }
    }
}

/// Why a write or a strong read could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The node belongs to no cluster yet.
    #[error("the cluster is not initialised: run `portcullis cluster init`")]
    NotInitialized,
    /// It is starting or stopping.
    #[error("this node is not ready: {0}")]
    NotReady(String),
    /// No leader, or the leader has no quorum. `unknown`: a write may still be applied later; retry with the same request id.
    #[error("no quorum: {why}")]
    NoQuorum { why: String, unknown: bool },
    /// The change cannot be done.
    #[error("{0}")]
    Refused(String),
    /// No such node.
    #[error("node {0} is not a member")]
    NoSuchNode(u64),
    /// Larger than the limit.
    #[error("the change has {bytes} bytes, the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    /// What was waited for did not come in time.
    #[error("deadline exceeded while waiting for {0}")]
    Deadline(String),
}

/// How fresh this node's answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Applied Raft index.
    pub revision: u64,
    /// Proven: nothing acknowledged longer ago than this is missing. `None`: never proven since the start.
    pub staleness: Option<Duration>,
}

/// What a login must respect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRequirement {
    /// Confirm with a quorum first.
    pub linearizable: bool,
    /// Wait for this revision.
    pub min_revision: u64,
}

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
    /// Indexes.
    pub last_log_index: u64,
    /// Indexes.
    pub applied_index: u64,
    /// Indexes.
    pub snapshot_index: u64,
    /// Indexes.
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

/// A member with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Node id.
    pub id: u64,
    /// Addresses and incarnation.
    pub member: Member,
    /// Votes or only learns.
    pub voter: bool,
    /// Whether it answered just now.
    pub answered: bool,
    /// The last report, from now or earlier.
    pub report: Option<NodeReport>,
    /// How old the report is.
    pub age: Option<Duration>,
    /// Why it did not answer.
    pub error: String,
}

/// Figures that other rooms add to this node's report (`node.rs` wires it to the reconciler and the hasher).
pub trait LocalFigures: Send + Sync {
    /// Authenticators on this node.
    fn authenticators(&self) -> Vec<(AuthenticatorKey, Health, Figures)>;
    /// Logins waiting for a hashing thread.
    fn hash_queue(&self) -> u32;
}

/// The cluster as this node is part of it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    _stub: Arc<()>,
}

/// What a cluster handle is made of.
pub struct Parts {
    /// Settings of this room.
    pub settings: Settings,
    /// This node's addresses as others reach them.
    pub peer_address: String,
    /// This node's addresses as others reach them.
    pub api_address: String,
    /// Promises.
    pub journal: Journal,
    /// Knowledge.
    pub store: Store,
    /// Consensus.
    pub raft: raft::Handle,
    /// Clients.
    pub peers: Peers,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Figures of other rooms.
    pub figures: Arc<dyn LocalFigures>,
}

impl Cluster {
    /// Starts the freshness probe and the readiness watch.
    pub fn start(_parts: Parts) -> Self {
        todo!()
    }

    // ---- identity

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        todo!()
    }

    /// The cluster's id, once there is one.
    pub fn cluster_id(&self) -> Option<String> {
        todo!()
    }

    /// Initialised, caught up since its start and not stopping: `Ok` means logins may be answered.
    pub fn ready(&self) -> Result<(), ClusterError> {
        todo!()
    }

    /// Follows [`Cluster::ready`].
    pub fn watch_ready(&self) -> tokio::sync::watch::Receiver<bool> {
        todo!()
    }

    // ---- reads

    /// How fresh this node is now. From memory.
    pub fn freshness(&self) -> Freshness {
        todo!()
    }

    /// Waits until a read of that requirement may be served from memory. For `LOCAL` without `min_revision` it is a few comparisons:
    /// `Err(NotReady)`, or `Err(Stale)` past the cluster's `max_staleness`.
    pub async fn before_read(&self, _requirement: ReadRequirement, _timeout: Duration) -> Result<Freshness, ReadError> {
        todo!()
    }

    // ---- writes

    /// Commits a command: here if this node leads, else forwarded, at most one hop, one deadline, retried only on NotLeader.
    pub async fn write(&self, _by: &str, _request_id: &str, _command: Command) -> Result<Outcome, ClusterError> {
        todo!()
    }

    // ---- membership (each runs on the leader: forwarded like a write)

    /// Makes one cluster of `settings.initial_nodes`; returns its id and the nodes. `first` is written as its first command.
    pub async fn init(&self, _first: Command) -> Result<(String, Vec<u64>), ClusterError> {
        todo!()
    }

    /// Adds a learner and waits until it has caught up.
    pub async fn add_node(&self, _id: u64, _peer_address: &str) -> Result<(), ClusterError> {
        todo!()
    }

    /// Makes a learner a voter.
    pub async fn promote_node(&self, _id: u64) -> Result<(), ClusterError> {
        todo!()
    }

    /// Removes a node and retires its id.
    pub async fn remove_node(&self, _id: u64, _by: &str) -> Result<(), ClusterError> {
        todo!()
    }

    /// Hands leadership over; returns who leads then.
    pub async fn transfer_leadership(&self, _to: Option<u64>) -> Result<u64, ClusterError> {
        todo!()
    }

    /// Takes a snapshot on this node.
    pub async fn take_snapshot(&self) -> Result<SnapshotTaken, ClusterError> {
        todo!()
    }

    /// The membership this node knows.
    pub fn membership(&self) -> raft::Membership {
        todo!()
    }

    // ---- status

    /// This node's report.
    pub fn report(&self) -> NodeReport {
        todo!()
    }

    /// Every member, asked at once, at most a second; who did not answer is listed with its last report.
    pub async fn gather(&self) -> Vec<NodeStatus> {
        todo!()
    }

    // ---- inbound: what another node may ask of this one (`api/peer.rs` calls these). Each checks the caller first.

    /// Who is here.
    pub fn hello(&self) -> pb::HelloReply {
        todo!()
    }

    /// Takes on a cluster's identity.
    pub async fn adopt(&self, _request: pb::AdoptRequest) -> Result<(), Refused> {
        todo!()
    }

    /// One consensus message.
    pub async fn inbound_raft(
        &self,
        _caller: Option<pb::Caller>,
        _kind: u32,
        _payload: Bytes,
    ) -> Result<Bytes, Refused> {
        todo!()
    }

    /// A snapshot.
    pub async fn inbound_snapshot(
        &self,
        _caller: Option<pb::Caller>,
        _head: Bytes,
        _data: mpsc::Receiver<Result<Bytes, String>>,
    ) -> Result<Bytes, Refused> {
        todo!()
    }

    /// A forwarded write or change of membership.
    pub async fn inbound_forward(
        &self,
        _caller: Option<pb::Caller>,
        _payload: Bytes,
        _timeout: Duration,
    ) -> Result<Bytes, Refused> {
        todo!()
    }

    /// The read index.
    pub async fn inbound_read_index(&self, _caller: Option<pb::Caller>) -> Result<u64, Refused> {
        todo!()
    }

    /// The report.
    pub async fn inbound_report(&self, _caller: Option<pb::Caller>) -> Result<Bytes, Refused> {
        todo!()
    }

    // ---- the end

    /// Not ready from now on; hands leadership over if it leads, within the deadline.
    pub async fn step_aside(&self, _timeout: Duration) {
        todo!()
    }
}

/// Why a read may not be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {why}")]
pub struct ReadError {
    /// `NotReady`, `Stale`, `DeadlineExceeded` or `BackendUnavailable` (no quorum for a linearizable read).
    pub reason: Reason,
    /// For people.
    pub why: String,
}

/// Why a peer's call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A foreign, wiped or removed node, or a call meant for another.
    #[error("{0}")]
    Identity(String),
    /// This node cannot do it now.
    #[error("{0}")]
    Unable(String),
}

#[expect(unused, reason = "stub")]
fn stub(_: ProposeError, _: PeerError) {}

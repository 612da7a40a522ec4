//! The cluster as this node is part of it: what it is made of, and who it is.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::errors::ClusterError;
use super::freshness::{self, Proof};
use super::gather::{self, LastReports};
use super::identity::Alarm;
use super::key_rotation;
use super::read_index::{self, Waiting};
use super::report::ThisNode;
use super::settings::Settings;
use crate::auth::{Clock, Instant};
use crate::journal::Journal;
use crate::raft::{self, SnapshotTaken};
use crate::store::Store;
use crate::wire::Peers;

/// A snapshot of a large store takes its time.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(600);

/// The cluster as this node is part of it. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    pub(super) inner: Arc<Inner>,
}

/// What a cluster handle is made of.
pub struct Parts {
    /// Settings of this room.
    pub settings: Settings,
    /// This node's addresses as others reach them.
    pub peer_address: String,
    /// This node's addresses as others reach them.
    pub api_address: String,
    /// Where this node serves monitoring; empty: nowhere.
    pub http_address: String,
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
    /// Other rooms of this node.
    pub this_node: Arc<dyn ThisNode>,
}

/// What all clones of a [`Cluster`] share. The background tasks hold it weakly, so they end with the last clone.
pub(super) struct Inner {
    pub(super) parts: Parts,
    pub(super) node_id: u64,
    pub(super) incarnation: u64,
    /// Read at every login, and set once in a node's life.
    pub(super) cluster_id: OnceLock<String>,
    pub(super) started: Instant,
    pub(super) applied: watch::Receiver<u64>,
    pub(super) proof: Proof,
    pub(super) ready: watch::Sender<bool>,
    pub(super) stopping: AtomicBool,
    pub(super) reads: mpsc::Sender<Waiting>,
    pub(super) last_reports: LastReports,
    pub(super) alarm: Alarm,
}

impl Cluster {
    /// Starts the freshness probe and the readiness watch. Must be called within a tokio runtime.
    pub fn start(parts: Parts) -> Self {
        let identity = parts.journal.identity();
        let cluster_id = OnceLock::new();
        if let Some(id) = identity.cluster_id {
            parts.peers.set_cluster_id(&id);
            let _ = cluster_id.set(id);
        }
        let (reads, waiting) = mpsc::channel(read_index::MOST_WAITING);
        let inner = Arc::new(Inner {
            node_id: identity.node_id,
            incarnation: identity.incarnation,
            cluster_id,
            started: parts.clock.instant(),
            applied: parts.store.watch_applied(),
            proof: Proof::default(),
            ready: watch::Sender::new(false),
            stopping: AtomicBool::new(false),
            reads,
            last_reports: LastReports::default(),
            alarm: Alarm::default(),
            parts,
        });
        tokio::spawn(read_index::serve(Arc::downgrade(&inner), waiting));
        tokio::spawn(freshness::probe(Arc::downgrade(&inner)));
        tokio::spawn(key_rotation::keep(Arc::downgrade(&inner)));
        tokio::spawn(gather::tell(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        self.inner.node_id
    }

    /// The cluster's id, once there is one.
    pub fn cluster_id(&self) -> Option<String> {
        self.inner.cluster_id.get().cloned()
    }

    /// Whether this node leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.inner.parts.raft.status().role == raft::Role::Leader
    }

    /// The membership this node knows.
    pub fn membership(&self) -> raft::Membership {
        self.inner.parts.raft.status().membership
    }

    /// Takes a snapshot on this node.
    pub async fn take_snapshot(&self) -> Result<SnapshotTaken, ClusterError> {
        self.inner.initialized()?;
        Ok(self.inner.parts.raft.take_snapshot(SNAPSHOT_TIMEOUT).await?)
    }
}

impl Inner {
    /// The cluster's id, or the advice to make one.
    pub(super) fn initialized(&self) -> Result<&str, ClusterError> {
        self.cluster_id
            .get()
            .map(String::as_str)
            .ok_or(ClusterError::NotInitialized)
    }

    /// Takes on the cluster's identity, durably, and speaks for it from then on. The same one again is no change.
    pub(super) async fn take_on(&self, cluster_id: &str) -> Result<(), String> {
        let (journal, id) = (self.parts.journal.clone(), cluster_id.to_owned());
        tokio::task::spawn_blocking(move || journal.adopt(&id))
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())?;
        self.parts.peers.set_cluster_id(cluster_id);
        let _ = self.cluster_id.set(cluster_id.to_owned());
        Ok(())
    }
}

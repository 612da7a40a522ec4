//! gRPC as a node calls another: one channel per peer, backoff, deadlines, size limits. CONTRACT STUB.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::pb::peer as pb;

/// A peer as the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerName {
    /// Node id.
    pub id: u64,
    /// `host:port` of its peer listener.
    pub address: String,
    /// Which life of it is meant; 0: not known.
    pub incarnation: u64,
}

/// The calling node itself. The cluster id is read at every call because `init` sets it while the node runs.
#[derive(Clone, Debug, Default)]
pub struct SelfName {
    /// Node id.
    pub id: u64,
    /// Which life of it.
    pub incarnation: u64,
    /// Empty until the node belongs to a cluster.
    pub cluster_id: String,
}

/// Why a peer gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It cannot be reached: back off.
    #[error("node {id} at {address} is unreachable: {why}")]
    Unreachable { id: u64, address: String, why: String },
    /// It took too long.
    #[error("node {id} did not answer in time")]
    Timeout { id: u64 },
    /// It refused the call: a foreign, wiped or removed node.
    #[error("node {id} refused the call: {why}")]
    Refused { id: u64, why: String },
    /// It could not do it.
    #[error("node {id} answered: {why}")]
    Failed { id: u64, why: String },
}

/// The clients of all peers. Cheap to clone. Channels connect lazily; consensus, bulk (snapshots, forwarded writes) and heartbeats
/// must not delay each other, so each peer has one channel for consensus and one for the rest.
#[derive(Clone, Debug)]
pub struct Peers {
    _stub: Arc<()>,
}

impl Peers {
    /// Clients that speak for `this`; `tls` is the client side of the peers' TLS, `None` for plain text.
    pub fn new(_this: SelfName, _tls: Option<tonic::transport::ClientTlsConfig>) -> Self {
        todo!()
    }

    /// From now on this node belongs to that cluster.
    pub fn set_cluster_id(&self, _cluster_id: &str) {
        todo!()
    }

    /// For whom these clients speak.
    pub fn this(&self) -> SelfName {
        todo!()
    }

    /// Who is there?
    pub async fn hello(&self, _address: &str, _timeout: Duration) -> Result<pb::HelloReply, PeerError> {
        todo!()
    }

    /// Take on this cluster's identity.
    pub async fn adopt(&self, _to: &PeerName, _cluster_id: &str, _timeout: Duration) -> Result<(), PeerError> {
        todo!()
    }

    /// One consensus message.
    pub async fn raft(
        &self,
        _to: &PeerName,
        _kind: u32,
        _payload: Bytes,
        _timeout: Duration,
    ) -> Result<Bytes, PeerError> {
        todo!()
    }

    /// A snapshot: its head, then the file's bytes from the channel. `idle` bounds the wait for progress, not the whole.
    pub async fn install_snapshot(
        &self,
        _to: &PeerName,
        _head: Bytes,
        _data: mpsc::Receiver<Bytes>,
        _idle: Duration,
    ) -> Result<Bytes, PeerError> {
        todo!()
    }

    /// A write for the leader, in the cluster room's encoding.
    pub async fn forward(&self, _to: &PeerName, _payload: Bytes, _timeout: Duration) -> Result<Bytes, PeerError> {
        todo!()
    }

    /// The leader's read index.
    pub async fn read_index(&self, _to: &PeerName, _timeout: Duration) -> Result<u64, PeerError> {
        todo!()
    }

    /// A node's figures, in the cluster room's encoding.
    pub async fn report(&self, _to: &PeerName, _timeout: Duration) -> Result<Bytes, PeerError> {
        todo!()
    }
}

//! openraft's calls to other nodes, carried by the peer clients.

use std::fs::File;
use std::future::Future;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::codec::{decode, encode};
use super::handle::Handle;
use super::snapshots::SnapshotFile;
use super::status::Member;
use super::types::{SnapshotMeta, TypeConfig, Vote};
use crate::wire::{PeerError, PeerName, Peers};

/// What a consensus message is. The numbers are on the wire: never reuse one.
pub(super) mod kind {
    pub(in crate::raft) const APPEND: u32 = 1;
    pub(in crate::raft) const VOTE: u32 = 2;
    pub(in crate::raft) const PRE_VOTE: u32 = 3;
    pub(in crate::raft) const TRANSFER_LEADER: u32 = 4;
}

/// Pieces of a snapshot on the wire, and how many of them may wait.
const CHUNK_BYTES: usize = 512 << 10;
const CHUNKS_WAITING: usize = 4;
/// A snapshot transfer without any progress for so long has failed.
const SNAPSHOT_IDLE: Duration = Duration::from_secs(30);

/// What goes before the bytes of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SnapshotHead {
    pub(super) vote: Vote,
    pub(super) meta: SnapshotMeta,
    pub(super) bytes: u64,
}

/// What carries messages to other nodes: the peer clients, or the tests' own net, whose links can be cut.
pub(super) trait Carrier: Clone + Send + Sync + 'static {
    /// One message and its answer.
    fn raft(
        &self,
        to: &PeerName,
        kind: u32,
        payload: Bytes,
        timeout: Duration,
    ) -> impl Future<Output = Result<Bytes, PeerError>> + Send;

    /// A snapshot and its answer.
    fn install_snapshot(
        &self,
        to: &PeerName,
        head: Bytes,
        data: mpsc::Receiver<Bytes>,
        idle: Duration,
    ) -> impl Future<Output = Result<Bytes, PeerError>> + Send;
}

impl Carrier for Peers {
    async fn raft(&self, to: &PeerName, kind: u32, payload: Bytes, timeout: Duration) -> Result<Bytes, PeerError> {
        Self::raft(self, to, kind, payload, timeout).await
    }

    async fn install_snapshot(
        &self,
        to: &PeerName,
        head: Bytes,
        data: mpsc::Receiver<Bytes>,
        idle: Duration,
    ) -> Result<Bytes, PeerError> {
        Self::install_snapshot(self, to, head, data, idle).await
    }
}

/// Makes the connections to the other nodes. They connect when they are first used.
#[derive(Clone, Debug)]
pub(super) struct Network<C> {
    carrier: C,
    append_timeout: Duration,
}

impl<C: Carrier> Network<C> {
    /// `append_timeout` bounds the wait for entries to reach a follower's disk, which may take longer than a heartbeat.
    pub(super) fn new(carrier: C, append_timeout: Duration) -> Self {
        Self {
            carrier,
            append_timeout,
        }
    }
}

impl<C: Carrier> RaftNetworkFactory<TypeConfig> for Network<C> {
    type Network = Connection<C>;

    async fn new_client(&mut self, target: u64, node: &Member) -> Connection<C> {
        let to = Handle::peer_name(target, node);
        Connection {
            carrier: self.carrier.clone(),
            to,
            append_timeout: self.append_timeout,
        }
    }
}

/// The way to one other node.
#[derive(Debug)]
pub(super) struct Connection<C> {
    carrier: C,
    to: PeerName,
    append_timeout: Duration,
}

impl<C: Carrier> Connection<C> {
    /// Every failure counts as unreachable, so that openraft backs off instead of trying again at once.
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        kind: u32,
        request: &Q,
        timeout: Duration,
    ) -> Result<A, Unreachable<TypeConfig>> {
        let payload = encode(request).map_err(|error| Unreachable::new(&error))?;
        let answer = self.carrier.raft(&self.to, kind, payload, timeout).await;
        decode(&answer.map_err(|error| Unreachable::new(&error))?).map_err(|error| Unreachable::new(&error))
    }
}

impl<C: Carrier> RaftNetworkV2<TypeConfig> for Connection<C> {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let timeout = if request.entries.is_empty() {
            option.hard_ttl()
        } else {
            self.append_timeout.max(option.hard_ttl())
        };
        Ok(self.call(kind::APPEND, &request, timeout).await?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.call(kind::VOTE, &request, option.soft_ttl()).await?)
    }

    /// Never answers in the other's place: openraft's own default would grant.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.call(kind::PRE_VOTE, &request, option.soft_ttl()).await?)
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.call(kind::TRANSFER_LEADER, &request, option.hard_ttl()).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: openraft::alias::SnapshotOf<TypeConfig, SnapshotFile>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let unreachable = |error: std::io::Error| StreamingError::Unreachable(Unreachable::new(&error));
        let SnapshotFile { path, bytes } = snapshot.snapshot;
        let head = encode(&SnapshotHead {
            vote,
            meta: snapshot.meta,
            bytes,
        })
        .map_err(unreachable)?;
        let file = File::open(&path).map_err(unreachable)?;
        let (sender, data) = mpsc::channel(CHUNKS_WAITING);
        // It ends by itself when the receiver of the channel goes away.
        tokio::task::spawn_blocking(move || send_file(file, &sender));
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = self.carrier.install_snapshot(&self.to, head, data, SNAPSHOT_IDLE) => {
                let answer = answer.map_err(|error| StreamingError::Unreachable(Unreachable::new(&error)))?;
                decode(&answer).map_err(unreachable)
            }
        }
    }
}

/// Sends the file piece by piece. A file that cannot be read to its end arrives short, and is refused there.
fn send_file(mut file: File, sender: &mpsc::Sender<Bytes>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        match (&mut file).take(limit).read_to_end(&mut chunk) {
            Ok(0) => return,
            Ok(_) => {
                if sender.blocking_send(chunk.into()).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a snapshot cannot be read while it is being sent");
                return;
            }
        }
    }
}

//! gRPC as a node calls another: who calls whom, deadlines, and what a failed call means.

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::ClientTlsConfig;
use tonic::{Code, Request, Response, Status};

use super::channel::{Links, PeerClient};
use super::pb::peer as pb;
use crate::net::deepest_cause;

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
    /// It cannot be reached, or the connection broke: back off. Whether it took the call is unknown.
    #[error("node {id} at `{address}` is unreachable: {why}")]
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
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

struct Shared {
    this: RwLock<SelfName>,
    links: Links,
}

impl Peers {
    /// Clients that speak for `this`; `tls` is the client side of the peers' TLS, `None` for plain text. Nodes in `routes` are
    /// reached there instead of at their own address.
    pub fn new(this: SelfName, tls: Option<ClientTlsConfig>, routes: HashMap<u64, String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                this: RwLock::new(this),
                links: Links::new(tls, routes),
            }),
        }
    }

    /// From now on this node belongs to that cluster.
    pub fn set_cluster_id(&self, cluster_id: &str) {
        let mut this = self.shared.this.write().unwrap_or_else(PoisonError::into_inner);
        cluster_id.clone_into(&mut this.cluster_id);
    }

    /// For whom these clients speak.
    pub fn this(&self) -> SelfName {
        self.shared.this.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who is there?
    pub async fn hello(&self, address: &str, timeout: Duration) -> Result<pb::HelloReply, PeerError> {
        // Nobody knows yet who lives there, so the channel is not kept.
        let to = PeerName {
            id: 0,
            address: address.to_owned(),
            incarnation: 0,
        };
        let mut client = self.shared.links.open(address).map_err(|why| unreachable(&to, why))?;
        let request = bounded(
            pb::HelloRequest {
                from_id: self.this().id,
            },
            timeout,
        );
        answer(&to, timeout, client.hello(request)).await
    }

    /// Take on this cluster's identity.
    pub async fn adopt(&self, to: &PeerName, cluster_id: &str, timeout: Duration) -> Result<(), PeerError> {
        let mut client = self.bulk(to)?;
        let request = pb::AdoptRequest {
            cluster_id: cluster_id.to_owned(),
            node_id: to.id,
            incarnation: to.incarnation,
        };
        answer(to, timeout, client.adopt(bounded(request, timeout)))
            .await
            .map(drop)
    }

    /// One consensus message.
    pub async fn raft(&self, to: &PeerName, kind: u32, payload: Bytes, timeout: Duration) -> Result<Bytes, PeerError> {
        let mut client = self.shared.links.consensus(to).map_err(|why| unreachable(to, why))?;
        let request = pb::RaftRequest {
            caller: self.caller(to),
            kind,
            payload,
        };
        let reply = answer(to, timeout, client.raft(bounded(request, timeout))).await?;
        Ok(reply.payload)
    }

    /// A snapshot: its head, then the file's bytes from the channel. `idle` bounds the wait for progress, not the whole.
    pub async fn install_snapshot(
        &self,
        to: &PeerName,
        head: Bytes,
        data: mpsc::Receiver<Bytes>,
        idle: Duration,
    ) -> Result<Bytes, PeerError> {
        let mut client = self.bulk(to)?;
        let first = pb::SnapshotChunk {
            caller: self.caller(to),
            head,
            data: Bytes::new(),
        };
        let (progress, progressed) = watch::channel(());
        let rest = ReceiverStream::new(data).map(move |data| {
            progress.send_replace(());
            pb::SnapshotChunk {
                caller: None,
                head: Bytes::new(),
                data,
            }
        });
        let chunks = futures_util::stream::iter([first]).chain(rest);
        let reply = while_progressing(to, idle, progressed, client.install_snapshot(chunks)).await?;
        Ok(reply.payload)
    }

    /// A write for the leader, in the cluster room's encoding.
    pub async fn forward(&self, to: &PeerName, payload: Bytes, timeout: Duration) -> Result<Bytes, PeerError> {
        let mut client = self.bulk(to)?;
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let request = pb::ForwardRequest {
            caller: self.caller(to),
            payload,
            timeout_ms,
        };
        let reply = answer(to, timeout, client.forward(bounded(request, timeout))).await?;
        Ok(reply.payload)
    }

    /// The leader's read index.
    pub async fn read_index(&self, to: &PeerName, timeout: Duration) -> Result<u64, PeerError> {
        let mut client = self.bulk(to)?;
        let request = pb::ReadIndexRequest {
            caller: self.caller(to),
        };
        let reply = answer(to, timeout, client.read_index(bounded(request, timeout))).await?;
        Ok(reply.index)
    }

    /// Tells a node this one's figures, in the cluster room's encoding.
    pub async fn report(&self, to: &PeerName, payload: Bytes, timeout: Duration) -> Result<(), PeerError> {
        let mut client = self.bulk(to)?;
        let request = pb::ReportRequest {
            caller: self.caller(to),
            payload,
        };
        answer(to, timeout, client.report(bounded(request, timeout))).await?;
        Ok(())
    }

    /// Has a node do something, in the cluster room's encoding.
    pub async fn errand(&self, to: &PeerName, payload: Bytes, timeout: Duration) -> Result<Bytes, PeerError> {
        let mut client = self.bulk(to)?;
        let request = pb::ErrandRequest {
            caller: self.caller(to),
            payload,
        };
        let reply = answer(to, timeout, client.errand(bounded(request, timeout))).await?;
        Ok(reply.payload)
    }

    fn bulk(&self, to: &PeerName) -> Result<PeerClient, PeerError> {
        self.shared.links.bulk(to).map_err(|why| unreachable(to, why))
    }

    fn caller(&self, to: &PeerName) -> Option<pb::Caller> {
        let this = self.this();
        Some(pb::Caller {
            cluster_id: this.cluster_id,
            from_id: this.id,
            from_incarnation: this.incarnation,
            to_id: to.id,
            to_incarnation: to.incarnation,
        })
    }
}

/// The TLS key must not be seen.
impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("this", &self.this())
            .finish_non_exhaustive()
    }
}

/// The peer learns the deadline too, and gives up when nobody waits any more.
fn bounded<T>(message: T, timeout: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

/// The deadline is kept here as well: a peer that is frozen keeps none.
async fn answer<T>(
    to: &PeerName,
    timeout: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, PeerError> {
    match tokio::time::timeout(timeout, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(meaning(to, &status)),
        Err(_) => Err(PeerError::Timeout { id: to.id }),
    }
}

/// Waits for the answer to a stream as long as the peer goes on taking chunks.
async fn while_progressing<T>(
    to: &PeerName,
    idle: Duration,
    mut progressed: watch::Receiver<()>,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, PeerError> {
    tokio::pin!(call);
    loop {
        let result = tokio::select! {
            result = &mut call => result,
            progress = tokio::time::timeout(idle, progressed.changed()) => match progress {
                Ok(Ok(())) => continue,
                // All chunks are sent: only the answer is still to come.
                Ok(Err(_)) => return answer(to, idle, call).await,
                Err(_) => return Err(PeerError::Timeout { id: to.id }),
            },
        };
        return result.map(Response::into_inner).map_err(|status| meaning(to, &status));
    }
}

/// What a status means to a node. Broken connections come with a source; a peer's own word does not.
fn meaning(to: &PeerName, status: &Status) -> PeerError {
    let id = to.id;
    let why = reason(status);
    let is_own_word = status.source().is_none();
    match status.code() {
        Code::DeadlineExceeded => PeerError::Timeout { id },
        // The peer's own clock ran out first, which its side reports without a source.
        Code::Cancelled if is_own_word || is_expired(status) => PeerError::Timeout { id },
        Code::PermissionDenied | Code::FailedPrecondition | Code::Unauthenticated => PeerError::Refused { id, why },
        _ if is_own_word => PeerError::Failed { id, why },
        _ => unreachable(to, why),
    }
}

fn unreachable(to: &PeerName, why: String) -> PeerError {
    PeerError::Unreachable {
        id: to.id,
        address: to.address.clone(),
        why,
    }
}

/// The status' message with its deepest cause, which names what the operating system said.
fn reason(status: &Status) -> String {
    let message = status.message();
    match deepest_cause(status) {
        cause if status.source().is_none() || cause == message => message.to_owned(),
        cause => format!("{message}: {cause}"),
    }
}

fn is_expired(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use std::time::Duration;

    use tonic::Status;

    use bytes::Bytes;

    use super::{PeerError, PeerName, Peers, SelfName, meaning};

    fn peer(address: &str) -> PeerName {
        PeerName {
            id: 2,
            address: address.to_owned(),
            incarnation: 7,
        }
    }

    fn peers() -> Peers {
        Peers::new(
            SelfName {
                id: 1,
                incarnation: 3,
                cluster_id: String::new(),
            },
            None,
            HashMap::new(),
        )
    }

    #[test]
    fn a_status_says_whether_to_back_off_give_up_or_ask_a_person() {
        let to = peer("127.0.0.1:1");
        let of = |status| meaning(&to, &status);
        let broken = Status::from_error(Box::new(tonic::ConnectError("x".into())));
        assert!(matches!(of(broken), PeerError::Unreachable { id: 2, .. }));
        let own_word = PeerError::Failed { id: 2, why: "x".into() };
        assert_eq!(of(Status::unavailable("x")), own_word);
        assert_eq!(of(Status::deadline_exceeded("x")), PeerError::Timeout { id: 2 });
        assert_eq!(of(Status::cancelled("x")), PeerError::Timeout { id: 2 });
        assert!(matches!(of(Status::permission_denied("x")), PeerError::Refused { .. }));
        assert!(matches!(
            of(Status::failed_precondition("x")),
            PeerError::Refused { .. }
        ));
        assert_eq!(of(Status::internal("x")), PeerError::Failed { id: 2, why: "x".into() });
    }

    #[tokio::test]
    async fn a_peer_that_does_not_listen_is_unreachable() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = peers()
            .report(&peer(&address), Bytes::new(), Duration::from_secs(5))
            .await
            .unwrap_err();
        let PeerError::Unreachable { id: 2, why, .. } = error else {
            panic!("{error:?}")
        };
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn a_peer_that_accepts_and_says_nothing_times_out() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let error = peers()
            .report(&peer(&address), Bytes::new(), Duration::from_millis(50))
            .await
            .unwrap_err();
        assert_eq!(error, PeerError::Timeout { id: 2 });
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_named() {
        let error = peers()
            .hello("not an address", Duration::from_secs(1))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not an address"), "{error}");
    }

    #[test]
    fn the_cluster_id_is_the_one_of_now() {
        let peers = peers();
        let clone = peers.clone();
        peers.set_cluster_id("c");
        assert_eq!(clone.this().cluster_id, "c");
        assert_eq!(clone.caller(&peer("x")).unwrap().to_incarnation, 7);
    }
}

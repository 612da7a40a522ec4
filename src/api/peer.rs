//! What another node may ask of this one: each call is handed to the cluster, which checks the caller.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::{Cluster, Refused};
use crate::wire::pb::peer as pb;
use crate::wire::pb::peer::peer_server::Peer;

/// Chunks of a snapshot that may wait to be written.
const CHUNKS_WAITING: usize = 4;

/// The longest a forwarded write may ask to take.
const FORWARD_LIMIT: Duration = Duration::from_secs(900);

/// The `Peer` service.
#[derive(Clone)]
pub(super) struct PeerService {
    cluster: Cluster,
}

impl PeerService {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

/// The caller's side is `wire/peer.rs`: it tells a refusal, which is final, from a node that cannot just now.
fn status(refused: Refused) -> Status {
    match refused {
        Refused::Identity(why) => Status::permission_denied(why),
        Refused::Unable(why) => Status::unavailable(why),
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    async fn hello(&self, _request: Request<pb::HelloRequest>) -> Result<Response<pb::HelloReply>, Status> {
        Ok(Response::new(self.cluster.hello()))
    }

    async fn adopt(&self, request: Request<pb::AdoptRequest>) -> Result<Response<pb::AdoptReply>, Status> {
        self.cluster.adopt(request.into_inner()).await.map_err(status)?;
        Ok(Response::new(pb::AdoptReply {}))
    }

    async fn raft(&self, request: Request<pb::RaftRequest>) -> Result<Response<pb::RaftReply>, Status> {
        let pb::RaftRequest { caller, kind, payload } = request.into_inner();
        let payload = self.cluster.inbound_raft(caller, kind, payload).await.map_err(status)?;
        Ok(Response::new(pb::RaftReply { payload }))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<pb::SnapshotChunk>>,
    ) -> Result<Response<pb::RaftReply>, Status> {
        let mut chunks = request.into_inner();
        let first = chunks
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("the snapshot has no chunk"))?;
        let (sender, data) = mpsc::channel(CHUNKS_WAITING);
        // On its own task, so that a caller that goes away is told to the receiver as a broken stream.
        tokio::spawn(relay(first.data, chunks, sender));
        let payload = self
            .cluster
            .inbound_snapshot(first.caller, first.head, data)
            .await
            .map_err(status)?;
        Ok(Response::new(pb::RaftReply { payload }))
    }

    async fn forward(&self, request: Request<pb::ForwardRequest>) -> Result<Response<pb::ForwardReply>, Status> {
        let pb::ForwardRequest {
            caller,
            payload,
            timeout_ms,
        } = request.into_inner();
        let timeout = Duration::from_millis(timeout_ms).min(FORWARD_LIMIT);
        let payload = self
            .cluster
            .inbound_forward(caller, payload, timeout)
            .await
            .map_err(status)?;
        Ok(Response::new(pb::ForwardReply { payload }))
    }

    async fn read_index(&self, request: Request<pb::ReadIndexRequest>) -> Result<Response<pb::ReadIndexReply>, Status> {
        let index = self
            .cluster
            .inbound_read_index(request.into_inner().caller)
            .await
            .map_err(status)?;
        Ok(Response::new(pb::ReadIndexReply { index }))
    }

    async fn report(&self, request: Request<pb::ReportRequest>) -> Result<Response<pb::ReportReply>, Status> {
        let pb::ReportRequest { caller, payload } = request.into_inner();
        self.cluster.inbound_report(caller, &payload).map_err(status)?;
        Ok(Response::new(pb::ReportReply {}))
    }

    async fn errand(&self, request: Request<pb::ErrandRequest>) -> Result<Response<pb::ErrandReply>, Status> {
        let pb::ErrandRequest { caller, payload } = request.into_inner();
        let payload = self.cluster.inbound_errand(caller, &payload).await.map_err(status)?;
        Ok(Response::new(pb::ErrandReply { payload }))
    }
}

/// Moves the file's bytes until the stream ends, breaks, or nobody wants them any more. A caller that cancels looks like one
/// that has finished, which is why the receiver checks the file itself.
async fn relay(first: Bytes, mut chunks: Streaming<pb::SnapshotChunk>, sender: mpsc::Sender<Result<Bytes, String>>) {
    let mut next = Ok(Some(first));
    loop {
        let item = match next {
            Ok(None) => return,
            Ok(Some(data)) => Ok(data),
            Err(why) => Err(why),
        };
        let broken = item.is_err();
        if sender.send(item).await.is_err() || broken {
            return;
        }
        next = tokio::select! {
            chunk = chunks.message() => match chunk {
                Ok(chunk) => Ok(chunk.map(|c| c.data)),
                Err(status) => Err(status.message().to_owned()),
            },
            () = sender.closed() => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn a_foreign_node_is_refused_for_good_and_a_busy_one_may_come_back() {
        assert_eq!(
            status(Refused::Identity("foreign".into())).code(),
            Code::PermissionDenied
        );
        assert_eq!(status(Refused::Unable("starting".into())).code(), Code::Unavailable);
    }
}

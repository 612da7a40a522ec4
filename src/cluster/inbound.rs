//! What another node may ask of this one. Each checks the caller first.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::errors::Refused;
use super::handle::Cluster;
use super::identity::Strangers;
use super::orders::{Answer, Order, decode, encode};
use super::writer::Patience;
use crate::raft::ProposeError;
use crate::wire::pb::peer as pb;

/// A leader that cannot reach a quorum within this has none.
const QUORUM_TIMEOUT: Duration = Duration::from_millis(900);
/// No caller may keep an order alive for longer.
const LONGEST_ORDER: Duration = Duration::from_secs(900);

impl Cluster {
    /// Who is here.
    pub fn hello(&self) -> pb::HelloReply {
        pb::HelloReply {
            node_id: self.inner.node_id,
            incarnation: self.inner.incarnation,
            cluster_id: self.cluster_id().unwrap_or_default(),
            peer_address: self.inner.parts.peer_address.clone(),
            api_address: self.inner.parts.api_address.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Takes on a cluster's identity.
    pub async fn adopt(&self, request: pb::AdoptRequest) -> Result<(), Refused> {
        if request.cluster_id.is_empty() {
            return Err(Refused::Identity("a cluster without an id cannot be joined".into()));
        }
        self.inner.check_meant(request.node_id, request.incarnation)?;
        self.inner.take_on(&request.cluster_id).await.map_err(Refused::Identity)
    }

    /// One consensus message.
    pub async fn inbound_raft(&self, caller: Option<pb::Caller>, kind: u32, payload: Bytes) -> Result<Bytes, Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Welcome)?;
        self.inner
            .parts
            .raft
            .receive(kind, payload)
            .await
            .map_err(Refused::Unable)
    }

    /// A snapshot.
    pub async fn inbound_snapshot(
        &self,
        caller: Option<pb::Caller>,
        head: Bytes,
        data: mpsc::Receiver<Result<Bytes, String>>,
    ) -> Result<Bytes, Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Welcome)?;
        self.inner
            .parts
            .raft
            .receive_snapshot(head, data)
            .await
            .map_err(Refused::Unable)
    }

    /// A forwarded write or change of membership. It is never forwarded again: one hop.
    pub async fn inbound_forward(
        &self,
        caller: Option<pb::Caller>,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Refused)?;
        let order: Order = decode(&payload).map_err(|why| Refused::Unable(format!("the order {why}")))?;
        let leader = self.inner.parts.raft.status().leader;
        let answer = if leader == Some(self.inner.node_id) {
            self.inner
                .lead(&order, timeout.min(LONGEST_ORDER), Patience::FULL)
                .await
        } else {
            Answer::NotLeader {
                leader,
                proposed: false,
            }
        };
        encode(&answer).map_err(Refused::Unable)
    }

    /// The read index.
    pub async fn inbound_read_index(&self, caller: Option<pb::Caller>) -> Result<u64, Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Refused)?;
        let index = self.inner.parts.raft.read_index(QUORUM_TIMEOUT).await;
        index.map_err(|error| match error {
            ProposeError::NotLeader { .. } => Refused::Unable("this node does not lead".into()),
            other => Refused::Unable(other.to_string()),
        })
    }

    /// Another node's figures.
    pub fn inbound_report(&self, caller: Option<pb::Caller>, payload: &[u8]) -> Result<(), Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Refused)?;
        let from = caller.map_or(0, |caller| caller.from_id);
        let report = decode(payload).map_err(|why| Refused::Unable(format!("the report {why}")))?;
        let now = self.inner.parts.clock.instant();
        self.inner.last_reports.take(from, report, now);
        Ok(())
    }

    /// An errand of another node's operator.
    pub async fn inbound_errand(&self, caller: Option<pb::Caller>, payload: &[u8]) -> Result<Bytes, Refused> {
        self.inner.check_caller(caller.as_ref(), Strangers::Refused)?;
        let errand = decode(payload).map_err(|why| Refused::Unable(format!("the errand {why}")))?;
        encode(&self.inner.parts.this_node.run(errand).await).map_err(Refused::Unable)
    }
}

//! A node of another version, as the leader sees it: it hands over writes that no operator could make here.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use portcullis::auth::Timestamp;
use portcullis::store::{Command, Envelope, Outcome, Reply};
use portcullis::wire::{PeerName, Peers, SelfName};

use crate::cluster::{Cluster, PATIENCE};

/// The first of the orders that nodes hand over, and of the answers: a write, and that it is written.
const WRITE: u8 = 0;
const WRITTEN: u8 = 0;

/// Has the leader commit a command, in the name of a follower.
pub async fn propose(cluster: &Cluster, command: Command) -> Result<()> {
    let (leader, follower) = (cluster.leader().await?, cluster.follower().await?);
    let stranger = Peers::new(SelfName::default(), None, HashMap::new());
    let follower = stranger
        .hello(&cluster.node(follower)?.peer.to_string(), PATIENCE)
        .await?;
    let address = cluster.node(leader)?.peer.to_string();
    let to = PeerName {
        id: leader,
        incarnation: stranger.hello(&address, PATIENCE).await?.incarnation,
        address,
    };
    let this = SelfName {
        id: follower.node_id,
        incarnation: follower.incarnation,
        cluster_id: follower.cluster_id,
    };
    let envelope = Envelope {
        at: Timestamp(1),
        by: "another version".into(),
        request_id: String::new(),
        command,
    };
    let order = [&[WRITE][..], &postcard::to_stdvec(&envelope)?].concat();
    let answer = Peers::new(this, None, HashMap::new())
        .forward(&to, Bytes::from(order), PATIENCE)
        .await?;
    let (kind, outcome) = answer.split_first().context("an empty answer")?;
    ensure!(*kind == WRITTEN, "the leader did not write");
    let outcome: Outcome = postcard::from_bytes(outcome)?;
    ensure!(outcome.reply == Reply::Done, "refused: {:?}", outcome.reply);
    Ok(())
}

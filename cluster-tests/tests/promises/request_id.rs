//! A write that is sent again under its request id is applied once.

use std::collections::BTreeSet;

use anyhow::Result;
use cluster_tests::calls::{create_user, new_user};
use cluster_tests::{Cluster, node_binary};
use tokio::task::JoinSet;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writes_with_one_request_id_apply_once() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let mut revisions = BTreeSet::new();
    for id in cluster.ids() {
        let request = new_user("ada", "lovelace", "request-1");
        revisions.insert(
            cluster
                .client(id)
                .await?
                .users()
                .create(request)
                .await?
                .into_inner()
                .revision,
        );
    }
    assert_eq!(revisions.len(), 1, "the nodes answered with {revisions:?}");
    let other = create_user(&cluster.client(1).await?, "ada", "lovelace").await;
    assert_eq!(other.err().map(|status| status.code()), Some(Code::AlreadyExists));
    assert_eq!(cluster.agree().await?.users, 1);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_with_one_request_id_apply_once_when_they_race() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let mut racers = JoinSet::new();
    for racer in 0..12 {
        let client = cluster.client(1 + racer % 3).await?;
        racers.spawn(async move { client.users().create(new_user("ada", "lovelace", "request-1")).await });
    }
    let mut revisions = BTreeSet::new();
    while let Some(answer) = racers.join_next().await {
        revisions.insert(answer??.into_inner().revision);
    }
    assert_eq!(revisions.len(), 1, "the nodes answered with {revisions:?}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_id_is_remembered_by_the_next_leader() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    let request = new_user("ada", "lovelace", "request-1");
    let first = cluster
        .client(leader)
        .await?
        .users()
        .create(request.clone())
        .await?
        .into_inner();
    cluster.node_mut(leader)?.kill().await?;
    let next = cluster.leader().await?;
    let second = cluster.client(next).await?.users().create(request).await?.into_inner();
    assert_eq!(first.revision, second.revision);
    cluster.passed()
}

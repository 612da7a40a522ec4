//! Nodes form a cluster, and it is still there after all of them were gone.

use anyhow::Result;
use cluster_tests::calls::{create_user, is_allowed, login, reason_of};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::pb::v1;
use tonic::Code;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_the_restart_of_all_its_nodes() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    let before = wait_for("three voters to be heard", PATIENCE, async || {
        let listed = client.nodes().list_nodes(v1::ListNodesRequest {}).await?.into_inner();
        let heard = listed.nodes.iter().filter(|node| node.voter && node.answered).count();
        Ok((heard == 3).then_some(listed))
    })
    .await?;
    create_user(&cluster.client(1).await?, "ada", "lovelace").await?;
    let state = cluster.agree().await?;

    for id in cluster.ids() {
        cluster.node_mut(id)?.kill().await?;
    }
    cluster.start_all()?;
    cluster.ready().await?;

    let after = cluster
        .client(1)
        .await?
        .nodes()
        .list_nodes(v1::ListNodesRequest {})
        .await?
        .into_inner();
    assert_eq!(after.cluster_id, before.cluster_id);
    assert!(cluster.agree().await?.applied_index >= state.applied_index);
    for id in cluster.ids() {
        assert!(
            is_allowed(&cluster.client(id).await?, "ada", "lovelace").await?,
            "node {id}"
        );
    }
    create_user(&cluster.client(2).await?, "grace", "hopper").await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_initialised_only_once() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    for id in cluster.ids() {
        let again = cluster
            .client(id)
            .await?
            .nodes()
            .init_cluster(v1::InitClusterRequest {})
            .await;
        assert_eq!(
            again.err().map(|status| status.code()),
            Some(Code::FailedPrecondition),
            "node {id}"
        );
    }
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_cluster_neither_allows_nor_denies() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 1).prepare().await?;
    cluster.start_all()?;
    cluster.client(1).await?;
    // Its operators are unknown too: no key may be thrown away for that.
    let client = cluster.client_with_key(1, Some("pck_nobody_knows".into())).await?;
    let answer = login(&client, "ada", "lovelace").await;
    let Err(status) = answer else {
        panic!("answered {answer:?}")
    };
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(reason_of(&status), "NOT_READY");
    cluster.passed()
}

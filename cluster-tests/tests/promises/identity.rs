//! A node is who it was, or it is refused.

use anyhow::Result;
use cluster_tests::calls::{create_user, login, login_linearizable, reason_of, status};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use portcullis::wire::pb::v1;
use tonic::Code;

async fn is_listed_as_silent(cluster: &Cluster, asked: u64, id: u64) -> Result<Option<String>> {
    let list = cluster
        .client(asked)
        .await?
        .nodes()
        .list_nodes(v1::ListNodesRequest {})
        .await?
        .into_inner();
    let silent = list.nodes.into_iter().find(|node| node.id == id && !node.answered);
    Ok(silent.map(|node| node.error))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_is_refused_and_its_id_is_never_used_again() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let removed = cluster.follower().await?;
    let leader = cluster.leader().await?;
    cluster.node_mut(removed)?.kill().await?;
    let admin = cluster.client(leader).await?;
    let left = admin
        .nodes()
        .remove_node(v1::RemoveNodeRequest { id: removed })
        .await?
        .into_inner();
    assert!(!left.voters.contains(&removed) && left.voters.len() == 2);
    let term = status(&admin).await?.term;

    cluster.node_mut(removed)?.start()?;
    let outcast = cluster.client(removed).await?;
    let strong = wait_for("the removed node to give up", PATIENCE, async || {
        Ok(login_linearizable(&outcast, "ada", "lovelace").await.err())
    })
    .await?;
    assert_eq!(strong.code(), Code::Unavailable, "{strong:?}");
    assert!(
        create_user(&outcast, "ada", "lovelace").await.is_err(),
        "a write through a removed node"
    );

    let address = cluster.node(removed)?.peer.to_string();
    let again = admin
        .nodes()
        .add_node(v1::AddNodeRequest {
            id: removed,
            peer_address: address,
        })
        .await;
    assert_eq!(again.err().map(|status| status.code()), Some(Code::FailedPrecondition));
    create_user(&admin, "grace", "hopper").await?;
    assert_eq!(
        status(&admin).await?.term,
        term,
        "the removed node disturbed the others"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_node_is_refused_under_its_old_id() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let wiped = cluster.follower().await?;
    cluster.node_mut(wiped)?.kill().await?;
    cluster.node(wiped)?.wipe()?;
    cluster.node_mut(wiped)?.start()?;

    let client = cluster.client(wiped).await?;
    let leader = cluster.leader_among(&cluster.others(wiped)).await?;
    create_user(&cluster.client(leader).await?, "ada", "lovelace").await?;
    let error = wait_for("the wiped node to be refused", PATIENCE, async || {
        is_listed_as_silent(&cluster, leader, wiped).await
    })
    .await?;
    assert!(!error.is_empty());
    let answer = login(&client, "ada", "lovelace")
        .await
        .expect_err("it has promised nothing and knows nothing");
    assert_eq!(answer.code(), Code::Unavailable, "{answer:?}");
    assert_eq!(reason_of(&answer), "NOT_READY");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_refused() -> Result<()> {
    let mut ours = Cluster::start(node_binary!(), 3).await?;
    let foreign = Options::new(node_binary!(), 1).first_id(3).start().await?;
    create_user(&foreign.client(3).await?, "theirs", "theirs").await?;
    let before = foreign.agree().await?;

    ours.node_mut(3)?.kill().await?;
    for id in [1, 2] {
        ours.edge(id, 3)?.retarget(foreign.node(3)?.peer);
    }
    let leader = ours.leader().await?;
    create_user(&ours.client(leader).await?, "ours", "ours").await?;
    wait_for("the foreign node to be refused", PATIENCE, async || {
        is_listed_as_silent(&ours, leader, 3).await
    })
    .await?;
    let address = foreign.node(3)?.peer.to_string();
    let request = v1::AddNodeRequest {
        id: 4,
        peer_address: address,
    };
    assert!(
        ours.client(leader).await?.nodes().add_node(request).await.is_err(),
        "took a node of another cluster"
    );

    let after = foreign.agree().await?;
    assert_eq!(
        (after.users, after.term),
        (before.users, before.term),
        "the foreign cluster was touched"
    );
    foreign.passed()?;
    ours.passed()
}

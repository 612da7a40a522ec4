//! A node that was away catches up.

use anyhow::Result;
use cluster_tests::calls::{all_log_in, create_user, status, take_snapshot};
use cluster_tests::{Cluster, Options, PATIENCE, node_binary, wait_for};

async fn create_users(cluster: &Cluster, node: u64, count: usize) -> Result<Vec<String>> {
    let client = cluster.client(node).await?;
    let mut names = Vec::new();
    for number in 0..count {
        let name = format!("user-{number}");
        create_user(&client, &name, &name).await?;
        names.push(name);
    }
    Ok(names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_follower_catches_up_by_log() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let follower = cluster.follower().await?;
    cluster.node_mut(follower)?.kill().await?;
    let leader = cluster.leader().await?;
    let names = create_users(&cluster, leader, 50).await?;

    cluster.node_mut(follower)?.start()?;
    cluster.node_ready(follower).await?;
    cluster.agree().await?;
    let client = cluster.client(follower).await?;
    all_log_in(&client, &names).await?;
    assert_eq!(status(&client).await?.snapshot_index, 0, "a snapshot was not needed");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_follower_catches_up_by_snapshot() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 3).with_small_snapshots().start().await?;
    let follower = cluster.follower().await?;
    let applied = cluster.agree().await?.applied_index;
    cluster.node_mut(follower)?.kill().await?;
    let leader = cluster.leader().await?;
    let names = create_users(&cluster, leader, 150).await?;
    for id in cluster.running() {
        take_snapshot(&cluster.client(id).await?).await?;
    }
    // It is purged after the snapshot, and in the background.
    let client = cluster.client(leader).await?;
    wait_for("the log behind the snapshot is purged", PATIENCE, async || {
        Ok((status(&client).await?.purged_index > applied).then_some(()))
    })
    .await?;

    cluster.node_mut(follower)?.start()?;
    cluster.node_ready(follower).await?;
    cluster.agree().await?;
    let client = cluster.client(follower).await?;
    all_log_in(&client, &names).await?;
    assert!(status(&client).await?.snapshot_index > applied);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_leader_is_replaced_and_follows_when_it_wakes() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let paused = cluster.leader().await?;
    let others = cluster.others(paused);
    cluster.node(paused)?.pause()?;
    let next = cluster.leader_among(&others).await?;
    let names = create_users(&cluster, next, 10).await?;
    cluster.node(paused)?.resume()?;
    cluster.leader().await?;
    cluster.agree().await?;
    all_log_in(&cluster.client(paused).await?, &names).await?;
    cluster.passed()
}

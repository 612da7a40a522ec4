//! A node that is asked to stop does so quickly and leaves no hole.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cluster_tests::calls::create_user;
use cluster_tests::{Cluster, node_binary};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const GRACE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_leader_says_so_hands_over_and_exits() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    let channel = Endpoint::from_shared(format!("http://{}", cluster.node(leader)?.api))?
        .connect()
        .await?;
    let request = HealthCheckRequest { service: String::new() };
    let mut health = HealthClient::new(channel).watch(request).await?.into_inner();
    let now = health.message().await?.context("no health")?;
    assert_eq!(now.status(), ServingStatus::Serving);

    let asked = Instant::now();
    cluster.node(leader)?.terminate()?;
    let next = health
        .message()
        .await
        .ok()
        .flatten()
        .context("it went away without saying so")?;
    assert_eq!(next.status(), ServingStatus::NotServing);
    // Nobody waits for an election: leadership was handed over.
    let others = cluster.others(leader);
    let successor = cluster.leader_among(&others).await?;
    assert_ne!(successor, leader);
    create_user(&cluster.client(successor).await?, "ada", "lovelace").await?;
    let status = cluster
        .node_mut(leader)?
        .exited(GRACE.saturating_sub(asked.elapsed()))
        .await?;
    assert!(status.success(), "{status}");

    cluster.node_mut(leader)?.start()?;
    cluster.ready().await?;
    cluster.agree().await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_quorum_still_stops_in_time() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    for other in cluster.others(leader) {
        cluster.node_mut(other)?.kill().await?;
    }
    cluster.node(leader)?.terminate()?;
    let status = cluster.node_mut(leader)?.exited(GRACE).await?;
    assert!(status.success(), "{status}");
    cluster.passed()
}

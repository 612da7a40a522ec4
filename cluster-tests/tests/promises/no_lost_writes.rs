//! What was acknowledged is never lost, however often the leader dies.

use std::env;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::calls::all_log_in;
use cluster_tests::load::Load;
use cluster_tests::{Cluster, node_binary};

/// `PORTCULLIS_TEST_KILLS=500` makes a longer run of it.
const KILLS: &str = "PORTCULLIS_TEST_KILLS";
const WRITERS: u32 = 4;
const INTERVAL: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_leaders_are_killed() -> Result<()> {
    let kills = match env::var(KILLS) {
        Ok(kills) => kills.parse().with_context(|| format!("`{KILLS}` is not a number"))?,
        Err(_) => 30,
    };
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let load = Load::start(&cluster, WRITERS, INTERVAL)?;
    for _ in 0..kills {
        let leader = cluster.leader().await?;
        cluster.node_mut(leader)?.kill().await?;
        cluster.leader().await?;
        cluster.node_mut(leader)?.start()?;
        // The next kill must leave a quorum behind.
        cluster.ready().await?;
    }
    let acknowledged = load.finish().await?;
    assert!(!acknowledged.is_empty());
    cluster.agree().await?;
    for id in cluster.ids() {
        all_log_in(&cluster.client(id).await?, &acknowledged)
            .await
            .with_context(|| format!("on node {id}"))?;
    }
    eprintln!("{} users were acknowledged over {kills} kills", acknowledged.len());
    cluster.passed()
}

//! A strong login misses nothing that was acknowledged before it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::calls::{create_user, delete_user, login_linearizable};
use cluster_tests::proxy::Fault;
use cluster_tests::{Cluster, node_binary};
use portcullis::wire::pb::v1;

const ROUNDS: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_deleted_through_one_node_never_logs_in_on_another() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let leader = cluster.leader().await?;
    let [late, other] = cluster.others(leader)[..] else {
        panic!("three nodes have two followers")
    };
    // One follower learns of every write later than its caller does.
    cluster.edge(leader, late)?.set(Fault::Delay(Duration::from_millis(30)));
    let mut clients = Vec::new();
    for id in [leader, late, other] {
        clients.push(cluster.client(id).await?);
    }
    for round in 0..ROUNDS {
        let name = format!("user-{round}");
        let writer = &clients[usize::try_from(round % 3)?];
        create_user(writer, &name, &name)
            .await
            .with_context(|| format!("round {round}"))?;
        for client in &clients {
            let answer = login_linearizable(client, &name, &name).await?;
            assert_eq!(
                answer.decision(),
                v1::Decision::Allow,
                "node {} missed a creation",
                answer.node
            );
        }
        delete_user(&clients[usize::try_from((round + 1) % 3)?], &name).await?;
        for client in &clients {
            let answer = login_linearizable(client, &name, &name).await?;
            assert_eq!(
                answer.decision(),
                v1::Decision::Deny,
                "node {} let a deleted user in",
                answer.node
            );
        }
    }
    cluster.passed()
}

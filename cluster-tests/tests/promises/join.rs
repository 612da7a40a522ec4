//! The cluster grows and shrinks while it works.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use cluster_tests::calls::{all_log_in, create_user, import, is_allowed, sha256_file, status, take_snapshot};
use cluster_tests::load::Load;
use cluster_tests::{Options, node_binary};
use portcullis::wire::pb::v1;
use sha2::{Digest as _, Sha256};

const IMPORTED: u64 = 100_000;

/// Everyone's password is the same, so that the test hashes once.
fn many_users() -> Result<Bytes> {
    let hash = hex::encode(Sha256::digest("salt-secret"));
    let mut file = String::from("user_id,password_hash,salt,is_superuser\n");
    for number in 0..IMPORTED {
        writeln!(file, "imported-{number:06},{hash},salt-,false")?;
    }
    Ok(Bytes::from(file))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_node_joins_by_snapshot_while_writes_go_on() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 3)
        .set("raft", "keep_entries", 5)
        .start()
        .await?;
    let admin = cluster.patient_client(1).await?;
    let header = sha256_file(v1::import_users_header::Format::Csv);
    let imported = import(&admin, header, many_users()?).await?;
    assert_eq!((imported.created, imported.failed), (IMPORTED, 0));
    for id in cluster.ids() {
        take_snapshot(&cluster.patient_client(id).await?).await?;
    }

    let load = Load::start(&cluster, 2, Duration::from_millis(20))?;
    cluster.start_empty_node(4).await?;
    cluster.client(4).await?;
    let address = cluster.node(4)?.peer.to_string();
    let nodes = admin.nodes();
    let joined = nodes
        .clone()
        .add_node(v1::AddNodeRequest {
            id: 4,
            peer_address: address,
        })
        .await?
        .into_inner();
    assert_eq!((joined.voters, joined.learners), (vec![1, 2, 3], vec![4]));
    cluster.node_ready(4).await?;
    let promoted = nodes
        .clone()
        .promote_node(v1::PromoteNodeRequest { id: 4 })
        .await?
        .into_inner();
    assert_eq!((promoted.voters, promoted.learners), (vec![1, 2, 3, 4], vec![]));
    let acknowledged = load.finish().await?;

    let state = cluster.agree().await?;
    assert_eq!(state.users, IMPORTED + u64::try_from(acknowledged.len())?);
    let fourth = cluster.client(4).await?;
    assert!(
        status(&fourth).await?.snapshot_index > 0,
        "it was filled entry by entry"
    );
    assert!(is_allowed(&fourth, "imported-099999", "secret").await?);
    all_log_in(&fourth, &acknowledged).await?;
    create_user(&fourth, "ada", "lovelace").await?;

    let removed = nodes
        .clone()
        .remove_node(v1::RemoveNodeRequest { id: 4 })
        .await?
        .into_inner();
    assert_eq!((removed.voters, removed.learners), (vec![1, 2, 3], vec![]));
    cluster.node_mut(4)?.kill().await?;
    cluster.leader().await?;
    create_user(&cluster.client(2).await?, "grace", "hopper").await?;
    cluster.agree().await?;
    cluster.passed()
}

//! A journal that fails or is damaged stops its node; the others go on; damage is never served.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cluster_tests::calls::{create_user, is_allowed};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::journal_fault::JournalFault;
use cluster_tests::{Cluster, node_binary, wait_for};

/// The journal's largest file.
fn journal_file(folder: &Path) -> Result<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((entry.metadata()?.len(), entry.path()));
        }
    }
    files.sort();
    Ok(files
        .pop()
        .with_context(|| format!("no journal in `{}`", folder.display()))?
        .1)
}

/// A cluster with some users, and one follower of it that is down.
async fn with_one_follower_down() -> Result<(Cluster, u64)> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    for number in 0..20 {
        create_user(&client, &format!("user-{number}"), "secret").await?;
    }
    cluster.agree().await?;
    let follower = cluster.follower().await?;
    cluster.node_mut(follower)?.kill().await?;
    Ok((cluster, follower))
}

/// The node either ends with an error, or it has noticed nothing because nothing it needs was hit: then it must agree with the others.
async fn stops_or_agrees(mut cluster: Cluster, id: u64) -> Result<()> {
    cluster.node_mut(id)?.start()?;
    let ended = cluster.node_mut(id)?.exited(PATIENCE / 3).await;
    match ended {
        Ok(status) => {
            assert!(!status.success(), "a damaged journal is no success");
            assert!(
                cluster.node(id)?.log().contains("journal"),
                "the message does not name the journal"
            );
        }
        Err(_) => cluster.node_ready(id).await?,
    }
    create_user(&cluster.client(cluster.leader().await?).await?, "ada", "lovelace").await?;
    cluster.agree().await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_journal_is_not_served() -> Result<()> {
    let (mut cluster, follower) = with_one_follower_down().await?;
    let path = journal_file(&cluster.node(follower)?.journal_dir())?;
    let file = File::options().write(true).open(path)?;
    file.set_len(file.metadata()?.len() / 2)?;
    cluster.node_mut(follower)?.start()?;
    let status = cluster.node_mut(follower)?.exited(PATIENCE).await?;
    assert!(!status.success());
    create_user(&cluster.client(cluster.leader().await?).await?, "ada", "lovelace").await?;
    // The message may well be a panic of the engine that the journal stands on; what counts is that the node stopped.
    assert!(is_allowed(&cluster.client(cluster.leader().await?).await?, "ada", "lovelace").await?);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_with_flipped_bits_is_not_served() -> Result<()> {
    let (cluster, follower) = with_one_follower_down().await?;
    let path = journal_file(&cluster.node(follower)?.journal_dir())?;
    let file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    // One bit in every page: whatever is in use is hit.
    for offset in (2048..length).step_by(4096) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset)?;
        file.write_all_at(&[byte[0] ^ 0x10], offset)?;
    }
    stops_or_agrees(cluster, follower).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_io_error_of_the_journal_ends_the_node() -> Result<()> {
    let (mut cluster, follower) = with_one_follower_down().await?;
    let fault = JournalFault::build()?;
    fault.prepare(cluster.node_mut(follower)?);
    cluster.node_mut(follower)?.start()?;
    cluster.node_ready(follower).await?;
    fault.trigger()?;

    let others = cluster.others(follower);
    let leader = cluster.leader_among(&others).await?;
    create_user(&cluster.client(leader).await?, "ada", "lovelace").await?;
    let status = cluster.node_mut(follower)?.exited(PATIENCE).await?;
    assert!(!status.success(), "{status}");
    create_user(&cluster.client(leader).await?, "grace", "hopper").await?;

    fault.repair()?;
    cluster.node_mut(follower)?.start()?;
    cluster.node_ready(follower).await?;
    cluster.agree().await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_io_error_of_the_leaders_journal_is_never_acknowledged() -> Result<()> {
    let (mut cluster, id) = with_one_follower_down().await?;
    let fault = JournalFault::build()?;
    fault.prepare(cluster.node_mut(id)?);
    cluster.node_mut(id)?.start()?;
    cluster.node_ready(id).await?;
    let nodes = cluster.client(id).await?.nodes();
    nodes
        .clone()
        .transfer_leadership(portcullis::wire::pb::v1::TransferLeadershipRequest { to: id })
        .await?;
    wait_for("the node to lead", PATIENCE, async || {
        Ok((cluster.leader().await? == id).then_some(()))
    })
    .await?;

    let client = cluster.client(id).await?;
    fault.trigger()?;
    // Two sound followers may still commit it: then it must be there. Otherwise it must not be acknowledged.
    let acknowledged = create_user(&client, "ada", "lovelace").await.is_ok();
    let status = cluster.node_mut(id)?.exited(PATIENCE).await?;
    assert!(!status.success(), "{status}");
    let next = cluster.client(cluster.leader().await?).await?;
    if acknowledged {
        assert!(
            is_allowed(&next, "ada", "lovelace").await?,
            "an acknowledged write is gone"
        );
    }
    create_user(&next, "grace", "hopper").await?;
    cluster.agree().await?;
    cluster.passed()
}

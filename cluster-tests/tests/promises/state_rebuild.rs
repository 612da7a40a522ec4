//! The state is a view of the log: it can be lost, and is the same again.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use cluster_tests::calls::{all_log_in, create_user, take_snapshot};
use cluster_tests::{Cluster, Options, node_binary};

/// Half of the users are in a snapshot, half only in the log.
async fn with_users() -> Result<(Cluster, Vec<String>)> {
    let cluster = Options::new(node_binary!(), 3)
        .set("raft", "keep_entries", 5)
        .start()
        .await?;
    let client = cluster.client(1).await?;
    let mut names = Vec::new();
    for number in 0..80 {
        let name = format!("user-{number}");
        create_user(&client, &name, &name).await?;
        names.push(name);
        if number == 40 {
            for id in cluster.ids() {
                take_snapshot(&cluster.client(id).await?).await?;
            }
        }
    }
    Ok((cluster, names))
}

/// Does that to the state of every node in turn; each comes back with the same hash as the others.
async fn comes_back_after(harm: impl Fn(&Path) -> Result<()>) -> Result<()> {
    let (mut cluster, names) = with_users().await?;
    for id in cluster.ids() {
        cluster.node_mut(id)?.kill().await?;
        let folder = cluster.node(id)?.state_dir();
        ensure!(folder.is_dir(), "no state in `{}`", folder.display());
        harm(&folder)?;
        cluster.node_mut(id)?.start()?;
        cluster.node_ready(id).await?;
        cluster.agree().await?;
        all_log_in(&cluster.client(id).await?, &names).await?;
    }
    cluster.passed()
}

fn files_of(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_of(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_state_is_rebuilt() -> Result<()> {
    comes_back_after(|folder| Ok(fs::remove_dir_all(folder)?)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_state_is_rebuilt() -> Result<()> {
    comes_back_after(|folder| {
        for file in files_of(folder)? {
            let file = fs::File::options().write(true).open(file)?;
            file.set_len(file.metadata()?.len() / 2)?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_overwritten_with_noise_is_rebuilt() -> Result<()> {
    comes_back_after(|folder| {
        for file in files_of(folder)? {
            let mut bytes = fs::read(&file)?;
            for byte in bytes.iter_mut().step_by(97) {
                *byte ^= 0x5a;
            }
            fs::write(&file, bytes)?;
        }
        Ok(())
    })
    .await
}

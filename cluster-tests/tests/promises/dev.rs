//! `portcullis dev` shows the whole in one command.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::node_binary;
use cluster_tests::ports::PortBlock;
use serde_json::Value;
use tokio::process::Command;

const DEADLINE: Duration = Duration::from_secs(60);

async fn dev_once(folder: &Path, base_port: u16) -> Result<Output> {
    let child = Command::new(node_binary!())
        .args(["dev", "--once", "--base-port", &base_port.to_string(), "--data-dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, child)
        .await
        .context("`dev --once` does not end")??;
    eprintln!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

/// What `dev` tells whoever goes on from it.
#[derive(Debug, serde::Deserialize)]
struct DevFile {
    nodes: Vec<Value>,
    admin_api_key: String,
    setup_token: String,
}

fn dev_file(folder: &Path) -> Result<DevFile> {
    let dev: DevFile = serde_json::from_slice(&std::fs::read(folder.join("dev.json"))?)?;
    assert_eq!(dev.nodes.len(), 3);
    Ok(dev)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_exits_with_success_and_continues_over_the_same_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let ports = PortBlock::reserve()?;
    let first = dev_once(folder.path(), ports.first()).await?;
    assert!(first.status.success(), "{}", first.status);
    let made = dev_file(folder.path())?;
    assert!(made.admin_api_key.starts_with("pck_") && made.setup_token.starts_with("pcs_"));
    assert!(String::from_utf8_lossy(&first.stdout).contains(&made.setup_token));

    let second = dev_once(folder.path(), ports.first()).await?;
    assert!(
        second.status.success(),
        "the second run over the same folder: {}",
        second.status
    );
    let continued = dev_file(folder.path())?;
    assert_eq!(
        continued.admin_api_key, made.admin_api_key,
        "the cluster is another one"
    );
    // The first one may be too old by now, so another is given out as long as nobody has used it.
    assert!(continued.setup_token.starts_with("pcs_") && continued.setup_token != made.setup_token);
    assert!(String::from_utf8_lossy(&second.stdout).contains(&continued.setup_token));
    Ok(())
}

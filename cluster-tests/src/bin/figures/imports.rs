//! A large import beside three bare sled stores, then what a node with that many users needs.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use cluster_tests::calls::{import, sha256_file};
use cluster_tests::{Cluster, Options};
use portcullis::wire::pb::v1::import_users_header::Format;
use portcullis::wire::{Client, Connection};
use sha2::{Digest as _, Sha256};

use crate::process_figures::resident_mib;
use crate::rate::per_second;
use crate::table::Table;

/// Rows in one sled batch.
const BATCH: usize = 1000;
/// A million rows on two slow cores.
const DEADLINE: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn measure(table: &mut Table, users: u64) -> Result<()> {
    let rows = rows(users)?;
    let mut cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let connection = Connection {
        timeout: DEADLINE,
        ..cluster.connection(cluster.leader().await?)?
    };
    let client = Client::connect(&connection).await?;
    let started = Instant::now();
    let done = import(&client, sha256_file(Format::Csv), Bytes::from(rows.clone())).await?;
    ensure!(done.created == users, "{done:?}");
    cluster.agree().await?;
    let ours = per_second(users, started.elapsed());
    let beside = sled_rate(users, &rows)?;
    table.compare(
        &format!("import of {users} users, beside three bare sled stores"),
        "1/s",
        ours,
        beside,
        "≥ 0.7",
    );
    needs(table, &mut cluster, users).await?;
    cluster.passed()
}

/// A file as EMQX's users have it, every salt and hash another one.
fn rows(users: u64) -> Result<String> {
    let mut rows = String::from("user_id,password_hash,salt,is_superuser\n");
    for number in 0..users {
        let salt = format!("{number:032x}");
        let hash = hex::encode(Sha256::digest(format!("{salt}secret")));
        writeln!(rows, "user-{number:09},{hash},{salt},false")?;
    }
    Ok(rows)
}

/// One program that reads the rows once and puts them into three stores at a time.
fn sled_rate(users: u64, rows: &str) -> Result<f64> {
    let folder = tempfile::Builder::new().prefix("sled-").tempdir()?;
    let started = Instant::now();
    let parsed: Vec<(&str, &str)> = rows.lines().skip(1).filter_map(|row| row.split_once(',')).collect();
    thread::scope(|scope| {
        let load = |name: &str| load_sled(&folder.path().join(name), &parsed);
        let stores = ["one", "two", "three"].map(|name| scope.spawn(move || load(name)));
        stores
            .into_iter()
            .try_for_each(|store| store.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    Ok(per_second(users, started.elapsed()))
}

fn load_sled(folder: &Path, rows: &[(&str, &str)]) -> Result<()> {
    let store = sled::open(folder)?;
    for rows in rows.chunks(BATCH) {
        let mut batch = sled::Batch::default();
        rows.iter().for_each(|(key, value)| batch.insert(*key, *value));
        store.apply_batch(batch)?;
    }
    store.flush()?;
    Ok(())
}

/// Memory, and how long one node needs from its start until it serves.
async fn needs(table: &mut Table, cluster: &mut Cluster, users: u64) -> Result<()> {
    let id = cluster.follower().await?;
    cluster.node(id)?.terminate()?;
    cluster.node_mut(id)?.exited(GRACE).await?;
    let started = Instant::now();
    cluster.node_mut(id)?.start()?;
    cluster.node_ready(id).await?;
    let took = started.elapsed().as_secs_f64();
    let pid = cluster
        .node(id)?
        .pid()
        .context("the node has ended")?
        .as_raw_nonzero()
        .get();
    table.state(&format!("start to serving with {users} users"), "s", took, "≤ 5");
    table.state(
        &format!("memory of a node with {users} users"),
        "MiB",
        resident_mib(pid)?,
        "",
    );
    Ok(())
}

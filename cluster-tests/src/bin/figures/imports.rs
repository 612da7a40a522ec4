//! A large import beside three bare sled stores, then what a node with that many users needs.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use cluster_tests::calls::{import, sha256_file};
use cluster_tests::{Cluster, Options};
use portcullis::wire::pb::v1::ImportUsersHeader;
use portcullis::wire::pb::v1::import_users_header::{Format, PasswordType};
use portcullis::wire::{Client, Connection};
use sha2::{Digest as _, Sha256};

use crate::argon::raw_hashes;
use crate::bare_stores;
use crate::process_figures::{processor_time, resident_mib};
use crate::rate::per_second;
use crate::table::Table;

/// A million rows on two slow cores.
const DEADLINE: Duration = Duration::from_secs(900);
const GRACE: Duration = Duration::from_secs(10);
/// Rows of plain passwords, each of which costs an argon2id hash.
const PLAIN_ROWS: u64 = 256;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

pub(crate) async fn measure(table: &mut Table, users: u64) -> Result<()> {
    let rows = rows(users)?;
    let mut cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let leader = cluster.leader().await?;
    let connection = Connection {
        timeout: DEADLINE,
        ..cluster.connection(leader)?
    };
    let client = Client::connect(&connection).await?;
    plain(table, &client).await?;

    let (before, started) = (time_of_nodes(&cluster)?, Instant::now());
    let peak = Peak::watch(pid(&cluster, leader)?);
    let done = import(&client, sha256_file(Format::Csv), Bytes::from(rows.clone())).await?;
    ensure!(done.created == users, "{done:?}");
    cluster.agree().await?;
    let ours = Load {
        took: started.elapsed(),
        processors: time_of_nodes(&cluster)?.saturating_sub(before),
    };
    let peak = peak.end()?;
    ours.report(table, users, &bare(&rows)?);
    drop(rows);
    let needed = needs(table, &mut cluster, leader, users).await?;
    table.state(
        "highest memory of the importing node above that",
        "MiB",
        peak - needed,
        "< 300",
    );
    cluster.passed()
}

/// What a load took.
struct Load {
    took: Duration,
    /// Processor time of all who took part.
    processors: Duration,
}

impl Load {
    fn report(&self, table: &mut Table, users: u64, beside: &Self) {
        table.compare(
            &format!("import of {users} users, beside three bare sled stores"),
            "1/s",
            per_second(users, self.took),
            per_second(users, beside.took),
            "≥ 0.9",
        );
        let micros = |load: &Self| 1e6 / per_second(users, load.processors);
        table.compare(
            "  processor time for each, all nodes",
            "µs",
            micros(self),
            micros(beside),
            "",
        );
    }
}

/// The program that only fills the stores. It shares this one's allocator.
fn bare(rows: &str) -> Result<Load> {
    let folder = tempfile::Builder::new().prefix("sled-").tempdir()?;
    let this = i32::try_from(std::process::id())?;
    let (before, started) = (processor_time(this)?, Instant::now());
    bare_stores::load(folder.path(), rows)?;
    Ok(Load {
        took: started.elapsed(),
        processors: processor_time(this)?.saturating_sub(before),
    })
}

/// Plain passwords are hashed on the node that takes the file, so the bare hash runs on as many threads.
async fn plain(table: &mut Table, client: &Client) -> Result<()> {
    let mut rows = String::from("user_id,password\n");
    for number in 0..PLAIN_ROWS {
        writeln!(rows, "plain-{number},secret-{number}")?;
    }
    let mut header = ImportUsersHeader {
        algorithm: "argon2id".into(),
        ..ImportUsersHeader::default()
    };
    header.set_format(Format::Csv);
    header.set_password_type(PasswordType::Plain);
    let started = Instant::now();
    let done = import(client, header, Bytes::from(rows)).await?;
    ensure!(done.created == PLAIN_ROWS, "{done:?}");
    let ours = per_second(PLAIN_ROWS, started.elapsed());
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let what = format!("import of plain passwords, beside the bare argon2id, {threads} threads");
    table.compare(&what, "1/s", ours, raw_hashes(threads)?, "≥ 0.9");
    Ok(())
}

/// The highest memory of a process while it is watched.
struct Peak {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<Result<f64>>,
}

impl Peak {
    fn watch(pid: i32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let watching = thread::spawn(move || {
            let mut peak = 0.0_f64;
            while !seen.load(Ordering::Relaxed) {
                peak = peak.max(resident_mib(pid)?);
                thread::park_timeout(LOOK);
            }
            Ok(peak)
        });
        Self { ended, watching }
    }

    fn end(self) -> Result<f64> {
        self.ended.store(true, Ordering::Relaxed);
        self.watching.join().unwrap_or_else(|_| bail!("a thread panicked"))
    }
}

fn pid(cluster: &Cluster, id: u64) -> Result<i32> {
    let pid = cluster.node(id)?.pid().context("the node has ended")?;
    Ok(pid.as_raw_nonzero().get())
}

fn time_of_nodes(cluster: &Cluster) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for id in 1..=3 {
        sum += processor_time(pid(cluster, id)?)?;
    }
    Ok(sum)
}

/// A file as EMQX's users have it, every salt and hash another one.
pub(crate) fn rows(users: u64) -> Result<String> {
    let mut rows = String::from("user_id,password_hash,salt,is_superuser\n");
    for number in 0..users {
        let salt = format!("{number:032x}");
        let hash = hex::encode(Sha256::digest(format!("{salt}secret")));
        writeln!(rows, "user-{number:09},{hash},{salt},false")?;
    }
    Ok(rows)
}

/// Memory, which is told, and how long one node needs from its start until it serves.
async fn needs(table: &mut Table, cluster: &mut Cluster, id: u64, users: u64) -> Result<f64> {
    cluster.node(id)?.terminate()?;
    cluster.node_mut(id)?.exited(GRACE).await?;
    let started = Instant::now();
    cluster.node_mut(id)?.start()?;
    cluster.node_ready(id).await?;
    let took = started.elapsed().as_secs_f64();
    table.state(&format!("start to serving with {users} users"), "s", took, "≤ 5");
    let memory = resident_mib(pid(cluster, id)?)?;
    table.state(&format!("memory of a node with {users} users"), "MiB", memory, "");
    Ok(memory)
}

//! An import goes on when nodes die, and every row counts once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::calls::{self, is_allowed, message, sha256_file};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use futures_util::StreamExt as _;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::import_users_header::{Format, OnConflict};
use portcullis::wire::pb::v1::import_users_request::Part;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

const ROWS: u64 = 2000;
const DEADLINE: Duration = Duration::from_secs(120);

/// Three nodes whose passwords take long enough to hash that nodes can die meanwhile.
async fn slow_cluster() -> Result<Cluster> {
    let mut cluster = Options::new(node_binary!(), 3).prepare().await?;
    cluster.start_all()?;
    cluster.initialize().await?;
    cluster.ready().await?;
    let request: v1::CreateAuthenticatorRequest = message(json!({
        "authenticator": {
            "mechanism": "password_based",
            "backend": "built_in_database",
            "enabled": true,
            "settings": {
                "password_hash_algorithm": { "name": "pbkdf2", "mac_fun": "sha512", "iterations": 500 },
            },
        },
    }))?;
    cluster.client(1).await?.authenticators().create(request).await?;
    cluster.agree().await?;
    Ok(cluster)
}

/// A file of passwords in which every hundredth row is bad.
fn write_file(folder: &Path) -> Result<PathBuf> {
    let mut text = String::from("user_id,password\n");
    for number in 0..ROWS {
        let password = if number % 100 == 99 { "" } else { "secret" };
        writeln!(text, "user-{number},{password}")?;
    }
    let path = folder.join("users.csv");
    std::fs::write(&path, text)?;
    Ok(path)
}

fn start_import(cluster: &Cluster, nodes: &[u64], file: &Path, options: &[&str]) -> Result<Child> {
    let mut command = Command::new(node_binary!());
    for node in nodes {
        command.args(["--endpoint", &format!("http://{}", cluster.node(*node)?.api)]);
    }
    Ok(command
        .args(["--output", "json", "user", "import", "--type", "plain"])
        .args(options)
        .arg(file)
        .env("PORTCULLIS_API_KEY", cluster.api_key())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?)
}

async fn ended(import: Child) -> Result<(Output, Value, String)> {
    let output = tokio::time::timeout(DEADLINE, import.wait_with_output())
        .await
        .context("the import does not end")??;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = serde_json::from_slice(&output.stdout).with_context(|| format!("no summary, but `{errors}`"))?;
    Ok((output, summary, errors))
}

/// Waits until some of the users are in, and makes sure that not all are.
async fn under_way(cluster: &Cluster, node: u64) -> Result<()> {
    let client = cluster.client(node).await?;
    let users = wait_for("the first users", PATIENCE, async || {
        let users = calls::status(&client).await?.users;
        Ok((users > 0).then_some(users))
    })
    .await?;
    ensure!(
        users < ROWS * 99 / 100,
        "the import was over before anything could happen to it"
    );
    Ok(())
}

/// Numbers of the proto's JSON mapping are text.
fn number(summary: &Value, field: &str) -> u64 {
    let text = summary[field].as_str().unwrap_or("0");
    text.parse().unwrap_or_default()
}

fn counts_add_up(summary: &Value) {
    let bad = ROWS / 100;
    let counts = [
        "total",
        "created",
        "replaced",
        "unchanged",
        "skipped",
        "failed",
        "settledRows",
    ];
    let expected = [ROWS, ROWS - bad, 0, 0, 0, bad, ROWS];
    assert_eq!(counts.map(|field| number(summary, field)), expected, "{summary}");
}

async fn all_users_are_in(cluster: &Cluster) -> Result<()> {
    let node = cluster.agree().await?;
    assert_eq!(node.users, ROWS * 99 / 100);
    let client = cluster.client(node.id).await?;
    for number in [0, ROWS / 2, ROWS - 2] {
        ensure!(
            is_allowed(&client, &format!("user-{number}"), "secret").await?,
            "user-{number}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_when_the_leader_is_killed() -> Result<()> {
    let mut cluster = slow_cluster().await?;
    let folder = tempfile::tempdir()?;
    let file = write_file(folder.path())?;
    let leader = cluster.leader().await?;
    let serving = cluster.follower().await?;
    let import = start_import(&cluster, &[serving], &file, &[])?;
    under_way(&cluster, serving).await?;
    cluster.node_mut(leader)?.kill().await?;
    let (_, summary, _) = ended(import).await?;
    counts_add_up(&summary);
    cluster.start_all()?;
    all_users_are_in(&cluster).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_resumed_at_another_node_when_the_one_that_serves_it_is_killed() -> Result<()> {
    let mut cluster = slow_cluster().await?;
    let folder = tempfile::tempdir()?;
    let file = write_file(folder.path())?;
    let rejects = folder.path().join("rejects.csv");
    let serving = cluster.leader().await?;
    let others = cluster.others(serving);
    let nodes = [&[serving], others.as_slice()].concat();
    let options = ["--rejects", rejects.to_str().context("a path of plain characters")?];
    let import = start_import(&cluster, &nodes, &file, &options)?;
    under_way(&cluster, serving).await?;
    cluster.node_mut(serving)?.kill().await?;
    let (output, summary, errors) = ended(import).await?;
    assert!(errors.contains("going on"), "{errors}");
    counts_add_up(&summary);
    // Exit code 1 says that rows were bad; all of them are in the file, once.
    assert_eq!(output.status.code(), Some(1));
    let rejects = std::fs::read_to_string(rejects)?;
    let lines: Vec<_> = rejects.lines().collect();
    assert_eq!(lines.len() as u64, ROWS / 100 + 1, "{rejects}");
    assert_eq!(
        lines[..2],
        ["line,column,user_id,reason", "101,password,user-99,is missing"]
    );
    cluster.start_all()?;
    all_users_are_in(&cluster).await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_without_a_quorum_ends_and_is_resumed_by_hand() -> Result<()> {
    let mut cluster = slow_cluster().await?;
    let folder = tempfile::tempdir()?;
    let file = write_file(folder.path())?;
    let serving = cluster.leader().await?;
    let import = start_import(&cluster, &[serving], &file, &["--retry-for", "1s"])?;
    under_way(&cluster, serving).await?;
    for other in cluster.others(serving) {
        cluster.node_mut(other)?.kill().await?;
    }
    let (output, first, errors) = ended(import).await?;
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("no quorum"), "{errors}");
    let id = first["importId"].as_str().context("the import has no id")?;
    let settled = number(&first, "settledRows").to_string();
    let advice = format!("--import-id {id} --resume-after-row {settled}");
    assert!(errors.contains(&advice), "{errors}");

    cluster.start_all()?;
    cluster.ready().await?;
    let options = ["--import-id", id, "--resume-after-row", &settled];
    let (_, second, errors) = ended(start_import(&cluster, &[serving], &file, &options)?).await?;
    for (field, all) in [
        ("total", ROWS),
        ("created", ROWS * 99 / 100),
        ("replaced", 0),
        ("failed", ROWS / 100),
    ] {
        assert_eq!(
            number(&first, field) + number(&second, field),
            all,
            "{field}: {first} {second} {errors}"
        );
    }
    all_users_are_in(&cluster).await?;
    cluster.passed()
}

/// `count` rows of the same hash from `from` on, without a header line.
fn hashed_rows(from: u64, count: u64) -> String {
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"saltsecret"));
    (from..from + count)
        .map(|number| format!("user-{number},{hash},salt\n"))
        .collect()
}

const HEADER: &str = "user_id,password_hash,salt\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_were_there_before_are_skipped_and_the_last_row_of_a_name_wins() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    calls::create_user(&client, "user-7", "hers").await?;
    // More than one batch lies between the two rows of user-0.
    let last = hashed_rows(0, 1).replace("salt", "salz");
    let file = Bytes::from(format!("{HEADER}{}{last}", hashed_rows(0, 2500)));
    let mut header = sha256_file(Format::Csv);
    header.set_on_conflict(OnConflict::Skip);
    let dry = v1::ImportUsersHeader {
        dry_run: true,
        ..header.clone()
    };
    for header in [dry, header] {
        let done = calls::import(&client, header, file.clone()).await?;
        let counts = [done.total, done.created, done.replaced, done.skipped];
        assert_eq!(counts, [2501, 2499, 1, 1], "{done:?}");
        assert_eq!(done.hashes.get("sha256"), Some(&2501), "{done:?}");
    }
    assert!(is_allowed(&client, "user-7", "hers").await?);
    assert!(is_allowed(&client, "user-1", "secret").await?);
    assert!(!is_allowed(&client, "user-0", "secret").await?);
    cluster.passed()
}

/// Sends part of a file and hangs up when as many rows as it has are settled. Returns the id and the last progress.
async fn broken_off(client: &Client, header: v1::ImportUsersHeader, text: String) -> Result<v1::ImportUsersProgress> {
    let (parts, received) = tokio::sync::mpsc::channel(4);
    let rows = text.lines().count() as u64 - 1;
    for part in [Part::Header(header), Part::Data(text.into())] {
        parts.send(v1::ImportUsersRequest { part: Some(part) }).await?;
    }
    let stream = tokio_stream::wrappers::ReceiverStream::new(received);
    let mut progress = client.users().import(stream).await?.into_inner();
    while let Some(message) = progress.next().await {
        let message = message?;
        if message.settled_rows == rows {
            return Ok(message);
        }
    }
    anyhow::bail!("the import ended by itself")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_dropped_costs_no_row_and_counts_none_twice() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let header = sha256_file(Format::Csv);
    let first = broken_off(
        &cluster.client(1).await?,
        header.clone(),
        format!("{HEADER}{}", hashed_rows(0, 2000)),
    )
    .await?;
    assert_eq!((first.created, first.settled_rows), (2000, 2000));
    let whole = Bytes::from(format!("{HEADER}{}", hashed_rows(0, 3500)));
    // As if the second message had been lost on the way: its batch is sent again and not counted as unchanged.
    let resumed = v1::ImportUsersHeader {
        import_id: first.import_id.clone(),
        resume_after_row: 1000,
        ..header.clone()
    };
    let client = cluster.client(2).await?;
    let second = calls::import(&client, resumed.clone(), whole.clone()).await?;
    assert_eq!((second.created, second.unchanged, second.settled_rows), (2500, 0, 3500));
    cluster.agree().await?;

    let other_header = v1::ImportUsersHeader {
        algorithm: "sha512".into(),
        ..resumed.clone()
    };
    let past_the_end = v1::ImportUsersHeader {
        resume_after_row: 3501,
        ..resumed.clone()
    };
    let whole_or_none = v1::ImportUsersHeader {
        all_or_nothing: true,
        ..resumed
    };
    for wrong in [other_header, past_the_end, whole_or_none] {
        assert!(calls::import(&client, wrong, whole.clone()).await.is_err());
    }
    cluster.passed()
}

//! What monitoring reads over HTTP, and what the log says of those who were not let in.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::calls::{create_user, login};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, Options, node_binary, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Status line with headers, and the body.
async fn get(cluster: &Cluster, id: u64, path: &str) -> Result<(String, String)> {
    let mut stream = TcpStream::connect(cluster.node(id)?.http).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no empty line")?;
    Ok((head.to_owned(), body.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_tells_prometheus_what_it_counts_and_promtool_finds_no_fault() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    for (name, password) in [("ada", "lovelace"), ("ada", "wrong"), ("nobody", "x")] {
        login(&client, name, password).await?;
    }
    let (head, body) = get(&cluster, 1, "/metrics").await?;
    ensure!(
        head.starts_with("HTTP/1.1 200") && head.contains("text/plain"),
        "{head}"
    );
    let labels = r#"authenticator="password_based:built_in_database",chain="global""#;
    for line in [
        format!(r#"portcullis_authenticator_results_total{{{labels},result="success"}} 1"#),
        format!(r#"portcullis_authenticator_results_total{{{labels},result="failed"}} 1"#),
        format!(r#"portcullis_authenticator_results_total{{{labels},result="nomatch"}} 1"#),
        format!(r#"portcullis_authenticator_reasons_total{{{labels},reason="BAD_USERNAME_OR_PASSWORD"}} 1"#),
        format!("portcullis_backend_up{{{labels}}} 1"),
        format!(r#"portcullis_authenticator_duration_seconds_count{{{labels}}} 3"#),
        r#"portcullis_decisions_total{decision="allow",reason=""} 1"#.to_owned(),
        r#"portcullis_decisions_total{decision="deny",reason="UNKNOWN_USER"} 1"#.to_owned(),
        "portcullis_decision_duration_seconds_count 3".to_owned(),
        "portcullis_ready 1".to_owned(),
        "portcullis_raft_leader 1".to_owned(),
        "portcullis_users 1".to_owned(),
    ] {
        ensure!(
            body.lines().any(|found| sorted(found) == sorted(&line)),
            "no line `{line}` in\n{body}"
        );
    }
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "portcullis_hash_jobs",
    ] {
        ensure!(body.contains(name), "no `{name}` in\n{body}");
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("`promtool` is missing: install the Debian package `prometheus`")?;
    let mut stdin = promtool.stdin.take().context("promtool reads nothing")?;
    stdin.write_all(body.as_bytes()).await?;
    drop(stdin);
    let found = promtool.wait_with_output().await?;
    let said = String::from_utf8_lossy(&[found.stdout, found.stderr].concat()).into_owned();
    ensure!(found.status.success() && said.trim().is_empty(), "{said}");
    cluster.passed()
}

/// Labels have no order.
fn sorted(line: &str) -> Vec<String> {
    let mut parts: Vec<_> = line.split(['{', '}', ',', ' ']).map(str::to_owned).collect();
    parts.sort();
    parts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_healthy_as_soon_as_it_runs_and_ready_once_it_serves() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 1).prepare().await?;
    cluster.start_all()?;
    wait_for("the node to be healthy", PATIENCE, async || {
        let answer = get(&cluster, 1, "/healthz").await;
        Ok(answer.ok().filter(|(head, _)| head.starts_with("HTTP/1.1 200")))
    })
    .await?;
    let (head, body) = get(&cluster, 1, "/readyz").await?;
    ensure!(
        head.starts_with("HTTP/1.1 503") && body.contains("not initialised"),
        "{head}\n{body}"
    );
    cluster.initialize().await?;
    wait_for("the node to be ready", PATIENCE, async || {
        let (head, _) = get(&cluster, 1, "/readyz").await?;
        Ok(head.starts_with("HTTP/1.1 200").then_some(()))
    })
    .await?;
    let (head, _) = get(&cluster, 1, "/nothing").await?;
    ensure!(head.starts_with("HTTP/1.1 404"), "{head}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_login_is_one_line_in_the_log_without_the_name_if_that_is_wanted() -> Result<()> {
    let cluster = Options::new(node_binary!(), 1)
        .set("api", "logged_names", "hashed")
        .set("telemetry", "format", "json")
        .start()
        .await?;
    let client = cluster.client(1).await?;
    login(&client, "a-name-to-hide", "hunter2").await?;
    let line = wait_for("the denial to be logged", PATIENCE, async || {
        let log = cluster.node(1)?.log();
        Ok(log
            .lines()
            .find(|line| line.contains("login denied"))
            .map(str::to_owned))
    })
    .await?;
    let line: serde_json::Value = serde_json::from_str(&line)?;
    assert_eq!(line["reason"], "UNKNOWN_USER");
    ensure!(line["username"].as_str().is_some_and(|name| name.len() == 16), "{line}");
    ensure!(
        line["steps"]
            .as_str()
            .is_some_and(|steps| steps.contains("NotFound UNKNOWN_USER")),
        "{line}"
    );
    let log = cluster.node(1)?.log();
    ensure!(
        !log.contains("a-name-to-hide") && !log.contains("hunter2"),
        "the log tells too much"
    );
    cluster.passed()
}

//! The command line does what it says and says what it did.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::calls::create_user;
use cluster_tests::{Cluster, node_binary};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const DEADLINE: Duration = Duration::from_secs(30);

async fn run(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Result<Output> {
    let mut child = Command::new(node_binary!())
        .args(arguments)
        .env_remove("PORTCULLIS_API_KEY")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    // A command that refuses its arguments does not read its input.
    let _closed_early = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    Ok(tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .context("the command does not end")??)
}

/// With endpoint and key of that node.
async fn ask(cluster: &Cluster, id: u64, arguments: &[&str], input: &str) -> Result<Output> {
    let endpoint = format!("http://{}", cluster.node(id)?.api);
    let arguments = [&["--endpoint", &endpoint], arguments].concat();
    run(&arguments, &[("PORTCULLIS_API_KEY", cluster.api_key())], input).await
}

fn json(output: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).with_context(|| format!("not JSON: `{text}`, and on standard error `{errors}`"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_exits_0_1_or_2() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 1).await?;
    create_user(&cluster.client(1).await?, "ada", "lovelace").await?;
    let login = ["login", "--username", "ada", "--password-stdin"];
    assert_eq!(ask(&cluster, 1, &login, "lovelace\n").await?.status.code(), Some(0));
    assert_eq!(ask(&cluster, 1, &login, "wrong\n").await?.status.code(), Some(1));
    cluster.node_mut(1)?.kill().await?;
    assert_eq!(ask(&cluster, 1, &login, "lovelace\n").await?.status.code(), Some(2));
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_read_from_standard_input() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    // The only claim is {"username": "myuser"}.
    let token = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VybmFtZSI6Im15dXNlciJ9.",
        "rj4QAJ01BZmMky-ish0el6IUpMBcoMn-gLg5M9_UK6c\n"
    );
    let declared =
        r#"{"mechanism": "jwt", "use_jwks": false, "algorithm": "hmac-based", "secret": "abcdef", "from": "password"}"#;
    let created = ask(&cluster, 1, &["authenticator", "create", "-f", "-"], declared).await?;
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    let login = ["login", "--username", "myuser", "--token-stdin"];
    assert_eq!(ask(&cluster, 1, &login, token).await?.status.code(), Some(0));
    assert_eq!(ask(&cluster, 1, &login, "no-token\n").await?.status.code(), Some(1));
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_output_is_the_protos_mapping_and_nothing_else() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let follower = cluster.follower().await?;
    let output = ["--output", "json"];
    let created = ask(
        &cluster,
        follower,
        &[&output[..], &["user", "create", "ada", "--password-stdin"]].concat(),
        "lovelace\n",
    )
    .await?;
    assert_eq!(json(&created)?["userId"], "ada");
    cluster.agree().await?;
    let listed = json(&ask(&cluster, follower, &[&output[..], &["user", "list"]].concat(), "").await?)?;
    assert_eq!(listed["users"][0]["userId"], "ada", "{listed}");
    let nodes = json(&ask(&cluster, follower, &[&output[..], &["cluster", "status"]].concat(), "").await?)?;
    assert_eq!(nodes["nodes"].as_array().map(Vec::len), Some(3), "{nodes}");
    let authenticators = json(
        &ask(
            &cluster,
            follower,
            &[&output[..], &["authenticator", "list"]].concat(),
            "",
        )
        .await?,
    )?;
    assert_eq!(
        authenticators["authenticators"][0]["backend"], "built_in_database",
        "{authenticators}"
    );
    let login = [&output[..], &["login", "--username", "ada", "--password-stdin"]].concat();
    assert_eq!(
        json(&ask(&cluster, follower, &login, "lovelace\n").await?)?["decision"],
        "ALLOW"
    );
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_names_line_and_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("node.toml");
    for (text, line, key) in [
        ("[node]\nid = 1\n\n[raft]\nheartbeat = 150\n", "5", "heartbeat"),
        (
            "[node]\nid = 1\n[raft]\nheartbeat_ms = \"often\"\n",
            "4",
            "heartbeat_ms",
        ),
    ] {
        std::fs::write(&file, text)?;
        let path = file.to_str().context("a path of plain characters")?;
        let output = run(&["serve", "--config", path], &[], "").await?;
        assert!(!output.status.success());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(key) && errors.contains(line), "{errors}");
    }
    Ok(())
}

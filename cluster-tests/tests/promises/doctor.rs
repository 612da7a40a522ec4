//! `portcullis doctor` finds what is wrong, names it, and says what to do; and finds nothing where nothing is.

use std::process::Output;

use anyhow::{Context as _, Result, bail};
use cluster_tests::calls::{create_operator, message, set_algorithm};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::ports::PortBlock;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::pb::v1;
use serde_json::{Value, json};

use super::cli::{self, ask, run};

const DOCTOR: [&str; 3] = ["--output", "json", "doctor"];

/// What it finds when it asks that node, once that is as it should be; and its exit code.
async fn findings(
    cluster: &Cluster,
    node: u64,
    what: &str,
    is_so: impl Fn(&[Value]) -> bool,
) -> Result<(Vec<Value>, Option<i32>)> {
    wait_for(what, PATIENCE, async || {
        let output = ask(cluster, node, &DOCTOR, "").await?;
        let findings = listed(&output)?;
        Ok(is_so(&findings).then_some((findings, output.status.code())))
    })
    .await
}

fn listed(output: &Output) -> Result<Vec<Value>> {
    let mut report = cli::json(output)?;
    match report.get_mut("findings").map(Value::take) {
        Some(Value::Array(findings)) => Ok(findings),
        other => bail!("no findings: {other:?}"),
    }
}

/// Those of them that are so, as `check: about`.
fn that_are(findings: &[Value], state: &str) -> Vec<String> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let so = findings.iter().filter(|finding| finding["state"] == state);
    so.map(|finding| format!("{}: {}", text(finding, "check"), text(finding, "about")))
        .collect()
}

/// What was found there.
fn found<'a>(findings: &'a [Value], check: &str, about: &str) -> Result<&'a str> {
    let mut findings = findings.iter();
    let one = findings.find(|finding| finding["check"] == check && finding["about"] == about);
    let found = one.and_then(|finding| finding["found"].as_str());
    found.with_context(|| format!("no finding `{check}` of `{about}`"))
}

async fn strong_hashes(cluster: &Cluster) -> Result<()> {
    set_algorithm(&cluster.client(1).await?, json!({"name": "argon2id"})).await?;
    cluster.agree().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_that_is_well_it_looks_at_everything_and_finds_nothing() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    strong_hashes(&cluster).await?;
    let (findings, code) = findings(&cluster, 1, "everything to be well", |findings| {
        findings.iter().all(|finding| finding["state"] == "ok")
    })
    .await?;
    assert_eq!(code, Some(0));
    for check in [
        "endpoint", "tls", "key", "address", "quorum", "leader", "version", "state", "node", "lag", "clock", "disk",
        "http", "chains", "backend",
    ] {
        assert!(
            findings.iter().any(|finding| finding["check"] == check),
            "not looked at: {check}"
        );
    }
    assert!(found(&findings, "key", "the API key")?.contains("admin"));
    assert!(found(&findings, "quorum", "the cluster")?.contains("1 may be lost"));
    let shown = ask(&cluster, 1, &["doctor"], "").await?;
    assert_eq!(shown.status.code(), Some(0));
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.trim_end().ends_with("all is well"), "{shown}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_a_dead_backend_and_unwise_settings_are_named_with_what_to_do() -> Result<()> {
    let mut cluster = Cluster::start(node_binary!(), 3).await?;
    strong_hashes(&cluster).await?;
    let mut ports = PortBlock::reserve()?;
    let client = cluster.client(1).await?;
    let request: v1::CreateAuthenticatorRequest = message(json!({"authenticator": {
        "mechanism": "password_based",
        "backend": "postgresql",
        "settings": {
            "server": ports.take()?.to_string(),
            "database": "users",
            "username": "portcullis",
            "query": "SELECT password_hash FROM users WHERE username = ${username}",
            "password_hash_algorithm": {"name": "md5"},
            "ssl": {"enable": true, "verify": "verify_none"},
        },
    }}))?;
    client.authenticators().create(request).await?;
    let open: v1::CreateAuthenticatorRequest = message(json!({"authenticator": {
        "chain": "tcp:open",
        "mechanism": "cinfo",
        "enabled": false,
        "settings": {"checks": [{"is_match": "true", "result": "deny"}]},
    }}))?;
    client.authenticators().create(open).await?;
    let dead = cluster.follower().await?;
    let asked = if dead == 1 { 2 } else { 1 };
    let address = cluster.node(dead)?.api;
    cluster.node_mut(dead)?.kill().await?;
    let expected = |state: &str| {
        let mut expected = match state {
            "fail" => vec![
                format!("address: node {dead} at {address}"),
                format!("node: node {dead}"),
            ],
            _ => vec![
                "quorum: the cluster".to_owned(),
                "chains: the cluster".to_owned(),
                "settings: password_based:postgresql".to_owned(),
                "settings: password_based:postgresql".to_owned(),
            ],
        };
        let others = (1..=3).filter(|node| *node != dead && state == "fail");
        expected.extend(others.map(|node| format!("backend: password_based:postgresql on node {node}")));
        expected
    };
    let (findings, code) = findings(&cluster, asked, "all of it to be named", |findings| {
        ["fail", "warn"]
            .into_iter()
            .all(|state| that_are(findings, state) == expected(state))
    })
    .await?;
    assert_eq!(code, Some(1));
    let unwise = |finding: &&Value| finding["state"] != "ok";
    for finding in findings.iter().filter(unwise) {
        let advice = finding["advice"].as_str().unwrap_or_default();
        assert!(!advice.is_empty(), "no advice: {finding}");
    }
    let backend = format!("password_based:postgresql on node {asked}");
    let told = found(&findings, "backend", &backend)?;
    assert!(told.contains("refused"), "{told}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_told_by_its_role_and_the_way_by_what_stands_in_it() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let endpoint = format!("http://{}", cluster.node(1)?.api);
    let client = cluster.client(1).await?;
    let mut key_of = Vec::new();
    for role in [v1::Role::Client, v1::Role::Viewer, v1::Role::Editor] {
        key_of.push(create_operator(&client, role.as_str_name(), role).await?.api_key);
    }
    let doctor = async |endpoint: &str, key: &str| {
        let arguments = [&["--endpoint", endpoint], &DOCTOR[..]].concat();
        let output = run(&arguments, &[("PORTCULLIS_API_KEY", key)], "").await?;
        anyhow::Ok((listed(&output)?, output.status.code()))
    };
    for (key, state, word) in [
        (key_of[0].as_str(), "fail", "client"),
        (key_of[1].as_str(), "ok", "viewer"),
        (key_of[2].as_str(), "ok", "editor"),
        ("", "fail", "none is given"),
        ("pck_wrong_key", "fail", "not valid"),
    ] {
        let (findings, _) = doctor(&endpoint, key).await?;
        let is_of_key = |finding: &&Value| finding["check"] == "key";
        let finding = findings.iter().find(is_of_key).context("nothing of the key")?;
        assert_eq!(finding["state"], state, "{finding}");
        let told = finding["found"].as_str().unwrap_or_default();
        assert!(told.contains(word), "{told}");
        // Whoever may look sees the rest.
        let looked = findings.iter().any(|finding| finding["check"] == "quorum");
        assert_eq!(looked, state == "ok", "{key}");
    }
    let mut ports = PortBlock::reserve()?;
    let nowhere = format!("http://{}", ports.take()?);
    let (findings, code) = doctor(&nowhere, "").await?;
    assert_eq!(
        (that_are(&findings, "fail"), code),
        (vec![format!("endpoint: {nowhere}")], Some(1))
    );
    cluster.passed()
}

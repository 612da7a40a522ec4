//! The HTTP port over TLS, and what a node says of one without.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::authority::Authority;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use reqwest::{Certificate, Client, Version};
use toml::Table;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitoring_reads_over_tls_in_either_version() -> Result<()> {
    let authority = Authority::new("http")?;
    let folder = tempfile::tempdir()?;
    let (cert, key) = authority.local_server()?.write(folder.path(), "node")?;
    let mut tls = Table::new();
    tls.insert("cert".into(), cert.display().to_string().into());
    tls.insert("key".into(), key.display().to_string().into());
    let cluster = Options::new(node_binary!(), 1).set("http", "tls", tls).start().await?;
    let trusted = Certificate::from_pem(authority.certificate.as_bytes())?;
    let client = || Client::builder().tls_certs_only([trusted.clone()]).timeout(PATIENCE);
    let port = cluster.node(1)?.http.port();
    for (client, version) in [(client(), Version::HTTP_2), (client().http1_only(), Version::HTTP_11)] {
        let client = client.build()?;
        for (path, expected) in [
            ("readyz", "ready\n"),
            ("healthz", "ok\n"),
            ("metrics", "portcullis_ready 1\n"),
        ] {
            let answer = client.get(format!("https://localhost:{port}/{path}")).send().await?;
            ensure!(answer.status() == 200 && answer.version() == version, "{answer:?}");
            let text = answer.text().await?;
            ensure!(text.contains(expected), "{text}");
        }
    }
    let stranger = Client::builder().timeout(PATIENCE).build()?;
    let refused = stranger.get(format!("https://localhost:{port}/healthz")).send().await;
    ensure!(refused.is_err(), "a certificate of nobody's authority was trusted");
    let plain = Client::new()
        .get(format!("http://localhost:{port}/healthz"))
        .send()
        .await;
    ensure!(plain.is_err(), "plain text was answered");
    ensure!(!cluster.node(1)?.log().contains("WITHOUT TLS"), "there is TLS");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_serves_plain_http_to_others_says_so_loudly() -> Result<()> {
    let cluster = Options::new(node_binary!(), 1)
        .set("http", "listen", "0.0.0.0:0")
        .start()
        .await?;
    let log = cluster.node(1)?.log();
    let line = log.lines().find(|line| line.contains("HTTP IS OPEN TO OTHER MACHINES"));
    let line = line.context("nothing is said")?;
    ensure!(line.contains("WARN") && line.contains("http.tls"), "{line}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_used_stops_the_start_and_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (cert, _) = Authority::new("one")?.local_server()?.write(folder.path(), "one")?;
    let (_, key) = Authority::new("other")?.local_server()?.write(folder.path(), "other")?;
    let mut tls = Table::new();
    tls.insert("cert".into(), cert.display().to_string().into());
    tls.insert("key".into(), key.display().to_string().into());
    let mut cluster = Options::new(node_binary!(), 1)
        .set("http", "tls", tls)
        .prepare()
        .await?;
    cluster.start_all()?;
    let status = cluster.node_mut(1)?.exited(Duration::from_secs(30)).await?;
    ensure!(!status.success(), "{status}");
    let expected = format!("cannot use `http.tls`: `{}`: ", cert.display());
    wait_for("the reason", PATIENCE, async || {
        Ok(cluster.node(1)?.log().contains(&expected).then_some(()))
    })
    .await?;
    cluster.passed()
}

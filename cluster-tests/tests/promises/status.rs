//! Operators see how each authenticator fares on each node, whatever has happened to one of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::calls::{BUILT_IN, create_user, credentials, fares, login, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::decider::{Decider, Reply, Request};
use cluster_tests::{Cluster, node_binary, wait_for};
use futures_util::StreamExt as _;
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::{Value, json};

const HTTP: &str = "password_based:http";
/// What a caller may wait for a node that does not answer.
const AT_ONCE: Duration = Duration::from_secs(1);

async fn declare(client: &Client, authenticator: Value) -> Result<v1::Authenticator> {
    let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": authenticator }))?;
    Ok(client.authenticators().create(request).await?.into_inner())
}

async fn fares_when(
    client: &Client,
    id: &str,
    what: &str,
    holds: impl Fn(&v1::AuthenticatorStatus) -> bool,
) -> Result<v1::AuthenticatorStatus> {
    wait_for(what, PATIENCE, async || {
        let found = fares(client, id).await?;
        Ok(holds(&found).then_some(found))
    })
    .await
}

fn of(status: &v1::AuthenticatorStatus, node: u64) -> Result<&v1::NodeAuthenticatorStatus> {
    let found = status.nodes.iter().find(|found| found.node == node.to_string());
    found.with_context(|| format!("no status of node {node}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_node_is_listed_with_its_last_figures_and_delays_nobody() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let (leader, frozen) = (cluster.leader().await?, cluster.follower().await?);
    let client = cluster.client(leader).await?;
    fares_when(&client, BUILT_IN, "three nodes to be heard", |found| {
        found.nodes.len() == 3
            && found
                .nodes
                .iter()
                .all(|node| node.answered && node.status() == Status::Connected)
    })
    .await?;
    cluster.node(frozen)?.pause()?;
    let found = fares_when(&client, BUILT_IN, "the frozen node to be missed", |found| {
        found.nodes.iter().any(|node| !node.answered)
    })
    .await?;
    let silent = of(&found, frozen)?;
    ensure!(
        !silent.answered && silent.error.contains("nothing was heard"),
        "{silent:?}"
    );
    ensure!(silent.age.as_ref().is_some_and(|age| age.seconds >= 3), "{silent:?}");
    assert_eq!(found.status(), Status::Connected);

    let begun = Instant::now();
    fares(&client, BUILT_IN).await?;
    let listed = client.nodes().list_nodes(v1::ListNodesRequest {}).await?.into_inner();
    client
        .nodes()
        .get_node_status(v1::GetNodeStatusRequest { id: frozen })
        .await?;
    ensure!(begun.elapsed() < AT_ONCE, "the calls took {:?}", begun.elapsed());
    let node = listed.nodes.iter().find(|node| node.id == frozen);
    ensure!(
        node.is_some_and(|node| !node.answered && node.applied_index > 0),
        "{node:?}"
    );

    cluster.node(frozen)?.resume()?;
    fares_when(&client, BUILT_IN, "the node to be heard again", |found| {
        found.nodes.iter().all(|node| node.answered)
    })
    .await?;
    cluster.passed()
}

/// Answers who shows a token, and gives tokens out for the right secret.
fn by_token(request: &Request) -> Reply {
    if request.line() == "POST /token" {
        return match request.text().contains("client_secret=right") {
            true => Reply::json(json!({"access_token": "t", "expires_in": 3600})),
            false => Reply::status("401 Unauthorized"),
        };
    }
    match request.header("authorization") {
        "Bearer t" => Reply::json(json!({"result": "allow", "is_superuser": true})),
        _ => Reply::status("401 Unauthorized"),
    }
}

/// Two of the nodes have the secret that the settings only name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_only_two_nodes_can_use_is_inconsistent_and_the_third_says_why() -> Result<()> {
    let server = Decider::start(by_token).await?;
    let cluster = Cluster::start(node_binary!(), 3).await?;
    for id in [1, 2] {
        let secrets = cluster.node(id)?.data_dir().join("secrets");
        std::fs::create_dir_all(&secrets)?;
        std::fs::write(secrets.join("idp"), "right\n")?;
    }
    let client = cluster.client(3).await?;
    let made = declare(
        &client,
        json!({
            "mechanism": "password_based",
            "backend": "http",
            "settings": {
                "method": "post",
                "url": format!("{}/auth", server.url()),
                "body": {"username": "${username}"},
                "oauth2": {
                    "enable": true,
                    "token_endpoint": format!("{}/token", server.url()),
                    "client_id": "portcullis",
                    "client_secret": "file:idp",
                },
            },
        }),
    )
    .await?;
    let shown = serde_json::to_value(made.settings.unwrap_or_default())?;
    assert_eq!(shown["oauth2"]["client_secret"], "file:idp");
    let found = fares_when(&client, HTTP, "the nodes to differ", |found| {
        found.status() == Status::Inconsistent
            && found
                .nodes
                .iter()
                .filter(|node| node.status() == Status::Connected)
                .count()
                == 2
    })
    .await?;
    let third = of(&found, 3)?;
    assert_eq!(third.status(), Status::Disconnected);
    ensure!(third.error.contains("secrets/idp"), "{third:?}");
    for id in [1, 2] {
        let node = of(&found, id)?;
        ensure!(node.last_success.is_some() && node.probed_at.is_some(), "{node:?}");
        let answer = login(&cluster.client(id).await?, "ada", "pw").await?;
        ensure!(
            answer.decision() == v1::Decision::Allow && answer.is_superuser,
            "{answer:?}"
        );
    }
    let answer = login(&client, "ada", "pw").await?;
    assert_eq!(answer.reason(), v1::Reason::BackendUnavailable);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_tried_on_every_node_and_nothing_is_stored() -> Result<()> {
    let server = Decider::start(|_| Reply::status("204 No Content")).await?;
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(2).await?;
    let try_out = async |url: String| -> Result<Vec<v1::NodeTest>> {
        let request: v1::TestAuthenticatorRequest = message(json!({
            "authenticator": {
                "mechanism": "password_based",
                "backend": "http",
                "settings": {"method": "post", "url": url, "connect_timeout": "500ms", "request_timeout": "500ms"},
            },
        }))?;
        Ok(client.authenticators().test(request).await?.into_inner().nodes)
    };
    let nodes = try_out(server.url()).await?;
    ensure!(
        nodes.len() == 3
            && nodes
                .iter()
                .all(|node| node.answered && node.status() == Status::Connected),
        "{nodes:?}"
    );
    let nowhere = server.url();
    drop(server);
    let nodes = try_out(nowhere).await?;
    ensure!(
        nodes.len() == 3
            && nodes
                .iter()
                .all(|node| node.status() == Status::Disconnected && !node.error.is_empty()),
        "{nodes:?}"
    );
    let request = v1::ListAuthenticatorsRequest::default();
    let stored = client.authenticators().list(request).await?.into_inner();
    ensure!(stored.authenticators.iter().all(|one| one.id != HTTP), "{stored:?}");
    cluster.passed()
}

/// Half of them right, on one stream to a node.
async fn mixed_logins(client: &Client, count: u64) -> Result<()> {
    let requests = (0..count).map(|id| v1::AuthenticateRequest {
        id,
        ..match id % 4 {
            0 | 1 => credentials("ada", "lovelace"),
            2 => credentials("ada", "wrong"),
            _ => credentials("nobody", "x"),
        }
    });
    let requests = futures_util::stream::iter(requests.collect::<Vec<_>>());
    let mut answers = client.login().authenticate_stream(requests).await?.into_inner();
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        ensure!(answer.error.is_none(), "{answer:?}");
        answered += 1;
    }
    assert_eq!(answered, count);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_of_all_nodes_add_up_and_can_be_set_to_zero() -> Result<()> {
    const EACH: [u64; 3] = [4000, 4000, 2000];
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    create_user(&client, "ada", "lovelace").await?;
    cluster.agree().await?;
    for (id, count) in (1..).zip(EACH) {
        mixed_logins(&cluster.client(id).await?, count).await?;
    }
    let all: u64 = EACH.iter().sum();
    let found = fares_when(&client, BUILT_IN, "all logins to be counted", |found| {
        found.total.as_ref().is_some_and(|total| total.total == all)
    })
    .await?;
    let total = found.total.clone().unwrap_or_default();
    assert_eq!(
        (total.success, total.failed, total.nomatch, total.failures),
        (all / 2, all / 4, all / 4, 0)
    );
    assert_eq!(total.reasons.get("BAD_USERNAME_OR_PASSWORD"), Some(&(all / 4)));
    for (id, count) in (1..).zip(EACH) {
        assert_eq!(
            of(&found, id)?.metrics.as_ref().map(|metrics| metrics.total),
            Some(count)
        );
    }
    let request = v1::ResetMetricsRequest {
        id: BUILT_IN.into(),
        ..v1::ResetMetricsRequest::default()
    };
    let reset = client.authenticators().reset_metrics(request).await?.into_inner();
    ensure!(
        reset.nodes.len() == 3 && reset.nodes.iter().all(|node| node.done),
        "{reset:?}"
    );
    fares_when(&client, BUILT_IN, "all figures to be zero", |found| {
        found
            .total
            .as_ref()
            .is_some_and(|total| total.total == 0 && total.reasons.is_empty())
    })
    .await?;
    mixed_logins(&client, 4).await?;
    fares_when(&client, BUILT_IN, "counting to go on", |found| {
        found.total.as_ref().is_some_and(|total| total.total == 4)
    })
    .await?;
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_node_remembers_can_be_purged() -> Result<()> {
    let server = Decider::start(|_| Reply::json(json!({"result": "allow"}))).await?;
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let client = cluster.client(1).await?;
    declare(
        &client,
        json!({
            "mechanism": "password_based",
            "backend": "http",
            "settings": {
                "method": "post",
                "url": server.url(),
                "body": {"username": "${username}"},
                "cache": {"enable": true, "ttl": "1h"},
            },
        }),
    )
    .await?;
    cluster.agree().await?;
    let asked = || {
        server
            .requests()
            .iter()
            .filter(|request| request.text().contains("ada"))
            .count()
    };
    let everywhere = async || -> Result<()> {
        for id in cluster.ids() {
            let answer = login(&cluster.client(id).await?, "ada", "pw").await?;
            ensure!(answer.decision() == v1::Decision::Allow, "{answer:?}");
        }
        Ok(())
    };
    everywhere().await?;
    everywhere().await?;
    assert_eq!(asked(), 3);
    purge(&client).await?;
    everywhere().await?;
    assert_eq!(asked(), 6);
    fares_when(&client, HTTP, "hits and misses to be told", |found| {
        let told = found.nodes.iter().filter_map(|node| node.cache.as_ref());
        told.map(|cache| (cache.hits, cache.misses)).eq([(1, 2); 3])
    })
    .await?;
    cluster.passed()
}

async fn purge(client: &Client) -> Result<()> {
    let request = v1::PurgeCacheRequest {
        id: HTTP.into(),
        ..v1::PurgeCacheRequest::default()
    };
    let purged = client.authenticators().purge_cache(request).await?.into_inner();
    ensure!(
        purged.nodes.len() == 3 && purged.nodes.iter().all(|node| node.done),
        "{purged:?}"
    );
    Ok(())
}

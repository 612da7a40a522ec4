//! What pages cost: bytes, elements, requests, how far things move by themselves, and what the stream sends.
//!
//! What they cost in time is measured by `cluster-tests/figures pages`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{Browser, Stage, Visitor, play, weight};
use cluster_tests::calls::{create_user, login};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary};
use futures_util::{StreamExt as _, future};
use portcullis::wire::pb::v1::Role;
use tokio::time::timeout;

use super::scene::{HTTP, USERS, add_databases, add_http, nobody};

/// Of a page, packed, in bytes.
const PAGE: usize = 12 * 1024;
const ELEMENTS: usize = 1500;
/// Beside the page, when somebody sees the dashboard for the first time.
const FIRST_REQUESTS: usize = 5;
const SHIFT: f64 = 0.01;
/// Of the stream of a page, in bytes a second, while clients log in.
const STREAM: usize = 2 * 1024;
/// How long the stream is listened to.
const LISTENING: Duration = Duration::from_secs(10);

const ROWS: usize = 50;
const PAGES: &[&str] = &[
    "/authenticators",
    "/authenticators/new",
    "/authenticators/new/password_based",
    "/authenticators/new/password_based/postgresql",
    "/authenticators/new/jwt/none",
    "/authenticators/password_based:built_in_database",
    "/authenticators/password_based:built_in_database/settings",
    "/authenticators/password_based:http/settings",
    USERS,
    "/try",
    "/cluster",
    "/operators",
    "/settings",
    "/account",
    "/help",
    "/help/password_based:mysql",
];

/// Four authenticators, and users for a full page.
async fn furnish(stage: &Stage) -> Result<()> {
    let client = stage.operator().await?;
    add_databases(&client, &["second", "third"]).await?;
    add_http(&client, HTTP, &nobody().await?.url()).await?;
    for number in 0..=ROWS {
        create_user(&client, &format!("device-{number:03}"), "secret").await?;
    }
    Ok(())
}

/// What is too much of a page, with the numbers. `seen`: the browser has been on another page before.
async fn excess(browser: &Browser, visitor: &Visitor, page: &str, seen: bool) -> Result<Vec<String>> {
    let cost = weight(browser).await?;
    let (packed, bytes) = visitor.bytes(page).await?;
    ensure!(packed == "br", "{page} comes packed as `{packed}`");
    let requests = if seen { 0 } else { FIRST_REQUESTS };
    println!(
        "{page}: {} bytes, {} elements, {} requests, moved {:.4}, seen after {:.0} ms",
        bytes.len(),
        cost.nodes,
        cost.fetched.len(),
        cost.shift,
        cost.painted_ms
    );
    let limits = [
        (bytes.len() > PAGE, format!("{} bytes, not {PAGE}", bytes.len())),
        (
            cost.nodes > ELEMENTS,
            format!("{} elements, not {ELEMENTS}", cost.nodes),
        ),
        (
            cost.fetched.len() > requests,
            format!("{:?}, not {requests} requests", cost.fetched),
        ),
        (cost.shift >= SHIFT, format!("moved by {}, not {SHIFT}", cost.shift)),
    ];
    let over = limits.into_iter().filter(|(over, _)| *over);
    Ok(over.map(|(_, what)| format!("{page}: {what}")).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_small_and_stand_still() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        furnish(stage).await?;
        let visitor = stage.sign_in(Role::Admin).await?;
        let mut over = Vec::new();
        for (at, page) in PAGES.iter().enumerate() {
            stage.open(1, page).await?;
            over.extend(excess(&stage.browser, &visitor, page, at > 0).await?);
        }
        ensure!(over.is_empty(), "{} too much:\n{}", over.len(), over.join("\n"));
        Ok(())
    })
    .await
}

/// What the stream of a page sends in a second once it has sent everything.
async fn sent_a_second(visitor: &Visitor, topic: &str) -> Result<usize> {
    let mut pieces = visitor.listen(topic).await?.bytes_stream();
    let first = timeout(PATIENCE, pieces.next())
        .await?
        .context("the stream is over")??;
    ensure!(!first.is_empty(), "it sends nothing");
    let begun = Instant::now();
    let mut sent = BTreeMap::<u64, usize>::new();
    let listen = pieces.take_while(|_| future::ready(true)).for_each(|piece| {
        let second = sent.entry(begun.elapsed().as_secs()).or_default();
        *second += piece.map_or(0, |piece| piece.len());
        future::ready(())
    });
    timeout(LISTENING, listen).await.err().context("the stream is over")?;
    // What comes in the first second belongs to what every stream begins with.
    sent.remove(&0);
    let seconds = LISTENING.as_secs() as usize - 1;
    Ok(sent.values().sum::<usize>() / seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_a_page_sends_little_while_clients_log_in() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        furnish(stage).await?;
        let visitor = stage.visitor(Role::Viewer).await?;
        let client = stage.operator().await?;
        let logins = async {
            loop {
                if let Err(error) = login(&client, "device-001", "secret").await {
                    return anyhow::Error::from(error);
                }
            }
        };
        let listen = async {
            let mut over = Vec::new();
            for topic in [
                "chain:global",
                "authenticator:6:global:password_based:built_in_database",
                "cluster",
            ] {
                let bytes = sent_a_second(&visitor, topic).await?;
                println!("{topic}: {bytes} bytes a second");
                if bytes > STREAM {
                    over.push(format!("{topic}: {bytes} bytes a second, not {STREAM}"));
                }
            }
            ensure!(over.is_empty(), "{}", over.join("\n"));
            Ok(())
        };
        tokio::select! {
            error = logins => Err(error.context("a login failed")),
            listened = listen => listened,
        }
    })
    .await
}

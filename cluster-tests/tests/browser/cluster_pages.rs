//! What the pages say of the cluster when nodes are lost, cut off and come back.

use std::time::Duration;

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, play};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::proxy::Fault;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;

use super::scene::{add_http, nobody};

const LOST: &str = "has lost the cluster";
/// What a new leader may take to be seen.
const ELECTED: Duration = Duration::from_secs(5);

/// What an element shows, on one line.
async fn line_of(browser: &Browser, selector: &str) -> Result<String> {
    let shown = browser.text_of(selector).await?;
    Ok(shown.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Waits until the page says that of the node.
async fn row_says(browser: &Browser, node: u64, words: &str, deadline: Duration) -> Result<()> {
    wait_for(&format!("`{words}` in the row of n{node}"), deadline, async || {
        let row = line_of(browser, &format!("#nodes tbody tr:nth-child({node})")).await?;
        ensure!(
            row.starts_with(&format!("n{node} ")) && row.contains(words),
            "it is `{row}`"
        );
        Ok(Some(()))
    })
    .await
}

async fn summary_says(browser: &Browser, words: &str) -> Result<()> {
    wait_for(&format!("`{words}` in the summary"), PATIENCE, async || {
        let shown = line_of(browser, "#summary").await?.to_lowercase();
        ensure!(shown.contains(words), "it is `{shown}`");
        Ok(Some(()))
    })
    .await
}

async fn banner_goes(browser: &Browser) -> Result<()> {
    wait_for("the banner to go", PATIENCE, async || {
        let shown = browser.text().await?;
        Ok((!shown.contains(LOST)).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_cluster_follows_what_is_lost_and_who_leads() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        let leader = stage.cluster.leader().await?;
        let followers = stage.cluster.others(leader);
        let (here, other) = (followers[0], followers[1]);
        stage.cluster.agree().await?;
        stage.open(here, "/cluster").await?;
        row_says(&stage.browser, leader, "leader ● Healthy", PATIENCE).await?;
        for follower in [here, other] {
            row_says(&stage.browser, follower, "follower ● Healthy", PATIENCE).await?;
        }
        summary_says(&stage.browser, "can lose 1 node").await?;

        stage.cluster.node_mut(other)?.kill().await?;
        summary_says(&stage.browser, "can lose ▲ 0 nodes").await?;
        row_says(&stage.browser, other, "No answer", PATIENCE).await?;
        stage.cluster.node_mut(other)?.start()?;
        summary_says(&stage.browser, "can lose 1 node").await?;
        row_says(&stage.browser, other, "Healthy", PATIENCE).await?;

        stage.cluster.node_mut(leader)?.kill().await?;
        wait_for("a new leader on the page", ELECTED, async || {
            for node in [here, other] {
                let row = line_of(&stage.browser, &format!("#nodes tbody tr:nth-child({node})")).await?;
                if row.contains(" leader ") {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        })
        .await?;
        let new = stage.cluster.leader().await?;
        row_says(&stage.browser, new, "leader ● Healthy", PATIENCE).await?;

        stage.cluster.node_mut(other)?.kill().await?;
        stage.browser.shows(LOST).await?;
        stage.cluster.start_all()?;
        banner_goes(&stage.browser).await?;
        summary_says(&stage.browser, "can lose 1 node").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_says_so_reads_on_and_changes_nothing_until_it_is_back() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        let admin = stage.sign_in(Role::Admin).await?;
        stage.cluster.agree().await?;
        let cut = stage.cluster.follower().await?;
        let switch = "password_based:built_in_database is asked";
        stage.open(cut, "/authenticators").await?;
        ensure!(
            !stage.browser.find("switch", switch).await?.is("disabled"),
            "it is disabled before"
        );

        stage.cluster.isolate(cut, Fault::Silence);
        stage.browser.shows(LOST).await?;
        let why = "This node has lost the cluster: nothing can be changed here.";
        wait_for("the switch to be disabled with the reason", PATIENCE, async || {
            let thing = stage.browser.find("switch", switch).await?;
            ensure!(
                thing.is("disabled") && thing.description == why,
                "it says {:?}",
                thing.description
            );
            Ok(Some(()))
        })
        .await?;
        for page in ["/users", "/cluster", "/settings", "/account", "/try"] {
            stage.open(cut, page).await?;
            stage.browser.shows(LOST).await?;
        }
        let moved = admin.moved(stage.url(cut, "")?);
        let path = "/authenticators/password_based:built_in_database/enabled";
        let answer = moved.post(path, &[("enabled", "false"), ("sure", "true")]).await?;
        ensure!(answer.status >= 400, "a change is taken: {answer:?}");

        stage.open(cut, "/authenticators").await?;
        stage.cluster.heal();
        banner_goes(&stage.browser).await?;
        wait_for("the switch to be of use again", PATIENCE, async || {
            let thing = stage.browser.find("switch", switch).await?;
            Ok((!thing.is("disabled")).then_some(()))
        })
        .await?;
        ensure!(
            stage.browser.find("switch", switch).await?.is("checked"),
            "the refused change was made"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_no_node_reaches_is_named() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        let client = stage.operator().await?;
        let alive = nobody().await?;
        let gone = nobody().await?.url();
        add_http(&client, "alive", &alive.url()).await?;
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/cluster").await?;
        stage
            .browser
            .shows("Every node that answers reaches every backend.")
            .await?;
        add_http(&client, "gone", &gone).await?;
        stage
            .browser
            .shows("No node reaches the backend of gone: look at the backend.")
            .await?;
        for (row, word) in [(2, "Connected"), (3, "Disconnected")] {
            wait_for(&format!("{word} on every node"), PATIENCE, async || {
                let shown = line_of(&stage.browser, &format!("#matrix tbody tr:nth-child({row})")).await?;
                ensure!(shown.matches(word).count() == 3, "it is `{shown}`");
                Ok(Some(()))
            })
            .await?;
        }
        Ok(())
    })
    .await
}

//! The stream that keeps a page up to date.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, play};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use serde_json::json;

/// Counts what a page opens, before its own scripts run.
const COUNT: &str = "
    window.streams = [];
    const Stream = window.EventSource;
    window.EventSource = class extends Stream { constructor(url) { super(url); window.streams.push(this); } };";

async fn streams_are(browser: &Browser, open: u64, ever: u64) -> Result<()> {
    wait_for(&format!("{open} of {ever} streams to be open"), PATIENCE, async || {
        let script = "return [streams.filter((one) => one.readyState === 1).length, streams.filter((one) => one.readyState === 0).length, streams.length]";
        let seen = browser.run(script, vec![]).await?;
        ensure!(seen == json!([open, 0, ever]), "open, opening, ever: {seen}");
        Ok(Some(()))
    })
    .await
}

async fn hide(browser: &Browser, is_hidden: bool) -> Result<()> {
    let script = "
        Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));";
    browser.run(script, vec![is_hidden.into()]).await?;
    Ok(())
}

async fn state_is(browser: &Browser, words: &str) -> Result<()> {
    wait_for(&format!("`{words}` in the bar"), PATIENCE, async || {
        let shown = browser.text_of("#live").await?;
        ensure!(shown.contains(words), "it is `{shown}`");
        Ok(Some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_session_ends_says_so_and_stays_as_it_is() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.browser.expect("status of 401");
        let visitor = stage.sign_in(Role::Admin).await?;
        stage
            .browser
            .tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": COUNT }))
            .await?;
        // Nothing on this page changes by itself, so nothing but the end of the session can end its stream.
        stage.open(1, "/settings").await?;
        state_is(&stage.browser, "Live").await?;
        stage.browser.fill("Oldest answer", "7m").await?;
        let loaded = stage.browser.run("return performance.timeOrigin", vec![]).await?;
        let ended = visitor.post("/logout", &[]).await?;
        ensure!(ended.status == 303, "{ended:?}");
        state_is(&stage.browser, "Signed out").await?;
        // Nobody asks again and again for what it is refused.
        let script = "return streams.filter((one) => one.readyState !== EventSource.CLOSED).length";
        let open = stage.browser.run(script, vec![]).await?;
        ensure!(open == 0, "{open} streams are still open");
        ensure!(
            stage.browser.run("return performance.timeOrigin", vec![]).await? == loaded,
            "the page was loaded anew"
        );
        ensure!(
            stage.browser.find("textbox", "Oldest answer").await?.value == "7m",
            "what was typed is lost"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_one_stream_none_while_hidden_and_finds_a_node_again_that_was_away() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.browser.expect("net::ERR_");
        stage.sign_in(Role::Viewer).await?;
        stage
            .browser
            .tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": COUNT }))
            .await?;
        stage.open(1, "/authenticators").await?;
        state_is(&stage.browser, "Live").await?;
        streams_are(&stage.browser, 1, 1).await?;
        hide(&stage.browser, true).await?;
        streams_are(&stage.browser, 0, 1).await?;
        hide(&stage.browser, false).await?;
        streams_are(&stage.browser, 1, 2).await?;

        stage.cluster.node_mut(1)?.kill().await?;
        state_is(&stage.browser, "Reconnecting… last update").await?;
        stage.cluster.node_mut(1)?.start()?;
        state_is(&stage.browser, "Live").await
    })
    .await
}

//! The stream that keeps a page up to date.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, play};
use cluster_tests::calls::{BUILT_IN, message};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::{self, Role};
use serde_json::json;

use super::scene::{add_databases, asked_in_order, http_settings, nobody};

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

/// What a page says that must not be loaded anew by itself.
const CHANGED: &str = "Something has changed since this page was drawn.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_a_form_is_never_asked_for_again_by_the_page_itself() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.browser.expect("status of 412");
        let client = stage.operator().await?;
        add_databases(&client, &["second", "third"]).await?;
        let visitor = stage.sign_in(Role::Editor).await?;
        stage.open(1, "/authenticators").await?;
        let browser = &stage.browser;
        // A move upon an order that is not there yet is refused. Sent again later, it would be taken.
        let (was, theirs) = (format!("{BUILT_IN} second third"), format!("third {BUILT_IN} second"));
        let believe = "document.getElementById('order').elements.was.value = arguments[0]";
        browser.run(believe, vec![theirs.clone().into()]).await?;
        browser.press("Move second up").await?;
        let refusal = "Somebody else changed the chain first.";
        browser.shows(refusal).await?;
        ensure!(!browser.text().await?.contains(CHANGED), "it has changed before");

        let fields = [("chain", "global"), ("was", &*was), ("order", &*theirs)];
        let answer = visitor.post("/authenticators/order", &fields).await?;
        ensure!(answer.status == 303, "{answer:?}");
        browser.shows(CHANGED).await?;
        browser.shows(refusal).await?;
        ensure!(
            asked_in_order(&client).await?.join(" ") == theirs,
            "the form was sent again"
        );
        browser.follow("Show it as it is now").await?;
        browser.at("/authenticators").await?;
        let shown = browser.text().await?;
        ensure!(!shown.contains(refusal) && !shown.contains(CHANGED), "it shows {shown}");
        Ok(())
    })
    .await
}

/// A stream of a node that cannot write, for pages that are drawn by one that can. Counts the pages.
const CONTRARY: &str = "
    sessionStorage.pages = Number(sessionStorage.pages ?? 0) + 1;
    window.EventSource = class extends EventTarget {
        constructor() {
            super();
            setTimeout(() => this.dispatchEvent(new MessageEvent('writable', { data: 'false' })));
        }
        close() {}
    };";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_not_what_its_stream_says_is_loaded_anew_once_and_not_for_ever() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        stage
            .browser
            .tell("Page.addScriptToEvaluateOnNewDocument", json!({ "source": CONTRARY }))
            .await?;
        stage.open(1, "/cluster").await?;
        stage.browser.shows(CHANGED).await?;
        let pages = stage.browser.run("return sessionStorage.pages", vec![]).await?;
        ensure!(pages == "2", "it was loaded {pages} times");
        Ok(())
    })
    .await
}

/// How old the page says its figures are, in seconds.
async fn age(browser: &Browser) -> Result<Option<u64>> {
    let shown = browser.text_of("#live").await?;
    let age = shown.strip_prefix("Reconnecting… last update ");
    Ok(age.and_then(|age| age.strip_suffix(" s ago")?.parse().ok()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_is_not_called_live_and_what_it_has_said_grows_old() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.browser.expect("net::ERR_");
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/account").await?;
        let browser = &stage.browser;
        state_is(browser, "Live").await?;
        stage.cluster.node(1)?.pause()?;
        let first = wait_for("an age of what is shown", PATIENCE, async || age(browser).await).await?;
        wait_for("it to grow", PATIENCE, async || {
            Ok(age(browser).await?.filter(|age| *age > first))
        })
        .await?;
        stage.cluster.node(1)?.resume()?;
        state_is(browser, "Live").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_about_what_is_deleted_says_so_and_is_not_called_live() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        add_databases(&client, &["second"]).await?;
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/authenticators/second").await?;
        state_is(&stage.browser, "Live").await?;
        let request: v1::DeleteAuthenticatorRequest = message(json!({ "id": "second" }))?;
        client.authenticators().delete(request).await?;
        stage.browser.shows("This authenticator has been deleted.").await?;
        state_is(&stage.browser, "Gone").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_in_hand_and_the_title_of_a_page_follow_a_backend_that_dies() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let server = nobody().await?;
        let mut settings = http_settings(&server.url());
        settings["probe_interval"] = json!("1s");
        let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": {
            "id": "asked", "mechanism": "password_based", "backend": "http", "settings": settings,
        } }))?;
        stage.operator().await?.authenticators().create(request).await?;
        let visitor = stage.sign_in(Role::Viewer).await?;
        let other = stage.another_browser(&visitor).await?;
        other.go(&stage.url(1, "/authenticators/asked/settings")?).await?;
        stage.open(1, "/authenticators").await?;
        let browser = &stage.browser;
        let row = "#chain > li[data-id=asked] .health summary";
        for (window, place) in [(browser, row), (&other, "#fares")] {
            says(window, place, "Connected").await?;
        }
        let in_hand = "
            const at = document.activeElement;
            return at === document.querySelector(arguments[0]) && at.parentElement.open";
        browser
            .run("document.querySelector(arguments[0]).focus()", vec![row.into()])
            .await?;
        browser.keys(thirtyfour::Key::Enter + "").await?;
        ensure!(
            browser.run(in_hand, vec![row.into()]).await? == true,
            "the row is not in hand"
        );

        drop(server);
        for (window, place) in [(browser, row), (&other, "#fares")] {
            says(window, place, "Disconnected").await?;
        }
        ensure!(
            browser.run(in_hand, vec![row.into()]).await? == true,
            "the row is taken out of the hand"
        );
        other.end().await
    })
    .await
}

async fn says(window: &Browser, place: &str, word: &str) -> Result<()> {
    wait_for(&format!("`{word}` in {place}"), PATIENCE, async || {
        let shown = window.text_of(place).await?;
        ensure!(shown.split_whitespace().any(|one| one == word), "it shows `{shown}`");
        Ok(Some(()))
    })
    .await
}

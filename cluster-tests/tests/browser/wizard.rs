//! The way to a new authenticator.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{Browser, play, play_on};
use cluster_tests::calls::BUILT_IN;
use cluster_tests::decider::{Decider, Reply};
use cluster_tests::{Cluster, Options, node_binary};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::Role;

use super::scene::{HTTP, nobody};

/// The promise is a second; the rest is what loading the page anew costs a busy machine.
const SOON: Duration = Duration::from_secs(3);
const OPEN: &str = "Every client is let in";

/// Nodes without any authenticator.
async fn empty(nodes: u64) -> Result<Cluster> {
    let mut cluster = Options::new(node_binary!(), nodes).prepare().await?;
    cluster.start_all()?;
    cluster.initialize().await?;
    cluster.ready().await?;
    Ok(cluster)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_authenticator_is_added_step_by_step_and_ends_that_everybody_is_let_in() -> Result<()> {
    play_on(empty(1).await?, Browser::start().await?, async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.open(1, "/help").await?;
        let browser = &stage.browser;
        browser.shows(OPEN).await?;
        stage.open(1, "/authenticators").await?;
        browser.shows(OPEN).await?;
        browser.follow("Add the first authenticator").await?;
        browser.at("/authenticators/new").await?;
        browser.shows("Step 1 of 3").await?;
        browser.find_by_start("link", "Password").await?.click().await?;
        browser.at("/authenticators/new/password_based").await?;
        browser.shows("Step 2 of 3").await?;
        browser.reload().await?;
        browser
            .find_by_start("link", "Built-in database")
            .await?
            .click()
            .await?;
        let last = "/authenticators/new/password_based/built_in_database";
        browser.at(last).await?;
        browser.reload().await?;
        browser.shows("Step 3 of 3").await?;
        browser.driver().back().await?;
        browser.at("/authenticators/new/password_based").await?;
        browser.find("heading", "Where are the credentials?").await?;
        browser.driver().forward().await?;
        browser.at(last).await?;
        browser.press("Create").await?;
        browser.at("/authenticators").await?;
        browser.find("link", "Built-in database").await?;
        browser.shows(&format!("{BUILT_IN} is added.")).await?;
        ensure!(!browser.text().await?.contains(OPEN), "the banner stays");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_of_a_kind_needs_a_name_of_its_own() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, "/authenticators/new/password_based").await?;
        let words = "Added already; another one needs a name of its own.";
        let marked = browser
            .every("link")
            .await?
            .into_iter()
            .filter(|link| link.name.contains(words));
        let marked: Vec<_> = marked.collect();
        ensure!(
            marked.len() == 1 && marked[0].name.starts_with("Built-in database"),
            "{marked:?}"
        );
        marked[0].click().await?;
        browser.press("Create").await?;
        browser.shows("There is a problem").await?;
        browser.fill("Name", "second").await?;
        browser.press("Create").await?;
        browser.at("/authenticators").await?;
        browser.shows("second is added.").await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_needs_two_steps_and_its_secret_is_never_shown_again() -> Result<()> {
    const SECRET: &str = "thirty-two bytes of a good secret";
    play(Options::new(node_binary!(), 1), async |stage| {
        let visitor = stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(1, "/authenticators/new").await?;
        browser.find_by_start("link", "Token (JWT)").await?.click().await?;
        browser.at("/authenticators/new/jwt/none").await?;
        browser.shows("Step 2 of 2").await?;
        browser.choose("Algorithm", "hmac-based").await?;
        browser.fill("Secret", SECRET).await?;
        browser.press("Create").await?;
        browser.at("/authenticators").await?;
        browser.shows("jwt is added.").await?;
        for page in ["/authenticators/jwt/settings", "/authenticators/jwt", "/authenticators"] {
            let answer = visitor.get(page).await?;
            ensure!(
                answer.status == 200 && !answer.body.contains(SECRET),
                "{page} shows the secret"
            );
        }
        ensure!(
            !stage.cluster.node(1)?.log().contains(SECRET),
            "the log shows the secret"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_at_the_top_and_beside_its_field_and_nothing_typed_is_lost() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, "/authenticators/new/password_based/postgresql").await?;
        browser.fill("Name", "db").await?;
        browser.fill("User", "portcullis").await?;
        browser.fill("Password", "not to be shown").await?;
        browser.fill("Longest decision", "soon").await?;
        browser.press("Create").await?;
        browser.shows("There is a problem").await?;
        let title = browser.driver().title().await?;
        ensure!(title.starts_with("Error: Add PostgreSQL"), "the title is {title}");
        ensure!(
            browser.focused().await?.starts_with("There is a problem"),
            "the summary has no focus"
        );
        for (field, text) in [
            ("Name", "db"),
            ("User", "portcullis"),
            ("Password", ""),
            ("Longest decision", "soon"),
        ] {
            let held = browser.find("textbox", field).await?.value;
            ensure!(held == text, "{field} holds {held:?}");
        }
        ensure!(
            !browser.driver().source().await?.contains("not to be shown"),
            "the secret is in the page"
        );
        let faulty = browser.find("textbox", "Longest decision").await?;
        ensure!(faulty.is("invalid"), "{faulty:?}");
        ensure!(faulty.description.contains('✕'), "{faulty:?}");
        browser.find_by_start("link", "timeout: ").await?.click().await?;
        ensure!(
            browser.focused().await? == "Longest decision",
            "the link leads to {}",
            browser.focused().await?
        );

        browser.fill("Longest decision", "5s").await?;
        browser.press("Create").await?;
        browser.find_by_start("link", "server: ").await?.click().await?;
        ensure!(
            browser.focused().await?.starts_with("Server"),
            "the link leads to {}",
            browser.focused().await?
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_tested_on_every_node_before_anything_is_stored() -> Result<()> {
    // Every third question is answered badly: by that, one node of three fails.
    let asked = AtomicU32::new(0);
    let server = Decider::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) % 3 {
        2 => Reply::status("503 Service Unavailable"),
        _ => Reply::status("204 No Content"),
    })
    .await?;
    play(Options::new(node_binary!(), 3), async |stage| {
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(2, "/authenticators/new/password_based/http").await?;
        browser.choose("Method", "post").await?;
        browser.fill("URL", &server.url()).await?;
        browser.press("Test").await?;
        let result = browser.find("region", "Test").await?;
        let mut nodes = Vec::new();
        for line in browser.within(&result, "listitem").await? {
            nodes.push(line.text().await?.replace('\n', " "));
        }
        ensure!(
            nodes.len() == 3 && nodes.iter().all(|line| line.contains(" ms")),
            "{nodes:?}"
        );
        let failed: Vec<_> = nodes.iter().filter(|line| line.contains("Disconnected")).collect();
        ensure!(
            failed.len() == 1 && failed[0].contains("the server answered 503"),
            "{nodes:?}"
        );
        ensure!(
            nodes.iter().filter(|line| line.contains("Connected")).count() == 2,
            "{nodes:?}"
        );
        let held = browser.find("textbox", "URL").await?.value;
        ensure!(held == server.url(), "the form lost the address: {held}");
        let stored = stage.operator().await?.authenticators();
        let stored = stored
            .clone()
            .list(v1::ListAuthenticatorsRequest::default())
            .await?
            .into_inner();
        ensure!(stored.authenticators.len() == 1, "it is stored: {stored:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_added_at_one_node_is_soon_on_the_pages_of_all() -> Result<()> {
    let server = nobody().await?;
    play(Options::new(node_binary!(), 3), async |stage| {
        let visitor = stage.sign_in(Role::Editor).await?;
        let third = stage.another_browser(&visitor).await?;
        stage.cluster.agree().await?;
        third.go(&stage.url(3, "/authenticators")?).await?;
        stage.open(2, "/authenticators").await?;
        for browser in [&stage.browser, &third] {
            browser.find("link", "Built-in database").await?;
            ensure!(!browser.has("link", "HTTP server").await?, "it is there before");
        }
        let fields = [
            ("settings.url", &*server.url()),
            ("settings.method", "post"),
            ("on_failure", "next"),
            ("timeout", "5s"),
        ];
        let made = visitor.post("/authenticators/new/password_based/http", &fields).await?;
        ensure!(made.status == 303, "{made:?}");
        let begun = Instant::now();
        for browser in [&stage.browser, &third] {
            let settings = browser.find("link", &format!("Settings of {HTTP}")).await;
            settings.with_context(|| format!("after {:?}", begun.elapsed()))?;
        }
        let took = begun.elapsed();
        println!("on the pages of all nodes after {took:?}");
        ensure!(took < SOON, "it took {took:?}");
        third.end().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_is_lost_is_told_before_anything_is_stored_without_its_secret() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, "/authenticators/new/password_based/redis").await?;
        browser.fill("Name", "cache").await?;
        browser.fill("Server", "127.0.0.1:1").await?;
        browser.fill("Command", "HMGET user:${username} password_hash").await?;
        browser.fill("Password", "typed once").await?;
        browser.press("Test").await?;
        browser.find("region", "Test").await?;
        // As after a restart, or half an hour.
        let lose = "document.querySelector('input[name=draft]').value = 'known no more'";
        browser.run(lose, vec![]).await?;
        browser.press("Create").await?;
        browser
            .shows("was typed before and is not kept any more: type it again")
            .await?;
        let server = browser.find("textbox", "Server").await?.value;
        ensure!(server == "127.0.0.1:1", "what was typed is lost: {server:?}");
        let client = stage.operator().await?;
        let list = || async {
            let request = v1::ListAuthenticatorsRequest::default();
            Ok::<_, anyhow::Error>(client.authenticators().list(request).await?.into_inner().authenticators)
        };
        ensure!(list().await?.len() == 1, "it is stored without its password");
        browser.fill("Password", "typed twice").await?;
        browser.press("Create").await?;
        browser.shows("cache is added.").await?;
        let made = list().await?.into_iter().find(|made| made.id == "cache");
        let settings = serde_json::to_value(made.context("it is not stored")?.settings.unwrap_or_default())?;
        ensure!(settings["password"] == "******", "it has no password: {settings}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_is_never_shown_again_and_a_draft_can_be_tried_and_gone_on_with() -> Result<()> {
    const SECRET: &str = "Bearer of a good secret";
    let server = nobody().await?;
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, "/authenticators/new/password_based/http").await?;
        browser.fill("Name", "asked").await?;
        browser.choose("Method", "post").await?;
        browser.fill("URL", &server.url()).await?;
        browser.fill("Headers", &format!("authorization: {SECRET}")).await?;
        browser.fill("Longest decision", "soon").await?;
        browser.press("Test").await?;
        browser.shows("There is a problem").await?;
        let not_shown = async || {
            let source = browser.driver().source().await?;
            ensure!(!source.contains(SECRET), "the header is in the page");
            let held = browser.find("textbox", "Headers").await?.value;
            ensure!(held == "authorization: ******", "the field holds {held:?}");
            Ok(())
        };
        not_shown().await?;
        browser.fill("Longest decision", "5s").await?;
        browser.press("Try this draft").await?;
        browser.at("/try").await?;
        browser.shows("With the draft of asked, which is not stored.").await?;
        browser.follow("Back to the draft").await?;
        browser.at("/authenticators/new/password_based/http").await?;
        not_shown().await?;
        browser.press("Create").await?;
        browser.shows("asked is added.").await?;
        stage.open(1, "/authenticators/asked/settings").await?;
        let held = browser.find("textbox", "Headers").await?.value;
        ensure!(held.contains("authorization: ******"), "the field holds {held:?}");
        ensure!(
            !browser.driver().source().await?.contains(SECRET),
            "the header is in the settings"
        );
        Ok(())
    })
    .await
}

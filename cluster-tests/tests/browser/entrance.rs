//! Who gets in.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, PASSWORD, Visitor, play, play_on};
use cluster_tests::{Options, node_binary};
use portcullis::wire::pb::v1::Role;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setup_token_makes_the_first_account_once_and_no_password_works_before() -> Result<()> {
    let mut cluster = Options::new(node_binary!(), 1).prepare().await?;
    cluster.start_all()?;
    let token = cluster.initialize().await?.setup_token;
    cluster.ready().await?;
    play_on(cluster, Browser::start().await?, async |stage| {
        let stranger = Visitor::at(stage.url(1, "")?)?;
        for (name, password) in [("admin", "public"), ("admin", "admin"), ("root", ""), ("ada", PASSWORD)] {
            let answer = stranger.post("/login", &[("username", name), ("password", password)]).await?;
            ensure!(answer.session.is_empty() && answer.status != 303, "{name} is let in: {answer:?}");
        }
        let browser = &mut stage.browser;
        browser.expect("status of 422");
        let url = |path: &str| format!("http://{}{path}", stage.cluster.node(1).map(|node| node.http.to_string()).unwrap_or_default());
        browser.go(&url("/")).await?;
        browser.at("/setup").await?;
        for (field, text) in [("Setup token (required)", "pcs_wrong"), ("Username (required)", "ada"), ("Password (required)", PASSWORD), ("Password again (required)", PASSWORD)] {
            browser.fill(field, text).await?;
        }
        browser.press("Create account").await?;
        browser.shows("There is a problem").await?;
        for (field, text) in [("Setup token (required)", &*token), ("Password (required)", PASSWORD), ("Password again (required)", PASSWORD)] {
            browser.fill(field, text).await?;
        }
        browser.press("Create account").await?;
        browser.at("/authenticators").await?;
        let again = stranger.post("/setup", &[("token", &token), ("username", "eve"), ("password", PASSWORD), ("again", PASSWORD)]).await?;
        ensure!(again.status == 303 && again.location == "/login" && again.session.is_empty(), "{again:?}");
        let fields = [("username", "eve"), ("password", PASSWORD)];
        ensure!(stranger.post("/login", &fields).await?.session.is_empty(), "a second account was made");
        stranger.signed_in("ada", PASSWORD).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_good_on_every_node_and_ends_on_every_node() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        for node in [1, 2, 3] {
            stage.open(node, "/authenticators").await?;
            stage.browser.find("heading", "Authenticators").await?;
        }
        Ok(())
    })
    .await
}

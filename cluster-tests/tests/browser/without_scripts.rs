//! Everything that can be read and changed without a script.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{PASSWORD, play};
use cluster_tests::calls::{BUILT_IN, is_allowed};
use cluster_tests::{Options, node_binary};
use portcullis::wire::pb::v1::Role;
use thirtyfour::By;

use super::scene::{USERS, asked_in_order};

/// The button that a script brings to life.
const SEARCH: &str = "Search Ctrl K";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_read_and_changed_without_a_script() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.visitor(Role::Editor).await?;
        let client = stage.operator().await?;
        let browser = &stage.browser;
        browser.scripts(false).await?;
        stage.open(1, "/login").await?;
        browser.fill("Username (required)", "edgar").await?;
        browser.fill("Password (required)", PASSWORD).await?;
        browser.press("Sign in").await?;
        browser.at("/authenticators").await?;
        ensure!(!browser.has("button", SEARCH).await?, "scripts run");

        browser.follow("Add authenticator").await?;
        browser.find_by_start("link", "Password").await?.click().await?;
        browser
            .find_by_start("link", "Built-in database")
            .await?
            .click()
            .await?;
        browser.fill("Name", "second").await?;
        browser.press("Create").await?;
        browser.shows("second is added.").await?;

        browser.press("Move second up").await?;
        browser.shows("second is now 1 of 2.").await?;
        ensure!(
            asked_in_order(&client).await? == ["second", BUILT_IN],
            "it was not moved"
        );
        browser.press("Undo").await?;
        browser.shows("The order is changed.").await?;

        browser.find("switch", "second is asked").await?.click().await?;
        browser.shows("second is not asked any more.").await?;
        ensure!(
            !browser.find("switch", "second is asked").await?.is("checked"),
            "it is still on"
        );

        stage.open(1, &format!("{USERS}/new")).await?;
        browser.fill("Name (required)", "ann").await?;
        browser.fill("Password", "secret").await?;
        browser.press("Add user").await?;
        browser.shows("ann can log in.").await?;
        ensure!(is_allowed(&client, "ann", "secret").await?, "ann is not let in");

        let folder = tempfile::tempdir()?;
        let file = folder.path().join("users.csv");
        fs::write(
            &file,
            "user_id,password,is_superuser\nbob,secret,false\n,secret,false\n",
        )?;
        stage.open(1, USERS).await?;
        browser.follow("Import…").await?;
        let field = browser.driver().find(By::Css("input[type=file]")).await?;
        field
            .send_keys(file.to_str().context("a path that is no text")?)
            .await?;
        browser.press("Check file").await?;
        // The page asks for itself again until something has come of it.
        browser.shows("1 row can be stored, 1 cannot.").await?;
        browser.press("Import 1 user").await?;
        browser.shows("The import is done.").await?;
        ensure!(is_allowed(&client, "bob", "secret").await?, "bob is not let in");

        stage.open(1, "/try").await?;
        browser.fill("Username", "bob").await?;
        browser.fill("Password or token", "not the secret").await?;
        browser.press("Try").await?;
        browser.shows("BAD_USERNAME_OR_PASSWORD").await?;

        ensure!(!browser.has("button", SEARCH).await?, "scripts run");
        browser.scripts(true).await?;
        stage.open(1, "/try").await?;
        browser.find("button", SEARCH).await?;
        browser.scripts(false).await?;
        stage.open(1, "/try").await?;
        browser
            .find("DisclosureTriangle", "edgar · editor")
            .await?
            .click()
            .await?;
        browser.press("Sign out").await?;
        browser.at("/login").await
    })
    .await
}

//! What operators, their keys and their browsers are called, and who is not let in.

use anyhow::Result;
use cluster_tests::browser::PASSWORD;
use cluster_tests::calls::{BUILT_IN, create_operator, set_enabled};
use portcullis::wire::pb::v1::Role;
use serde_json::json;

use super::{NAMES, holds, insert, is_harmless, mentions, play_unprotected, reads};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_and_their_browsers_are_called_is_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Admin, async |stage| {
        let client = stage.operator().await?;
        let browser = &stage.browser;
        for name in NAMES {
            let made = create_operator(&client, name, Role::Admin).await?;
            stage.open(1, "/operators").await?;
            reads(browser, "tbody td", name).await?;
            // Who has changed something is named beside it.
            let other = stage.cluster.client_with_key(1, Some(made.api_key)).await?;
            for enabled in [false, true] {
                set_enabled(&other, BUILT_IN, enabled).await?;
            }
            stage
                .open(1, "/authenticators/password_based:built_in_database")
                .await?;
            mentions(browser, ".lead", &format!(" · changed by {name} ")).await?;

            stage.open(1, "/operators").await?;
            browser
                .run("document.querySelector('details:has([name=name])').open = true", vec![])
                .await?;
            insert(browser, "Name (required)", name).await?;
            browser.fill("Password (required)", PASSWORD).await?;
            browser.press("Add account").await?;
            browser.shows("There is a problem").await?;
            is_harmless(browser).await?;
        }
        // A header has no other letters than these.
        let agent = "'\"><img src=x onerror=localStorage.ran=1>";
        let program = reqwest::Client::builder().user_agent(agent).build()?;
        let form = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
        let signing_in = program
            .post(stage.url(1, "/login")?)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
        signing_in.body(form).send().await?;
        stage.open(1, "/account").await?;
        reads(browser, "tbody th", agent).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_gets_nothing_in_either() -> Result<()> {
    play_unprotected(Role::Viewer, async |stage| {
        // Who tries too often is refused in the same way.
        stage.browser.expect("status of 429");
        let browser = &stage.browser;
        browser.tell("Network.clearBrowserCookies", json!({})).await?;
        for name in NAMES {
            stage
                .open(1, "/login?next=/%22%3E%3Cimg%20src=x%20onerror=localStorage.ran=1%3E")
                .await?;
            is_harmless(browser).await?;
            insert(browser, "Username (required)", name).await?;
            browser.fill("Password (required)", "not a password").await?;
            browser.press("Sign in").await?;
            browser.shows("There is a problem").await?;
            holds(browser, "Username (required)", name).await?;
        }
        Ok(())
    })
    .await
}

//! Light and dark.

use anyhow::{Result, ensure};
use cluster_tests::browser::play;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use serde_json::Value;

const GROUND: &str = "return getComputedStyle(document.documentElement).backgroundColor";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_look_as_the_system_does_until_somebody_chooses_and_remember_it() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/account").await?;
        let mut grounds = Vec::new();
        for theme in ["light", "dark"] {
            stage.browser.prefer(&[("prefers-color-scheme", theme)]).await?;
            grounds.push(stage.browser.run(GROUND, vec![]).await?);
        }
        ensure!(grounds[0] != grounds[1], "both are {}", grounds[0]);

        stage.browser.prefer(&[("prefers-color-scheme", "light")]).await?;
        stage.browser.find("radio", "Dark").await?.click().await?;
        stage.browser.press("Use").await?;
        let chosen = async || -> Result<Value> {
            stage
                .browser
                .run("return document.documentElement.dataset.theme", vec![])
                .await
        };
        wait_for("the page to be dark", PATIENCE, async || {
            Ok((chosen().await? == "dark").then_some(()))
        })
        .await?;
        // The node writes it into the page: there is no moment in which the page looks otherwise.
        stage.open(1, "/cluster").await?;
        ensure!(chosen().await? == "dark", "it is {}", chosen().await?);
        ensure!(stage.browser.run(GROUND, vec![]).await? == grounds[1], "it is not dark");

        stage
            .browser
            .run(
                "document.querySelector('form[action=\"/logout\"]').requestSubmit()",
                vec![],
            )
            .await?;
        stage.browser.at("/login").await?;
        ensure!(chosen().await? == "dark", "the sign-in page has forgotten it");
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/authenticators").await?;
        ensure!(
            stage.browser.run(GROUND, vec![]).await? == grounds[1],
            "it is not dark after signing in"
        );
        Ok(())
    })
    .await
}

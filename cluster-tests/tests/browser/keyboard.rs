//! What keys do on every page, and that they do nothing while somebody types.

use anyhow::{Result, ensure};
use cluster_tests::browser::play;
use cluster_tests::calls::create_user;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use thirtyfour::{By, Key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_finds_pages_and_users_by_keys_alone() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        create_user(&stage.operator().await?, "device-77", "secret").await?;
        stage.sign_in(Role::Viewer).await?;
        let user = "/authenticators/password_based:built_in_database/users/device-77";
        for (typed, option, path) in [
            ("clust", "Cluster page", "/cluster"),
            ("device-7", "device-77 user", user),
        ] {
            stage.open(1, "/authenticators").await?;
            let page = stage.browser.driver().find(By::Tag("body")).await?;
            page.send_keys(Key::Control + "k").await?;
            stage.browser.find("dialog", "Search").await?;
            stage.browser.keys(typed).await?;
            wait_for(&format!("only `{option}` to be found"), PATIENCE, async || {
                let found = stage.browser.every("option").await?;
                let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
                ensure!(names == [option], "{names:?}");
                Ok(Some(()))
            })
            .await?;
            stage.browser.keys(Key::Enter + "").await?;
            stage.browser.at(path).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_letters_lead_somewhere_but_not_while_one_types() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/try").await?;
        let field = stage.browser.find("textbox", "Username").await?;
        field.press("gc?/g").await?;
        stage.browser.at("/try").await?;
        ensure!(
            stage.browser.find("textbox", "Username").await?.value == "gc?/g",
            "the keys did something else"
        );
        stage.browser.run("document.activeElement.blur()", vec![]).await?;
        stage.browser.keys("gc").await?;
        stage.browser.at("/cluster").await?;
        stage.browser.keys("?").await?;
        stage.browser.at("/help").await?;
        let url = stage.browser.driver().current_url().await?;
        ensure!(url.fragment() == Some("keys"), "it leads to {url}");
        Ok(())
    })
    .await
}

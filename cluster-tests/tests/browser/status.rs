//! How authenticators fare: while a page is open, node by node, and in figures.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, Stage, play};
use cluster_tests::calls::{BUILT_IN, create_user, login};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::conformance::Server as _;
use cluster_tests::servers::PostgreSql;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::{self, Role};
use serde_json::json;

use super::scene::nobody;

/// From the death of a backend, which is looked at once a second here, to the word on the page.
const AT_MOST: Duration = Duration::from_secs(3);

/// Waits until the row of that authenticator says it; tells how long it took.
async fn says(browser: &Browser, id: &str, words: &[&str]) -> Result<Duration> {
    let begun = Instant::now();
    let row = format!("#chain > li[data-id='{id}'] .health summary");
    wait_for(&format!("`{id}` to be {words:?}"), PATIENCE, async || {
        let shown = browser.text_of(&row).await?;
        ensure!(words.iter().all(|word| shown.contains(word)), "it shows `{shown}`");
        Ok(Some(()))
    })
    .await?;
    Ok(begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_dies_is_seen_within_three_seconds_and_its_return_too() -> Result<()> {
    let (mut database, started) = tokio::join!(PostgreSql::start(), nobody());
    let (database, _started) = (
        database.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?,
        started?,
    );
    play(Options::new(node_binary!(), 3), async |stage| {
        let mut settings = database.settings_at(database.address());
        settings["probe_interval"] = json!("1s");
        let request: v1::CreateAuthenticatorRequest = cluster_tests::calls::message(json!({ "authenticator": {
            "id": "db", "mechanism": "password_based", "backend": "postgresql", "settings": settings,
        } }))?;
        stage.operator().await?.authenticators().create(request).await?;
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/authenticators").await?;
        let browser = &stage.browser;
        says(browser, "db", &["●", "Connected"]).await?;
        ensure!(
            !browser.text().await?.contains("does not answer"),
            "a banner is there before"
        );

        database.kill()?;
        let took = says(browser, "db", &["✕", "Disconnected"]).await?;
        println!("its death was on the page after {took:?}");
        ensure!(took < AT_MOST, "its death was on the page after {took:?}");
        browser.says("db is disconnected").await?;
        browser.shows("db does not answer on n1, n2, n3").await?;
        let nodes = browser
            .driver()
            .find(thirtyfour::By::Css("#chain > li[data-id=db] details.nodes"))
            .await?;
        nodes.click().await?;
        wait_for("the nodes to be listed", PATIENCE, async || {
            let listed = browser.text_of("#chain > li[data-id=db] details.nodes ul").await?;
            ensure!(["n1", "n2", "n3"].iter().all(|node| listed.contains(node)), "{listed}");
            ensure!(listed.matches("Disconnected").count() == 3, "{listed}");
            Ok(Some(()))
        })
        .await?;
        // Whoever has the focus on a row is not disturbed there.
        browser.run("document.activeElement.blur()", vec![]).await?;
        database.start_again().await?;
        let took = says(browser, "db", &["●", "Connected"]).await?;
        println!("its return was on the page after {took:?}");
        ensure!(took < AT_MOST, "its return was on the page after {took:?}");
        ensure!(!browser.text().await?.contains("does not answer"), "the banner stays");
        Ok(())
    })
    .await
}

/// The figures of a row of the table of nodes: allowed, denied, not found.
async fn figures(stage: &Stage, row: &str) -> Result<Vec<String>> {
    let script = "
        const row = [...document.querySelectorAll('#by-node tr')].find((one) => one.cells[0].textContent === arguments[0]);
        return [2, 3, 4].map((cell) => row.cells[cell].textContent)";
    Ok(serde_json::from_value(
        stage.browser.run(script, vec![row.into()]).await?,
    )?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_are_counted_for_each_node_and_in_sum_and_drawn_with_a_table_beside() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        create_user(&stage.operator().await?, "ann", "secret").await?;
        stage.cluster.agree().await?;
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, &format!("/authenticators/{BUILT_IN}")).await?;
        ensure!(
            figures(stage, "Cluster").await? == ["0", "0", "0"],
            "somebody has logged in before"
        );
        for (node, name, password, times) in [(1, "ann", "secret", 4), (2, "ann", "wrong", 3), (3, "nobody", "x", 2)] {
            let client = stage.cluster.client(node).await?;
            for _ in 0..times {
                login(&client, name, password).await?;
            }
        }
        for (row, expected) in [
            ("n1", ["4", "0", "0"]),
            ("n2", ["0", "3", "0"]),
            ("n3", ["0", "0", "2"]),
            ("Cluster", ["4", "3", "2"]),
        ] {
            wait_for(&format!("the figures of {row}"), PATIENCE, async || {
                let shown = figures(stage, row).await?;
                ensure!(shown == expected, "they are {shown:?}");
                Ok(Some(()))
            })
            .await?;
        }
        let browser = &stage.browser;
        let tiles = browser.text_of("#figures").await?;
        ensure!(
            ["Allowed\n4", "Denied\n3", "Not found\n2"]
                .iter()
                .all(|tile| tiles.contains(tile)),
            "{tiles}"
        );
        browser.shows("BAD_USERNAME_OR_PASSWORD").await?;

        wait_for("the chart", PATIENCE, async || {
            browser
                .find("image", "Decisions per second; the table below has the same figures")
                .await
                .map(Some)
        })
        .await?;
        let twin = browser.find("DisclosureTriangle", "Show as a table").await?;
        twin.click().await?;
        let table = browser.find("region", "Decisions per second").await?;
        let rows = browser.within(&table, "row").await?;
        let mut told = Vec::new();
        for row in &rows {
            told.push(row.text().await?);
        }
        let points = told.iter().filter(|row| row.contains("UTC") && row.contains("/s"));
        ensure!(rows.len() >= 3 && points.count() == rows.len() - 1, "{told:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_shows_in_the_list_and_its_rate_is_not_added_for_ever() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        let dead = stage.cluster.follower().await?;
        let here = stage.cluster.others(dead)[0];
        stage.open(here, "/authenticators").await?;
        says(&stage.browser, BUILT_IN, &["●", "Connected"]).await?;
        let client = stage.cluster.client(dead).await?;
        for _ in 0..20 {
            login(&client, "nobody", "x").await?;
        }
        stage.cluster.node_mut(dead)?.kill().await?;
        says(&stage.browser, BUILT_IN, &["▲", &format!("No answer from n{dead}")]).await?;
        wait_for("the rate to be of two nodes", PATIENCE, async || {
            let shown = stage.browser.text_of("#chain .rate").await?;
            ensure!(
                shown.starts_with("0/s") && shown.contains("2 of 3 nodes"),
                "it is {shown}"
            );
            Ok(Some(()))
        })
        .await?;
        stage.open(here, &format!("/authenticators/{BUILT_IN}")).await?;
        let tiles = stage.browser.text_of("#figures").await?;
        ensure!(tiles.contains("Rate\n0/s") && tiles.contains("2 of 3 nodes"), "{tiles}");
        stage.cluster.node_mut(dead)?.start()?;
        stage.open(here, "/authenticators").await?;
        says(&stage.browser, BUILT_IN, &["●", "Connected"]).await.map(|_| ())
    })
    .await
}

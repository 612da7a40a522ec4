//! The order of a chain: by pointer, by keyboard, by buttons, and against somebody who was faster.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, Stage, Visitor, play};
use cluster_tests::calls::BUILT_IN;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use thirtyfour::Key;

use super::scene::{add_databases, asked_in_order};

const BEFORE: [&str; 3] = [BUILT_IN, "second", "third"];
const THIRD_FIRST: [&str; 3] = ["third", BUILT_IN, "second"];

/// The ids of the rows, as they stand.
async fn rows(browser: &Browser) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('#chain > li')].map((row) => row.dataset.id)";
    Ok(serde_json::from_value(browser.run(script, vec![]).await?)?)
}

async fn stand(browser: &Browser, order: [&str; 3]) -> Result<()> {
    wait_for(&format!("the order {order:?}"), PATIENCE, async || {
        let rows = rows(browser).await?;
        ensure!(rows == order, "they stand {rows:?}");
        Ok(Some(()))
    })
    .await
}

/// What the cluster has.
async fn stored(stage: &Stage) -> Result<Vec<String>> {
    asked_in_order(&stage.operator().await?).await
}

/// A chain of three, and an editor who looks at it.
async fn at_the_chain(stage: &Stage) -> Result<Visitor> {
    add_databases(&stage.operator().await?, &BEFORE[1..]).await?;
    let visitor = stage.sign_in(Role::Editor).await?;
    stage.open(1, "/authenticators").await?;
    stand(&stage.browser, BEFORE).await?;
    Ok(visitor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_dragged_by_a_pointer_and_another_window_sees_it() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let visitor = at_the_chain(stage).await?;
        let other = stage.another_browser(&visitor).await?;
        other.go(&stage.url(1, "/authenticators")?).await?;
        stand(&other, BEFORE).await?;

        let browser = &stage.browser;
        let grip = browser.find("button", "Move third").await?;
        let top = browser
            .find("button", &format!("Move {BUILT_IN}"))
            .await?
            .element()
            .rect()
            .await?;
        let from = grip.element().rect().await?;
        let up = (top.y - from.y) as i64;
        let drag = browser
            .driver()
            .action_chain()
            .move_to_element_center(grip.element())
            .click_and_hold();
        let drag = (0..4).fold(drag, |drag, _| drag.move_by_offset(0, up / 4 - 3));
        drag.perform().await?;
        stand(browser, THIRD_FIRST).await?;
        ensure!(stored(stage).await? == BEFORE, "it was stored before it was dropped");
        browser.driver().action_chain().release().perform().await?;
        browser.says("third is now 1 of 3. Saved.").await?;
        ensure!(stored(stage).await? == THIRD_FIRST, "it was not stored");
        stand(&other, THIRD_FIRST).await?;
        browser.reload().await?;
        stand(browser, THIRD_FIRST).await?;
        other.end().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_moved_by_keys_and_put_back_by_escape() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        at_the_chain(stage).await?;
        let browser = &stage.browser;
        let grip = browser.find("button", "Move third").await?;
        ensure!(grip.description.contains("Press space to lift"), "{grip:?}");
        grip.element().focus().await?;
        let steps = |keys: [(Key, &'static str); 4]| async move {
            for (key, said) in keys {
                browser.keys(key + "").await?;
                browser.says(said).await?;
            }
            anyhow::Ok(())
        };
        steps([
            (Key::Space, "third is lifted. Position 3 of 3."),
            (Key::Up, "Position 2 of 3."),
            (Key::Home, "Position 1 of 3."),
            (Key::Escape, "third is back in its place."),
        ])
        .await?;
        stand(browser, BEFORE).await?;
        ensure!(stored(stage).await? == BEFORE, "what was put back is stored");
        ensure!(browser.focused().await? == "Move third", "the focus is lost");
        steps([
            (Key::Enter, "third is lifted. Position 3 of 3."),
            (Key::Up, "Position 2 of 3."),
            (Key::Up, "Position 1 of 3."),
            (Key::Space, "third is now 1 of 3. Saved."),
        ])
        .await?;
        ensure!(browser.focused().await? == "Move third", "the focus is lost");
        ensure!(
            !browser.find("button", "Move third").await?.is("pressed"),
            "it is still lifted"
        );
        ensure!(stored(stage).await? == THIRD_FIRST, "it was not stored");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buttons_move_a_row_and_say_why_they_cannot() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        at_the_chain(stage).await?;
        let browser = &stage.browser;
        for (button, why) in [
            (format!("Move {BUILT_IN} up"), "It is the first already."),
            ("Move third down".to_owned(), "It is the last already."),
        ] {
            let button = browser.find("button", &button).await?;
            ensure!(button.is("disabled") && button.description == why, "{button:?}");
        }
        browser.press("Move second up").await?;
        browser.shows("second is now 1 of 3.").await?;
        stand(browser, ["second", BUILT_IN, "third"]).await?;
        browser.press("Undo").await?;
        stand(browser, BEFORE).await?;
        browser.press(&format!("Move {BUILT_IN} down")).await?;
        stand(browser, ["second", BUILT_IN, "third"]).await?;
        browser.press("Undo").await?;
        stand(browser, BEFORE).await?;

        browser
            .find("DisclosureTriangle", "More about third")
            .await?
            .click()
            .await?;
        browser.press("Move to top").await?;
        stand(browser, THIRD_FIRST).await?;
        browser
            .find("DisclosureTriangle", "More about third")
            .await?
            .click()
            .await?;
        let top = browser.find("button", "Move to top").await?;
        ensure!(
            top.is("disabled") && top.description == "It is the first already.",
            "{top:?}"
        );
        browser.press("Move to bottom").await?;
        stand(browser, BEFORE).await?;
        ensure!(stored(stage).await? == BEFORE, "it was not stored");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_slower_is_shown_the_order_as_it_is_and_can_still_have_it_its_way() -> Result<()> {
    const THEIRS: [&str; 3] = ["second", BUILT_IN, "third"];
    play(Options::new(node_binary!(), 1), async |stage| {
        let visitor = at_the_chain(stage).await?;
        stage.browser.expect("status of 412");
        let browser = &stage.browser;
        ensure!(
            !browser.text().await?.contains("Somebody else"),
            "the banner is there before"
        );
        browser.find("button", "Move third").await?.element().focus().await?;
        browser.keys(Key::Space + "").await?;
        browser.says("third is lifted").await?;
        // While a row is lifted the page is not loaded anew.
        let (was, order) = (BEFORE.join(" "), THEIRS.join(" "));
        let fields = [("chain", "global"), ("was", &*was), ("order", &*order)];
        ensure!(
            visitor.post("/authenticators/order", &fields).await?.status == 303,
            "they were refused"
        );
        browser.keys(Key::Home + "").await?;
        browser.says("Position 1 of 3.").await?;
        stand(browser, THIRD_FIRST).await?;
        browser.keys(Key::Space + "").await?;
        browser.shows("Somebody else changed the chain first.").await?;
        stand(browser, THEIRS).await?;
        ensure!(stored(stage).await? == THEIRS, "theirs was overwritten");
        browser.press("Apply mine").await?;
        stand(browser, THIRD_FIRST).await?;
        ensure!(stored(stage).await? == THIRD_FIRST, "mine was not stored");
        Ok(())
    })
    .await
}

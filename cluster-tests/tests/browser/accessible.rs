//! Pages for everybody: axe, and what axe does not look at, in both themes, narrow and wide.

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, Look, Stage, faults, play, play_on, tab_through, violations};
use cluster_tests::calls::create_user;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use serde_json::json;
use thirtyfour::By;

use super::scene::{add_http, nobody};

const NARROW: u32 = 320;
const WIDE: u32 = 1360;

/// So many pages are about authenticators and their settings; the others about all else.
const HALF: usize = 12;
/// A page, and the button that shows another state of it.
const PAGES: &[(&str, &str)] = &[
    ("/authenticators", ""),
    ("/authenticators/new", ""),
    ("/authenticators/new/password_based", ""),
    ("/authenticators/new/password_based/postgresql", "Create"),
    ("/authenticators/new/password_based/redis", ""),
    ("/authenticators/new/password_based/http", "Test"),
    ("/authenticators/new/jwt/none", ""),
    ("/authenticators/new/scram/built_in_database", ""),
    ("/authenticators/new/cinfo/none", ""),
    ("/authenticators/password_based:built_in_database", ""),
    (
        "/authenticators/password_based:built_in_database/settings",
        "Review changes",
    ),
    ("/authenticators/password_based:built_in_database/delete", "Delete"),
    ("/authenticators/password_based:built_in_database/users", ""),
    (
        "/authenticators/password_based:built_in_database/users?prefix=nobody",
        "",
    ),
    ("/authenticators/password_based:built_in_database/users/new", "Add user"),
    ("/authenticators/password_based:built_in_database/users/device-1", ""),
    ("/authenticators/password_based:built_in_database/users/import", ""),
    ("/authenticators/ask-elsewhere/settings", ""),
    ("/try?username=device-1", "Try"),
    ("/cluster", ""),
    ("/operators", ""),
    ("/operators/accounts/ada", ""),
    ("/settings", ""),
    ("/account", ""),
    ("/help", ""),
    ("/help/password_based:mysql", ""),
    ("/nowhere", ""),
];

async fn set_the_stage(stage: &mut Stage) -> Result<()> {
    let client = stage.operator().await?;
    // Nothing listens there: a disconnected backend and its banner belong to the pages.
    let gone = nobody().await?.url();
    add_http(&client, "ask-elsewhere", &gone).await?;
    create_user(&client, "device-1", "secret").await?;
    stage.browser.expect("status of 404");
    stage.browser.expect("status of 422");
    stage.sign_in(Role::Admin).await?;
    Ok(())
}

/// Opens a page, and all that is folded away on it.
async fn show(stage: &Stage, page: &str, button: &str, press: bool) -> Result<()> {
    stage.open(1, page).await?;
    if press && !button.is_empty() {
        let before = stage.browser.run("return performance.timeOrigin", vec![]).await?;
        // What the browser itself would object to is left to the node.
        let unchecked = "for (const form of document.forms) form.noValidate = true";
        stage.browser.run(unchecked, vec![]).await?;
        stage.browser.press(button).await?;
        wait_for("the form to be answered", PATIENCE, async || {
            let now = stage.browser.run("return performance.timeOrigin", vec![]).await?;
            Ok((now != before).then_some(()))
        })
        .await?;
    }
    let unfold = "for (const one of document.querySelectorAll('main details:not(.menu)')) one.open = true";
    stage.browser.run(unfold, vec![]).await?;
    Ok(())
}

/// Both themes at both widths, without loading the page anew.
async fn every_look_is_in_order(stage: &Stage, is_framed: bool) -> Result<Vec<String>> {
    let mut bad = Vec::new();
    for width in [WIDE, NARROW] {
        for theme in ["light", "dark"] {
            let look = Look { theme, width };
            stage.browser.look(look).await?;
            let found = violations(&stage.browser).await?;
            bad.extend(found.into_iter().map(|fault| format!("{look:?}: {fault}")));
        }
        let found = faults(&stage.browser, is_framed).await?;
        bad.extend(found.into_iter().map(|fault| format!("{width} wide: {fault}")));
    }
    Ok(bad)
}

async fn pages_are_in_order(pages: &[(&str, &str)]) -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        set_the_stage(stage).await?;
        let mut bad = Vec::new();
        for (page, button) in pages {
            for press in [false, true].into_iter().take(1 + usize::from(!button.is_empty())) {
                show(stage, page, button, press).await?;
                let found = every_look_is_in_order(stage, *page != "/nowhere").await?;
                let after = if press {
                    format!(" after {button}")
                } else {
                    String::new()
                };
                bad.extend(found.into_iter().map(|fault| format!("{page}{after}: {fault}")));
            }
        }
        ensure!(bad.is_empty(), "{} faults:\n{}", bad.len(), bad.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_authenticators_are_for_everybody_in_both_themes_narrow_and_wide() -> Result<()> {
    pages_are_in_order(&PAGES[..HALF]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_pages_are_for_everybody_in_both_themes_narrow_and_wide() -> Result<()> {
    pages_are_in_order(&PAGES[HALF..]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_focus_goes_through_every_page_and_can_always_be_seen() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        set_the_stage(stage).await?;
        let mut bad = Vec::new();
        for page in [
            "/authenticators",
            "/authenticators/new/password_based",
            "/authenticators/new/password_based/http",
            "/authenticators/password_based:built_in_database",
            "/authenticators/password_based:built_in_database/users",
            "/try",
            "/cluster",
            "/operators",
            "/settings",
            "/account",
        ] {
            show(stage, page, "", false).await?;
            let stops = tab_through(&stage.browser).await?;
            ensure!(stops.len() > 10, "the focus stops {} times on {page}", stops.len());
            for stop in stops {
                if stop.outline <= 0.0 || stop.seen < stop.height.min(24.0) - 1.0 {
                    bad.push(format!("{page}: {stop:?}"));
                }
            }
        }
        ensure!(
            bad.is_empty(),
            "{} stops cannot be seen:\n{}",
            bad.len(),
            bad.join("\n")
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_of_twice_the_size_fits_and_nothing_moves_for_who_does_not_want_it() -> Result<()> {
    let (cluster, browser) = tokio::try_join!(Options::new(node_binary!(), 1).start(), Browser::with_text_of(32))?;
    play_on(cluster, browser, async |stage| {
        set_the_stage(stage).await?;
        stage.browser.prefer(&[("prefers-reduced-motion", "reduce")]).await?;
        let mut bad = Vec::new();
        for (page, _) in PAGES.iter().filter(|(page, _)| *page != "/nowhere") {
            show(stage, page, "", false).await?;
            let script = "
                const page = document.scrollingElement;
                const moving = document.getAnimations().filter((one) => one.playState === 'running').length;
                return [getComputedStyle(document.documentElement).fontSize, page.scrollWidth - page.clientWidth, moving]";
            let measured = stage.browser.run(script, vec![]).await?;
            if measured != json!(["32px", 0, 0]) {
                bad.push(format!("{page}: size of text, too wide by, running animations: {measured}"));
            }
        }
        ensure!(bad.is_empty(), "{}", bad.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_colours_of_the_system_one_still_sees_where_one_is() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        set_the_stage(stage).await?;
        stage.browser.prefer(&[("forced-colors", "active")]).await?;
        stage.open(1, "/cluster").await?;
        let here = stage.browser.driver().find(By::Css("nav.main [aria-current]")).await?;
        let outline = here.css_value("outline-style").await?;
        ensure!(
            outline == "solid" && here.text().await? == "Cluster",
            "its outline is {outline}"
        );
        let other = stage
            .browser
            .driver()
            .find(By::Css("nav.main a:not([aria-current])"))
            .await?;
        ensure!(
            other.css_value("outline-style").await? == "none",
            "every place is outlined"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_as_long_as_nothing_changes() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/cluster").await?;
        let watch = "
            window.drawn = 0; window.told = [];
            const watch = (what, act) => new MutationObserver(act).observe(what, { childList: true, subtree: true, characterData: true });
            watch(document.querySelector('main'), () => { window.drawn += 1; });
            watch(document.getElementById('spoken'), () => { window.told.push(document.getElementById('spoken').textContent); });";
        stage.browser.run(watch, vec![]).await?;
        // Ages grow once a second, so ten drawings are ten seconds.
        wait_for("the page to be drawn anew ten times", PATIENCE, async || {
            let drawn = stage.browser.run("return window.drawn", vec![]).await?;
            Ok(drawn.as_u64().filter(|drawn| *drawn >= 10))
        })
        .await?;
        let told = stage.browser.run("return window.told", vec![]).await?;
        ensure!(told == json!([]), "it was said: {told}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_page_does_against_its_policy_fails_its_test() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Viewer).await?;
        stage.open(1, "/help").await?;
        let break_rules = "
            const style = document.createElement('style');
            style.textContent = 'p { color: red }';
            document.head.append(style);
            console.error('an error of a script');
            document.querySelector('main').id = 'live';";
        stage.browser.run(break_rules, vec![]).await?;
        let complaints = stage.browser.complaints().await?;
        ensure!(
            complaints.iter().any(|one| one.contains("Content Security Policy"))
                && complaints.iter().any(|one| one.contains("an error of a script")),
            "{complaints:?}"
        );
        let found = faults(&stage.browser, true).await?;
        ensure!(
            found.iter().any(|fault| fault == "the id live is there twice"),
            "{found:?}"
        );
        stage
            .browser
            .run(
                "document.querySelector('h1').remove(); document.documentElement.lang = ''",
                vec![],
            )
            .await?;
        let found = violations(&stage.browser).await?;
        ensure!(
            found.iter().any(|fault| fault.starts_with("html-has-lang")),
            "{found:?}"
        );
        Ok(())
    })
    .await
}

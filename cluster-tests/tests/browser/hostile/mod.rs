//! Text that means harm. Whatever others have called something, a page shows it to the letter, and it is nothing but text there.

mod backends; // what they say
mod files; // what they are called and hold
mod names; // of users and authenticators
mod people; // operators, and who is not let in

use anyhow::{Result, ensure};
use cluster_tests::browser::{Browser, Stage, play};
use cluster_tests::calls::declare;
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1::Role;
use serde::Deserialize;
use serde_json::json;

/// Elements, ends of elements, what is escaped already and text beyond 16 bits; and marks that turn what follows around, of which the
/// first ends what should keep the second one in.
const NAMES: &[&str] = &[
    "'\"></td><img src=x onerror=localStorage.ran=1>&lt;`b`%3C🦊",
    "</script><script>localStorage.ran=1</script> ${b} 𝒹𝑒𝓋",
    MARKS,
];
/// The same as far as names of authenticators may have it: they have no spaces and no slashes.
const IDS: &[&str] = &["'\"><b>x<script>localStorage.ran=1<!--&lt;`b`${b}%3Cb%3E?#🦊𝒹𝒷", MARKS];
const MARKS: &str = "\u{2069}\u{202e}sdrawkcab";

/// Elements that nobody drew, a script that ran, and words that run from right to left.
const LOOK: &str = "
    const ours = (one) => one.closest('#chart, .brand') !== null || (one.getAttribute('src') ?? '').startsWith('/assets/');
    const alien = [...document.querySelectorAll('img, script, svg, iframe, b')].filter((one) => !ours(one));
    const backwards = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      // What is said to those who listen is nowhere to be seen.
      if (node.parentElement.closest('.unseen')) continue;
      const box = (at) => {
        const letter = document.createRange();
        letter.setStart(node, at);
        letter.setEnd(node, at + 1);
        return letter.getClientRects()[0];
      };
      for (const word of node.data.matchAll(/[A-Za-z]{2,}/g)) {
        const [first, last] = [box(word.index), box(word.index + word[0].length - 1)];
        if (first && last && Math.abs(first.top - last.top) < 2 && first.left > last.left)
          backwards.push(`${word[0]} in ${node.parentElement.outerHTML}`);
      }
    }
    return { alien: alien.map((one) => one.outerHTML), backwards, ran: localStorage.ran === '1' };";

#[derive(Debug, Deserialize)]
struct Seen {
    alien: Vec<String>,
    backwards: Vec<String>,
    ran: bool,
}

/// Nothing on the page that is open was taken for anything but text, and no text reaches into its neighbours.
async fn is_harmless(browser: &Browser) -> Result<()> {
    let seen: Seen = serde_json::from_value(browser.run(LOOK, vec![]).await?)?;
    let page = browser.path().await?;
    ensure!(
        seen.alien.is_empty() && !seen.ran,
        "{page} has let something in: {seen:?}"
    );
    ensure!(seen.backwards.is_empty(), "{page} runs backwards: {:?}", seen.backwards);
    Ok(())
}

async fn texts(browser: &Browser, selector: &str) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)";
    Ok(serde_json::from_value(
        browser.run(script, vec![selector.into()]).await?,
    )?)
}

/// Waits until one of these elements says that, to the letter, and looks at the whole page.
async fn reads(browser: &Browser, selector: &str, text: &str) -> Result<()> {
    wait_for(&format!("{selector} to read {text:?}"), PATIENCE, async || {
        let found = texts(browser, selector).await?;
        ensure!(found.iter().any(|one| one == text), "they read {found:?}");
        Ok(Some(()))
    })
    .await?;
    is_harmless(browser).await
}

/// The same of a part of what an element says.
async fn mentions(browser: &Browser, selector: &str, text: &str) -> Result<()> {
    wait_for(&format!("{selector} to mention {text:?}"), PATIENCE, async || {
        let found = texts(browser, selector).await?;
        ensure!(found.iter().any(|one| one.contains(text)), "they read {found:?}");
        Ok(Some(()))
    })
    .await?;
    is_harmless(browser).await
}

async fn said(browser: &Browser, text: &str) -> Result<()> {
    reads(browser, "[data-said] > div", &format!("● {text}")).await
}

/// Clicks on the one element there that says exactly this.
async fn click(browser: &Browser, selector: &str, text: &str) -> Result<()> {
    let script = "
        const found = [...document.querySelectorAll(arguments[0])].filter((one) => one.textContent === arguments[1]);
        if (found.length === 1) found[0].click();
        return found.length;";
    let found = browser.run(script, vec![selector.into(), text.into()]).await?;
    ensure!(found == 1, "{found} of {selector} read {text:?}");
    Ok(())
}

/// Types what no keyboard has keys for.
async fn insert(browser: &Browser, field: &str, text: &str) -> Result<()> {
    let field = browser.find("textbox", field).await?;
    field.element().clear().await?;
    field.click().await?;
    browser.tell("Input.insertText", json!({ "text": text })).await?;
    Ok(())
}

async fn holds(browser: &Browser, field: &str, text: &str) -> Result<()> {
    let held = browser.find("textbox", field).await?;
    let held = held.element().prop("value").await?.unwrap_or_default();
    ensure!(held == text, "{field} holds {held:?}, not {text:?}");
    is_harmless(browser).await
}

/// One node, somebody who is signed in, and no content policy: what is not let in by itself needs none to stay out.
async fn play_unprotected(role: Role, act: impl AsyncFnOnce(&mut Stage) -> Result<()>) -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.browser.expect("status of 422");
        stage.browser.expect("status of 404");
        stage
            .browser
            .tell("Page.setBypassCSP", json!({ "enabled": true }))
            .await?;
        stage.sign_in(role).await?;
        act(stage).await
    })
    .await
}

/// Databases under all of these ids.
async fn declare_all(client: &Client) -> Result<()> {
    for id in IDS {
        declare(client, json!({ "id": id })).await?;
    }
    Ok(())
}

/// Clicks on what is there in the row of that authenticator, folded away or not.
async fn click_in_row(browser: &Browser, id: &str, selector: &str) -> Result<()> {
    let script = "
        const row = [...document.querySelectorAll('#chain > li')].find((one) => one.dataset.id === arguments[0]);
        row?.querySelector(arguments[1]).click();
        return row !== undefined;";
    let clicked = browser.run(script, vec![id.into(), selector.into()]).await?;
    ensure!(clicked == true, "no row of {id:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_more_than_text_would_be_noticed() -> Result<()> {
    play_unprotected(Role::Viewer, async |stage| {
        let browser = &stage.browser;
        for (harm, noticed) in [
            ("line.textContent = arguments[0].at(-1) + ' is saved'", "runs backwards"),
            ("line.innerHTML = arguments[0][0]", "has let something in"),
        ] {
            stage.open(1, "/help").await?;
            is_harmless(browser).await?;
            let harm = format!(
                "const line = document.createElement('p'); document.querySelector('main').prepend(line); {harm}"
            );
            browser.run(&harm, vec![json!(NAMES)]).await?;
            wait_for("it to be noticed", PATIENCE, async || {
                let found = is_harmless(browser).await.err().map(|error| error.to_string());
                Ok(found.filter(|found| found.contains(noticed)))
            })
            .await?;
        }
        wait_for("the script to run without a policy", PATIENCE, async || {
            let ran = browser.run("return localStorage.ran === '1'", vec![]).await?;
            Ok((ran == true).then_some(()))
        })
        .await
    })
    .await
}

//! Text that means harm. Whatever others have called something, a page shows it to the letter, and it is nothing but text there.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{Browser, PASSWORD, Stage, play};
use cluster_tests::calls::{BUILT_IN, create_operator, create_user, declare, get_user, set_enabled};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::decider::{Decider, Reply};
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use serde::Deserialize;
use serde_json::json;
use thirtyfour::{By, Key};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::scene::{USERS, add_http, add_postgresql};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_users_are_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Editor, async |stage| {
        let client = stage.operator().await?;
        for name in NAMES {
            create_user(&client, name, "secret").await?;
        }
        let browser = &stage.browser;
        stage.open(1, USERS).await?;
        let mut listed = texts(browser, "tbody th").await?;
        listed.sort_unstable();
        let mut expected = NAMES.to_vec();
        expected.sort_unstable();
        ensure!(listed == expected, "{listed:?}");
        is_harmless(browser).await?;
        for name in NAMES {
            click(browser, "tbody th a", name).await?;
            reads(browser, "h1", name).await?;
            reads(browser, "nav.crumbs [aria-current]", name).await?;
            browser.press("Save").await?;
            said(browser, &format!("{name} is saved.")).await?;
            click(browser, "tbody th a", name).await?;
            reads(browser, "h1", name).await?;
            browser.press("Delete").await?;
            said(browser, &format!("{name} is deleted.")).await?;
            ensure!(get_user(&client, name).await.is_err(), "{name:?} is still there");
            browser.press("Undo").await?;
            said(browser, &format!("{name} is back.")).await?;
            ensure!(get_user(&client, name).await.is_ok(), "{name:?} is not back");
            click(browser, "tbody th a", name).await?;
            click(browser, "main a", "Try a login").await?;
            browser.at("/try").await?;
            holds(browser, "Username", name).await?;
            browser.press("Try").await?;
            browser.shows("Denied").await?;
            holds(browser, "Username", name).await?;

            stage.open(1, &format!("{USERS}/new")).await?;
            insert(browser, "Name (required)", name).await?;
            browser.fill("Password", "secret").await?;
            browser.press("Add user").await?;
            browser.shows("is the name of a user already").await?;
            holds(browser, "Name (required)", name).await?;
            let other = format!("{name}!");
            insert(browser, "Name (required)", &other).await?;
            browser.fill("Password", "secret").await?;
            browser.press("Add user").await?;
            said(browser, &format!("{other} can log in.")).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_search_finds_is_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Viewer, async |stage| {
        let client = stage.operator().await?;
        for name in NAMES {
            create_user(&client, name, "secret").await?;
        }
        for id in IDS {
            declare(&client, json!({ "id": id })).await?;
        }
        let browser = &stage.browser;
        let users = NAMES.iter().map(|name| (*name, "user"));
        for (name, what) in users.chain(IDS.iter().map(|id| (*id, "authenticator"))) {
            stage.open(1, "/help").await?;
            let page = browser.driver().find(By::Tag("body")).await?;
            page.send_keys(Key::Control + "k").await?;
            browser.find("dialog", "Search").await?;
            browser.tell("Input.insertText", json!({ "text": name })).await?;
            reads(browser, "[role=option]", &format!("{name} {what}")).await?;
            click(browser, "[role=option]", &format!("{name} {what}")).await?;
            reads(browser, "h1", name).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_authenticators_are_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Editor, async |stage| {
        let client = stage.operator().await?;
        for id in IDS {
            declare(&client, json!({ "id": id })).await?;
        }
        let browser = &stage.browser;
        for id in IDS {
            stage.open(1, "/authenticators").await?;
            mentions(browser, "#chain span.small", &format!(" · {id}")).await?;
            let row = "
                const row = [...document.querySelectorAll('#chain > li')].find((one) => one.dataset.id === arguments[0]);
                row?.querySelector(arguments[1]).click();
                return row !== undefined;";
            let press = async |what: &str| -> Result<()> {
                let pressed = browser.run(row, vec![(*id).into(), what.into()]).await?;
                ensure!(pressed == true, "no row of {id:?}");
                Ok(())
            };
            press(".switch").await?;
            said(browser, &format!("{id} is not asked any more.")).await?;
            browser.press("Undo").await?;
            said(browser, &format!("{id} is asked again.")).await?;
            press("button[value^='up ']").await?;
            mentions(browser, "[data-said]", &format!("{id} is now ")).await?;

            press("a.name").await?;
            reads(browser, "h1", id).await?;
            for (tab, title) in [("Settings", "Settings of "), ("Users", "Users of ")] {
                click(browser, "nav.tabs a", tab).await?;
                reads(browser, "h1", &format!("{title}{id}")).await?;
            }
            click(browser, "main a", "Import…").await?;
            reads(browser, "h1", &format!("Import users into {id}")).await?;
            browser.follow("Cancel").await?;
            click(browser, ".actions a", "Add user").await?;
            reads(browser, "h1", &format!("Add a user to {id}")).await?;
        }
        stage.open(1, "/authenticators/new/password_based/built_in_database").await?;
        for id in IDS {
            reads(browser, "select[name=position] option", &format!("After {id}")).await?;
        }
        stage.open(1, "/try").await?;
        browser.fill("Username", "ann").await?;
        browser.fill("Password or token", "secret").await?;
        browser.press("Try").await?;
        for id in IDS {
            reads(browser, "#result .trace tbody th", id).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_before_deleting_is_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Editor, async |stage| {
        let client = stage.operator().await?;
        for id in IDS {
            declare(&client, json!({ "id": id })).await?;
        }
        let browser = &stage.browser;
        for id in IDS {
            stage.open(1, "/authenticators").await?;
            let script = "
                const row = [...document.querySelectorAll('#chain > li')].find((one) => one.dataset.id === arguments[0]);
                location.assign(row.querySelector('.menu a[href*=delete]').href);";
            browser.run(script, vec![(*id).into()]).await?;
            reads(browser, "h1", &format!("Delete {id}?")).await?;
            mentions(browser, ".banner", &format!("The settings of {id} and its counters go")).await?;
            let page = browser.path().await?;
            for (name, password, answer) in [
                ("another", PASSWORD, "is not the name of this authenticator"),
                (*id, PASSWORD, "with 0 users."),
            ] {
                insert(browser, "Type its name (required)", name).await?;
                // It is not asked for again within a few minutes.
                if browser.has("textbox", "Your password (required)").await? {
                    browser.fill("Your password (required)", password).await?;
                }
                browser.press("Delete").await?;
                browser.shows(answer).await?;
            }
            said(browser, &format!("{id} is deleted, with 0 users.")).await?;
            stage.open(1, &page).await?;
            mentions(browser, "main p", &format!("Authenticator `{id}` does not exist.")).await?;
        }
        Ok(())
    })
    .await
}

/// What a database says to everybody.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<String>>);

impl Words {
    fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, words: &str) {
        words.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A database that turns everybody away in these words; its address.
async fn rude_database(words: Words) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let words = words.get();
            // `ErrorResponse` of PostgreSQL's protocol, whatever was said.
            let fields = format!("SFATAL\0VFATAL\0C28000\0M{words}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
            let answer = [b"E", &length[..], fields.as_bytes()].concat();
            let _heard = stream.read(&mut [0; 1024]).await;
            let _gone = stream.write_all(&answer).await;
            let _gone = stream.shutdown().await;
        }
    });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backend_complains_of_is_nothing_but_text_also_on_a_page_that_is_open() -> Result<()> {
    let words = Words::default();
    let address = rude_database(words.clone()).await?;
    let polite = Decider::start(|_| Reply::json(json!({ "result": "ignore" }))).await?;
    play_unprotected(Role::Viewer, async |stage| {
        let client = stage.operator().await?;
        add_http(&client, "polite", &polite.url()).await?;
        for id in IDS {
            add_postgresql(&client, id, &address).await?;
        }
        let browser = &stage.browser;
        words.set("we are closed");
        stage.open(1, "/authenticators").await?;
        complains(browser, &words, NAMES, &["#troubles", "#chain .health"]).await?;
        let of_one = "
            const row = [...document.querySelectorAll('#chain > li')].find((one) => one.dataset.id === arguments[0]);
            location.assign(row.querySelector('a.name').href);";
        browser.run(of_one, vec![MARKS.into()]).await?;
        reads(browser, "h1", MARKS).await?;
        complains(browser, &words, &[MARKS], &["#troubles", "#by-node"]).await?;
        stage.open(1, "/cluster").await?;
        for id in IDS {
            let line = format!("n1 does not reach the backend of {id}: look at the backend.");
            mentions(browser, "main .banner", &line).await?;
            reads(browser, "#matrix th", id).await?;
        }
        Ok(())
    })
    .await
}

/// What the node draws anew takes the place of what the page that is open has shown before, with everything unfolded.
async fn complains(browser: &Browser, words: &Words, names: &[&str], places: &[&str]) -> Result<()> {
    let unfold = "
        window.first = true;
        for (const one of document.querySelectorAll('main details.nodes')) one.open = true;";
    browser.run(unfold, vec![]).await?;
    for name in names {
        words.set(name);
        for place in places {
            mentions(browser, place, &format!("{name} (SQLSTATE 28000)")).await?;
        }
        let first = browser.run("return window.first === true", vec![]).await?;
        ensure!(first == true, "the page was loaded anew");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backend_answers_is_nothing_but_text() -> Result<()> {
    let server = Decider::start(|_| Reply::json(json!({ "result": "ignore" }))).await?;
    play_unprotected(Role::Viewer, async |stage| {
        let client = stage.operator().await?;
        add_http(&client, IDS[0], &server.url()).await?;
        let browser = &stage.browser;
        for name in NAMES {
            let answer = json!({
                "result": "allow",
                "client_attrs": { "tenant": name },
                "acl": [{ "permission": "allow", "action": "publish", "topic": name }],
                "clientid_override": name,
                (*name): "unknown",
            });
            server.decide(move |_| Reply::json(answer.clone()));
            stage.open(1, "/try").await?;
            browser.fill("Username", "ann").await?;
            browser.fill("Password or token", "secret").await?;
            browser.press("Try").await?;
            mentions(browser, "#result .verdict", &format!("by {}", IDS[0])).await?;
            mentions(browser, "#result .trace td", name).await?;
            let told = texts(browser, "#result dl.pairs dd").await?;
            ensure!(told.iter().filter(|one| one == name).count() == 3, "{name:?}: {told:?}");
        }
        Ok(())
    })
    .await
}

/// Chooses a file and waits until it is checked.
async fn check_file(stage: &Stage, file: &Path) -> Result<()> {
    stage.open(1, &format!("{USERS}/import")).await?;
    let field = stage.browser.driver().find(By::Css("input[type=file]")).await?;
    field
        .send_keys(file.to_str().context("a path that is no text")?)
        .await?;
    stage.browser.press("Check file").await?;
    wait_for("the file to be checked", PATIENCE, async || {
        let shown = stage.browser.text().await?;
        ensure!(
            shown.contains("can be stored") || shown.contains("cannot go on"),
            "{shown}"
        );
        Ok(Some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_their_rejected_rows_are_nothing_but_text() -> Result<()> {
    play_unprotected(Role::Editor, async |stage| {
        let folder = tempfile::tempdir()?;
        let browser = &stage.browser;
        for name in NAMES {
            // No name of a file has a slash, and browsers send quotation marks otherwise.
            let file_name = format!("{}.ndjson", name.replace(['/', '"'], "|"));
            let file = folder.path().join(&file_name);
            let rows = [
                json!({ "user_id": name, "password": "secret", "is_superuser": "perhaps" }),
                json!({ "user_id": "ann", "password": "secret", (*name): 1 }),
                json!({ "user_id": format!("{name}\u{7}"), "password": "secret" }),
            ];
            fs::write(&file, rows.map(|row| format!("{row}\n")).concat())?;
            check_file(stage, &file).await?;
            browser.shows("None of 3 rows can be stored.").await?;
            let shown = texts(browser, "h1").await?;
            let expected = format!("Import of {}", name.replace(['/', '"'], "|"));
            ensure!(shown[0].starts_with(&expected), "{shown:?}");
            reads(browser, "section tbody td", name).await?;
            mentions(browser, "section tbody td", &format!("the field `{name}` is unknown")).await?;

            let file = folder.path().join("header.csv");
            let header = name.replace('"', "\"\"");
            fs::write(&file, format!("user_id,password,\"{header}\"\nann,secret,1\n"))?;
            check_file(stage, &file).await?;
            mentions(browser, "#import .banner", &format!("`{name}` is unknown")).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cell_of_a_file_of_rejected_rows_is_a_formula() -> Result<()> {
    const CELLS: &[&str] = &[
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1+1",
        "=HYPERLINK(\"http://x\",\"y\")",
    ];
    play(Options::new(node_binary!(), 1), async |stage| {
        let visitor = stage.sign_in(Role::Editor).await?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("users.csv");
        let row = |cell: &&str| format!("\"{}\",secret,perhaps\n", cell.replace('"', "\"\""));
        let rows: String = CELLS.iter().map(row).collect();
        fs::write(&file, format!("user_id,password,is_superuser\n{rows}"))?;
        check_file(stage, &file).await?;
        let path = stage.browser.path().await?;
        let rejected = visitor.get(&format!("{path}/rejected.csv")).await?;
        ensure!(rejected.status == 200, "{rejected:?}");
        for (cell, line) in CELLS.iter().zip(rejected.body.lines().skip(1)) {
            // A spreadsheet takes what begins with an apostrophe for text.
            let plain = format!(",'{cell},");
            let quoted = format!(",\"'{}\",", cell.replace('"', "\"\""));
            ensure!(line.contains(&plain) || line.contains(&quoted), "{cell:?} is {line:?}");
        }
        ensure!(rejected.body.lines().count() == CELLS.len() + 1, "{}", rejected.body);
        Ok(())
    })
    .await
}

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

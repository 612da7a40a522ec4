//! What backends say, and complain of.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use cluster_tests::browser::Browser;
use cluster_tests::decider::{Decider, Reply};
use portcullis::wire::pb::v1::Role;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{IDS, MARKS, NAMES, mentions, play_unprotected, reads, texts};
use crate::scene::{add_http, add_postgresql};

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

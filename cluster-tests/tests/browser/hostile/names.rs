//! What users and authenticators are called.

use anyhow::{Result, ensure};
use cluster_tests::browser::PASSWORD;
use cluster_tests::calls::{create_user, get_user};
use portcullis::wire::pb::v1::Role;
use serde_json::json;
use thirtyfour::{By, Key};

use super::{
    IDS, NAMES, click, click_in_row, declare_all, holds, insert, is_harmless, mentions, play_unprotected, reads, said,
    texts,
};
use crate::scene::USERS;

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
        declare_all(&client).await?;
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
        declare_all(&client).await?;
        let browser = &stage.browser;
        for id in IDS {
            stage.open(1, "/authenticators").await?;
            mentions(browser, "#chain span.small", &format!(" · {id}")).await?;
            click_in_row(browser, id, ".switch").await?;
            said(browser, &format!("{id} is not asked any more.")).await?;
            browser.press("Undo").await?;
            said(browser, &format!("{id} is asked again.")).await?;
            click_in_row(browser, id, "button[value^='up ']").await?;
            mentions(browser, "[data-said]", &format!("{id} is now ")).await?;

            click_in_row(browser, id, "a.name").await?;
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
        stage
            .open(1, "/authenticators/new/password_based/built_in_database")
            .await?;
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
        declare_all(&client).await?;
        let browser = &stage.browser;
        for id in IDS {
            stage.open(1, "/authenticators").await?;
            click_in_row(browser, id, ".menu a[href*=delete]").await?;
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

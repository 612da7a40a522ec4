//! Users: found, added, changed, deleted and put back, and brought in from files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::browser::{Stage, play};
use cluster_tests::calls::{self, BUILT_IN, create_user, get_user, is_allowed, sha256_file};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1::import_users_header::Format;
use portcullis::wire::pb::v1::{self, Role};
use thirtyfour::By;

use super::scene::USERS;

/// Brings in users named after that many numbers; every tenth is a superuser.
async fn bring_in(client: &Client, many: usize) -> Result<()> {
    let row = |number: usize| {
        let super_user = number.is_multiple_of(10);
        format!("device-{number:03},{:064x},salt,{super_user}\n", number)
    };
    let rows: String = (0..many).map(row).collect();
    let file = format!("user_id,password_hash,salt,is_superuser\n{rows}");
    let done = calls::import(client, sha256_file(Format::Csv), Bytes::from(file)).await?;
    ensure!(done.created == many as u64, "{done:?}");
    Ok(())
}

/// The names in the table of the page.
async fn names(stage: &Stage) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('tbody th')].map((one) => one.textContent)";
    Ok(serde_json::from_value(stage.browser.run(script, vec![]).await?)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_added_once_and_changed_without_touching_the_password() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        stage.sign_in(Role::Editor).await?;
        stage.browser.expect("status of 422");
        let browser = &stage.browser;
        stage.open(1, "/users").await?;
        browser.at(USERS).await?;
        browser.shows("No users yet").await?;
        for refused in [false, true] {
            stage.open(1, &format!("{USERS}/new")).await?;
            browser.fill("Name (required)", "ann").await?;
            browser.fill("Password", "secret").await?;
            browser.press("Add user").await?;
            browser
                .shows(if refused {
                    "is the name of a user already"
                } else {
                    "ann can log in."
                })
                .await?;
        }
        ensure!(
            browser.find("textbox", "Name (required)").await?.is("invalid"),
            "the field is not marked"
        );
        ensure!(is_allowed(&client, "ann", "secret").await?, "ann is not let in");

        stage.open(1, USERS).await?;
        browser.follow("ann").await?;
        let box_ = browser.find("checkbox", "Superuser").await?;
        ensure!(!box_.is("checked"), "ann is one before");
        box_.click().await?;
        browser.press("Save").await?;
        browser.shows("ann is saved.").await?;
        ensure!(get_user(&client, "ann").await?.is_superuser, "it was not stored");
        ensure!(is_allowed(&client, "ann", "secret").await?, "the password has changed");
        browser.follow("ann").await?;
        browser.find("checkbox", "Disabled").await?.click().await?;
        browser.press("Save").await?;
        browser.shows("Disabled").await?;
        ensure!(
            !is_allowed(&client, "ann", "secret").await?,
            "who is disabled is let in"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_comes_back_with_its_password() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let client = stage.operator().await?;
        create_user(&client, "ann", "secret").await?;
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        stage.open(1, &format!("{USERS}/ann")).await?;
        browser.press("Delete").await?;
        browser.shows("ann is deleted.").await?;
        ensure!(!is_allowed(&client, "ann", "secret").await?, "who is deleted is let in");
        browser.press("Undo").await?;
        browser.shows("ann is back.").await?;
        ensure!(is_allowed(&client, "ann", "secret").await?, "the password is lost");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_what_they_are_called_and_are_and_page_by_page() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        bring_in(&stage.operator().await?, 120).await?;
        stage.sign_in(Role::Viewer).await?;
        let browser = &stage.browser;
        stage.open(1, USERS).await?;
        browser.shows("120 users").await?;
        let (mut pages, mut all) = (Vec::new(), BTreeSet::new());
        for step in 0..3 {
            let page = names(stage).await?;
            all.extend(page.clone());
            pages.push(page);
            if step < 2 {
                browser.follow("Next page").await?;
            }
        }
        ensure!(
            pages.iter().map(Vec::len).collect::<Vec<_>>() == [50, 50, 20],
            "{pages:?}"
        );
        ensure!(all.len() == 120, "{} different users are shown", all.len());
        ensure!(!browser.has("link", "Next page").await?, "the last page has a next one");
        for page in [1, 0] {
            browser.follow("Previous page").await?;
            ensure!(names(stage).await? == pages[page], "the way back leads elsewhere");
        }
        ensure!(
            !browser.has("link", "Previous page").await?,
            "the first page has a previous one"
        );

        browser.fill("Name starts with", "device-11").await?;
        browser.press("Search").await?;
        let found = names(stage).await?;
        ensure!(
            found.len() == 10 && found.iter().all(|name| name.starts_with("device-11")),
            "{found:?}"
        );
        browser.choose("Superuser", "Yes").await?;
        browser.press("Search").await?;
        ensure!(names(stage).await? == ["device-110"], "{:?}", names(stage).await?);
        browser.follow("Clear").await?;
        browser.fill("Name contains", "e-09").await?;
        browser.press("Search").await?;
        ensure!(names(stage).await?.len() == 10, "{:?}", names(stage).await?);
        browser.fill("Name contains", "nobody").await?;
        browser.press("Search").await?;
        browser.shows("Nobody is called that").await?;
        Ok(())
    })
    .await
}

/// Chooses a file and has it checked; waits until that is done.
async fn check_file(stage: &Stage, file: &Path, holds: &str) -> Result<()> {
    stage.open(1, &format!("{USERS}/import")).await?;
    let browser = &stage.browser;
    browser.find("radio", holds).await?.click().await?;
    let field = browser.driver().find(By::Css("input[type=file]")).await?;
    field
        .send_keys(file.to_str().context("a path that is no text")?)
        .await?;
    browser.press("Check file").await?;
    browser.shows("can be stored").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_templates_can_be_imported_as_they_are() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        stage.sign_in(Role::Editor).await?;
        let browser = &stage.browser;
        for (link, holds) in [("with passwords", "passwords"), ("with hashes", "hashes of passwords")] {
            stage.open(1, &format!("{USERS}/import")).await?;
            browser.follow(link).await?;
            let folder = browser.downloads();
            let file = wait_for("the template to be saved", PATIENCE, async || {
                let files = fs::read_dir(&folder)?
                    .filter_map(std::result::Result::ok)
                    .map(|file| file.path());
                Ok(files
                    .into_iter()
                    .find(|file| file.extension().is_some_and(|end| end == "csv")))
            })
            .await?;
            check_file(stage, &file, holds).await?;
            browser.shows(" 0 cannot.").await?;
            browser.find_by_start("button", "Import ").await?.click().await?;
            browser.shows("The import is done.").await?;
            browser.shows("· 0 rejected").await?;
            fs::remove_file(file)?;
        }
        Ok(())
    })
    .await
}

/// 5,000 rows, nine of which cannot be stored; and a password that must not come back.
fn file_with_bad_rows() -> String {
    let row = |number: usize| match number {
        218 => "dev\u{7}12,a password to hide,false\n".to_owned(),
        number if number > 0 && number.is_multiple_of(600) => format!(",a password to hide,{number}\n"),
        _ => format!("user-{number},a password to hide,false\n"),
    };
    let rows: String = (0..5000).map(row).collect();
    format!("user_id,password,is_superuser\n{rows}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_checked_first_and_what_is_wrong_with_it_is_told_by_line_without_passwords() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        let visitor = stage.sign_in(Role::Editor).await?;
        let client = stage.operator().await?;
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("users.csv");
        fs::write(&file, file_with_bad_rows())?;
        check_file(stage, &file, "passwords").await?;
        let browser = &stage.browser;
        browser
            .shows("4,991 rows can be stored, 9 cannot. Nothing is stored yet.")
            .await?;
        // The header is line 1.
        let first = browser.text_of("section table tbody tr:first-child").await?;
        ensure!(first.starts_with("220"), "the first bad row is {first}");
        ensure!(
            browser
                .driver()
                .find_all(By::Css("section table tbody tr"))
                .await?
                .len()
                == 9,
            "not all are listed"
        );
        ensure!(get_user(&client, "user-0").await.is_err(), "something is stored");

        let path = browser.path().await?;
        browser.press("Import 4,991 users").await?;
        browser.shows("The import is done.").await?;
        browser
            .shows("5,000 of 5,000 · 4,991 added · 0 replaced · 0 unchanged · 0 skipped · 9 rejected")
            .await?;
        ensure!(
            is_allowed(&client, "user-4999", "a password to hide").await?,
            "who was imported is not let in"
        );
        let rejected = visitor.get(&format!("{path}/rejected.csv")).await?;
        ensure!(
            rejected.status == 200 && rejected.body.lines().count() == 10,
            "{rejected:?}"
        );
        for text in [
            rejected.body,
            visitor.get(&path).await?.body,
            stage.cluster.node(1)?.log(),
        ] {
            ensure!(!text.contains("a password to hide"), "a password is shown: {text}");
        }
        Ok(())
    })
    .await
}

/// Passwords that take long to hash, so that an import lasts as long as the test needs.
async fn hash_slowly(stage: &Stage) -> Result<()> {
    let slow = serde_json::json!({ "name": "pbkdf2", "mac_fun": "sha256", "iterations": 1_500 });
    calls::set_algorithm(&stage.operator().await?, slow).await?;
    Ok(())
}

async fn start_import(stage: &Stage, many: usize) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("users.csv");
    let rows: String = (0..many)
        .map(|number| format!("user-{number},secret,false\n"))
        .collect();
    fs::write(&file, format!("user_id,password,is_superuser\n{rows}"))?;
    check_file(stage, &file, "passwords").await?;
    stage.browser.find_by_start("button", "Import ").await?.click().await?;
    Ok(folder)
}

/// How many rows are settled by what the page says.
async fn settled(stage: &Stage) -> Result<u64> {
    let shown = stage.browser.text_of("#import p").await?;
    let number = shown.split(" of ").next().unwrap_or_default().replace(',', "");
    number.parse().with_context(|| format!("it shows `{shown}`"))
}

async fn moves_on(stage: &Stage, beyond: u64) -> Result<u64> {
    wait_for("the import to move on", PATIENCE, async || {
        let now = settled(stage).await?;
        Ok((now > beyond).then_some(now))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_by_itself_when_the_leader_dies() -> Result<()> {
    play(Options::new(node_binary!(), 3), async |stage| {
        hash_slowly(stage).await?;
        // The import belongs to the node that took the file, so another has to lead.
        let client = stage.operator().await?;
        if stage.cluster.leader().await? == 1 {
            client
                .nodes()
                .transfer_leadership(v1::TransferLeadershipRequest::default())
                .await?;
        }
        let leader = wait_for("another leader", PATIENCE, async || {
            Ok(Some(stage.cluster.leader().await?).filter(|leader| *leader != 1))
        })
        .await?;
        stage.sign_in(Role::Editor).await?;
        let _file = start_import(stage, 600).await?;
        let before = moves_on(stage, 0).await?;
        ensure!(before < 600, "it is over before the leader dies");
        stage.cluster.node_mut(leader)?.kill().await?;
        stage.browser.shows("The import is done.").await?;
        stage.browser.shows("600 of 600 · 600 added").await?;
        let users = calls::list_users(&stage.operator().await?, v1::ListUsersRequest::default()).await?;
        ensure!(users.len() == 600, "{} users are there", users.len());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_can_be_stopped_and_what_is_stored_stays() -> Result<()> {
    play(Options::new(node_binary!(), 1), async |stage| {
        hash_slowly(stage).await?;
        stage.sign_in(Role::Editor).await?;
        let _file = start_import(stage, 3000).await?;
        let before = moves_on(stage, 0).await?;
        moves_on(stage, before).await?;
        stage.browser.press("Stop").await?;
        stage
            .browser
            .shows("The import was stopped. What is stored stays.")
            .await?;
        let stopped = settled(stage).await?;
        let stored = calls::status(&stage.operator().await?).await?.users;
        ensure!(stopped < 3000 && stored > 0, "{stopped} settled, {stored} stored");
        ensure!(
            get_user(&stage.operator().await?, "user-0").await.is_ok(),
            "the first of {BUILT_IN} is gone"
        );
        Ok(())
    })
    .await
}

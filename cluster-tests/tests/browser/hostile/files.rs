//! What files are called, and what is in them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::browser::{Stage, play};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Options, node_binary, wait_for};
use portcullis::wire::pb::v1::Role;
use serde_json::json;
use thirtyfour::By;

use super::{NAMES, mentions, play_unprotected, reads, texts};
use crate::scene::USERS;

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

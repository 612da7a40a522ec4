//! Pictures of the dashboard: a cluster with a few authenticators and users, looked at in both themes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cluster_tests::browser::{Browser, Look, Stage, play_on};
use cluster_tests::calls::{create_user, credentials, message};
use cluster_tests::decider::{Decider, Reply};
use cluster_tests::{Options, wait_for};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::Role;
use serde_json::json;

const WIDTH: u32 = 1360;
const LOGINS: usize = 60;
/// The first point of the chart needs two samples.
const CHART: Duration = Duration::from_secs(60);
const DATABASE: &str = "/authenticators/password_based:built_in_database";

fn main() -> ExitCode {
    // The nodes are this program too, so that one `cargo run` builds all that is needed.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return portcullis::cli::main();
    }
    match take() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("screenshots: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn take() -> Result<()> {
    let folder = PathBuf::from("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    let options = Options::as_shipped(std::env::current_exe()?, 3);
    let (cluster, browser) = tokio::try_join!(options.start(), Browser::start())?;
    play_on(cluster, browser, async |stage| {
        furnish(stage).await?;
        stage.sign_in(Role::Admin).await?;
        for theme in ["light", "dark"] {
            stage.browser.look(Look { theme, width: WIDTH }).await?;
            for (name, page) in [
                ("chain", "/authenticators".to_owned()),
                ("overview", DATABASE.to_owned()),
                ("settings", "/authenticators/password_based:http/settings".to_owned()),
                ("wizard", "/authenticators/new/password_based".to_owned()),
                ("users", format!("{DATABASE}/users")),
                ("cluster", "/cluster".to_owned()),
            ] {
                stage.open(1, &page).await?;
                picture(stage, &folder, name, theme).await?;
            }
            stage.open(1, "/try").await?;
            stage.browser.fill("Username", "device-7").await?;
            stage.browser.fill("Password or token", "not its password").await?;
            stage.browser.press("Try").await?;
            stage.browser.shows("Not reached").await?;
            picture(stage, &folder, "try", theme).await?;
        }
        println!("The pictures are in {}", folder.display());
        Ok(())
    })
    .await
}

async fn picture(stage: &Stage, folder: &std::path::Path, name: &str, theme: &str) -> Result<()> {
    stage.browser.picture(&folder.join(format!("{name}-{theme}.png"))).await
}

/// Something to look at: four authenticators, one of which answers nowhere, users, and a minute of logins.
async fn furnish(stage: &Stage) -> Result<()> {
    let client = stage.operator().await?;
    let decider = Decider::start(|_| Reply::json(json!({ "result": "ignore" }))).await?;
    let token = json!({ "mechanism": "jwt", "settings": {
        "algorithm": "hmac-based", "secret": "0123456789abcdef0123456789abcdef", "verify_claims": { "sub": "${username}" },
    } });
    let http = json!({ "mechanism": "password_based", "backend": "http", "onFailure": "NEXT", "settings": {
        "method": "post", "url": decider.url(), "body": { "username": "${username}", "password": "${password}" },
    } });
    let redis = json!({ "mechanism": "password_based", "backend": "redis", "onFailure": "NEXT", "settings": {
        "server": "127.0.0.1:1", "cmd": "HMGET mqtt_user:${username} password_hash salt is_superuser",
    } });
    for declared in [token, http, redis] {
        let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": declared }))?;
        client.authenticators().create(request).await?;
    }
    for number in 0..24 {
        create_user(&client, &format!("device-{number}"), "its password").await?;
    }
    let (mut login, mut turn) = (client.login(), 0_usize);
    let begun = std::time::Instant::now();
    while begun.elapsed() < CHART {
        for _ in 0..LOGINS {
            let wrong = turn.is_multiple_of(7);
            let password = if wrong { "wrong" } else { "its password" };
            let name = format!("device-{}", turn % 24);
            login.authenticate(credentials(&name, password)).await?;
            turn += 1;
        }
    }
    let visitor = stage.visitor(Role::Admin).await?;
    wait_for("a chart", CHART, async || {
        let page = visitor.get(DATABASE).await?;
        Ok(page.body.contains("<polyline").then_some(()))
    })
    .await
    .context("no chart is drawn")
}

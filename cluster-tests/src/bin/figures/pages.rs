//! Pages of the dashboard on a node that knows very many users: how long until the answer is there, on loopback.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use cluster_tests::Options;
use cluster_tests::calls::{import, sha256_file};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::import_users_header::Format;
use portcullis::wire::{Client, Connection};

use crate::imports::rows;
use crate::rate;
use crate::table::Table;

/// A million rows on two slow cores.
const DEADLINE: Duration = Duration::from_secs(900);
const PASSWORD: &str = "a password of twelve and more";
const DATABASE: &str = "/authenticators/password_based:built_in_database";

pub(crate) async fn measure(table: &mut Table, span: Duration, users: u64) -> Result<()> {
    let cluster = Options::as_shipped(std::env::current_exe()?, 3).start().await?;
    let leader = cluster.leader().await?;
    let connection = Connection {
        timeout: DEADLINE,
        ..cluster.connection(leader)?
    };
    let client = Client::connect(&connection).await?;
    import(&client, sha256_file(Format::Csv), Bytes::from(rows(users)?)).await?;
    make_account(&client).await?;
    cluster.agree().await?;
    let node = format!("http://{}", cluster.node(leader)?.http);
    let browser = Browser::sign_in(&node).await?;
    for (what, address) in [
        ("chain", "/authenticators".to_owned()),
        ("authenticator", DATABASE.to_owned()),
        ("settings", format!("{DATABASE}/settings")),
        ("first users", format!("{DATABASE}/users")),
        ("users by prefix", format!("{DATABASE}/users?prefix=user-5")),
        ("cluster", "/cluster".to_owned()),
    ] {
        browser.report(table, span, what, format!("{node}{address}")).await?;
    }
    cluster.passed()
}

async fn make_account(client: &Client) -> Result<()> {
    let mut account = v1::Account {
        name: "ada".into(),
        ..v1::Account::default()
    };
    account.set_role(v1::Role::Admin);
    let request = v1::CreateAccountRequest {
        account: Some(account),
        password: PASSWORD.into(),
        ..v1::CreateAccountRequest::default()
    };
    client.operators().create_account(request).await?;
    Ok(())
}

/// Somebody who is signed in.
#[derive(Clone)]
struct Browser {
    http: reqwest::Client,
    cookie: String,
}

impl Browser {
    async fn sign_in(node: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let answer = http
            .post(format!("{node}/login"))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("username=ada&password={}", PASSWORD.replace(' ', "+")))
            .send()
            .await?;
        let cookie = answer.headers().get("set-cookie").context("nobody is signed in")?;
        let cookie = cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { http, cookie })
    }

    /// One page at a time, as a person asks for them.
    async fn report(&self, table: &mut Table, span: Duration, what: &str, address: String) -> Result<()> {
        let browser = self.clone();
        let rate = rate::measure(1, span, move |_, _| {
            let request = browser.http.get(&address).header("cookie", &browser.cookie);
            async move {
                let answer = request.send().await?;
                ensure!(answer.status() == 200, "{}: {}", answer.url(), answer.status());
                answer.bytes().await?;
                Ok(())
            }
        })
        .await?;
        table.state(&format!("page `{what}`, p50"), "ms", rate.quantile_ms(0.5), "");
        table.state(&format!("page `{what}`, p99"), "ms", rate.quantile_ms(0.99), "< 5");
        Ok(())
    }
}

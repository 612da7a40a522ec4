//! Decisions through PostgreSQL, beside a loop that does nothing but look the user up and check the hash.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cluster_tests::calls::credentials;
use cluster_tests::conformance::{Bench, Server as _, User};
use cluster_tests::servers::PostgreSql;
use cluster_tests::servers::postgresql::PASSWORD;
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::logins::{Measured, streamed};
use crate::process_figures::processor_time;
use crate::rate;
use crate::table::Table;

/// Connections of both.
const POOL: u64 = 8;
const QUERY: &str = "SELECT password_hash, salt, is_superuser FROM users WHERE username = ";

/// Logins against a sha256 record in a table with an index.
pub(crate) async fn measure(table: &mut Table, span: Duration) -> Result<()> {
    let server = PostgreSql::start().await?;
    server
        .execute("CREATE INDEX ON users (username); ALTER SYSTEM SET log_statement = 'none'; SELECT pg_reload_conf()")
        .await?;
    let user = User {
        name: "ada".into(),
        password_hash: Some(hash("lovelace")),
        salt: Some("salt".into()),
        ..User::default()
    };
    server.put(&user).await?;
    let bench = Bench::start(std::env::current_exe()?).await?;
    let settings = json!({"query": format!("{QUERY}${{username}}"), "pool_size": POOL});
    let link = bench.link_to(&server, settings, json!({})).await?;
    bench.wait_for_status(&link, Status::Connected).await?;
    let login = v1::AuthenticateRequest {
        listener: link.chain.clone(),
        ..credentials("ada", "lovelace")
    };
    let ours = streamed(&bench.client, &login, bench.pid()?, span).await?;
    let beside = bare(&server, span).await?;
    let what = "decisions through PostgreSQL, beside a bare lookup";
    table.compare(what, "1/s", ours.per_second, beside.per_second, "≥ 0.8");
    let what = "the same, processor time of the node and of the loop";
    table.compare(what, "µs", ours.micros_each, beside.micros_each, "");
    bench.passed()
}

fn hash(password: &str) -> String {
    hex::encode(Sha256::digest(["salt", password].concat()))
}

/// The same driver, the same statement, as many connections.
async fn bare(server: &PostgreSql, span: Duration) -> Result<Measured> {
    let mut lanes = Vec::new();
    for _ in 0..POOL {
        let mut config = Config::new();
        let address = server.address();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .dbname("postgres");
        config.user("portcullis").password(PASSWORD);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let statement = client.prepare(&format!("{QUERY}$1")).await?;
        lanes.push((client, statement));
    }
    let lanes = Arc::new(lanes);
    let own = i32::try_from(std::process::id())?;
    let before = processor_time(own)?;
    let rate = rate::measure(POOL, span, move |lane, _| {
        let lanes = Arc::clone(&lanes);
        async move {
            let lane = lanes.get(usize::try_from(lane)?).context("no such lane")?;
            look_up(lane).await
        }
    })
    .await?;
    Ok(Measured::new(
        rate.count,
        rate.per_second,
        processor_time(own)? - before,
    ))
}

async fn look_up((client, statement): &(Client, Statement)) -> Result<()> {
    let row = client.query_one(statement, &[&"ada"]).await?;
    let (stored, salt): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    ensure!(
        hex::encode(Sha256::digest([&*salt, "lovelace"].concat())) == stored,
        "the wrong password"
    );
    Ok(())
}

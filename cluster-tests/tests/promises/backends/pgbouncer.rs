//! PostgreSQL behind a pgbouncer that hands out connections by transaction.

use anyhow::{Result, ensure};
use cluster_tests::conformance::{Bench, Server as _, User};
use cluster_tests::node_binary;
use cluster_tests::servers::{PgBouncer, PostgreSql};
use futures_util::future::try_join_all;
use portcullis::wire::pb::v1::Verdict;
use portcullis::wire::pb::v1::authenticator_status::Status;
use serde_json::json;

use super::sql::query;

const USERS: &str = "SELECT password_hash FROM users WHERE username = ${username}";

async fn start() -> Result<(PostgreSql, Bench)> {
    let server = PostgreSql::start().await?;
    let user = User {
        name: "ada".into(),
        password_hash: Some("x".into()),
        ..User::default()
    };
    server.put(&user).await?;
    Ok((server, Bench::start(node_binary!()).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_prepared_statements_connections_may_change_under_every_login() -> Result<()> {
    let (mut server, bench) = start().await?;
    let bouncer = PgBouncer::before(&server, 2).await?;
    server.over = json!({"server": bouncer.address.to_string(), "disable_prepared_statements": true});
    let one = bench.link_to(&server, query(USERS), json!({})).await?;
    let other = bench
        .link_to(
            &server,
            query("SELECT 'y' AS password_hash, ${clientid} AS salt"),
            json!({}),
        )
        .await?;
    bench.wait_for_status(&one, Status::Connected).await?;
    let logins = (0..200).map(async |number| {
        let (link, password) = if number % 2 == 0 { (&one, "x") } else { (&other, "y") };
        let step = bench.step(link, "ada", password).await?;
        ensure!(step.verdict() == Verdict::Allowed, "login {number}: {step:?}");
        Ok(())
    });
    try_join_all(logins).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_the_server_has_forgotten_is_prepared_again() -> Result<()> {
    let (mut server, bench) = start().await?;
    let bouncer = PgBouncer::before(&server, 1).await?;
    server.over = json!({"server": bouncer.address.to_string(), "pool_size": 1, "probe_interval": "1h"});
    let link = bench.link_to(&server, query(USERS), json!({})).await?;
    for _ in 0..3 {
        let step = bench.step(&link, "ada", "x").await?;
        ensure!(step.verdict() == Verdict::Allowed, "{step:?}");
        // The connection behind the pgbouncer goes, and the one to it stays.
        server
            .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portcullis'")
            .await?;
    }
    bench.passed()
}

//! Users in MariaDB, which is asked as MySQL is.

use anyhow::{Result, ensure};
use cluster_tests::conformance::{self, Bench, Expected};
use cluster_tests::servers::MariaDb;
use cluster_tests::{PATIENCE, node_binary, wait_for};
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Reason, Verdict};
use serde_json::json;

use super::sql::{allowed, query, row, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_in_mariadb_log_in_as_the_table_says() -> Result<()> {
    let server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_as_text_hold_values_that_can_be_nothing_else() -> Result<()> {
    let mut server = MariaDb::start().await?;
    server.over = json!({"disable_prepared_statements": true});
    let bench = Bench::start(node_binary!()).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    server
        .execute(&["SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'"])
        .await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_mariadb_answers_is_understood_or_a_failure() -> Result<()> {
    let mut server = MariaDb::start().await?;
    server
        .execute(&[
            "CREATE TABLE mqtt.odd (password_hash VARBINARY(9), is_superuser BIT(1), ends TIMESTAMP, ended DATETIME, at_all TIME)",
            "INSERT INTO mqtt.odd VALUES ('x', b'1', '2030-01-01 00:00:00', '2000-01-01 00:00:00', '01:00:00')",
            "CREATE TABLE mqtt.many (password_hash TEXT) SELECT 'x' AS password_hash FROM mqtt.seq_1_to_300000",
            "SET GLOBAL time_zone = '+05:00'",
        ])
        .await?;
    let bench = Bench::start(node_binary!()).await?;
    let bad = Expected::Failed(&[Reason::BackendBadResponse]);
    for is_text in [false, true] {
        server.over = json!({ "disable_prepared_statements": is_text });
        let mut rows = rows();
        if is_text {
            // A comment is the same with a value in it.
            rows.retain(|row| row.name != "a placeholder in a comment");
        }
        for (columns, expected) in [
            (
                "password_hash, is_superuser FROM odd",
                Expected::Allowed(json!({"isSuperuser": true})),
            ),
            (
                "password_hash, ends AS expire_at FROM odd",
                Expected::Allowed(json!({"expireAt": "2030-01-01T00:00:00+00:00"})),
            ),
            (
                "password_hash, ended AS expire_at FROM odd",
                Expected::Denied(Reason::CredentialExpired),
            ),
            ("password_hash, at_all AS expire_at FROM odd", bad.clone()),
            ("X'ff' AS password_hash", bad.clone()),
            ("password_hash FROM many", allowed()),
            (
                "'x' AS password_hash, CAST(1 AS UNSIGNED) AS is_superuser",
                Expected::Allowed(json!({"isSuperuser": true})),
            ),
            (
                "'x' AS password_hash, 1e0 AS is_superuser",
                Expected::Allowed(json!({"isSuperuser": true})),
            ),
        ] {
            rows.push(row(columns, &format!("SELECT {columns}"), "x", expected));
        }
        conformance::run(&bench, &server, rows).await?;
    }
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_that_dies_or_hangs_harms_nobody_else() -> Result<()> {
    let mut server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::a_killed_server_is_missed_and_found_again(&bench, &mut server).await?;
    conformance::a_frozen_server_is_given_up_in_time(&bench, &mut server).await?;
    conformance::an_answer_cut_short_is_a_failure(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_mariadb_is_spoken_to() -> Result<()> {
    let mut server = MariaDb::start().await?;
    server
        .execute(&[
            "CREATE USER curved@'127.0.0.1' IDENTIFIED VIA ed25519 USING PASSWORD('on the curve')",
            "GRANT SELECT ON mqtt.* TO curved@'127.0.0.1'",
        ])
        .await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::wrong_credentials_are_told_without_the_secret(&bench, &server).await?;
    conformance::tls_is_refused_and_accepted(&bench, &server).await?;

    // Logins to the server itself, by each of its ways.
    let certificate = server.authority.client("certified")?;
    let ssl = json!({"enable": true, "cacertfile": server.authority.certificate});
    let mut shown = ssl.clone();
    conformance::lay_over(
        &mut shown,
        json!({"certfile": certificate.certificate, "keyfile": certificate.key}),
    );
    for (over, is_let_in) in [
        (json!({"username": "curved", "password": "on the curve"}), true),
        (json!({"username": "curved", "password": "beside it"}), false),
        (json!({"username": "certified", "ssl": shown}), true),
        (json!({"username": "certified", "ssl": ssl}), false),
        (json!({"database": "nowhere"}), false),
        (json!({"password": null}), false),
    ] {
        server.over = over.clone();
        let link = bench.link_to(&server, json!({}), json!({})).await?;
        let (status, error) = bench.status(&link).await?;
        ensure!(
            (status == Status::Connected) == is_let_in,
            "{over}: {status:?}, {error}"
        );
        ensure!(is_let_in || !error.is_empty(), "{over}: no word why");
    }
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_in_mariadb_takes_no_longer_than_its_time() -> Result<()> {
    let server = MariaDb::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    let mut slow = query("SELECT SLEEP(600) AS password_hash");
    conformance::lay_over(&mut slow, json!({"query_timeout": "500ms"}));
    let link = bench.link_to(&server, slow, json!({})).await?;
    let step = bench.step(&link, "ada", "x").await?;
    ensure!(
        step.verdict() == Verdict::Failed && step.reason() == Reason::BackendTimeout,
        "{step:?}"
    );
    wait_for("the server to give up too", PATIENCE, async || {
        let running = server.count("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'portcullis' AND info LIKE '%SLEEP(600)%'");
        Ok((running.await? == 0).then_some(()))
    })
    .await?;
    bench.passed()
}

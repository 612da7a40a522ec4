//! Users in PostgreSQL.

use std::time::Duration;

use anyhow::{Result, ensure};
use cluster_tests::calls::{faulty_fields, message};
use cluster_tests::conformance::{self, Bench, Expected, Row, Server as _, User};
use cluster_tests::servers::PostgreSql;
use cluster_tests::{PATIENCE, node_binary, wait_for};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Reason, Verdict};
use serde_json::json;

use super::sql::{BAD, allowed, query, row, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_in_postgresql_log_in_as_the_table_says() -> Result<()> {
    let server = PostgreSql::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_postgresql_answers_is_understood_or_a_failure() -> Result<()> {
    let server = PostgreSql::start().await?;
    server
        .execute("CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('x'); CREATE DOMAIN word AS text")
        .await?;
    let bench = Bench::start(node_binary!()).await?;
    let mut rows = rows();
    let yes = Expected::Allowed(json!({"isSuperuser": true}));
    let until_2100 = Expected::Allowed(json!({"expireAt": "2100-01-01T00:00:00+00:00"}));
    let bad = Expected::Failed(&[Reason::BackendBadResponse]);
    for (columns, expected) in [
        ("'x'::bytea AS password_hash", allowed()),
        ("'x'::char(9) AS password_hash", allowed()),
        ("'x'::citext AS password_hash", allowed()),
        ("'x'::mood AS password_hash", allowed()),
        ("'x'::word AS password_hash", allowed()),
        ("'x' AS password_hash, 1::smallint AS is_superuser", yes.clone()),
        ("'x' AS password_hash, 1::numeric AS is_superuser", yes.clone()),
        ("'x' AS password_hash, 1::float8 AS is_superuser", yes.clone()),
        ("'x' AS password_hash, '1'::varchar(5) AS is_superuser", yes),
        (
            "'x' AS password_hash, '2100-01-01 00:00:00+00'::timestamptz AS expire_at",
            until_2100.clone(),
        ),
        ("'x' AS password_hash, '2100-01-01'::timestamp AS expire_at", until_2100),
        ("'x' AS password_hash, 'infinity'::timestamp AS expire_at", allowed()),
        (
            "'x' AS password_hash, '-infinity'::timestamp AS expire_at",
            Expected::Denied(Reason::CredentialExpired),
        ),
        (
            "'x' AS password_hash, '{\"a\": \"b\"}'::json AS client_attrs",
            Expected::Allowed(json!({"clientAttrs": {"a": "b"}})),
        ),
        ("'\\xff'::bytea AS password_hash", bad.clone()),
        ("'127.0.0.1'::inet AS password_hash", bad.clone()),
        ("ARRAY['x'] AS password_hash", bad.clone()),
        ("'x' AS password_hash, '1 day'::interval AS expire_at", bad),
        ("'x' AS password_hash FROM generate_series(1, 1000000)", allowed()),
        ("pg_sleep(0)::text AS password_hash, 1/0 AS is_superuser", BAD),
        // What is said of values that clients send, where there are none.
        ("'x' AS password_hash, 'y'::text::int AS is_superuser", BAD),
    ] {
        rows.push(row(columns, &format!("SELECT {columns}"), "x", expected));
    }
    // Parameters of any type; what cannot be one is nobody's.
    for (of, value, others) in [
        ("int", "42", ["x", "99999999999999", "4 2"]),
        ("bigint", "42", ["x", "1e3", "'"]),
        ("uuid", "7d444840-9dc0-11d1-b245-5ffdce74fad2", ["x", "7d444840", "--"]),
        ("inet", "10.0.0.1", ["x", "10.0.0.300", "10.0.0.2"]),
        ("timestamptz", "2000-01-01 00:00:00+00", ["x", "2000-13-01", "now()"]),
        ("boolean", "true", ["x", "2", "maybe"]),
        ("citext", "ADA", ["x", "ad", "ada "]),
        ("varchar(3)", "ada", ["x", "adaa", "ada'"]),
    ] {
        let text =
            format!("SELECT 'x' AS password_hash FROM (SELECT '{value}'::{of} AS it) AS one WHERE it = ${{username}}");
        rows.push(Row::new(of, value, "x", allowed()).with(query(&text)));
        for other in others {
            let name = format!("{of} that is `{other}`");
            rows.push(Row::new(name, other, "x", Expected::NotFound).with(query(&text)));
        }
    }
    rows.push(
        Row::new("a NUL", "a\0b", "x", Expected::NotFound)
            .with(query("SELECT 'x' AS password_hash, ${username} AS salt")),
    );
    conformance::run(&bench, &server, rows).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_dies_or_hangs_harms_nobody_else() -> Result<()> {
    let mut server = PostgreSql::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::a_killed_server_is_missed_and_found_again(&bench, &mut server).await?;
    conformance::a_frozen_server_is_given_up_in_time(&bench, &mut server).await?;
    conformance::an_answer_cut_short_is_a_failure(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_postgresql_is_spoken_to() -> Result<()> {
    let mut server = PostgreSql::start().await?;
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
        (json!({"username": "old"}), true),
        (json!({"username": "old", "password": "x"}), false),
        (json!({"username": "certified", "ssl": shown}), true),
        (json!({"username": "certified", "ssl": ssl}), false),
        (json!({"username": "nobody"}), false),
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
async fn a_statement_takes_no_longer_than_its_time_and_is_prepared_anew_when_its_table_changes() -> Result<()> {
    let server = PostgreSql::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    let mut slow = query("SELECT 'x' AS password_hash FROM pg_sleep(600)");
    conformance::lay_over(&mut slow, json!({"query_timeout": "500ms"}));
    let link = bench.link_to(&server, slow, json!({})).await?;
    let step = bench.step(&link, "ada", "x").await?;
    ensure!(
        step.verdict() == Verdict::Failed && step.reason() == Reason::BackendTimeout,
        "{step:?}"
    );
    wait_for("the server to give up too", PATIENCE, async || {
        let running = server.count("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()");
        Ok((running.await? == 0).then_some(()))
    })
    .await?;

    let user = User {
        name: "ada".into(),
        password_hash: Some("x".into()),
        ..User::default()
    };
    server.put(&user).await?;
    let everything = query("SELECT * FROM users WHERE username = ${username}");
    let link = bench.link_to(&server, everything, json!({})).await?;
    for change in [
        "",
        "ALTER TABLE users ADD COLUMN more int",
        "ALTER TABLE users ALTER COLUMN salt TYPE varchar(99)",
    ] {
        server.execute(change).await?;
        let step = bench.step(&link, "ada", "x").await?;
        ensure!(step.verdict() == Verdict::Allowed, "after `{change}`: {step:?}");
    }
    server
        .execute("ALTER TABLE users RENAME COLUMN password_hash TO other")
        .await?;
    let step = bench.step(&link, "ada", "x").await?;
    ensure!(step.verdict() == Verdict::Failed, "without its column: {step:?}");
    let mut error = String::new();
    wait_for("the probe to see it", Duration::from_secs(60), async || {
        let (status, why) = bench.status(&link).await?;
        error = why;
        Ok((status == Status::Disconnected).then_some(()))
    })
    .await?;
    ensure!(error.contains("password_hash"), "{error}");
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_can_never_work_are_refused_by_name() -> Result<()> {
    let bench = Bench::start(node_binary!()).await?;
    let settings = json!({
        "server": "a:1,b:2",
        "database": "",
        "query": "SELECT 'mqtt:${username}'",
        "query_timeout": "1h",
        "pool": 5,
    });
    for backend in ["postgresql", "mysql"] {
        let authenticator = json!({"mechanism": "password_based", "backend": backend, "settings": settings});
        let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": authenticator }))?;
        let Err(refused) = bench.client.authenticators().create(request).await else {
            anyhow::bail!("{backend}: it was not refused");
        };
        let mut expected: Vec<String> = ["database", "pool", "query", "query_timeout", "server"]
            .map(|field| format!("settings.{field}"))
            .into();
        if backend == "postgresql" {
            expected.push("settings.username".into());
        }
        assert_eq!(faulty_fields(&refused), expected, "{backend}");
    }
    bench.passed()
}

//! Accounts in MongoDB.

use anyhow::{Result, ensure};
use cluster_tests::authority::Authority;
use cluster_tests::conformance::{self, Bench, Expected, Row, Server as _, User};
use cluster_tests::node_binary;
use cluster_tests::servers::Mongo;
use mongodb::bson::{Bson, DateTime, Decimal128, doc};
use portcullis::wire::pb::v1::authenticator_status::Status;
use portcullis::wire::pb::v1::{Reason, Verdict};
use serde_json::{Value, json};

const PASSWORD: &str = "secret word";

fn plain(more: Value) -> Value {
    let mut settings = json!({"password_hash_algorithm": {"name": "plain", "salt_position": "disable"}});
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings
}

fn user(name: &str) -> User {
    User {
        name: name.into(),
        password_hash: Some(PASSWORD.into()),
        ..User::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_in_mongodb_log_in_as_the_table_says() -> Result<()> {
    let server = Mongo::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::the_whole_table_holds(&bench, &server).await?;
    conformance::nobody_gets_in_by_what_they_call_themselves(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_read_whatever_types_their_fields_have() -> Result<()> {
    let server = Mongo::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    let ends = |millis: i64| DateTime::from_millis(millis);
    let accounts = [
        doc! {"username": "digits", "password_hash": 12_345_678_i64},
        doc! {"username": "yes", "password_hash": PASSWORD, "is_superuser": true, "client_attrs": {"n": 7}},
        doc! {"username": "one", "password_hash": PASSWORD, "is_superuser": 1.0, "expire_at": ends(4_102_444_800_999)},
        doc! {"username": "over", "password_hash": PASSWORD, "expire_at": ends(1_000_000)},
        doc! {"username": "null", "password_hash": Bson::Null},
        doc! {"username": "bare", "salt": "x"},
        doc! {"username": "list", "password_hash": [PASSWORD]},
        doc! {"username": "decimal", "password_hash": "3.14".parse::<Decimal128>()?},
        doc! {"username": "twin", "password_hash": PASSWORD},
        doc! {"username": "twin", "password_hash": PASSWORD},
        doc! {"user": {"name": "deep"}, "auth": {"hash": PASSWORD, "admin": true}},
    ];
    server.accounts().await?.insert_many(accounts).await?;
    let nonsense = || Expected::Failed(&[Reason::BackendBadResponse]);
    let denied = || Expected::Denied(Reason::BadUsernameOrPassword);
    let mut rows: Vec<_> = [
        ("digits", "12345678", Expected::Allowed(json!({}))),
        (
            "yes",
            PASSWORD,
            Expected::Allowed(json!({"isSuperuser": true, "clientAttrs": {"n": "7"}})),
        ),
        (
            "one",
            PASSWORD,
            Expected::Allowed(json!({"isSuperuser": true, "expireAt": "2100-01-01T00:00:00+00:00"})),
        ),
        ("over", PASSWORD, Expected::Denied(Reason::CredentialExpired)),
        ("null", "", denied()),
        ("bare", PASSWORD, nonsense()),
        ("list", PASSWORD, nonsense()),
        ("decimal", "3.14", Expected::Allowed(json!({}))),
        ("twin", PASSWORD, Expected::Allowed(json!({}))),
        ("twin", "x", denied()),
    ]
    .into_iter()
    .map(|(name, password, expected)| Row::new(name, name, password, expected).with(plain(json!({}))))
    .collect();
    let deep = json!({
        "filter": {"user.name": "${username}", "auth": {"$exists": true}},
        "password_hash_field": "auth.hash",
        "is_superuser_field": "auth.admin",
    });
    let superuser = Expected::Allowed(json!({"isSuperuser": true}));
    rows.push(Row::new("deep", "deep", PASSWORD, superuser).with(plain(deep)));
    conformance::run(&bench, &server, rows).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_in_a_name_or_a_password_is_a_string_and_lets_nobody_in() -> Result<()> {
    let server = Mongo::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    server.put(&user("ada")).await?;
    let by_both = json!({"filter": {"username": "${username}", "password_hash": {"$eq": "${password}"}}});
    let by_name = bench.link_to(&server, plain(json!({})), json!({})).await?;
    let by_both = bench.link_to(&server, plain(by_both), json!({})).await?;
    ensure!(bench.step(&by_both, "ada", PASSWORD).await?.verdict() == Verdict::Allowed);
    for hostile in [
        r#"{"$ne": ""}"#,
        r#"{"$gt": ""}"#,
        r#"{"$regex": ".*"}"#,
        r#"{"$where": "sleep(10000)"}"#,
        r#"", "$or": [{}, {"a": ""#,
        "$where",
        "${password}",
        "ada\0",
        "ada\", \"x\": \"",
        ".*",
    ] {
        for (name, password) in [(hostile, hostile), ("ada", hostile), (hostile, PASSWORD)] {
            let named = if name == "ada" {
                Verdict::Denied
            } else {
                Verdict::NotFound
            };
            for (link, expected) in [(&by_name, named), (&by_both, Verdict::NotFound)] {
                let step = bench.step(link, name, password).await?;
                ensure!(step.verdict() == expected, "{name} with {password}: {step:?}");
            }
        }
    }
    let no_text = bench.login(&by_both, "ada", Some(b"\xff\xfe")).await?;
    ensure!(
        no_text
            .steps
            .first()
            .is_some_and(|step| step.verdict() == Verdict::NotFound)
    );
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongodb_that_dies_or_hangs_harms_nobody_else() -> Result<()> {
    let mut server = Mongo::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::a_killed_server_is_missed_and_found_again(&bench, &mut server).await?;
    conformance::a_frozen_server_is_given_up_in_time(&bench, &mut server).await?;
    conformance::an_answer_cut_short_is_a_failure(&bench, &server).await?;
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mongodb_that_does_not_let_us_in_is_down_for_us() -> Result<()> {
    let server = Mongo::start().await?;
    let bench = Bench::start(node_binary!()).await?;
    conformance::wrong_credentials_are_told_without_the_secret(&bench, &server).await?;
    // As nobody: it answers, but says 13 (Unauthorized) to everybody's question.
    let over = plain(json!({"username": "", "password": ""}));
    let link = bench.link_to(&server, over, json!({})).await?;
    let told = bench.wait_for_status(&link, Status::Disconnected).await?;
    ensure!(told.contains("(13)"), "{told}");
    let step = bench.step(&link, "ada", PASSWORD).await?;
    ensure!(
        (step.verdict(), step.reason()) == (Verdict::Failed, Reason::BackendUnavailable),
        "{step:?}"
    );
    bench.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_right_mongodb_is_spoken_to() -> Result<()> {
    let server = Mongo::start_encrypted().await?;
    let bench = Bench::start(node_binary!()).await?;
    server.put(&user("ada")).await?;
    let (own, other) = (
        &server.authority.certificate,
        Authority::new("somebody else")?.certificate,
    );
    for (what, ssl, is_accepted) in [
        ("its own authority", json!({"enable": true, "cacertfile": own}), true),
        ("another authority", json!({"enable": true, "cacertfile": other}), false),
        ("the system's authorities", json!({"enable": true}), false),
        (
            "nothing verified",
            json!({"enable": true, "verify": "verify_none"}),
            true,
        ),
        ("no TLS", json!({}), false),
    ] {
        let over = plain(json!({"ssl": ssl, "query_timeout": "2s"}));
        let link = bench.link_to(&server, over, json!({})).await?;
        let wanted = if is_accepted {
            Status::Connected
        } else {
            Status::Disconnected
        };
        let told = bench.wait_for_status(&link, wanted).await?;
        let step = bench.step(&link, "ada", PASSWORD).await?;
        let expected = if is_accepted { Verdict::Allowed } else { Verdict::Failed };
        ensure!(step.verdict() == expected, "{what}: {told}, {step:?}");
        bench.drop_link(link).await?;
    }
    bench.passed()
}

//! Key sets that rotate, stall, lie and die.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::implementations::{Made, made};
use super::issuer::{Answer, Issuer};
use super::*;
use crate::auth::{Health, ProviderStatus};

const PATIENCE: Duration = Duration::from_secs(20);
const UNKNOWN: &str = "ignore TOKEN_UNKNOWN_KEY";

/// An issuer, a node's folder and an authenticator that has fetched once, or tried to.
struct House {
    issuer: Issuer,
    dir: TempDir,
    made: Made,
    fixture: Fixture,
}

async fn house(answer: Answer, more: Value) -> House {
    let issuer = Issuer::start(answer).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let fixture = open_in(dir.path().into(), &settings(&issuer, more));
    let house = House {
        issuer,
        dir,
        made: made(),
        fixture,
    };
    house
        .health_when(|health| health.status != ProviderStatus::Connecting)
        .await;
    house
}

/// Fetched once, and then only when asked.
fn settings(issuer: &Issuer, more: Value) -> Value {
    let mut settings = json!({"use_jwks": true, "endpoint": issuer.url(), "refresh_interval": "1d"});
    if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
        settings.extend(more);
    }
    settings
}

fn set(kids: &[&str], tag: &'static str) -> Answer {
    Answer::Set(made().set(kids), tag)
}

fn raw(head: &str, body: impl Into<String>) -> Answer {
    Answer::Raw(head.to_owned(), body.into())
}

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";

pub(super) async fn health_when(fixture: &Fixture, holds: impl Fn(&Health) -> bool) -> Health {
    let end = Instant::now() + PATIENCE;
    loop {
        let health = fixture.provider.health();
        if holds(&health) {
            return health;
        }
        assert!(Instant::now() < end, "still {health:?}");
        tokio::task::yield_now().await;
    }
}

impl House {
    async fn health_when(&self, holds: impl Fn(&Health) -> bool) -> Health {
        health_when(&self.fixture, holds).await
    }

    async fn says_of(&self, alg: &str) -> String {
        self.fixture.says(&self.made.token(alg, "pyjwt")).await
    }

    /// Makes the node ask the issuer again, now that the pause is over: by a token of a key that it does not know.
    async fn ask_again(&self) -> String {
        self.fixture.clock.advance(Duration::from_secs(31));
        self.fixture.says(&self.made.next_token()).await
    }
}

#[tokio::test]
async fn a_set_is_fetched_at_start_and_its_keys_are_chosen_by_name() {
    let house = house(set(&["rsa", "p256", "p384", "p521", "ed25519"], "1"), json!({})).await;
    assert_eq!(house.fixture.provider.health().status, ProviderStatus::Connected);
    for alg in ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"] {
        assert_eq!(house.says_of(alg).await, "allow", "{alg}");
    }
    assert_eq!(house.says_of("HS256").await, UNKNOWN);
    assert_eq!(house.issuer.requests().len(), 1, "a secret's token asks for no key");
    let head = &house.issuer.requests()[0];
    assert!(
        head.starts_with("get /jwks.json ") && head.contains("accept: application/json"),
        "{head}"
    );
}

#[tokio::test]
async fn a_login_that_comes_before_the_first_answer_waits_for_it() {
    let issuer = Issuer::start(set(&["rsa"], "1")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let fixture = open_in(dir.path().into(), &settings(&issuer, json!({})));
    assert_eq!(fixture.says(&made().token("RS256", "pyjwt")).await, "allow");
}

#[tokio::test]
async fn a_new_key_is_fetched_when_its_first_token_comes() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    house.issuer.answer(set(&["rsa", "rsa-next"], "2"));
    assert_eq!(house.fixture.says(&house.made.next_token()).await, "allow");
    assert_eq!(house.says_of("RS256").await, "allow", "both overlap");
    house.issuer.answer(set(&["rsa-next"], "3"));
    house.fixture.clock.advance(Duration::from_secs(31));
    assert_eq!(house.says_of("ES256").await, UNKNOWN, "which fetches");
    assert_eq!(house.says_of("RS256").await, UNKNOWN, "its key is gone");
}

#[tokio::test]
async fn a_flood_of_made_up_names_asks_once_in_half_a_minute() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    let forged = |at: usize| {
        let header = encode(format!(r#"{{"alg":"RS256","kid":"../../etc/passwd' OR {at}\u0000"}}"#));
        format!("{header}.{}.{}", encode("{}"), encode([1_u8; 256]))
    };
    for round in 2..4 {
        let logins = (0..50).map(|at| {
            let token = forged(at);
            let fixture = &house.fixture;
            async move { assert_eq!(fixture.says(&token).await, UNKNOWN) }
        });
        futures_util::future::join_all(logins).await;
        assert_eq!(house.issuer.requests().len(), round);
        house.fixture.clock.advance(Duration::from_secs(30));
    }
}

#[tokio::test]
async fn a_set_that_has_not_changed_is_not_sent_again() {
    let house = house(set(&["rsa"], "tag"), json!({})).await;
    assert_eq!(house.ask_again().await, UNKNOWN);
    let requests = house.issuer.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[0].contains("if-none-match"));
    assert!(requests[1].contains("if-none-match: \"tag\""), "{}", requests[1]);
    assert_eq!(house.fixture.provider.health().status, ProviderStatus::Connected);
    assert_eq!(house.says_of("RS256").await, "allow");
}

#[tokio::test]
async fn keys_outlive_a_failing_endpoint_but_not_for_ever() {
    let house = house(set(&["rsa"], "1"), json!({"max_stale": 600})).await;
    house.issuer.answer(Answer::HangUp);
    house.ask_again().await;
    let health = house
        .health_when(|health| health.status == ProviderStatus::Disconnected)
        .await;
    assert!(
        health.error.contains("keys of 31 s ago are used, at most for 600 s"),
        "{}",
        health.error
    );
    assert!(
        health.last_success.is_some() && health.probed_at > health.last_success,
        "{health:?}"
    );
    house.fixture.clock.advance(Duration::from_secs(569));
    assert_eq!(house.says_of("RS256").await, "allow");
    house.fixture.clock.advance(Duration::from_secs(1));
    let error = house
        .fixture
        .answer(&house.made.token("RS256", "pyjwt"))
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::BackendUnavailable);
    assert!(house.fixture.provider.health().error.contains("are used no more"));
    // A password is none of the endpoint's business.
    assert_eq!(house.fixture.says("password").await, "ignore TOKEN_MALFORMED");
    house.issuer.answer(set(&["rsa"], "1"));
    house
        .health_when(|health| health.status == ProviderStatus::Connected)
        .await;
    assert_eq!(house.says_of("RS256").await, "allow");
}

#[tokio::test]
async fn keys_of_an_endpoint_that_answers_are_used_however_seldom_it_is_asked() {
    let house = house(set(&["rsa"], "1"), json!({"max_stale": 0})).await;
    house.fixture.clock.advance(Duration::from_secs(80_000));
    assert_eq!(house.says_of("RS256").await, "allow");
    house.issuer.answer(Answer::HangUp);
    house.ask_again().await;
    assert!(house.fixture.answer(&house.made.token("RS256", "pyjwt")).await.is_err());
}

#[tokio::test]
async fn all_logins_that_come_with_a_new_key_wait_for_it() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    house.issuer.answer(set(&["rsa-next"], "2"));
    let token = house.made.next_token();
    let logins = (0..20).map(|_| house.fixture.says(&token));
    let said = futures_util::future::join_all(logins).await;
    assert!(said.iter().all(|said| said == "allow"), "{said:?}");
    assert_eq!(house.issuer.requests().len(), 2);
}

#[tokio::test]
async fn lies_leave_the_last_good_keys_and_are_told() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    let good = house.made.set(&["rsa-next"]);
    let elsewhere = Issuer::start(set(&["rsa-next"], "1")).await.unwrap();
    let redirect = |to: String| raw(&format!("HTTP/1.1 302 Found\r\nLocation: {to}"), "");
    let huge = format!("{{\"keys\": [], \"x\": \"{}\"}}", "y".repeat(300 * 1024));
    let private = good.replacen("\"kty\"", "\"d\": \"AAAA\", \"kty\"", 1);
    let kept_long = format!("{JSON}\r\nTransfer-Encoding: chunked");
    for (answer, why) in [
        (
            raw("HTTP/1.1 500 Oops\r\nContent-Type: application/json", &good),
            "answered 500",
        ),
        (
            raw("HTTP/1.1 404 Not Found\r\nContent-Type: application/json", &good),
            "answered 404",
        ),
        (
            raw("HTTP/1.1 201 Created\r\nContent-Type: application/json", &good),
            "answered 201",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Type: text/html", &good),
            "not JSON (`content-type`)",
        ),
        (raw("HTTP/1.1 200 OK", &good), "not JSON (`content-type`)"),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Type: text/html", "<html>"),
            "not JSON (`content-type`)",
        ),
        (raw(JSON, "<html>"), "not a JSON object"),
        (raw(JSON, &good[..good.len() / 2]), "not a JSON object"),
        (Answer::Half(good.clone()), ""),
        (raw(JSON, private), "published with its private half"),
        (raw(JSON, r#"{"keys": []}"#), "no key that can be used"),
        (
            raw(JSON, r#"{"keys": [{"kty": "oct", "k": "AAAA", "kid": "rsa-next"}]}"#),
            "shared secret",
        ),
        (
            raw(JSON, format!("{{\"keys\": 1, {}", good.get(1..).unwrap())),
            "stands in it twice",
        ),
        (raw(JSON, huge), "longer than 256 KiB"),
        (raw(&kept_long, "zz\r\n"), ""),
        (redirect(elsewhere.url()), "redirects to another host"),
        (redirect("https://127.0.0.1/".to_owned()), "redirects to another host"),
        (redirect("file:///etc/passwd".to_owned()), ""),
        (redirect(house.issuer.url()), "redirects too often"),
        (raw("no HTTP at all", ""), ""),
        (Answer::HangUp, ""),
    ] {
        let told = format!("{answer:?}");
        house.issuer.answer(answer);
        assert_eq!(house.ask_again().await, UNKNOWN, "{told}");
        let health =
            house.health_when(|health| health.status == ProviderStatus::Disconnected && health.error.contains(why));
        let error = health.await.error;
        assert!(
            error.len() < 300 && !error.contains("passwd") && !error.contains("html>"),
            "{error}"
        );
        assert_eq!(house.says_of("RS256").await, "allow", "{told}");
    }
    assert_eq!(elsewhere.requests().len(), 0, "nobody asked the other host");
}

#[tokio::test]
async fn a_redirect_at_the_same_host_is_followed() {
    let issuer = Issuer::start(Answer::HangUp).await.unwrap();
    let moved = issuer.url().replace("jwks.json", "moved");
    issuer.answer(raw(&format!("HTTP/1.1 301 Moved\r\nLocation: {moved}"), ""));
    let dir = tempfile::tempdir().unwrap();
    let fixture = open_in(dir.path().into(), &settings(&issuer, json!({})));
    let end = Instant::now() + PATIENCE;
    while issuer.requests().len() < 2 {
        assert!(Instant::now() < end);
        tokio::task::yield_now().await;
    }
    assert!(issuer.requests()[1].starts_with("get /moved "));
    drop(fixture);
}

#[tokio::test]
async fn a_silent_endpoint_holds_no_login_up_for_longer_than_it_may() {
    holds_nobody_up(Answer::Silence).await;
}

#[tokio::test]
async fn an_endpoint_that_falls_silent_holds_no_login_up_for_longer_than_it_may() {
    holds_nobody_up(Answer::HalfAndSilence(made().set(&["rsa-next"]))).await;
}

async fn holds_nobody_up(answer: Answer) {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    house.issuer.answer(answer);
    let asked = timeout(PATIENCE, house.ask_again()).await.unwrap();
    assert_eq!(asked, UNKNOWN);
    assert_eq!(house.says_of("RS256").await, "allow");
    let health = house
        .health_when(|health| health.status == ProviderStatus::Disconnected)
        .await;
    assert!(
        health.error.starts_with("the endpoint did not answer within 5s"),
        "{}",
        health.error
    );
}

#[tokio::test]
async fn keys_outlive_an_issuer_that_is_gone() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    let House {
        issuer, fixture, made, ..
    } = house;
    drop(issuer);
    fixture.clock.advance(Duration::from_secs(31));
    assert_eq!(fixture.says(&made.next_token()).await, UNKNOWN);
    let health = health_when(&fixture, |health| health.status == ProviderStatus::Disconnected).await;
    assert!(health.error.starts_with("Connection refused"), "{}", health.error);
    assert_eq!(fixture.says(&made.token("RS256", "pyjwt")).await, "allow");
}

#[tokio::test]
async fn a_node_that_starts_without_the_endpoint_goes_on_with_the_kept_set() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    let kept = std::fs::read_dir(house.dir.path()).unwrap().next();
    let kept = timeout(PATIENCE, async {
        let mut kept = kept;
        // It is written after it is put in force.
        while kept.is_none() {
            tokio::task::yield_now().await;
            kept = std::fs::read_dir(house.dir.path()).unwrap().next();
        }
        kept.unwrap().unwrap()
    })
    .await
    .unwrap();
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    house.issuer.answer(Answer::HangUp);
    let again = |max_stale: u64| {
        open_in(
            house.dir.path().into(),
            &settings(&house.issuer, json!({ "max_stale": max_stale })),
        )
    };
    let fixture = again(600);
    assert_eq!(fixture.says(&house.made.token("RS256", "pyjwt")).await, "allow");
    // The clock has gone on while the node was down.
    let late = again(0);
    late.clock.advance(Duration::from_secs(3600));
    let error = late.answer(&house.made.token("RS256", "pyjwt")).await.unwrap_err();
    assert_eq!(error.reason, Reason::BackendUnavailable);
}

#[tokio::test]
async fn a_set_kept_for_another_address_or_damaged_is_not_used() {
    let house = house(set(&["rsa"], "1"), json!({})).await;
    let other = Issuer::start(Answer::HangUp).await.unwrap();
    let fixture = open_in(house.dir.path().into(), &settings(&other, json!({})));
    let token = house.made.token("RS256", "pyjwt");
    assert!(fixture.answer(&token).await.is_err());
    drop(fixture);
    house.issuer.answer(Answer::HangUp);
    for damage in ["", "{", "{}", "[]"] {
        for file in std::fs::read_dir(house.dir.path()).unwrap() {
            std::fs::write(file.unwrap().path(), damage).unwrap();
        }
        let fixture = open_in(house.dir.path().into(), &settings(&house.issuer, json!({})));
        let error = fixture.answer(&token).await.unwrap_err();
        assert_eq!(error.reason, Reason::BackendUnavailable, "{damage}");
    }
}

#[tokio::test]
async fn the_fetching_ends_with_the_authenticator() {
    let before = Handle::current().metrics().num_alive_tasks();
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({"use_jwks": true, "endpoint": "http://127.0.0.1:9/", "refresh_interval": 1});
    let fixture = open_in(dir.path().into(), &settings);
    assert!(Handle::current().metrics().num_alive_tasks() > before);
    drop(fixture);
    let end = Instant::now() + PATIENCE;
    while Handle::current().metrics().num_alive_tasks() > before {
        assert!(Instant::now() < end, "a task is left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn headers_go_with_every_request() {
    let more = json!({"headers": {"Authorization": "Bearer hunter2", "Accept": "application/jwk-set+json"}});
    let house = house(set(&["rsa"], "1"), more).await;
    let head = &house.issuer.requests()[0];
    assert!(head.contains("authorization: bearer hunter2"), "{head}");
    assert!(head.contains("accept: application/jwk-set+json"), "{head}");
    assert_eq!(head.matches("accept:").count(), 1);
}

#[tokio::test]
async fn the_server_name_is_asked_for_at_the_address() {
    let issuer = Issuer::start(set(&["rsa"], "1")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let more = json!({"ssl": {"server_name_indication": "issuer.example"}});
    let fixture = open_in(dir.path().into(), &settings(&issuer, more));
    assert_eq!(fixture.says(&made().token("RS256", "pyjwt")).await, "allow");
    let host = issuer.url().replace("http://", "host: ").replace("/jwks.json", "");
    assert!(issuer.requests()[0].contains(&host), "{}", issuer.requests()[0]);
}

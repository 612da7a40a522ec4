//! What an answer means, row by row.

use super::*;
use crate::auth::{Notes, Timestamp};

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
const FORM: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8";
const BAD: &str = "fail BACKEND_BAD_RESPONSE";
const DOWN: &str = "fail BACKEND_UNAVAILABLE";
const UNKNOWN: &str = "ignore UNKNOWN_USER";
const DENIED: &str = "deny NOT_AUTHORIZED";

/// Status line and headers, body, and what comes of it.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("HTTP/1.1 204 No Content", "", "allow"),
    (JSON, r#"{"result":"allow"}"#, "allow"),
    (
        "HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8",
        r#"{"result":"allow"}"#,
        "allow",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Type: application/problem+json",
        r#"{"result":"deny"}"#,
        DENIED,
    ),
    (JSON, r#"{"result":"deny"}"#, DENIED),
    (JSON, r#"{"result":"ignore"}"#, UNKNOWN),
    (JSON, "{}", UNKNOWN),
    (JSON, r#"{"is_superuser":true}"#, UNKNOWN),
    (FORM, "result=allow&is_superuser=1", "allow"),
    (FORM, "result=deny", DENIED),
    (FORM, "", UNKNOWN),
    (FORM, "result=allow&result=deny", BAD),
    (JSON, r#"{"result":"ALLOW"}"#, BAD),
    (JSON, r#"{"result":"allowed"}"#, BAD),
    (JSON, r#"{"result":true}"#, BAD),
    (JSON, r#"{"result":null}"#, BAD),
    (JSON, r#"{"result":"deny","result":"allow"}"#, BAD),
    (JSON, r#"[{"result":"allow"}]"#, BAD),
    (JSON, r#""allow""#, BAD),
    (JSON, "", BAD),
    (JSON, "{", BAD),
    (JSON, r#"{"result":"allow"} x"#, BAD),
    ("HTTP/1.1 200 OK", r#"{"result":"allow"}"#, BAD),
    ("HTTP/1.1 200 OK\r\nContent-Type: text/plain", "allow", BAD),
    ("HTTP/1.1 200 OK\r\nContent-Type: text/html", "<p>allow</p>", BAD),
    (
        "HTTP/1.1 201 Created\r\nContent-Type: application/json",
        r#"{"result":"allow"}"#,
        BAD,
    ),
    ("HTTP/1.1 202 Accepted", "", BAD),
    ("HTTP/1.1 301 Moved\r\nLocation: /other", "", BAD),
    ("HTTP/1.1 400 Bad Request", "", BAD),
    ("HTTP/1.1 401 Unauthorized", "", BAD),
    (
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json",
        r#"{"result":"deny"}"#,
        BAD,
    ),
    ("HTTP/1.1 404 Not Found", "", BAD),
    ("HTTP/1.1 429 Too Many Requests", "", DOWN),
    ("HTTP/1.1 500 Internal Server Error", "", DOWN),
    (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json",
        r#"{"result":"allow"}"#,
        DOWN,
    ),
    (JSON, r#"{"result":"allow","expire_at":1800000000}"#, "allow"),
    (
        JSON,
        r#"{"result":"allow","expire_at":1600000000}"#,
        "deny CREDENTIAL_EXPIRED",
    ),
    (JSON, r#"{"result":"allow","expire_at":1800000000000}"#, BAD),
    (JSON, r#"{"result":"allow","expire_at":1800000000.5}"#, BAD),
    (JSON, r#"{"result":"allow","expire_at":"soon"}"#, BAD),
    (
        JSON,
        r#"{"result":"allow","acl":[{"permission":"allow","action":"all","topic":"a"}]}"#,
        "allow",
    ),
    (JSON, r#"{"result":"allow","acl":[{"permission":"allow"}]}"#, BAD),
    (JSON, r#"{"result":"allow","client_attrs":[]}"#, BAD),
    (JSON, r#"{"result":"allow","clientid_override":7}"#, BAD),
    (JSON, r#"{"result":"deny","expire_at":"soon"}"#, DENIED),
];

#[tokio::test]
async fn every_answer_means_what_the_table_says() {
    let house = house(|_| Reply::status("204 No Content"), json!({})).await;
    for (head, body, expected) in ANSWERS {
        let reply = Reply::Raw((*head).to_owned(), body.as_bytes().to_vec());
        // Probes are answered well all the while, so that no row keeps the next one from being asked.
        house
            .server
            .decide(move |request| match request.text().contains("ann") {
                true => reply.clone(),
                false => Reply::status("204 No Content"),
            });
        assert_eq!(house.says_of("ann", "pw").await, *expected, "{head} {body}");
        assert_eq!(house.says_of("bob", "pw").await, "allow");
    }
}

#[tokio::test]
async fn an_allowed_client_gets_what_the_server_says_of_it() {
    let answer = json!({
        "result": "allow",
        "is_superuser": true,
        "client_attrs": {"tns": "acme"},
        "expire_at": 1_800_000_000,
        "clientid_override": "other",
        "acl": [{"permission": "deny", "action": "publish", "topic": "a/#"}],
    });
    let house = house(move |_| Reply::json(&answer), json!({})).await;
    let noted = Credentials {
        notes: Notes::wanted(Arc::new(TestClock::at(0))),
        ..client("ann", "pw")
    };
    let Ok(Verdict::Allow(identity)) = house.answer(&noted).await else {
        panic!("not allowed");
    };
    assert!(identity.is_superuser);
    assert_eq!(identity.client_attrs["tns"], "acme");
    assert_eq!(identity.expire_at, Some(Timestamp(1_800_000_000_000)));
    assert_eq!((identity.client_id_override.as_str(), identity.acl.len()), ("other", 1));
    // Names, and no values.
    assert_eq!(
        noted.notes.added_to(String::new()),
        "waited for its turn 0.0ns; asked 0.0ns; \
         found an answer with result, is_superuser, client_attrs, expire_at, clientid_override, acl"
    );
}

#[tokio::test]
async fn an_answer_is_read_no_further_than_needed() {
    let house = house(|_| Reply::status("204 No Content"), json!({})).await;
    let deep = format!(r#"{{"result":"allow","x":{}{}}}"#, "[".repeat(20), "]".repeat(20));
    let long = format!(r#"{{"result":"allow","x":"{}"}}"#, "x".repeat(64 << 10));
    let zipped = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip";
    for reply in [
        Reply::json(deep),
        Reply::json(long),
        Reply::Endless(JSON.to_owned()),
        Reply::Raw(zipped.to_owned(), vec![0x1f, 0x8b, 8, 0]),
    ] {
        house.server.decide(move |_| reply.clone());
        assert_eq!(house.says_of("ann", "pw").await, BAD);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let away = house(|_| Reply::json(json!({"result": "allow"})), json!({})).await;
    let to = away.server.url();
    let redirect = move |_: &Request| Reply::status(&format!("307 Temporary Redirect\r\nLocation: {to}/auth"));
    let house = house(redirect, json!({})).await;
    assert_eq!(house.says_of("ann", "pw").await, BAD);
    assert!(away.asked().is_empty());
    assert!(house.provider.health().error.contains("307"));
}

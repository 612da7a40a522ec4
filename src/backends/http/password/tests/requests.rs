//! What the server is sent, and which settings can never work.

use super::*;

async fn sent(more: Value, credentials: &Credentials) -> Request {
    let house = house(|_| Reply::status("204 No Content"), more).await;
    let before = house.server.requests().len();
    assert_eq!(says(&*house.provider, credentials).await, "allow");
    house.server.requests()[before].clone()
}

#[tokio::test]
async fn a_post_carries_json_or_a_form() {
    let request = sent(json!({"headers": {"X-From": "${peerhost}"}}), &client("ann", "p\"w")).await;
    assert_eq!(request.line(), "POST /auth");
    assert_eq!(request.text(), r#"{"username":"ann","password":"p\"w"}"#);
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        (request.header("accept"), request.header("x-from")),
        ("application/json", "10.0.0.7")
    );
    let form = json!({"headers": {"content-type": "application/x-www-form-urlencoded"}});
    let request = sent(form, &client("ann&x=1", "p w")).await;
    assert_eq!(request.text(), "username=ann%26x%3D1&password=p%20w");
}

#[tokio::test]
async fn a_header_may_be_a_secret_that_only_the_node_knows() {
    let headers = json!({"headers": {"Authorization": "file:header", "X-From": "${peerhost}"}});
    let request = sent(headers, &client("ann", "pw")).await;
    assert_eq!(
        (request.header("authorization"), request.header("x-from")),
        ("Bearer n4med", "10.0.0.7")
    );
}

#[tokio::test]
async fn a_get_carries_everything_in_its_address() {
    let more = json!({
        "method": "get",
        "url": "/users/${username}/check?v=1&c=${clientid}",
        "headers": {"content-type": "application/json"},
        "body": {"p": "${password}"},
    });
    let request = sent(more, &client("a/n n", "p&w")).await;
    assert_eq!(request.line(), "GET /users/a%2Fn%20n/check?v=1&c=c1&p=p%26w");
    assert_eq!((request.header("content-type"), request.body.len()), ("", 0));
}

const HOSTILE: [&str; 17] = [
    "..",
    ".",
    "../admin",
    "a/../../b",
    "?x=1",
    "#x",
    "a?b#c",
    "%2e%2e",
    "//evil.example/",
    "@evil.example",
    "\\..\\..",
    "a\r\nX-Evil: 1",
    "a\0b",
    "\u{202e}",
    "'\"<>",
    "${password}",
    "{\"result\":\"allow\"}",
];

/// No value changes anything but the place that it stands in, and one that cannot stand there is sent nowhere.
#[tokio::test]
async fn hostile_values_stay_where_they_are_put() {
    let more = json!({
        "url": "/users/${username}?u=${username}",
        "headers": {"x-attr": "${client_attrs.x}"},
    });
    let house = house(|_| Reply::status("204 No Content"), more).await;
    for name in HOSTILE {
        let before = house.asked().len();
        let verdict = house.says_of(name, "pw").await;
        let asked = house.asked();
        let Some(request) = asked.get(before) else {
            assert_eq!(verdict, "deny NOT_AUTHORIZED", "{name:?}");
            assert!([".", ".."].contains(&name), "{name:?}");
            continue;
        };
        let line = request.line();
        let (path, query) = line.strip_prefix("POST ").unwrap().split_once('?').unwrap();
        assert!(path.starts_with("/users/") && path.matches('/').count() == 2, "{line}");
        assert!(query.starts_with("u=") && !query.contains(['&', '#', '?']), "{line}");
        assert_eq!(request.header("x-evil"), "");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["username"], name);
    }
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\0"] {
        let client = Credentials {
            client_attrs: [("x".to_owned(), value.to_owned())].into(),
            ..client("ann", "pw")
        };
        assert_eq!(
            says(&*house.provider, &client).await,
            "deny NOT_AUTHORIZED",
            "{value:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_value_is_empty_or_means_that_the_client_is_nobodys_business_here() {
    let no_password = Credentials {
        password: None,
        ..client("ann", "")
    };
    let request = sent(json!({}), &no_password).await;
    assert_eq!(request.text(), r#"{"username":"ann","password":""}"#);
    let skips = house(|_| Reply::status("204 No Content"), json!({"on_missing_value": "skip"})).await;
    assert_eq!(says(&*skips.provider, &no_password).await, "ignore MISSING_CREDENTIAL");
    assert_eq!(skips.says_of("ann", "").await, "allow");
}

fn at(url: &str) -> Value {
    json!({"method": "post", "url": url})
}

fn with(name: &str, value: Value) -> Value {
    let mut settings = at("http://example/");
    settings[name] = value;
    settings
}

#[test]
fn settings_that_can_never_work_are_refused_with_every_fault() {
    let grant = json!({"enable": true, "token_endpoint": "http://t/", "client_id": "c", "client_secret": "s"});
    let mut both = with("oauth2", grant);
    both["headers"] = json!({"authorization": "x"});
    let rows = [
        (json!({}), vec!["method", "url"]),
        (json!({"method": "put", "url": "ftp://x"}), vec!["method", "url"]),
        (at("http://${username}.example/"), vec!["url"]),
        (at("http://u:p@example/"), vec!["url"]),
        (at("http://example/#x"), vec!["url"]),
        (at("http://example/a/../b"), vec!["url"]),
        (at("http://example/${user}"), vec!["url"]),
        (
            with("headers", json!({"a b": "x", "host": "y", "z": 1})),
            vec!["headers.z", "headers.a b", "headers.host"],
        ),
        (with("body", json!({"u": "${usrname}"})), vec!["body.u"]),
        (
            with("headers", json!({"content-type": "text/xml"})),
            vec!["headers.content-type"],
        ),
        (with("pool_size", json!(0)), vec!["pool_size"]),
        (with("request_timeout", json!("1y")), vec!["request_timeout"]),
        (with("probe_interval", json!(0)), vec!["probe_interval"]),
        (
            with("cache", json!({"ttl": "x", "size": 1})),
            vec!["cache.ttl", "cache.size"],
        ),
        (both, vec!["headers.authorization"]),
        (
            with("headers", json!({"x-key": "file:/etc/shadow"})),
            vec!["headers.x-key"],
        ),
        (
            with("ssl", json!({"cacertfile": "file:../ca.pem"})),
            vec!["ssl.cacertfile"],
        ),
        (
            with("oauth2", json!({"enable": true, "client_secret": "file:/etc/shadow"})),
            vec!["oauth2.token_endpoint", "oauth2.client_id", "oauth2.client_secret"],
        ),
    ];
    for (settings, mut expected) in rows {
        let faults = (BACKEND.check)(&settings).unwrap_err();
        let path = |field: &str| field.strip_prefix("settings.").unwrap_or(field).to_owned();
        let mut fields: Vec<_> = faults.iter().map(|fault| path(&fault.field)).collect();
        fields.sort();
        fields.dedup();
        expected.sort_unstable();
        assert_eq!(fields, expected, "{settings}");
    }
}

/// As EMQX shows it (`GET /authentication`), with what it leaves open.
#[test]
fn an_object_of_emqx_can_be_pasted_and_what_is_stored_is_taken_again() {
    let settings = json!({
        "method": "post",
        "url": "http://127.0.0.1:8080/auth?v=1",
        "headers": {"Content-Type": "application/json", "X-Key": "k"},
        "body": {"username": "${username}", "password": "${password}", "clientid": "${clientid}"},
        "request_timeout": "5s",
        "connect_timeout": "15s",
        "pool_size": 8,
        "enable_pipelining": 100,
        "max_inactive": "10s",
        "ssl": {"enable": false, "verify": "verify_peer", "ciphers": [], "depth": 10},
    });
    let filled = (BACKEND.check)(&settings).unwrap();
    assert_eq!(filled["headers"]["x-key"], "k");
    let off = json!(false);
    assert_eq!((&filled["cache"]["enable"], &filled["oauth2"]["enable"]), (&off, &off));
    assert_eq!((BACKEND.check)(&filled).unwrap(), filled);
}

//! Which settings are taken, and what is said of the others.

use super::implementations::made;
use super::*;
use crate::backends::{check, kinds};

fn faults(settings: &Value) -> Vec<String> {
    let faults = check("jwt", "", settings).unwrap_err();
    faults.into_iter().map(|fault| fault.field).collect()
}

/// The fault of a setting that is put among good ones.
fn fault_of(name: &str, value: Value) -> String {
    let mut settings = json!({"algorithm": "hmac-based", "secret": SECRET});
    settings[name] = value;
    let faults = check("jwt", "", &settings).unwrap_err();
    assert_eq!(faults.len(), 1, "{name}: {faults:?}");
    faults[0].to_string()
}

#[test]
fn an_object_of_emqx_with_a_secret_can_be_pasted() {
    let pasted = json!({
        "use_jwks": false, "algorithm": "hmac-based", "secret": "abcdef", "secret_base64_encoded": false, "from": "password",
        "acl_claim_name": "acl", "verify_claims": {"username": "${username}"}, "disconnect_after_expire": true, "on_missing_jwt": "ignore",
    });
    let filled = check("jwt", "", &pasted).unwrap();
    let mut expected = pasted;
    expected["leeway"] = json!(30);
    expected["on_bad_signature"] = json!("ignore");
    assert_eq!(filled, expected);
}

#[test]
fn an_object_of_emqx_with_a_key_set_can_be_pasted() {
    let pasted = json!({
        "use_jwks": true, "endpoint": "https://idp/.well-known/jwks.json", "headers": {"Accept": "application/json"}, "pool_size": 8,
        "refresh_interval": 300.0, "max_fail_count": 5, "ssl": {"enable": true, "verify": "verify_none", "depth": 10, "ciphers": []},
        "from": "password", "acl_claim_name": "acl", "verify_claims": [], "disconnect_after_expire": true, "on_missing_jwt": "ignore",
    });
    let filled = check("jwt", "", &pasted).unwrap();
    let expected = json!({
        "from": "password", "use_jwks": true, "endpoint": "https://idp/.well-known/jwks.json",
        "headers": {"accept": "application/json"}, "ssl": {"enable": true, "verify": "verify_none"}, "refresh_interval": 300,
        "max_stale": 3600, "verify_claims": [], "leeway": 30, "acl_claim_name": "acl", "disconnect_after_expire": true,
        "on_missing_jwt": "ignore", "on_bad_signature": "ignore",
    });
    assert_eq!(filled, expected);
    // What is filled in is good as it is.
    assert_eq!(check("jwt", "", &filled).unwrap(), filled);
}

#[test]
fn tls_towards_the_issuer_is_verified_unless_it_is_switched_off() {
    let filled = check("jwt", "", &json!({"use_jwks": true, "endpoint": "https://idp/keys"})).unwrap();
    assert_eq!(filled["ssl"]["verify"], "verify_peer");
}

#[test]
fn one_key_or_several_are_taken_as_text() {
    let made = made();
    for keys in [json!(made.pem("rsa")), json!([made.pem("p256"), made.pem("ed25519")])] {
        let filled = check("jwt", "", &json!({"algorithm": "public-key", "public_key": keys})).unwrap();
        assert_eq!(filled["public_key"], keys);
    }
    let many = vec![made.pem("p256"); 17];
    assert_eq!(
        faults(&json!({"algorithm": "public-key", "public_key": many})),
        ["settings.public_key"]
    );
}

#[test]
fn every_fault_is_named_at_once() {
    assert_eq!(faults(&json!([])), ["settings"]);
    assert_eq!(faults(&json!({})), ["settings.algorithm"]);
    assert_eq!(faults(&json!({"algorithm": "hmac-based"})), ["settings.secret"]);
    assert_eq!(faults(&json!({"algorithm": "public-key"})), ["settings.public_key"]);
    assert_eq!(faults(&json!({"use_jwks": true})), ["settings.endpoint"]);
    assert_eq!(
        faults(&json!({
            "from": "cookie", "algorithm": "hmac-based", "secret": "", "public_key": "x", "endpoint": "https://idp", "leeway": -1,
            "verify_claims": {"exp": 1, "a": null}, "colour": "red",
        })),
        [
            "settings.from",
            "settings.endpoint",
            "settings.public_key",
            "settings.secret",
            "settings.verify_claims.exp",
            "settings.verify_claims.a",
            "settings.leeway",
            "settings.colour",
        ]
    );
}

#[test]
fn values_that_cannot_be_used_are_refused() {
    for (name, value) in [
        ("algorithm", json!("RS256")),
        ("algorithm", json!(1)),
        ("secret", json!(5)),
        ("secret_base64_encoded", json!("yes")),
        ("secret_base64_encoded", json!(true)),
        ("verify_claims", json!("username")),
        ("verify_claims", json!({"": "x"})),
        ("verify_claims", json!({"a": "${password}"})),
        ("verify_claims", json!({"a": ["${peername}"]})),
        ("verify_claims", json!({"a": {"b": 1}})),
        ("verify_claims", json!([{"name": "a"}])),
        ("verify_claims", json!([{"name": "nbf", "value": 1}])),
        ("issuer", json!([])),
        ("issuer", json!("")),
        ("audience", json!([1])),
        ("required_claims", json!({"exp": true})),
        ("leeway", json!("11m")),
        ("leeway", json!("soon")),
        ("max_age", json!(0)),
        ("acl_claim_name", json!(1)),
        ("disconnect_after_expire", json!(1)),
        ("on_missing_jwt", json!("allow")),
        ("on_bad_signature", json!("allow")),
        ("ssl", json!({})),
        ("max_stale", json!(1)),
    ] {
        let fault = fault_of(name, value);
        assert!(fault.starts_with("`settings."), "{fault}");
    }
}

#[test]
fn endpoints_headers_and_tls_that_cannot_be_used_are_refused() {
    for (name, value, field) in [
        ("endpoint", json!("idp/keys"), "endpoint"),
        ("endpoint", json!("ftp://idp/keys"), "endpoint"),
        ("endpoint", json!("file:///etc/passwd"), "endpoint"),
        ("endpoint", json!("https://user:word@idp/keys"), "endpoint"),
        ("headers", json!("Accept: x"), "headers"),
        ("headers", json!({"a b": "x"}), "headers.a b"),
        (
            "headers",
            json!({"authorization": "a\r\nb: c"}),
            "headers.authorization",
        ),
        ("headers", json!({"Authorization": "******"}), "headers.Authorization"),
        ("headers", json!({"Host": "elsewhere"}), "headers.Host"),
        ("headers", json!({"accept": 5}), "headers.accept"),
        ("refresh_interval", json!(0), "refresh_interval"),
        ("refresh_interval", json!("2d"), "refresh_interval"),
        ("ssl", json!({"verify": "maybe"}), "ssl.verify"),
        ("ssl", json!({"cacertfile": "/etc/ca.pem"}), "ssl.cacertfile"),
        (
            "ssl",
            json!({"certfile": "-----BEGIN CERTIFICATE-----"}),
            "ssl.certfile",
        ),
        ("ssl", json!({"colour": "red"}), "ssl.colour"),
        ("ssl", json!(true), "ssl"),
        ("secret", json!("x"), "secret"),
        ("algorithm", json!("hmac-based"), "algorithm"),
    ] {
        let mut settings = json!({"use_jwks": true, "endpoint": "https://idp/keys"});
        settings[name] = value;
        let named = faults(&settings);
        assert!(named.contains(&format!("settings.{field}")), "{settings}: {named:?}");
    }
}

#[test]
fn the_schema_says_what_every_setting_is_and_which_are_secret() {
    let kind = kinds().iter().find(|kind| kind.mechanism == "jwt").unwrap();
    let properties = kind.schema["properties"].as_object().unwrap();
    for (name, schema) in properties {
        assert!(
            schema["title"].is_string() && schema["description"].is_string(),
            "{name}"
        );
    }
    for secret in [
        &properties["secret"],
        &properties["headers"]["additionalProperties"],
        &properties["ssl"]["properties"]["keyfile"],
    ] {
        assert_eq!(
            (&secret["x-secret"], &secret["x-nameable"]),
            (&json!(true), &json!(true))
        );
    }
}

#[tokio::test]
async fn short_secrets_as_stores_that_come_over_have_them_are_taken() {
    let fixture = open(&json!({"algorithm": "hmac-based", "secret": "abcdef"}));
    let token = signed_by(b"abcdef", HMAC_SHA256, r#"{"alg":"HS256"}"#, "{}");
    assert_eq!(fixture.says(&token).await, "allow");
    let fixture = open(&json!({"algorithm": "hmac-based", "secret": "YWJjZGVm", "secret_base64_encoded": true}));
    assert_eq!(fixture.says(&token).await, "allow");
}

#[tokio::test]
async fn secrets_and_keys_may_lie_in_files_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("shared", "YWJjZGVm\n");
    write("rsa", &made().pem("rsa"));
    write("nothing", "");
    let by_secret = json!({"algorithm": "hmac-based", "secret": "file:shared", "secret_base64_encoded": true});
    let fixture = open_in(dir.path().into(), &by_secret);
    let token = signed_by(b"abcdef", HMAC_SHA256, r#"{"alg":"HS256"}"#, "{}");
    assert_eq!(fixture.says(&token).await, "allow");
    let by_keys = json!({"algorithm": "public-key", "public_key": ["file:rsa", made().pem("p256")]});
    let fixture = open_in(dir.path().into(), &by_keys);
    for alg in ["RS256", "ES256"] {
        assert_eq!(fixture.says(&made().token(alg, "pyjwt")).await, "allow", "{alg}");
    }
    for (settings, field) in [
        (
            json!({"algorithm": "hmac-based", "secret": "file:/etc/shadow"}),
            "secret",
        ),
        (json!({"algorithm": "hmac-based", "secret": "env:PATH"}), "secret"),
        (
            json!({"algorithm": "public-key", "public_key": "file:../key"}),
            "public_key",
        ),
    ] {
        assert_eq!(faults(&settings), [format!("settings.{field}")]);
    }
}

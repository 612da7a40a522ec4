//! What is asked of claims, and what is taken from them.

use std::time::Duration;

use super::*;
use crate::auth::Timestamp;

const MISMATCH: &str = "deny TOKEN_CLAIM_MISMATCH";

async fn says(settings: Value, claims: Value) -> String {
    open_hmac(settings).says(&token(claims)).await
}

/// Rows of settings, claims and the answer.
async fn check(rows: &[(Value, Value, &str)]) {
    for (settings, claims, expected) in rows {
        let said = says(settings.clone(), claims.clone()).await;
        let fits = said == *expected || *expected == MISMATCH && said.starts_with(MISMATCH);
        assert!(fits, "{settings} with {claims}: {said}, not {expected}");
    }
}

#[tokio::test]
async fn times_are_judged_with_the_leeway_and_by_the_clock_of_the_node() {
    let fixture = open_hmac(json!({}));
    let (early, late) = (
        token(json!({"nbf": NOW + 30, "iat": NOW + 30})),
        token(json!({"exp": NOW - 29})),
    );
    assert_eq!(fixture.says(&early).await, "allow");
    assert_eq!(fixture.says(&late).await, "allow");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.says(&late).await, "deny TOKEN_EXPIRED `exp` is over");
    let strict = json!({"leeway": 0});
    check(&[
        (strict.clone(), json!({"exp": NOW + 1}), "allow"),
        (strict.clone(), json!({"exp": NOW}), "deny TOKEN_EXPIRED `exp` is over"),
        (strict.clone(), json!({"nbf": NOW}), "allow"),
        (
            strict.clone(),
            json!({"nbf": NOW + 1}),
            "deny TOKEN_NOT_YET_VALID `nbf` lies ahead",
        ),
        (
            strict.clone(),
            json!({"nbf": format!("{}.5", NOW)}),
            "deny TOKEN_NOT_YET_VALID `nbf` lies ahead",
        ),
        (
            strict,
            json!({"iat": NOW + 1}),
            "deny TOKEN_NOT_YET_VALID `iat` lies ahead",
        ),
        (
            json!({}),
            json!({"exp": "4102444800", "nbf": "1600000000", "iat": 1_600_000_000.5}),
            "allow",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_token_may_be_too_old() {
    let aged = json!({"max_age": "10m", "leeway": 0});
    check(&[
        (aged.clone(), json!({"iat": NOW - 599}), "allow"),
        (
            aged.clone(),
            json!({"iat": NOW - 600}),
            "deny TOKEN_EXPIRED `iat` is longer ago than `max_age`",
        ),
        (
            aged,
            json!({}),
            "deny TOKEN_CLAIM_MISMATCH claim `iat` is missing, which `max_age` needs",
        ),
        (json!({"max_age": 600}), json!({"iat": NOW - 629}), "allow"),
    ])
    .await;
}

#[tokio::test]
async fn issuer_and_audience_are_one_of_those_that_are_set() {
    let issuer = json!({"issuer": ["https://a", "https://b"]});
    let audience = json!({"audience": "mqtt"});
    check(&[
        (issuer.clone(), json!({"iss": "https://b"}), "allow"),
        (
            issuer.clone(),
            json!({"iss": "https://b/"}),
            "deny TOKEN_CLAIM_MISMATCH claim `iss` is not what it must be",
        ),
        (issuer.clone(), json!({"iss": ["https://b"]}), MISMATCH),
        (issuer, json!({}), MISMATCH),
        (audience.clone(), json!({"aud": "mqtt"}), "allow"),
        (audience.clone(), json!({"aud": ["web", "mqtt"]}), "allow"),
        (
            audience.clone(),
            json!({"aud": ["web"]}),
            "deny TOKEN_CLAIM_MISMATCH claim `aud` is not what it must be",
        ),
        (audience.clone(), json!({"aud": ""}), MISMATCH),
        (audience.clone(), json!({"aud": []}), MISMATCH),
        (audience.clone(), json!({"aud": {"mqtt": true}}), MISMATCH),
        (audience.clone(), json!({"aud": [["mqtt"]]}), MISMATCH),
        (audience, json!({}), MISMATCH),
        (json!({"audience": ["x", "y"]}), json!({"aud": ["y", "z"]}), "allow"),
        (
            json!({"verify_claims": {"aud": "b"}}),
            json!({"aud": ["a", "b"]}),
            "allow",
        ),
        (json!({"verify_claims": {"aud": "b"}}), json!({"aud": ["a"]}), MISMATCH),
    ])
    .await;
}

#[tokio::test]
async fn required_claims_must_be_there() {
    let required = json!({"required_claims": ["exp", "realm.role"]});
    check(&[
        (
            required.clone(),
            json!({"exp": NOW + 9, "realm": {"role": ""}}),
            "allow",
        ),
        (
            required.clone(),
            json!({"realm": {"role": 1}}),
            "deny TOKEN_CLAIM_MISMATCH claim `exp` is missing",
        ),
        (
            required.clone(),
            json!({"exp": NOW + 9, "realm": {}}),
            "deny TOKEN_CLAIM_MISMATCH claim `realm.role` is missing",
        ),
        (
            required.clone(),
            json!({"exp": NOW + 9, "realm": {"role": null}}),
            MISMATCH,
        ),
        (required, json!({"exp": NOW + 9, "realm": "role"}), MISMATCH),
    ])
    .await;
}

#[tokio::test]
async fn claims_are_compared_as_what_they_are() {
    let with = |value: Value| json!({"verify_claims": {"n": value}});
    let of = |value: Value| json!({ "n": value });
    check(&[
        (with(json!("1")), of(json!("1")), "allow"),
        (
            with(json!("1")),
            of(json!(1)),
            "deny TOKEN_CLAIM_MISMATCH claim `n` is not what it must be",
        ),
        (with(json!(1)), of(json!("1")), MISMATCH),
        (with(json!(1)), of(json!(1)), "allow"),
        (with(json!(1.0)), of(json!(1)), "allow"),
        (with(json!(1)), of(json!(1.0)), "allow"),
        (with(json!(1)), of(json!(true)), MISMATCH),
        (with(json!(1.5)), of(json!(1)), MISMATCH),
        (
            with(json!(9_007_199_254_740_993_u64)),
            of(json!(9_007_199_254_740_992_u64)),
            MISMATCH,
        ),
        (with(json!(true)), of(json!(true)), "allow"),
        (with(json!(true)), of(json!("true")), MISMATCH),
        (with(json!("true")), of(json!(true)), MISMATCH),
        (with(json!(false)), of(json!(null)), MISMATCH),
        (with(json!("")), of(json!(null)), MISMATCH),
        (with(json!("")), of(json!("")), "allow"),
        (with(json!(["a", 1])), of(json!(["a", 1])), "allow"),
        (with(json!(["a", 1])), of(json!([1, "a"])), MISMATCH),
        (with(json!(["a"])), of(json!(["a", "b"])), MISMATCH),
        (with(json!(["a"])), of(json!("a")), MISMATCH),
        (with(json!("a")), of(json!(["a"])), MISMATCH),
        (with(json!([])), of(json!([])), "allow"),
        (with(json!("A")), of(json!("a")), MISMATCH),
        (
            with(json!("1")),
            json!({}),
            "deny TOKEN_CLAIM_MISMATCH claim `n` is missing",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_placeholder_is_the_clients_text_and_what_is_absent_equals_nothing() {
    let with = |value: &str| json!({"verify_claims": {"n": value}});
    let of = |value: Value| json!({ "n": value });
    check(&[
        (with("${username}"), of(json!("myuser")), "allow"),
        (with("${username}"), of(json!("myuser2")), MISMATCH),
        (with("${username}"), of(json!("myuse")), MISMATCH),
        (with("${username}"), of(json!("${username}")), MISMATCH),
        (
            with("mqtt:${clientid}:${username}"),
            of(json!("mqtt:client-1:myuser")),
            "allow",
        ),
        (with("mqtt:${clientid}"), of(json!("mqtt:client-2")), MISMATCH),
        (with("${$}{username}"), of(json!("${username}")), "allow"),
        (with("${zone}"), of(json!("")), MISMATCH),
        (with("a${zone}"), of(json!("a")), MISMATCH),
        (
            json!({"verify_claims": {"n": ["${username}"]}}),
            of(json!(["myuser"])),
            "allow",
        ),
        (
            json!({"verify_claims": {"aud": "${username}"}}),
            json!({"aud": ["x", "myuser"]}),
            "allow",
        ),
    ])
    .await;
    // A number claim is a number, whatever the user is called.
    let fixture = open_hmac(with("${username}"));
    let numbered = Credentials {
        username: "42".to_owned(),
        ..credentials(token(of(json!(42))))
    };
    let verdict = fixture.provider.authenticate(&numbered).await.unwrap();
    assert!(said(&verdict).starts_with(MISMATCH));
}

#[tokio::test]
async fn a_path_leads_into_objects_and_a_name_with_dots_is_a_name() {
    let with = |name: &str| json!({"verify_claims": [{"name": name, "value": "x"}]});
    check(&[
        (with("a.b"), json!({"a": {"b": "x"}}), "allow"),
        (with("a.b"), json!({"a.b": "x"}), "allow"),
        (with("a.b"), json!({"a.b": "y", "a": {"b": "x"}}), MISMATCH),
        (
            with("https://x.y/z.role"),
            json!({"https://x.y/z": {"role": "x"}}),
            "allow",
        ),
        (with("a.b.c"), json!({"a": {"b": {"c": "x"}}}), "allow"),
        (with("a.b"), json!({"a": ["x"]}), MISMATCH),
        (with("a."), json!({"a": "x"}), MISMATCH),
        (with("."), json!({"": "x"}), MISMATCH),
    ])
    .await;
}

#[tokio::test]
async fn the_token_may_be_the_user_name() {
    let fixture = open_hmac(json!({"from": "username"}));
    let by_name = Credentials {
        username: token(json!({})),
        ..Credentials::default()
    };
    assert_eq!(said(&fixture.provider.authenticate(&by_name).await.unwrap()), "allow");
    assert_eq!(fixture.says(&token(json!({}))).await, "ignore TOKEN_MALFORMED");
}

#[tokio::test]
async fn an_identity_is_what_the_claims_say() {
    let fixture = open_hmac(json!({"acl_claim_name": "rights"}));
    let identity = fixture
        .identity(&token(json!({
            "is_superuser": true,
            "client_attrs": {"tenant": "a", "level": 3, "on": true, "bad name": "x", "list": ["x"], "": "x"},
            "clientid_override": "other",
            "exp": NOW + 60,
            "rights": [{"permission": "allow", "action": "publish", "topic": "t"}],
        })))
        .await;
    assert!(identity.is_superuser);
    let attributes: Vec<_> = identity.client_attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(attributes, ["level=3", "on=true", "tenant=a"]);
    assert_eq!(identity.client_id_override, "other");
    assert_eq!(identity.expire_at, Some(Timestamp((NOW + 60) * 1000)));
    assert_eq!(identity.acl.len(), 1);
    assert_eq!(
        fixture.identity(&token(json!({"acl": "not looked at"}))).await,
        Identity::default()
    );
}

#[tokio::test]
async fn only_what_clearly_says_so_makes_a_superuser() {
    let fixture = open_hmac(json!({}));
    for (value, expected) in [
        (json!(true), true),
        (json!("true"), true),
        (json!("1"), true),
        (json!(1), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("yes"), false),
        (json!(0), false),
        (json!(-1), false),
        (json!([true]), false),
        (json!(null), false),
    ] {
        let identity = fixture.identity(&token(json!({ "is_superuser": value }))).await;
        assert_eq!(identity.is_superuser, expected, "{value}");
    }
}

#[tokio::test]
async fn rules_that_are_not_understood_deny() {
    let said = says(json!({}), json!({"acl": {"publish": ["t"]}})).await;
    assert_eq!(
        said,
        "deny TOKEN_CLAIM_MISMATCH claim `acl` has lists beside pub, sub, all"
    );
}

#[tokio::test]
async fn a_connection_ends_with_its_token_unless_set_otherwise() {
    let ends = |identity: Identity| identity.expire_at.map(|end| end.0);
    let fixture = open_hmac(json!({}));
    let broken = fixture.identity(&token(json!({"exp": 1_700_000_060.5}))).await;
    assert_eq!(ends(broken), Some((NOW + 60) * 1000 + 500));
    // Let in by the leeway: until that is over.
    assert_eq!(
        ends(fixture.identity(&token(json!({"exp": NOW - 10}))).await),
        Some((NOW + 20) * 1000)
    );
    assert_eq!(ends(fixture.identity(&token(json!({}))).await), None);
    let lasting = open_hmac(json!({"disconnect_after_expire": false}));
    assert_eq!(ends(lasting.identity(&token(json!({"exp": NOW + 60}))).await), None);
}

#[tokio::test]
async fn neither_the_token_nor_a_claims_value_is_in_what_operators_are_told() {
    let settings = json!({"verify_claims": {"pin": "1234-expected"}, "on_bad_signature": "deny"});
    let fixture = open_hmac(settings);
    let denied = fixture.says(&token(json!({"pin": "9876-presented"}))).await;
    assert_eq!(denied, "deny TOKEN_CLAIM_MISMATCH claim `pin` is not what it must be");
}

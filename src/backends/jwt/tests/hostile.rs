//! Tokens that must not let anybody in, each with the exact answer.

use serde_json::json;

use super::implementations::made;
use super::*;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What is wrong, the token, and what is said of it.
type Row = (&'static str, String, &'static str);

const MALFORMED: &str = "deny TOKEN_MALFORMED";
const NO_TOKEN: &str = "ignore TOKEN_MALFORMED";
const UNKNOWN: &str = "ignore TOKEN_UNKNOWN_KEY";
const BAD: &str = "ignore TOKEN_BAD_SIGNATURE";
const MISMATCH: &str = "deny TOKEN_CLAIM_MISMATCH";
const EXPIRED: &str = "deny TOKEN_EXPIRED";
const EARLY: &str = "deny TOKEN_NOT_YET_VALID";

async fn check(fixture: &Fixture, rows: &[Row]) {
    for (what, token, expected) in rows {
        let said = fixture.says(token).await;
        assert!(
            said == *expected || said.starts_with(&format!("{expected} ")),
            "{what}: {said}, not {expected}"
        );
    }
}

fn form() -> Vec<Row> {
    let good = token(json!({}));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed_part.split_once('.').unwrap();
    vec![
        ("a password", "correct horse".into(), NO_TOKEN),
        ("a password with two dots", "my.own.password".into(), NO_TOKEN),
        ("two dots alone", "..".into(), NO_TOKEN),
        ("without a signature part", signed_part.into(), NO_TOKEN),
        ("a fourth part", format!("{good}.x"), NO_TOKEN),
        (
            "five parts, as encrypted ones have",
            format!("{good}.{header}.{payload}"),
            NO_TOKEN,
        ),
        ("a space in front", format!(" {good}"), NO_TOKEN),
        ("with its scheme", format!("Bearer {good}"), NO_TOKEN),
        ("a header that is no object", signed("[]", "{}"), NO_TOKEN),
        ("a header that is no JSON", signed("{alg:HS256}", "{}"), NO_TOKEN),
        (
            "a header with something behind",
            signed(format!("{HEADER}{{}}"), "{}"),
            NO_TOKEN,
        ),
        (
            "a header that is no UTF-8",
            signed(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", "{}"),
            NO_TOKEN,
        ),
        ("a padded header", format!("{header}=.{payload}.{signature}"), NO_TOKEN),
        ("a padded signature", format!("{good}="), MALFORMED),
        ("a signature with a space", format!("{good} "), MALFORMED),
        (
            "a signature in the other alphabet",
            format!("{signed_part}.++++"),
            MALFORMED,
        ),
        ("no signature", format!("{signed_part}."), BAD),
        (
            "half a signature",
            format!("{signed_part}.{}", signature.get(..20).unwrap()),
            BAD,
        ),
        (
            "longer than 16 KiB",
            token(json!({"x": "y".repeat(16 * 1024)})),
            MALFORMED,
        ),
        ("a megabyte", token(json!({"x": "y".repeat(1 << 20)})), MALFORMED),
        ("a megabyte of dots", ".".repeat(1 << 20), NO_TOKEN),
    ]
}

fn headers() -> Vec<Row> {
    let with = |member: &str| signed(format!(r#"{{"alg":"HS256",{member}}}"#), "{}");
    let of = |alg: &str| signed(format!(r#"{{"alg":{alg}}}"#), "{}");
    let unsigned = |alg: &str| format!("{}.{}.", encode(format!(r#"{{"alg":"{alg}"}}"#)), encode("{}"));
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    vec![
        ("unsigned", unsigned("none"), MALFORMED),
        ("unsigned, in other letters", unsigned("nOnE"), MALFORMED),
        ("none with a signature", of(r#""None""#), MALFORMED),
        ("an empty algorithm", of(r#""""#), MALFORMED),
        ("no algorithm", signed(r#"{"typ":"JWT"}"#, "{}"), MALFORMED),
        ("a null algorithm", of("null"), MALFORMED),
        ("a list of algorithms", of(r#"["HS256"]"#), MALFORMED),
        ("a number as algorithm", of("256"), MALFORMED),
        (
            "two algorithms",
            signed(r#"{"alg":"HS256","alg":"none"}"#, "{}"),
            MALFORMED,
        ),
        (
            "two in different spelling",
            signed(r#"{"alg":"none","\u0061lg":"HS256"}"#, "{}"),
            MALFORMED,
        ),
        ("another family", of(r#""RS256""#), UNKNOWN),
        ("another curve", of(r#""ES256""#), UNKNOWN),
        ("EdDSA with a secret", of(r#""EdDSA""#), UNKNOWN),
        ("lower case", of(r#""hs256""#), UNKNOWN),
        ("with a space", of(r#""HS256 ""#), UNKNOWN),
        ("an algorithm that does not exist", of(r#""HS1024""#), UNKNOWN),
        ("an algorithm of encryption", of(r#""RSA-OAEP""#), UNKNOWN),
        ("SHA-1", of(r#""HS1""#), UNKNOWN),
        ("another length of the hash", of(r#""HS512""#), BAD),
        ("something critical", with(r#""crit":["exp"]"#), MALFORMED),
        ("nothing critical", with(r#""crit":[]"#), MALFORMED),
        ("an unencoded payload", with(r#""b64":false"#), MALFORMED),
        (
            "an unencoded payload, rightly declared",
            with(r#""b64":false,"crit":["b64"]"#),
            MALFORMED,
        ),
        ("b64 that is no flag", with(r#""b64":"no""#), MALFORMED),
        ("compressed", with(r#""zip":"DEF""#), MALFORMED),
        ("encrypted", with(r#""enc":"A128GCM""#), MALFORMED),
        ("its own key", with(r#""jwk":{"kty":"oct","k":"AA"}"#), MALFORMED),
        ("an address of keys", with(r#""jku":"http://127.0.0.1/k""#), MALFORMED),
        (
            "an address of a certificate",
            with(r#""x5u":"http://127.0.0.1/c""#),
            MALFORMED,
        ),
        ("its own certificate", with(r#""x5c":["AA"]"#), MALFORMED),
        ("a nested token", with(r#""cty":"JWT""#), MALFORMED),
        ("a type that is no text", with(r#""typ":5"#), MALFORMED),
        ("a key id that is no text", with(r#""kid":{"a":1}"#), MALFORMED),
        ("a null key id", with(r#""kid":null"#), MALFORMED),
        ("a deep header", signed(deep, "{}"), MALFORMED),
    ]
}

fn payloads() -> Vec<Row> {
    let with = |payload: &str| signed(HEADER, payload);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(16), "]".repeat(16));
    let other = signed_by(b"another secret, just as long as ours", Algorithm::HS256, HEADER, "{}");
    let message = format!("{}.!!!!", encode(HEADER));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let unreadable = format!(
        "{message}.{}",
        sign(message.as_bytes(), &key, Algorithm::HS256).unwrap()
    );
    vec![
        ("another secret", other, BAD),
        ("a payload that is no base64url", unreadable, MALFORMED),
        ("an empty payload", with(""), MALFORMED),
        ("a text", with("\"text\""), MALFORMED),
        ("a list", with("[]"), MALFORMED),
        ("no JSON", with("{exp:1}"), MALFORMED),
        ("two ends", with(r#"{"exp":1,"exp":1800000000}"#), MALFORMED),
        ("two of a name, deep down", with(r#"{"a":[{"b":1,"b":1}]}"#), MALFORMED),
        ("a deep payload", with(&deep), MALFORMED),
        ("a token in a token", with(&token(json!({}))), MALFORMED),
        ("a number beyond all", with(r#"{"exp":1e999}"#), MALFORMED),
    ]
}

fn times() -> Vec<Row> {
    let at = |name: &str, value: Value| token(json!({ name: value }));
    vec![
        ("over", at("exp", json!(NOW - 31)), EXPIRED),
        ("over by the leeway to the second", at("exp", json!(NOW - 30)), EXPIRED),
        ("over, broken", at("exp", json!(1_600_000_000.5)), EXPIRED),
        ("over, as text", at("exp", json!("1600000000")), EXPIRED),
        ("over since before the epoch", at("exp", json!(-1)), EXPIRED),
        ("over since the epoch", at("exp", json!(0)), EXPIRED),
        (
            "an end in milliseconds",
            at("exp", json!(1_800_000_000_000_u64)),
            MISMATCH,
        ),
        (
            "an end of 2^63",
            at("exp", json!(9_223_372_036_854_775_808_u64)),
            MISMATCH,
        ),
        ("an end beyond floats", at("exp", json!(1e300)), MISMATCH),
        ("a null end", at("exp", json!(null)), MISMATCH),
        ("an end that is true", at("exp", json!(true)), MISMATCH),
        ("an end in a list", at("exp", json!([1_800_000_000])), MISMATCH),
        ("an end in words", at("exp", json!("tomorrow")), MISMATCH),
        ("an empty end", at("exp", json!("")), MISMATCH),
        ("an infinite end", at("exp", json!("inf")), MISMATCH),
        ("an end with an exponent", at("exp", json!("18e8")), MISMATCH),
        ("an end as a date", at("exp", json!("2030-01-01T00:00:00Z")), MISMATCH),
        ("not yet", at("nbf", json!(NOW + 31)), EARLY),
        ("not yet, as text", at("nbf", json!("1800000000")), EARLY),
        ("a beginning in words", at("nbf", json!("now")), MISMATCH),
        ("a null beginning", at("nbf", json!(null)), MISMATCH),
        ("issued in the future", at("iat", json!(NOW + 31)), EARLY),
        ("issued at no time", at("iat", json!({})), MISMATCH),
    ]
}

#[tokio::test]
async fn no_hostile_token_is_let_in_and_each_gets_its_own_answer() {
    let fixture = open_hmac(json!({}));
    assert_eq!(fixture.says(&token(json!({}))).await, "allow");
    let rows = [form(), headers(), payloads(), times()].concat();
    assert!(rows.len() >= 60, "{}", rows.len());
    check(&fixture, &rows).await;
}

#[tokio::test]
async fn a_client_without_a_token_is_passed_on_or_denied_as_set() {
    for (settings, missing, none, foreign) in [
        (json!({}), "ignore MISSING_CREDENTIAL", NO_TOKEN, [BAD, UNKNOWN]),
        (
            json!({"on_missing_jwt": "deny"}),
            "deny MISSING_CREDENTIAL",
            MALFORMED,
            [BAD, UNKNOWN],
        ),
        (
            json!({"on_bad_signature": "deny"}),
            "ignore MISSING_CREDENTIAL",
            NO_TOKEN,
            ["deny TOKEN_BAD_SIGNATURE", "deny TOKEN_UNKNOWN_KEY"],
        ),
    ] {
        let fixture = open_hmac(settings);
        let absent = Credentials {
            password: None,
            ..credentials("")
        };
        assert_eq!(said(&fixture.provider.authenticate(&absent).await.unwrap()), missing);
        assert_eq!(fixture.says("").await, missing);
        assert_eq!(fixture.says("password").await, none);
        let other = signed_by(b"another", Algorithm::HS256, HEADER, "{}");
        assert_eq!(fixture.says(&other).await, foreign[0]);
        assert_eq!(fixture.says(&signed(r#"{"alg":"RS256"}"#, "{}")).await, foreign[1]);
    }
}

#[tokio::test]
async fn a_public_key_is_never_a_secret_and_serves_no_other_curve() {
    let made = made();
    for kid in ["rsa", "p256", "p384", "ed25519"] {
        let pem = made.pem(kid);
        let fixture = open(&json!({"algorithm": "public-key", "public_key": pem}));
        let other = if kid == "p256" { "ES384" } else { "ES256" };
        let der = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let rows: Vec<Row> = vec![
            (
                "the PEM as a secret",
                signed_by(pem.as_bytes(), Algorithm::HS256, HEADER, "{}"),
                UNKNOWN,
            ),
            (
                "the trimmed PEM as a secret",
                signed_by(pem.trim_end().as_bytes(), Algorithm::HS256, HEADER, "{}"),
                UNKNOWN,
            ),
            (
                "the base64 as a secret",
                signed_by(der.as_bytes(), Algorithm::HS512, r#"{"alg":"HS512"}"#, "{}"),
                UNKNOWN,
            ),
            ("another key's token", made.token(other, "pyjwt"), UNKNOWN),
        ];
        check(&fixture, &rows).await;
    }
}

#[tokio::test]
async fn signatures_that_fit_everything_fit_nothing() {
    let made = made();
    for (kid, alg, lengths) in [
        ("p256", "ES256", [0, 32, 63, 64, 65, 72]),
        ("p384", "ES384", [0, 48, 64, 95, 96, 97]),
        ("ed25519", "EdDSA", [0, 32, 63, 64, 65, 128]),
        ("rsa", "RS256", [0, 1, 255, 256, 257, 512]),
        ("rsa", "PS256", [0, 1, 255, 256, 257, 512]),
    ] {
        let fixture = open(&json!({"algorithm": "public-key", "public_key": made.pem(kid)}));
        let good = made.token(alg, "pyjwt");
        assert_eq!(fixture.says(&good).await, "allow", "{alg}");
        let (message, signature) = good.rsplit_once('.').unwrap();
        for length in lengths {
            for byte in [0_u8, 1, 0xff] {
                let forged = format!("{message}.{}", encode(vec![byte; length]));
                assert_eq!(fixture.says(&forged).await, BAD, "{alg}: {length} times {byte}");
            }
        }
        let longer = format!("{message}.{signature}AAAA");
        assert_eq!(fixture.says(&longer).await, BAD, "{alg}");
    }
}

#[tokio::test]
async fn a_signature_of_one_padding_does_not_pass_for_the_other() {
    let made = made();
    let fixture = open(&json!({"algorithm": "public-key", "public_key": made.pem("rsa")}));
    for (alg, posing_as) in [("RS256", "PS256"), ("PS256", "RS256"), ("RS256", "RS512")] {
        let good = made.token(alg, "jwcrypto");
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (_, payload) = message.split_once('.').unwrap();
        let header = encode(format!(r#"{{"alg":"{posing_as}"}}"#));
        assert_eq!(fixture.says(&format!("{header}.{payload}.{signature}")).await, BAD);
    }
}

#[tokio::test]
async fn one_changed_bit_anywhere_spoils_a_token() {
    let fixture = open_hmac(json!({}));
    let good = token(json!({"sub": "a"}));
    for at in 0..good.len() {
        for mask in [1, 2, 4] {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= mask;
            let verdict = fixture.provider.authenticate(&credentials(bytes)).await.unwrap();
            assert!(!matches!(verdict, Verdict::Allow(_)), "byte {at}, bits {mask}");
        }
    }
}

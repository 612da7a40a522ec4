//! THE TABLE of tokens that must not let anybody in, each with exactly what is said of it.

use super::*;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const LONGEST: usize = 16 * 1024;

/// What is wrong, the token, and all that an operator is told.
pub(super) type Row = (String, String, String);

pub(super) const UNKNOWN: &str = "ignore TOKEN_UNKNOWN_KEY";
pub(super) const BAD: &str = "ignore TOKEN_BAD_SIGNATURE";
pub(super) const OWN_KEY: &str = "deny TOKEN_MALFORMED its header has one of crit, zip, enc, jwk, jku, x5u, x5c, epk";
const NO_TOKEN: &str = "ignore TOKEN_MALFORMED";
const TOO_LONG: &str = "deny TOKEN_MALFORMED it is longer than 16 KiB";
const UNSIGNED: &str = "deny TOKEN_MALFORMED it is not signed (`alg` is none)";
const NO_ALGORITHM: &str = "deny TOKEN_MALFORMED its header names no algorithm";
const NO_SIGNATURE: &str = "deny TOKEN_MALFORMED its signature is not base64url";
const NOT_ENCODED: &str = "deny TOKEN_MALFORMED its payload is not encoded (`b64`)";
const NESTED: &str = "deny TOKEN_MALFORMED it holds another token (`cty`)";
const NO_TYPE: &str = "deny TOKEN_MALFORMED its `typ` is not text";
const NO_NAME: &str = "deny TOKEN_MALFORMED its `kid` is not text";
const HEADER_TWICE: &str = "deny TOKEN_MALFORMED a name stands twice in its header";
const HEADER_DEEP: &str = "deny TOKEN_MALFORMED its header is nested deeper than 16 levels";
const PAYLOAD_CODE: &str = "deny TOKEN_MALFORMED its payload is not base64url";
const PAYLOAD_KIND: &str = "deny TOKEN_MALFORMED its payload is not a JSON object";
const PAYLOAD_TWICE: &str = "deny TOKEN_MALFORMED a name stands twice in its payload";
const PAYLOAD_DEEP: &str = "deny TOKEN_MALFORMED its payload is nested deeper than 16 levels";
const EXPIRED: &str = "deny TOKEN_EXPIRED `exp` is over";
const NOT_BEGUN: &str = "deny TOKEN_NOT_YET_VALID `nbf` lies ahead";
const NOT_ISSUED: &str = "deny TOKEN_NOT_YET_VALID `iat` lies ahead";

pub(super) fn row(what: impl Into<String>, token: impl Into<String>, said: impl Into<String>) -> Row {
    (what.into(), token.into(), said.into())
}

pub(super) async fn check(fixture: &Fixture, rows: &[Row]) {
    for (what, token, expected) in rows {
        assert_eq!(fixture.says(token).await, *expected, "{what}");
    }
}

/// A good token of exactly that many bytes.
fn token_of(bytes: usize) -> String {
    // Three bytes of the payload are four of the token.
    let mut fillers = (0..bytes * 3 / 4).rev().map(|filler| "y".repeat(filler));
    fillers
        .find_map(|filler| Some(token(json!({ "x": filler }))).filter(|token| token.len() == bytes))
        .unwrap()
}

fn form() -> Vec<Row> {
    let good = token(json!({}));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed_part.split_once('.').unwrap();
    // Of the last letter two bits stand for nothing, so that the next three mean the same.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (most, last) = good.split_at(good.len() - 1);
    let next = alphabet.find(last).and_then(|at| alphabet.get(at + 1..at + 2)).unwrap();
    vec![
        row("a password", "correct horse", NO_TOKEN),
        row("a password with two dots", "my.own.password", NO_TOKEN),
        row("two dots alone", "..", NO_TOKEN),
        row("a dot alone", ".", NO_TOKEN),
        row("without a signature part", signed_part, NO_TOKEN),
        row("without its header", format!(".{payload}.{signature}"), NO_TOKEN),
        row("a fourth part", format!("{good}.x"), NO_TOKEN),
        row("an empty fourth part", format!("{good}."), NO_TOKEN),
        row(
            "five parts, as encrypted ones have",
            format!("{good}.{header}.{payload}"),
            NO_TOKEN,
        ),
        row("a space in front", format!(" {good}"), NO_TOKEN),
        row("a line end in front", format!("\n{good}"), NO_TOKEN),
        row("with its scheme", format!("Bearer {good}"), NO_TOKEN),
        row("in quotes", format!("\"{good}\""), NO_TOKEN),
        row(
            "as a JSON object (RFC 7515, 7.2)",
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            NO_TOKEN,
        ),
        row("a header that is no object", signed("[]", "{}"), NO_TOKEN),
        row("an empty header", signed("", "{}"), NO_TOKEN),
        row("a header that is no JSON", signed("{alg:HS256}", "{}"), NO_TOKEN),
        row(
            "a header with something behind",
            signed(format!("{HEADER}{{}}"), "{}"),
            NO_TOKEN,
        ),
        row(
            "a header with a mark of byte order",
            signed(format!("\u{feff}{HEADER}"), "{}"),
            NO_TOKEN,
        ),
        row(
            "a header that is no UTF-8",
            signed(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", "{}"),
            NO_TOKEN,
        ),
        row("a padded header", format!("{header}=.{payload}.{signature}"), NO_TOKEN),
        row(
            "a header in the other alphabet",
            format!("+/+/.{payload}.{signature}"),
            NO_TOKEN,
        ),
        row(
            "a padded payload",
            sealed(&format!("{header}.{payload}=")),
            PAYLOAD_CODE,
        ),
        row("a padded signature", format!("{good}="), NO_SIGNATURE),
        row("a signature with a space", format!("{good} "), NO_SIGNATURE),
        row("a signature with a line end", format!("{good}\n"), NO_SIGNATURE),
        row(
            "a signature in the other alphabet",
            format!("{signed_part}.++++"),
            NO_SIGNATURE,
        ),
        row("a signature with bits to spare", format!("{most}{next}"), NO_SIGNATURE),
        row("a signature of one letter", format!("{signed_part}.A"), NO_SIGNATURE),
        row("no signature", format!("{signed_part}."), BAD),
        row("half a signature", format!("{signed_part}.{}", &signature[..20]), BAD),
        row("a byte too few", format!("{signed_part}.{}", encode([7; 31])), BAD),
        row("a byte too many", format!("{signed_part}.{}", encode([7; 33])), BAD),
        row("a byte longer than 16 KiB", token_of(LONGEST + 1), TOO_LONG),
        row("a megabyte", token(json!({"x": "y".repeat(1 << 20)})), TOO_LONG),
        row("a megabyte of dots", ".".repeat(1 << 20), NO_TOKEN),
    ]
}

fn sealed(message: &str) -> String {
    sealed_by(SECRET.as_bytes(), HMAC_SHA256, message)
}

fn algorithms() -> Vec<Row> {
    let of = |alg: &str| signed(format!(r#"{{"alg":{alg}}}"#), "{}");
    let unsigned = |alg: &str| format!("{}.{}.", encode(format!(r#"{{"alg":"{alg}"}}"#)), encode("{}"));
    let mut rows: Vec<_> = ["none", "None", "NONE", "nOnE"]
        .into_iter()
        .flat_map(|none| {
            [
                row(format!("{none} without a signature"), unsigned(none), UNSIGNED),
                row(format!("{none} with one"), of(&format!("{none:?}")), UNSIGNED),
            ]
        })
        .collect();
    for (what, alg) in [
        ("an empty one", r#""""#),
        ("null", "null"),
        ("a list", r#"["HS256"]"#),
        ("a number", "256"),
        ("true", "true"),
        ("an object", r#"{"HS256":1}"#),
    ] {
        rows.push(row(what, of(alg), NO_ALGORITHM));
    }
    for alg in [
        "RS256",
        "PS256",
        "ES256",
        "ES512",
        "EdDSA",
        "Ed25519",
        "hs256",
        "HS256 ",
        " none",
        "none ",
        "HS1024",
        "HS1",
        "RSA-OAEP",
        "dir",
        "ES256K",
        "Ed448",
        "HS256\\u0000",
    ] {
        rows.push(row(alg, of(&format!("\"{alg}\"")), UNKNOWN));
    }
    rows.extend([
        row("none at all", signed(r#"{"typ":"JWT"}"#, "{}"), NO_ALGORITHM),
        row("in other letters", signed(r#"{"ALG":"HS256"}"#, "{}"), NO_ALGORITHM),
        row("two", signed(r#"{"alg":"HS256","alg":"none"}"#, "{}"), HEADER_TWICE),
        row(
            "two, one escaped",
            signed(r#"{"alg":"none","\u0061lg":"HS256"}"#, "{}"),
            HEADER_TWICE,
        ),
        row("another length of the hash", of(r#""HS512""#), BAD),
    ]);
    rows
}

fn headers() -> Vec<Row> {
    let with = |member: &str| signed(format!(r#"{{"alg":"HS256",{member}}}"#), "{}");
    // With the header itself seventeen.
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let mut rows: Vec<_> = [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""b64":false,"crit":["b64"]"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""epk":{}"#,
        r#""jwk":{"kty":"oct","k":"AA"}"#,
        r#""jku":"http://127.0.0.1/k""#,
        r#""x5u":"http://127.0.0.1/c""#,
        r#""x5c":["AA"]"#,
    ]
    .map(|member| row(member, with(member), OWN_KEY))
    .into();
    for (member, said) in [
        (r#""b64":false"#, NOT_ENCODED),
        (r#""b64":"no""#, NOT_ENCODED),
        (r#""b64":null"#, NOT_ENCODED),
        (r#""cty":"JWT""#, NESTED),
        (r#""cty":"jwt""#, NESTED),
        (r#""cty":7"#, NESTED),
        (r#""typ":5"#, NO_TYPE),
        (r#""typ":null"#, NO_TYPE),
        (r#""kid":null"#, NO_NAME),
        (r#""kid":5"#, NO_NAME),
        (r#""kid":true"#, NO_NAME),
        (r#""kid":["a"]"#, NO_NAME),
        (r#""kid":{"a":1}"#, NO_NAME),
        (r#""kid":"a","kid":"b""#, HEADER_TWICE),
        (r#""x":{"a":1,"a":1}"#, HEADER_TWICE),
    ] {
        rows.push(row(member, with(member), said));
    }
    rows.push(row("a header of seventeen levels", signed(deep, "{}"), HEADER_DEEP));
    rows
}

fn payloads() -> Vec<Row> {
    let with = |payload: &str| signed(HEADER, payload);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(16), "]".repeat(16));
    let other = signed_by(b"another secret, just as long as ours", HMAC_SHA256, HEADER, "{}");
    vec![
        row("another secret", other, BAD),
        row("no secret", signed_by(b"", HMAC_SHA256, HEADER, "{}"), BAD),
        row(
            "a payload that is no base64url",
            sealed(&format!("{}.!!!!", encode(HEADER))),
            PAYLOAD_CODE,
        ),
        row(
            "a payload as it is",
            sealed(&format!("{}.{{}}", encode(HEADER))),
            PAYLOAD_CODE,
        ),
        row("an empty payload", with(""), PAYLOAD_KIND),
        row("a text", with("\"text\""), PAYLOAD_KIND),
        row("a list", with("[]"), PAYLOAD_KIND),
        row("null", with("null"), PAYLOAD_KIND),
        row("no JSON", with("{exp:1}"), PAYLOAD_KIND),
        row("two objects", with("{}{}"), PAYLOAD_KIND),
        row("a token in a token", with(&token(json!({}))), PAYLOAD_KIND),
        row("a number beyond all", with(r#"{"exp":1e400}"#), PAYLOAD_KIND),
        row("a number below all", with(r#"{"nbf":-1e400}"#), PAYLOAD_KIND),
        row("no number", with(r#"{"exp":NaN}"#), PAYLOAD_KIND),
        row(
            "a number with a zero in front",
            with(r#"{"exp":01800000000}"#),
            PAYLOAD_KIND,
        ),
        row("two ends", with(r#"{"exp":1,"exp":1800000000}"#), PAYLOAD_TWICE),
        row(
            "two of a name, deep down",
            with(r#"{"a":[{"b":1,"b":1}]}"#),
            PAYLOAD_TWICE,
        ),
        row("a payload of seventeen levels", with(&deep), PAYLOAD_DEEP),
    ]
}

fn times() -> Vec<Row> {
    let at = |name: &str, value: &Value| token(json!({ name: value }));
    let mut rows = Vec::new();
    for value in [
        json!(NOW - 31),
        json!(NOW - 30),
        json!(1_600_000_000.5),
        json!("1600000000"),
        json!("1600000000.5"),
        json!(-1),
        json!("-1"),
        json!(-0.5),
        json!(0),
    ] {
        rows.push(row(format!("over at {value}"), at("exp", &value), EXPIRED));
    }
    for (name, said) in [("nbf", NOT_BEGUN), ("iat", NOT_ISSUED)] {
        for value in [json!(NOW + 31), json!("1800000000"), json!(1_700_000_030.5)] {
            rows.push(row(format!("{name} at {value}"), at(name, &value), said));
        }
    }
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!(null),
            json!(true),
            json!(false),
            json!([1_800_000_000]),
            json!({"at": 1_800_000_000}),
            json!(""),
            json!("tomorrow"),
            json!("inf"),
            json!("NaN"),
            json!("18e8"),
            json!("+1800000000"),
            json!(" 1800000000"),
            json!("0x6b49d200"),
            json!("2030-01-01T00:00:00Z"),
            json!(1_800_000_000_000_u64),
            json!(-1_800_000_000_000_i64),
            json!(9_223_372_036_854_775_808_u64),
            json!(1e300),
        ] {
            let said = format!("deny TOKEN_CLAIM_MISMATCH claim `{name}` is no point in time");
            rows.push(row(format!("{name} {value}"), at(name, &value), said));
        }
    }
    rows
}

#[tokio::test]
async fn no_hostile_token_is_let_in_and_each_gets_its_own_answer() {
    let fixture = open_hmac(json!({}));
    for good in [token(json!({})), token_of(LONGEST)] {
        assert_eq!(fixture.says(&good).await, "allow");
    }
    let by_secret = [form(), algorithms(), headers(), payloads(), times()].concat();
    check(&fixture, &by_secret).await;
    let by_public_keys = forged::rows();
    check(&forged::every_public_key(), &by_public_keys).await;
    assert!(by_secret.len() + by_public_keys.len() >= 60);
}

#[tokio::test]
async fn a_client_without_a_token_is_passed_on_or_denied_as_set() {
    for (settings, missing, none, foreign) in [
        (json!({}), "ignore MISSING_CREDENTIAL", NO_TOKEN, [BAD, UNKNOWN]),
        (
            json!({"on_missing_jwt": "deny"}),
            "deny MISSING_CREDENTIAL",
            "deny TOKEN_MALFORMED",
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
        let other = signed_by(b"another", HMAC_SHA256, HEADER, "{}");
        assert_eq!(fixture.says(&other).await, foreign[0]);
        assert_eq!(fixture.says(&signed(r#"{"alg":"RS256"}"#, "{}")).await, foreign[1]);
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

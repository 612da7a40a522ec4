//! Signatures of public keys that are none.

use aws_lc_rs::hmac::HMAC_SHA512;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::hostile::{BAD, OWN_KEY, Row, UNKNOWN, check, row};
use super::implementations::made;
use super::*;

const KIDS: [&str; 6] = ["rsa", "rsa-next", "p256", "p384", "p521", "ed25519"];
/// With the bytes of a coordinate.
const CURVES: [(&str, usize); 3] = [("ES256", 32), ("ES384", 48), ("ES512", 66)];

pub(super) fn every_public_key() -> Fixture {
    let pems: Vec<_> = KIDS.iter().map(|kid| made().pem(kid)).collect();
    open(&json!({"algorithm": "public-key", "public_key": pems}))
}

/// Rows of the table of hostile tokens: what is wrong with the signature.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = [made_up(), curves(), mixed()].concat();
    let message = format!("{}.{}", encode(r#"{"alg":"EdDSA"}"#), encode("{}"));
    let stranger = Ed25519KeyPair::generate().unwrap();
    let by_stranger = |message: &str| format!("{message}.{}", encode(stranger.sign(message.as_bytes())));
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(stranger.public_key())});
    let bringing = encode(json!({"alg": "EdDSA", "jwk": jwk}).to_string());
    rows.extend([
        row("a stranger's key", by_stranger(&message), BAD),
        row(
            "a stranger's key, brought along",
            by_stranger(&format!("{bringing}.{}", encode("{}"))),
            OWN_KEY,
        ),
    ]);
    rows
}

/// The token in two: what is signed, and the signature.
fn parts(token: &str) -> (&str, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message, URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn made_up() -> Vec<Row> {
    let mut rows = Vec::new();
    for alg in ["RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"] {
        let good = made().token(alg, "pyjwt");
        let (message, signature) = parts(&good);
        let length = signature.len();
        let longer = [&signature[..], &[0]].concat();
        let before = [&[0], &signature[..]].concat();
        for (what, forged) in [
            ("none", Vec::new()),
            ("cut by a byte", signature[..length - 1].to_vec()),
            ("without its first byte", signature[1..].to_vec()),
            ("longer by a byte", longer),
            ("with a zero in front", before),
            ("zeros", vec![0; length]),
            ("ones", vec![0xff; length]),
            ("turned round", signature.iter().rev().copied().collect()),
        ] {
            rows.push(row(
                format!("{alg}: {what}"),
                format!("{message}.{}", encode(forged)),
                BAD,
            ));
        }
    }
    rows
}

fn curves() -> Vec<Row> {
    let mut rows = Vec::new();
    for (alg, size) in CURVES {
        let good = made().token(alg, "jwcrypto");
        let (message, signature) = parts(&good);
        let (r, s) = signature.split_at(size);
        let zero = vec![0; size];
        for (what, forged) in [
            ("in DER", der(&[r, s])),
            ("r is zero", [&zero, s].concat()),
            ("s is zero", [r, &zero].concat()),
            ("s before r", [s, r].concat()),
            ("r alone", r.to_vec()),
        ] {
            rows.push(row(
                format!("{alg}: {what}"),
                format!("{message}.{}", encode(forged)),
                BAD,
            ));
        }
    }
    rows
}

/// A sequence of positive integers, as X.509 writes the signatures of ECDSA.
fn der(numbers: &[&[u8]]) -> Vec<u8> {
    let value = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        let long = (length > 0x7f).then_some(0x81);
        [tag]
            .into_iter()
            .chain(long)
            .chain([length])
            .chain(content.iter().copied())
            .collect::<Vec<u8>>()
    };
    let integer = |number: &&[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        let sign: &[u8] = if digits[0] > 0x7f { &[0] } else { &[] };
        value(0x02, &[sign, digits].concat())
    };
    value(0x30, &numbers.iter().map(integer).collect::<Vec<_>>().concat())
}

/// Good signatures under a header that names another algorithm.
fn mixed() -> Vec<Row> {
    let mut rows = Vec::new();
    for (alg, posing_as) in [
        ("RS256", "PS256"),
        ("PS256", "RS256"),
        ("RS256", "RS512"),
        ("PS512", "PS256"),
        ("ES256", "ES384"),
        ("ES384", "ES256"),
        ("ES512", "ES256"),
        ("EdDSA", "ES256"),
        ("RS256", "EdDSA"),
    ] {
        let good = made().token(alg, "jwcrypto");
        let (message, signature) = parts(&good);
        let (_, payload) = message.split_once('.').unwrap();
        let header = encode(format!(r#"{{"alg":"{posing_as}"}}"#));
        let posing = format!("{header}.{payload}.{}", encode(signature));
        rows.push(row(format!("{alg} as {posing_as}"), posing, BAD));
    }
    rows
}

#[tokio::test]
async fn a_public_key_is_never_a_secret_and_serves_no_other_kind() {
    let made = made();
    for kid in KIDS {
        let pem = made.pem(kid);
        let fixture = open(&json!({"algorithm": "public-key", "public_key": pem}));
        let base64 = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let jwk = made.set(&[kid]);
        let header = r#"{"alg":"HS256"}"#;
        let mut rows = vec![
            row("the PEM", signed_by(pem.as_bytes(), HMAC_SHA256, header, "{}"), UNKNOWN),
            row(
                "the PEM, trimmed",
                signed_by(pem.trim_end().as_bytes(), HMAC_SHA256, header, "{}"),
                UNKNOWN,
            ),
            row(
                "the base64",
                signed_by(base64.as_bytes(), HMAC_SHA512, r#"{"alg":"HS512"}"#, "{}"),
                UNKNOWN,
            ),
            row("the JWK", signed_by(jwk.as_bytes(), HMAC_SHA256, header, "{}"), UNKNOWN),
        ];
        for (alg, of) in [
            ("RS256", "rsa"),
            ("PS256", "rsa"),
            ("ES256", "p256"),
            ("ES384", "p384"),
            ("ES512", "p521"),
            ("EdDSA", "ed25519"),
        ] {
            let expected = match (of, kid) {
                _ if of == kid => "allow",
                ("rsa", "rsa-next") => BAD,
                _ => UNKNOWN,
            };
            rows.push(row(alg, made.token(alg, "pyjwt"), expected));
        }
        check(&fixture, &rows).await;
    }
}

#[tokio::test]
async fn signatures_that_fit_everything_fit_nothing() {
    let fixture = every_public_key();
    for (alg, lengths) in [
        ("ES256", [0, 32, 63, 64, 65, 72]),
        ("ES384", [0, 48, 64, 95, 96, 97]),
        ("ES512", [0, 66, 131, 132, 133, 139]),
        ("EdDSA", [0, 32, 63, 64, 65, 128]),
        ("RS256", [0, 1, 255, 256, 257, 512]),
        ("PS256", [0, 1, 255, 256, 257, 512]),
    ] {
        let good = made().token(alg, "pyjwt");
        assert_eq!(fixture.says(&good).await, "allow", "{alg}");
        let (message, _) = parts(&good);
        for length in lengths {
            for byte in [0_u8, 1, 0xff] {
                let forged = format!("{message}.{}", encode(vec![byte; length]));
                assert_eq!(fixture.says(&forged).await, BAD, "{alg}: {length} times {byte}");
            }
        }
    }
}

//! Keys that are taken and keys that are refused, from PEM and from sets.

use super::super::jwk_set::JwkSet;
use super::super::{pem, public_key::PublicKey};
use super::implementations::made;
use super::*;

fn jwk(kid: &str) -> Value {
    let set: Value = serde_json::from_str(&made().set(&[kid])).unwrap();
    set["keys"][0].clone()
}

/// The key with a member set, or taken away.
fn with(kid: &str, name: &str, value: Value) -> Value {
    let mut jwk = jwk(kid);
    let members = jwk.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    jwk
}

fn parse(keys: &[Value]) -> Result<JwkSet, String> {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn pem_and_jwk_of_one_key_are_the_same_key() {
    let made = made();
    for kid in ["rsa", "rsa-next", "p256", "p384", "p521", "ed25519"] {
        let keys = pem::public_keys(&made.pem(kid)).unwrap();
        let mut jwk = keys[0].to_jwk();
        jwk["kid"] = kid.into();
        assert_eq!(
            parse(&[jwk]).unwrap(),
            parse(&[super::key_material::jwk(kid)]).unwrap(),
            "{kid}"
        );
    }
}

#[test]
fn a_text_may_hold_several_keys() {
    let made = made();
    let both = format!("\n{}\r\n{}", made.pem("rsa"), made.pem("p256"));
    assert_eq!(pem::public_keys(&both).unwrap().len(), 2);
}

#[test]
fn pem_that_is_no_usable_public_key_is_refused_by_its_fault() {
    let good = made().pem("p256");
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let section = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    for (text, why) in [
        (String::new(), "holds no key"),
        ("/etc/keys/public.pem".to_owned(), "is not PEM"),
        (
            section("PUBLIC KEY", &body).replace("-----END", "----END"),
            "without its end",
        ),
        (section("PUBLIC KEY", "%%%"), "not base64"),
        (section("PUBLIC KEY", ""), "cannot be read"),
        (section("PUBLIC KEY", "AAAA"), "cannot be read"),
        (section("PUBLIC KEY", &body[..body.len() - 8]), "cannot be read"),
        (
            section("PUBLIC KEY", &format!("{body}AAAA").replace("==", "")),
            "not base64",
        ),
        (section("EC PRIVATE KEY", &body), "private key"),
        (section("PRIVATE KEY", &body), "private key"),
        (section("CERTIFICATE", &body), "section `CERTIFICATE`"),
        (section("RSA PUBLIC KEY", &body), "cannot be read"),
        (SECP256K1.to_owned(), "none of P-256"),
        (RSA_1024.to_owned(), "1024 bits"),
    ] {
        let refused = pem::public_keys(&text).unwrap_err();
        assert!(refused.contains(why), "{refused}, not {why}");
    }
}

const SECP256K1: &str = "-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEqSL9frd6BWbAWNKwwFDlkXcyzS3AtBhf
albv+6X5G0NKc0169AJPkaMLgUoAAOKkxdLTQoE9qaIFVAXVtnLQ6g==
-----END PUBLIC KEY-----
";

const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCjvwq5HEc9V8GPY3Mjjl6I4/8I
9uSmYAr0oVlUNc1bszDxqUGuaCMAF4l3adv5W+YZEkHx1kRQ+4TmEQQbGLM80lFV
wylqkApzhflIiXwaLVntpsfg2+M5uLQnbqKP8/9TXHzZDdmWKVOfJRXHZQC6hFZi
fWah9chggXxsiVJE4QIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn weak_and_absurd_rsa_keys_are_refused() {
    let n = |bytes: usize| {
        let mut n = vec![0xff; bytes];
        n[0] = 0x80;
        n
    };
    assert!(PublicKey::rsa(&n(256), &[1, 0, 1]).is_ok());
    assert!(PublicKey::rsa(&[vec![0], n(256)].concat(), &[0, 1, 0, 1]).is_ok());
    assert!(PublicKey::rsa(&n(256), &[3]).is_ok());
    let mut even = n(256);
    even[255] = 0;
    for (n, e) in [
        (n(255), vec![1, 0, 1]),
        (n(1025), vec![1, 0, 1]),
        (vec![], vec![1, 0, 1]),
        (n(256), vec![1]),
        (n(256), vec![]),
        (n(256), vec![0]),
        (n(256), vec![2]),
        (n(256), vec![1; 6]),
        (even, vec![1, 0, 1]),
    ] {
        assert!(PublicKey::rsa(&n, &e).is_err(), "{} bytes and {e:?}", n.len());
    }
}

#[test]
fn points_that_fit_every_signature_are_no_keys() {
    let mut one = [0; 32];
    one[0] = 1;
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut minus_one = prime;
    minus_one[0] = 0xec;
    for low in [[0; 32], one, minus_one] {
        for sign in [0, 0x80] {
            let mut x = low;
            x[31] |= sign;
            assert!(PublicKey::ed25519(&x).unwrap_err().contains("low order"), "{x:?}");
        }
    }
    // Other spellings of the first two.
    let mut above = prime;
    above[0] = 0xee;
    for large in [prime, above, [0xff; 32]] {
        assert!(
            PublicKey::ed25519(&large).unwrap_err().contains("too large"),
            "{large:?}"
        );
    }
}

#[test]
fn a_set_is_taken_without_the_keys_that_cannot_be_used() {
    let x = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (bad, why) in [
        (json!({"kty": "oct", "k": "AAAA"}), "shared secret"),
        (with("rsa", "d", json!("AAAA")), "private half"),
        (with("p256", "d", json!("AAAA")), "private half"),
        (with("rsa", "use", json!("enc")), "`use`"),
        (with("rsa", "use", json!(1)), "`use` is not text"),
        (with("rsa", "key_ops", json!(["sign"])), "`key_ops`"),
        (with("rsa", "alg", json!("RSA-OAEP")), "`alg`"),
        (with("rsa", "alg", json!("ES256")), "`alg`"),
        (with("rsa", "alg", json!("HS256")), "`alg`"),
        (with("rsa", "alg", json!("none")), "`alg`"),
        (with("rsa", "kid", json!(5)), "`kid`"),
        (with("rsa", "n", json!("AQAB")), "17 bits"),
        (with("rsa", "n", json!("===")), "base64url"),
        (with("rsa", "e", json!("AQ")), "RSA"),
        (with("rsa", "e", json!(null)), "no `e`"),
        (with("p256", "crv", json!("secp256k1")), "curve"),
        (with("p256", "crv", json!("P-384")), "48 bytes"),
        (with("p256", "crv", json!("P-521")), "66 bytes"),
        (with("p256", "x", json!("AAAA")), "32 bytes"),
        (with("p521", "y", jwk("p384")["y"].clone()), "66 bytes"),
        (with("p256", "y", jwk("p256")["x"].clone()), "no point of P-256"),
        (with("p384", "y", jwk("p384")["x"].clone()), "no point of P-384"),
        (with("p521", "y", jwk("p521")["x"].clone()), "no point of P-521"),
        (with("p256", "x", json!(encode([0xff; 32]))), "no point of P-256"),
        (with("ed25519", "x", json!("AAAA")), "32 bytes"),
        (with("ed25519", "crv", json!("X25519")), "curve"),
        (with("ed25519", "crv", json!("Ed448")), "curve"),
        (with("ed25519", "x", json!(x)), "low order"),
        (with("rsa", "kty", json!(null)), "no `kty`"),
        (with("rsa", "kty", json!("DSA")), "`kty`"),
        (json!("key"), "not an object"),
    ] {
        let alone = parse(std::slice::from_ref(&bad)).unwrap_err();
        assert!(
            alone.contains("no key that can be used") && alone.contains(why),
            "{alone}, not {why}"
        );
        let set = parse(&[bad, jwk("p384")]).unwrap();
        assert_eq!((set.len(), set.left_out.len()), (1, 1), "{why}");
    }
}

#[test]
fn a_set_that_is_none_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys": {}}"#,
        r#"{"keys": []}"#,
        r#"{"keys": [], "keys": []}"#,
        "<html>",
    ] {
        assert!(JwkSet::parse(text.as_bytes()).is_err(), "{text}");
    }
    let many: Vec<_> = (0..257).map(|at| with("p256", "kid", json!(format!("{at}")))).collect();
    assert!(parse(&many).unwrap_err().contains("256 keys"));
    assert_eq!(parse(&many[..256]).unwrap().len(), 256);
}

#[test]
fn a_key_that_stands_twice_counts_once_and_a_name_may_stand_twice() {
    assert_eq!(parse(&[jwk("rsa"), jwk("rsa")]).unwrap().len(), 1);
    assert_eq!(
        parse(&[jwk("rsa"), with("rsa-next", "kid", json!("rsa"))])
            .unwrap()
            .len(),
        2
    );
}

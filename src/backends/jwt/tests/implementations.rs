//! Tokens that others made: the RFCs, PyJWT and jwcrypto.

use super::*;

/// Keys and tokens of `cluster-tests/data/tokens.py`.
pub(super) struct Made(Value);

pub(super) fn made() -> Made {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/cluster-tests/data/tokens.json"));
    Made(serde_json::from_str(text).unwrap())
}

impl Made {
    fn key(&self, kid: &str) -> &Value {
        let mut keys = self.0["keys"].as_array().unwrap().iter();
        keys.find(|key| key["kid"] == kid).unwrap()
    }

    pub(super) fn pem(&self, kid: &str) -> String {
        self.key(kid)["pem"].as_str().unwrap().to_owned()
    }

    /// A set of these keys.
    pub(super) fn set(&self, kids: &[&str]) -> String {
        let keys: Vec<_> = kids.iter().map(|kid| self.key(kid)["jwk"].clone()).collect();
        json!({"keys": keys}).to_string()
    }

    /// The first token of that algorithm by that implementation.
    pub(super) fn token(&self, alg: &str, by: &str) -> String {
        let mut tokens = self.0["tokens"].as_array().unwrap().iter();
        let found = tokens.find(|token| token["alg"] == alg && token["by"] == by);
        found.unwrap()["token"].as_str().unwrap().to_owned()
    }

    /// Of the key that follows `rsa` in a rotation.
    pub(super) fn next_token(&self) -> String {
        let mut tokens = self.0["tokens"].as_array().unwrap().iter();
        let found = tokens.find(|token| token["kid"] == "rsa-next");
        found.unwrap()["token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn every_algorithm_of_two_other_implementations_is_understood() {
    let made = made();
    let secret = json!({
        "algorithm": "hmac-based",
        "secret_base64_encoded": true,
        "secret": made.0["secret_base64url"].as_str().unwrap().replace('-', "+").replace('_', "/"),
        "verify_claims": {"realm.role": "device"},
    });
    let pems: Vec<_> = ["rsa", "rsa-next", "p256", "p384", "p521", "ed25519"]
        .map(|kid| made.pem(kid))
        .into();
    let public = json!({"algorithm": "public-key", "public_key": pems, "audience": "web"});
    let (secret, public) = (open(&secret), open(&public));
    for entry in made.0["tokens"].as_array().unwrap() {
        let (alg, token) = (entry["alg"].as_str().unwrap(), entry["token"].as_str().unwrap());
        let (ours, others) = if alg.starts_with("HS") {
            (&secret, &public)
        } else {
            (&public, &secret)
        };
        assert_eq!(others.says(token).await, "ignore TOKEN_UNKNOWN_KEY", "{alg}");
        let identity = ours.identity(token).await;
        assert!(identity.is_superuser, "{alg} by {}", entry["by"]);
        assert_eq!(identity.client_attrs["tenant"], "a");
        assert_eq!(identity.acl.len(), 3);
    }
}

#[tokio::test]
async fn the_signatures_of_the_rfcs_verify() {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/cluster-tests/data/jws-vectors.json"
    ));
    let vectors: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut seen = 0;
    for vector in &vectors {
        let token = vector["token"].as_str().unwrap();
        let expected = match vector["id"].as_str().unwrap() {
            // Good signatures of claims that ended in 2011…
            "rfc7515-a1-hs256" | "rfc7515-a2-rs256" | "rfc7515-a3-es256" => "deny TOKEN_EXPIRED `exp` is over",
            // …and of texts that are no claims.
            "rfc7515-a4-es512" | "rfc7520-4.1-rs256" | "rfc7520-4.2-ps384" | "rfc7520-4.3-es512"
            | "rfc7520-4.4-hs256" | "rfc8037-a4-eddsa" => "deny TOKEN_MALFORMED its payload is not a JSON object",
            "rfc7515-a5-none" => "deny TOKEN_MALFORMED it is not signed (`alg` is none)",
            other => panic!("{other} is not known here"),
        };
        let jwk = &vector["jwk"];
        let fixture = if jwk["kty"] == "oct" {
            let secret = jwk["k"].as_str().unwrap().replace('-', "+").replace('_', "/");
            open(&json!({"algorithm": "hmac-based", "secret": secret, "secret_base64_encoded": true}))
        } else if jwk.is_null() {
            open_hmac(json!({}))
        } else {
            let dir = tempfile::tempdir().unwrap();
            let set = json!({"keys": [jwk]}).to_string();
            let issuer = issuer::Issuer::start(issuer::Answer::Set(set, "1")).await.unwrap();
            let fixture = open_in(dir.path().into(), &json!({"use_jwks": true, "endpoint": issuer.url()}));
            // The set is at hand after the first answer.
            fixture.answer(token).await.unwrap();
            fixture
        };
        assert_eq!(fixture.says(token).await, expected, "{}", vector["id"]);
        seen += 1;
    }
    assert_eq!(seen, 10);
}

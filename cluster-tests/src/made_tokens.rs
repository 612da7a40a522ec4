//! Keys and tokens that other implementations made: see `data/tokens.py`.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// One run's output.
#[derive(Debug)]
pub struct Made(Value);

impl Made {
    /// Of an earlier run.
    pub fn before() -> Result<Self> {
        Self::parse(include_bytes!("../data/tokens.json"))
    }

    /// Of that run.
    pub fn parse(output: &[u8]) -> Result<Self> {
        Ok(Self(serde_json::from_slice(output)?))
    }

    /// Everything in the list of that name: `keys` or `tokens`.
    pub fn list(&self, name: &str) -> Result<&Vec<Value>> {
        self.0
            .get(name)
            .and_then(Value::as_array)
            .with_context(|| format!("no list `{name}`"))
    }

    /// The key of that name, as PEM and as JWK.
    pub fn key(&self, kid: &str) -> Result<&Value> {
        let found = self.list("keys")?.iter().find(|key| key["kid"] == kid);
        found.with_context(|| format!("no key `{kid}`"))
    }

    /// The first token of that algorithm.
    pub fn token(&self, alg: &str) -> Result<&str> {
        let found = self.list("tokens")?.iter().find(|token| token["alg"] == alg);
        found
            .and_then(|token| token["token"].as_str())
            .with_context(|| format!("no token of {alg}"))
    }

    /// Of the key that follows `rsa` in a rotation.
    pub fn next_token(&self) -> Result<&str> {
        let found = self.list("tokens")?.iter().find(|token| token["kid"] == "rsa-next");
        found
            .and_then(|token| token["token"].as_str())
            .context("no token of the next key")
    }

    /// A JWK set of these keys.
    pub fn set(&self, kids: &[&str]) -> Result<String> {
        let keys: Result<Vec<_>> = kids.iter().map(|kid| Ok(self.key(kid)?["jwk"].clone())).collect();
        Ok(json!({"keys": keys?}).to_string())
    }

    /// These keys as PEM.
    pub fn pems(&self, kids: &[&str]) -> Result<Vec<Value>> {
        kids.iter().map(|kid| Ok(self.key(kid)?["pem"].clone())).collect()
    }

    /// The shared secret, as base64.
    pub fn secret(&self) -> Result<String> {
        let text = self
            .0
            .get("secret_base64url")
            .and_then(Value::as_str)
            .context("no secret")?;
        Ok(text.replace('-', "+").replace('_', "/"))
    }

    /// Settings of an authenticator that knows the shared secret.
    pub fn by_secret(&self) -> Result<Value> {
        Ok(json!({"algorithm": "hmac-based", "secret": self.secret()?, "secret_base64_encoded": true}))
    }

    /// Settings of an authenticator that knows every public key.
    pub fn by_public_keys(&self) -> Result<Value> {
        let keys = self.pems(&["rsa", "rsa-next", "p256", "p384", "p521", "ed25519"])?;
        Ok(json!({"algorithm": "public-key", "public_key": keys}))
    }
}

//! A JWK set (RFC 7517) as an issuer publishes it, or as it was kept: which of its keys can be used here, and why not the others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::algorithm::Algorithm;
use super::keys::{Key, KeySet};
use super::public_key::{Curve, PublicKey};
use crate::backends::json;

/// More keys than any issuer has.
const MOST_KEYS: usize = 256;
/// Members that only a private key has.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A key with its name and purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Published {
    kid: Option<String>,
    only: Option<Algorithm>,
    key: PublicKey,
}

/// The usable keys of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JwkSet {
    keys: Vec<Published>,
    /// Why others were left out, each reason once.
    pub(super) left_out: Vec<String>,
}

impl JwkSet {
    /// Reads a set. A key that cannot be used is left out; a set without one that can is refused.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let document =
            json::object(text).map_err(|_| "the answer is not a JSON object, or a name stands in it twice")?;
        let keys = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or("the answer has no list `keys`")?;
        if keys.len() > MOST_KEYS {
            return Err(format!("the answer has more than {MOST_KEYS} keys"));
        }
        let mut set = Self::default();
        for key in keys {
            match published(key) {
                Ok(key) if set.keys.contains(&key) => {}
                Ok(key) => set.keys.push(key),
                Err(why) if set.left_out.contains(&why) => {}
                Err(why) => set.left_out.push(why),
            }
        }
        if set.keys.is_empty() {
            let why = set.left_out.join("; ");
            return Err(format!("the answer has no key that can be used: {why}"));
        }
        Ok(set)
    }

    /// Ready to check signatures with.
    pub(super) fn prepared(&self) -> KeySet {
        let prepare = |Published { kid, only, key }: &Published| Key::public(key, kid.clone(), *only);
        KeySet::of(self.keys.iter().map(prepare).collect())
    }

    /// The set as it is kept: public members only.
    pub(super) fn to_json(&self) -> Value {
        let keys: Vec<_> = self.keys.iter().map(Published::to_jwk).collect();
        json!({"keys": keys})
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Published {
    fn to_jwk(&self) -> Value {
        let mut jwk = self.key.to_jwk();
        if let Some(members) = jwk.as_object_mut() {
            let named = [("kid", self.kid.as_deref()), ("alg", self.only.map(Algorithm::name))];
            for (name, value) in named {
                if let Some(value) = value {
                    members.insert(name.to_owned(), value.into());
                }
            }
        }
        jwk
    }
}

fn published(value: &Value) -> Result<Published, String> {
    let jwk = value.as_object().ok_or("a key is not an object")?;
    if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
        return Err("a key is published with its private half".to_owned());
    }
    is_for_signatures(jwk)?;
    let key = public_key(jwk)?;
    let kid = optional(jwk, "kid")?.map(str::to_owned);
    let only = match optional(jwk, "alg")? {
        None => None,
        Some(name) => Some(
            Algorithm::named(name)
                .filter(|wanted| key.ready().iter().any(|(algorithm, _)| algorithm == wanted))
                .ok_or("a key's `alg` does not fit it")?,
        ),
    };
    Ok(Published { kid, only, key })
}

fn is_for_signatures(jwk: &Map<String, Value>) -> Result<(), String> {
    if optional(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err("a key is not for signatures (`use`)".to_owned());
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => Ok(()),
        Some(_) => Err("a key is not for checking signatures (`key_ops`)".to_owned()),
    }
}

fn public_key(jwk: &Map<String, Value>) -> Result<PublicKey, String> {
    let key = match needed(jwk, "kty")? {
        "RSA" => PublicKey::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?),
        "EC" => Curve::named(needed(jwk, "crv")?)
            .and_then(|curve| PublicKey::ec_at(curve, &bytes(jwk, "x")?, &bytes(jwk, "y")?)),
        "OKP" if needed(jwk, "crv")? == "Ed25519" => PublicKey::ed25519(&bytes(jwk, "x")?),
        "OKP" => Err("its curve is not Ed25519".to_owned()),
        "oct" => return Err("a key is a shared secret (`oct`), which nobody may publish".to_owned()),
        _ => return Err("a key is none of RSA, EC, OKP (`kty`)".to_owned()),
    };
    key.map_err(|why| format!("a key cannot be used: {why}"))
}

fn optional<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("a key's `{name}` is not text")),
    }
}

fn needed<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    optional(jwk, name)?.ok_or_else(|| format!("a key has no `{name}`"))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(needed(jwk, name)?)
        .map_err(|_| format!("a key's `{name}` is not base64url"))
}

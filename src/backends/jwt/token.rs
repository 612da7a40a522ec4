//! A token before its signature is checked: its three parts, and a header that asks for nothing we do not do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use crate::backends::json::{self, Fault};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// Members of a header by which a token would bring its own key, be compressed, or be something else than signed claims.
const REFUSED_MEMBERS: [&str; 8] = ["crit", "zip", "enc", "jwk", "jku", "x5u", "x5c", "epk"];

/// A text that has the form of a token.
pub(super) struct Token<'a> {
    /// How it is signed; `None`: in a way that no key of ours has.
    pub(super) algorithm: Option<Algorithm>,
    /// Which key it names.
    pub(super) kid: Option<String>,
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The signature.
    pub(super) signature: Vec<u8>,
    payload: &'a [u8],
}

/// Why a text is no token to go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It has not the form of a token, so it may be a password.
    NoToken,
    /// It is a token that nobody should accept; which of its parts is the reason.
    Refused(&'static str),
}

impl<'a> Token<'a> {
    /// Takes a text apart. The signature is not checked yet, and the claims are not looked at.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, Unfit> {
        let mut dots = text.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        let (Some((first, _)), Some((second, _)), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Unfit::NoToken);
        };
        if text.len() > LONGEST {
            return Err(Unfit::Refused("it is longer than 16 KiB"));
        }
        let (signed, signature) = divide(text, second);
        let (header, payload) = divide(signed, first);
        let (algorithm, kid) = read_header(header)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Unfit::Refused("its signature is not base64url"))?;
        Ok(Self {
            algorithm,
            kid,
            signed,
            signature,
            payload,
        })
    }

    /// Whether a published key could have signed it: a shared secret never is one.
    pub(super) fn is_for_public_keys(&self) -> bool {
        self.algorithm.is_some_and(|algorithm| !algorithm.is_by_secret())
    }

    /// Its claims. Only to be called once the signature is good.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, &'static str> {
        let text = URL_SAFE_NO_PAD
            .decode(self.payload)
            .map_err(|_| "its payload is not base64url")?;
        json::object(&text).map_err(|fault| match fault {
            Fault::NoObject => "its payload is not a JSON object",
            Fault::Duplicate => "a name stands twice in its payload",
            Fault::TooDeep => "its payload is nested deeper than 16 levels",
        })
    }
}

/// What is before and after the dot.
fn divide(text: &[u8], dot: usize) -> (&[u8], &[u8]) {
    let (before, after) = text.split_at_checked(dot).unwrap_or_default();
    (before, after.split_first().map(|(_, rest)| rest).unwrap_or_default())
}

fn read_header(part: &[u8]) -> Result<(Option<Algorithm>, Option<String>), Unfit> {
    let text = URL_SAFE_NO_PAD.decode(part).map_err(|_| Unfit::NoToken)?;
    let mut header = json::object(&text).map_err(|fault| match fault {
        Fault::NoObject => Unfit::NoToken,
        Fault::Duplicate => Unfit::Refused("a name stands twice in its header"),
        Fault::TooDeep => Unfit::Refused("its header is nested deeper than 16 levels"),
    })?;
    if REFUSED_MEMBERS.iter().any(|name| header.contains_key(*name)) {
        return Err(Unfit::Refused(
            "its header has one of crit, zip, enc, jwk, jku, x5u, x5c, epk",
        ));
    }
    if header.get("b64").is_some_and(|encoded| *encoded != Value::Bool(true)) {
        return Err(Unfit::Refused("its payload is not encoded (`b64`)"));
    }
    let is_nested = |kind: &Value| kind.as_str().is_none_or(|kind| kind.eq_ignore_ascii_case("jwt"));
    if header.get("cty").is_some_and(is_nested) {
        return Err(Unfit::Refused("it holds another token (`cty`)"));
    }
    if header.get("typ").is_some_and(|kind| !kind.is_string()) {
        return Err(Unfit::Refused("its `typ` is not text"));
    }
    let kid = match header.remove("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid),
        Some(_) => return Err(Unfit::Refused("its `kid` is not text")),
    };
    match header.get("alg").and_then(Value::as_str) {
        None | Some("") => Err(Unfit::Refused("its header names no algorithm")),
        Some(name) if name.eq_ignore_ascii_case("none") => Err(Unfit::Refused("it is not signed (`alg` is none)")),
        Some(name) => Ok((Algorithm::named(name), kid)),
    }
}

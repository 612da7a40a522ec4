//! What a claim must be (`verify_claims`).

use serde_json::{Number, Value};

use crate::auth::Credentials;
use crate::backends::backend::Violation;

/// A claim with what it must be.
pub(super) struct Expectation {
    /// Its name, or the path to it.
    pub(super) name: String,
    /// What it must be.
    pub(super) value: Expected,
}

/// A value to compare a claim with. Each is compared as what it is: text with text, numbers by their value, lists item by item
/// in their order. A placeholder makes text, so it never equals a number.
pub(super) enum Expected {
    /// Text.
    Text(String),
    /// A number, or yes or no.
    Plain(Value),
    /// A list.
    List(Vec<Self>),
}

/// Claims that are checked by themselves, as points in time.
const TIMES: [&str; 3] = ["exp", "iat", "nbf"];

/// Reads `verify_claims`: a map of names to values, or a list of `{name, value}`.
pub(super) fn parse(path: &str, value: &Value) -> Result<Vec<Expectation>, Vec<Violation>> {
    let pairs = match value {
        Value::Object(map) => map.iter().map(|(name, value)| Ok((name.as_str(), value))).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| pair(path, at, item))
            .collect(),
        _ => vec![Err(Violation::new(
            path,
            "must be an object, or a list of {name, value}",
        ))],
    };
    let mut expected = Vec::new();
    let mut faults = Vec::new();
    for pair in pairs {
        match pair.and_then(|(name, value)| Expectation::parse(path, name, value)) {
            Ok(expectation) => expected.push(expectation),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(expected) } else { Err(faults) }
}

fn pair<'a>(path: &str, at: usize, item: &'a Value) -> Result<(&'a str, &'a Value), Violation> {
    let fields = item.as_object().filter(|fields| fields.len() == 2);
    fields
        .and_then(|fields| Some((fields.get("name")?.as_str()?, fields.get("value")?)))
        .ok_or_else(|| Violation::new(format!("{path}[{at}]"), "must be an object {name, value}"))
}

impl Expectation {
    fn parse(path: &str, name: &str, value: &Value) -> Result<Self, Violation> {
        let path = format!("{path}.{name}");
        if name.is_empty() {
            return Err(Violation::new(path, "names no claim"));
        }
        if TIMES.contains(&name) {
            return Err(Violation::new(path, "is a time, which is checked by itself"));
        }
        let value = Expected::parse(&path, value)?;
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }
}

impl Expected {
    /// Reads a value of the settings.
    fn parse(path: &str, value: &Value) -> Result<Self, Violation> {
        match value {
            Value::String(text) => Ok(Self::Text(text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok(Self::Plain(value.clone())),
            Value::Array(items) => {
                let items = items.iter().map(|item| Self::parse(path, item));
                items.collect::<Result<_, _>>().map(Self::List)
            }
            Value::Null | Value::Object(_) => Err(Violation::new(
                path,
                "must be text, a number, true or false, or a list of them",
            )),
        }
    }

    /// Whether a claim is this.
    #[expect(clippy::only_used_in_recursion, reason = "placeholders")]
    pub(super) fn fits(&self, claim: &Value, credentials: &Credentials) -> bool {
        match (self, claim) {
            (Self::Text(text), Value::String(claim)) => text == claim,
            (Self::Plain(Value::Number(number)), Value::Number(claim)) => is_same_number(number, claim),
            (Self::Plain(plain), claim) => plain == claim,
            (Self::List(items), Value::Array(claims)) => {
                items.len() == claims.len()
                    && items
                        .iter()
                        .zip(claims)
                        .all(|(item, claim)| item.fits(claim, credentials))
            }
            (Self::Text(_) | Self::List(_), _) => false,
        }
    }

    /// The same for `aud`, which may be a list of which one must fit.
    pub(super) fn fits_audience(&self, claim: &Value, credentials: &Credentials) -> bool {
        let in_list = match claim {
            Value::Array(claims) => claims.iter().any(|claim| self.fits(claim, credentials)),
            _ => false,
        };
        in_list || self.fits(claim, credentials)
    }
}

/// Whole numbers exactly; a whole and a broken one by value, because settings that came through a `google.protobuf.Struct` have
/// broken ones only.
fn is_same_number(one: &Number, other: &Number) -> bool {
    if one.is_f64() == other.is_f64() {
        one == other
    } else {
        one.as_f64() == other.as_f64()
    }
}

//! What a claim must be (`verify_claims`).

use serde_json::{Number, Value};

use crate::auth::Credentials;
use crate::backends::backend::Violation;
use crate::backends::template::{Part, Placeholder, Template};

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
    /// Text, maybe with placeholders.
    Text(Template),
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
            Value::String(text) => template(path, text).map(Self::Text),
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
    pub(super) fn fits(&self, claim: &Value, credentials: &Credentials) -> bool {
        match (self, claim) {
            (Self::Text(template), Value::String(claim)) => renders_to(template, claim, credentials),
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

/// What proves who a client is, is nothing to compare a claim with.
fn template(path: &str, text: &str) -> Result<Template, Violation> {
    let is_allowed = |placeholder: &Placeholder| !matches!(placeholder, Placeholder::Password | Placeholder::CertPem);
    let template = Template::parse(text, is_allowed).map_err(|why| Violation::new(path, why))?;
    match template.unknown().first() {
        None => Ok(template),
        // It would stand for itself, and the claim would hardly ever be that.
        Some(name) => Err(Violation::new(
            path,
            format!("has `${{{name}}}`, which is no placeholder here; write `${{$}}` for a dollar sign"),
        )),
    }
}

/// Whether the claim is what the template makes of this client. Something absent equals nothing, not even an empty claim.
fn renders_to(template: &Template, claim: &str, credentials: &Credentials) -> bool {
    let mut rest = claim.as_bytes();
    for part in template.parts() {
        let after = match part {
            Part::Text(text) => rest.strip_prefix(text.as_bytes()),
            Part::Value(placeholder) => placeholder
                .value(credentials)
                .and_then(|value| rest.strip_prefix(value.as_ref())),
        };
        match after {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

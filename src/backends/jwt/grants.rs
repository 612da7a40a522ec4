//! What a token says of the client it lets in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::claims::{Claims, end_of, find, mismatch};
use crate::auth::{Finding, Identity, Timestamp};
use crate::backends::acl;

/// The longest name of an attribute.
const LONGEST_NAME: usize = 64;

/// What is taken over from a token.
pub(super) struct Grants {
    /// The claim with the access rules.
    pub(super) acl_claim: String,
    /// Whether the connection ends with the token.
    pub(super) end_with_token: bool,
}

impl Grants {
    /// The identity that accepted claims describe.
    pub(super) fn identity(&self, claims: &Claims, now: Timestamp, leeway: u64) -> Result<Identity, Finding> {
        let acl = match find(claims, &self.acl_claim) {
            None | Some(Value::Null) => Vec::new(),
            Some(rules) => acl::rules(rules).map_err(|why| mismatch(&self.acl_claim, why))?,
        };
        let end = end_of(claims).filter(|_| self.end_with_token);
        Ok(Identity {
            is_superuser: claims.get("is_superuser").is_some_and(is_true),
            client_attrs: claims.get("client_attrs").map(attributes).unwrap_or_default(),
            // A token that is let in by the leeway alone lives until that is over, not until the past.
            expire_at: end.map(|end| {
                if end > now {
                    end
                } else {
                    Timestamp(end.0.saturating_add(leeway))
                }
            }),
            client_id_override: text(claims.get("clientid_override")),
            acl,
            ..Identity::default()
        })
    }
}

/// As EMQX takes it; anything else is no superuser.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_u64().is_some_and(|number| number >= 1),
        Value::String(word) => word == "true" || word == "1",
        _ => false,
    }
}

/// Attributes with a usable name and a value that can be text; others are dropped, as EMQX does.
fn attributes(value: &Value) -> BTreeMap<String, String> {
    let named = value.as_object().into_iter().flatten();
    named
        .filter(|(name, _)| is_name(name))
        .filter_map(|(name, value)| Some((name.clone(), attribute(value)?)))
        .collect()
}

fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn attribute(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

//! What a token says of the client it lets in.

use serde_json::Value;

use super::claims::{Claims, end_of, find, mismatch};
use crate::auth::{Finding, Identity, Timestamp};
use crate::backends::account::{attributes, is_true};
use crate::backends::acl;

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
            client_attrs: claims
                .get("client_attrs")
                .and_then(Value::as_object)
                .map(attributes)
                .unwrap_or_default(),
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

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

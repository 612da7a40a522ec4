//! What a user may look like: names, attributes, and where it belongs.

use std::collections::BTreeMap;

use super::error::{AdminError, violation};
use super::handle::Admin;
use crate::auth::{AuthenticatorKey, GLOBAL_CHAIN, UserKey, default_id};
use crate::backends::{self, Violation};
use crate::hash::Algorithm;

const LONGEST_USER_ID: usize = 1024;
const MOST_ATTRIBUTES: usize = 64;
const LONGEST_ATTRIBUTE_NAME: usize = 128;
const LONGEST_ATTRIBUTE: usize = 1024;

/// The chain that is meant; empty means `global`.
pub(super) fn chain_or_global(chain: &str) -> String {
    if chain.is_empty() {
        GLOBAL_CHAIN.to_owned()
    } else {
        chain.to_owned()
    }
}

/// The authenticator that is meant; an empty id means the built-in database.
pub(super) fn authenticator_or_builtin(chain: &str, id: &str) -> AuthenticatorKey {
    let id = if id.is_empty() {
        default_id("password_based", "built_in_database")
    } else {
        id.to_owned()
    };
    AuthenticatorKey {
        chain: chain_or_global(chain),
        id,
    }
}

/// The user's whole key.
pub(super) fn user_key(chain: &str, authenticator: &str, user_id: &str) -> UserKey {
    let AuthenticatorKey { chain, id } = authenticator_or_builtin(chain, authenticator);
    UserKey {
        chain,
        authenticator: id,
        user_id: user_id.to_owned(),
    }
}

/// Why a name cannot be a user's.
pub(super) fn fault_of_user_id(user_id: &str) -> Option<String> {
    if user_id.is_empty() {
        Some("must not be empty".into())
    } else if user_id.len() > LONGEST_USER_ID {
        Some(format!("has more than {LONGEST_USER_ID} bytes"))
    } else if user_id.contains('\0') {
        Some("must not contain NUL".into())
    } else {
        None
    }
}

/// Adds what is wrong with the name.
pub(super) fn check_user_id(user_id: &str, violations: &mut Vec<Violation>) {
    violations.extend(fault_of_user_id(user_id).map(|why| violation("user_id", why)));
}

/// Adds what is wrong with the attributes.
pub(super) fn check_attributes(attributes: &BTreeMap<String, String>, violations: &mut Vec<Violation>) {
    if attributes.len() > MOST_ATTRIBUTES {
        violations.push(violation(
            "attributes",
            format!("has more than {MOST_ATTRIBUTES} entries"),
        ));
        return;
    }
    for (name, value) in attributes {
        if name.is_empty() || name.len() > LONGEST_ATTRIBUTE_NAME || name.contains('\0') {
            let why = format!("a name must have 1 to {LONGEST_ATTRIBUTE_NAME} bytes and no NUL");
            violations.push(violation("attributes", why));
        } else if value.len() > LONGEST_ATTRIBUTE || value.contains('\0') {
            let why = format!("must have at most {LONGEST_ATTRIBUTE} bytes and no NUL");
            violations.push(violation(format!("attributes.{name}"), why));
        }
    }
}

impl Admin {
    /// The algorithm of new passwords of an authenticator, which must exist and keep users.
    pub(super) fn algorithm_of(&self, key: &AuthenticatorKey) -> Result<Algorithm, AdminError> {
        let record = self.store.authenticator(key);
        let record = record.ok_or_else(|| AdminError::not_found("authenticator", &key.id))?;
        backends::password_algorithm(&record)
            .ok_or_else(|| AdminError::invalid("authenticator", format!("`{}` keeps no users of its own", key.id)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{check_attributes, fault_of_user_id, user_key};

    #[test]
    fn a_user_belongs_to_the_built_in_database_of_the_global_chain_unless_told_otherwise() {
        let key = user_key("", "", "ann");
        assert_eq!(
            (key.chain.as_str(), key.authenticator.as_str()),
            ("global", "password_based:built_in_database")
        );
        assert_eq!(user_key("tcp:1", "other", "ann").authenticator, "other");
    }

    #[test]
    fn names_have_bounds() {
        assert_eq!(fault_of_user_id("ann, of \"quoted\" fame"), None);
        assert_eq!(fault_of_user_id(&"x".repeat(1024)), None);
        for name in ["", "a\0b", &"x".repeat(1025)] {
            assert!(fault_of_user_id(name).is_some());
        }
    }

    #[test]
    fn every_bad_attribute_is_told() {
        let attributes = BTreeMap::from([
            (String::new(), "x".to_owned()),
            ("tenant".to_owned(), "a\0".to_owned()),
            ("fine".to_owned(), "y".to_owned()),
        ]);
        let mut violations = Vec::new();
        check_attributes(&attributes, &mut violations);
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["attributes", "attributes.tenant"]);
    }
}

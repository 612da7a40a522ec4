//! What a user may look like: names, attributes, and where it belongs.

use std::collections::BTreeMap;

use super::error::{AdminError, violation};
use super::handle::Admin;
use crate::auth::{AuthenticatorKey, GLOBAL_CHAIN, UserKey, default_id};
use crate::backends::{self, Violation};
use crate::hash::Algorithm;

const LONGEST_USER_ID: usize = 512;
/// Users whose names were taken before the bounds above were drawn can still be read, changed and deleted: this is as much as
/// the store has ever kept.
const LONGEST_STORED_USER_ID: usize = 1024;
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

/// Whose user it is.
pub(super) fn owner_of(key: &UserKey) -> AuthenticatorKey {
    AuthenticatorKey {
        chain: key.chain.clone(),
        id: key.authenticator.clone(),
    }
}

/// The key of a user who may be there, under whatever name the store has ever taken.
pub(super) fn checked_key(chain: &str, authenticator: &str, user_id: &str) -> Result<UserKey, AdminError> {
    match fault_of_stored_user_id(user_id) {
        Some(fault) => Err(AdminError::invalid("user_id", fault)),
        None => Ok(user_key(chain, authenticator, user_id)),
    }
}

/// Why a name cannot be a new user's.
pub(super) fn fault_of_user_id(user_id: &str) -> Option<String> {
    if user_id.len() > LONGEST_USER_ID {
        Some(too_long(LONGEST_USER_ID))
    } else if user_id.chars().any(char::is_control) {
        Some("must not contain control characters".into())
    } else {
        fault_of_stored_user_id(user_id)
    }
}

/// Why a name cannot be that of any user there is, however old.
pub(super) fn fault_of_stored_user_id(user_id: &str) -> Option<String> {
    if user_id.is_empty() {
        Some("must not be empty".into())
    } else if user_id.len() > LONGEST_STORED_USER_ID {
        Some(too_long(LONGEST_STORED_USER_ID))
    } else if user_id.contains('\0') {
        Some("must not contain NUL".into())
    } else {
        None
    }
}

fn too_long(limit: usize) -> String {
    format!("must have at most {limit} bytes")
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
        self.algorithm_named_by(key, "authenticator")
    }

    /// The same for an authenticator that another field of the request names.
    pub(super) fn algorithm_named_by(&self, key: &AuthenticatorKey, field: &str) -> Result<Algorithm, AdminError> {
        let record = self.store.authenticator(key);
        let record = record.ok_or_else(|| AdminError::not_found("authenticator", &key.id))?;
        backends::password_algorithm(&record)
            .ok_or_else(|| AdminError::invalid(field, format!("`{}` keeps no users of its own", key.id)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AdminError, check_attributes, checked_key, fault_of_stored_user_id, fault_of_user_id, user_key};

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
    fn a_new_name_has_1_to_512_bytes_and_no_control_characters() {
        let (longest, of_two_bytes) = ("x".repeat(512), "é".repeat(256));
        for name in ["a", " ", "ann, of \"quoted\" fame", "名前 🐚", &longest, &of_two_bytes] {
            assert_eq!(fault_of_user_id(name), None, "{name:?}");
        }
        let (too_long, one_byte_more) = ("x".repeat(513), format!("{of_two_bytes}x"));
        for name in ["", "a\0b", "a\nb", "\u{7f}", "\u{85}", &too_long, &one_byte_more] {
            assert!(fault_of_user_id(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn a_user_of_an_older_name_can_still_be_addressed() {
        for name in ["a\nb", &"x".repeat(1024)] {
            assert!(fault_of_user_id(name).is_some(), "{name:?}");
            assert_eq!(fault_of_stored_user_id(name), None, "{name:?}");
        }
        for name in ["", "a\0b", &"x".repeat(1025)] {
            assert!(fault_of_stored_user_id(name).is_some(), "{name:?}");
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

    #[test]
    fn a_nameless_user_is_refused() {
        assert!(matches!(checked_key("", "", ""), Err(AdminError::Invalid(_))));
    }
}

//! New passwords: hashed here, or a hash made elsewhere. What leaves this file can be replicated.

use serde_json::Value;

use super::error::{AdminError, violation};
use super::handle::Admin;
use crate::auth::{PasswordRecord, Secret};
use crate::backends::Violation;
use crate::hash::{Algorithm, Invalid};

/// What is wrong with a password of no bytes; how many are too many depends on the algorithm, and hashing tells.
pub(super) const EMPTY: &str = "must not be empty";

/// Either a password in the clear or a hash made elsewhere.
#[derive(Clone, Debug, Default)]
pub struct NewPassword {
    /// In the clear.
    pub password: Option<Secret>,
    /// The hash, as its algorithm writes it.
    pub password_hash: Option<Secret>,
    /// Its salt.
    pub salt: String,
    /// JSON as in `password_hash_algorithm`, or a bare name; empty: the authenticator's.
    pub algorithm: String,
}

/// A new password that has passed every check that needs no hashing.
pub(super) enum Checked {
    Plain(Secret, Algorithm),
    Ready(PasswordRecord),
}

impl NewPassword {
    /// Whether the authenticator's algorithm plays no part: a hash that names the one that made it.
    pub(super) fn stands_alone(&self) -> bool {
        self.password_hash.is_some() && !self.algorithm.is_empty()
    }

    /// Checks it against the authenticator's algorithm; adds every violation.
    pub(super) fn check(&self, default: &Algorithm, violations: &mut Vec<Violation>) -> Option<Checked> {
        let algorithm = match chosen(&self.algorithm, default) {
            Ok(algorithm) => algorithm,
            Err(mut faults) => {
                violations.append(&mut faults);
                return None;
            }
        };
        match (&self.password, &self.password_hash) {
            (Some(_), Some(_)) => {
                violations.push(violation(
                    "password",
                    "give either `password` or `password_hash`, not both",
                ));
                None
            }
            (None, None) => {
                violations.push(violation(
                    "password",
                    "give `password`, or `password_hash` with its `salt`",
                ));
                None
            }
            (Some(password), None) => self.check_plain(password, algorithm, violations),
            (None, Some(hash)) => self.check_hash(hash, &algorithm, violations),
        }
    }

    fn check_plain(&self, password: &Secret, algorithm: Algorithm, violations: &mut Vec<Violation>) -> Option<Checked> {
        if !self.salt.is_empty() {
            violations.push(violation(
                "password.salt",
                "belongs to a `password_hash`; a fresh one is drawn",
            ));
        }
        if password.expose().is_empty() {
            violations.push(violation("password", EMPTY));
            return None;
        }
        Some(Checked::Plain(password.clone(), algorithm))
    }

    fn check_hash(&self, hash: &Secret, algorithm: &Algorithm, violations: &mut Vec<Violation>) -> Option<Checked> {
        let imported = match std::str::from_utf8(hash.expose()) {
            Ok(text) => algorithm.import(text, &self.salt),
            Err(_) => Err(Invalid {
                field: "password_hash".into(),
                why: "must be text".into(),
            }),
        };
        match imported {
            Ok(encoded) => Some(Checked::Ready(PasswordRecord::new(encoded))),
            Err(invalid) => {
                violations.push(placed("password", invalid));
                None
            }
        }
    }
}

/// The algorithm that a request names: JSON or a bare name; empty: the authenticator's.
pub(super) fn chosen(asked: &str, default: &Algorithm) -> Result<Algorithm, Vec<Violation>> {
    if asked.is_empty() {
        return Ok(default.clone());
    }
    let faults = |invalid: Vec<Invalid>| invalid.into_iter().map(|one| placed("algorithm", one)).collect();
    Algorithm::parse(&json_or_name(asked)?).map_err(faults)
}

fn json_or_name(asked: &str) -> Result<Value, Vec<Violation>> {
    if !asked.trim_start().starts_with('{') {
        return Ok(Value::String(asked.trim().to_owned()));
    }
    serde_json::from_str(asked).map_err(|error| vec![violation("algorithm", format!("is not JSON: {error}"))])
}

fn placed(parent: &str, Invalid { field, why }: Invalid) -> Violation {
    if field.is_empty() {
        violation(parent, why)
    } else {
        violation(format!("{parent}.{field}"), why)
    }
}

impl Admin {
    /// Hashes what is in the clear, off the async threads.
    pub(super) async fn protect(&self, checked: Checked) -> Result<PasswordRecord, AdminError> {
        match checked {
            Checked::Ready(record) => Ok(record),
            Checked::Plain(password, algorithm) => Ok(PasswordRecord::new(
                self.hasher.hash(&algorithm, password.expose()).await?,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Algorithm, Checked, NewPassword, Secret, Violation, chosen, json_or_name};

    fn checked(password: &NewPassword) -> (Option<Checked>, Vec<Violation>) {
        let mut violations = Vec::new();
        let checked = password.check(&Algorithm::recommended(), &mut violations);
        (checked, violations)
    }

    #[test]
    fn an_algorithm_is_named_by_json_or_by_its_bare_name() {
        assert_eq!(json_or_name("sha256"), Ok(json!("sha256")));
        assert_eq!(json_or_name(r#"{"name": "bcrypt"}"#), Ok(json!({"name": "bcrypt"})));
        assert_eq!(json_or_name("{oops").unwrap_err()[0].field, "algorithm");
        assert!(
            chosen("rot13", &Algorithm::recommended()).unwrap_err()[0]
                .field
                .starts_with("algorithm")
        );
    }

    #[test]
    fn a_password_comes_in_the_clear_or_as_a_hash_but_not_as_both_or_neither() {
        let both = NewPassword {
            password: Some(Secret::new("x")),
            password_hash: Some(Secret::new("y")),
            ..NewPassword::default()
        };
        for password in [both, NewPassword::default()] {
            let (none, violations) = checked(&password);
            assert!(none.is_none());
            assert_eq!(violations[0].field, "password");
        }
    }

    #[test]
    fn an_empty_password_is_none() {
        let (none, violations) = checked(&NewPassword {
            password: Some(Secret::new("")),
            ..NewPassword::default()
        });
        assert!(none.is_none());
        assert_eq!(violations.len(), 1);
    }

    #[test]
    fn a_hash_made_elsewhere_needs_no_hashing_here() {
        let password = NewPassword {
            password_hash: Some(Secret::new("ab".repeat(32))),
            salt: "salt".into(),
            algorithm: "sha256".into(),
            ..NewPassword::default()
        };
        assert!(matches!(checked(&password), (Some(Checked::Ready(_)), violations) if violations.is_empty()));
    }

    #[test]
    fn a_hash_that_says_what_it_is_is_kept_as_it_is_whatever_the_algorithm() {
        for algorithm in ["", "plain", "bcrypt"] {
            let ssha = "{SSHA}T6FKl+YKdzr0lQNn2yocqwsZralzrhUi";
            let password = NewPassword {
                password_hash: Some(Secret::new(ssha)),
                algorithm: algorithm.into(),
                ..NewPassword::default()
            };
            assert!(
                matches!(checked(&password), (Some(Checked::Ready(record)), _) if record.expose() == ssha),
                "{algorithm}"
            );
        }
    }

    #[test]
    fn a_hash_that_asks_for_too_much_is_refused_without_being_told() {
        let hash = "$6$rounds=999999999$salt$";
        let (none, violations) = checked(&NewPassword {
            password_hash: Some(Secret::new(hash)),
            ..NewPassword::default()
        });
        assert!(none.is_none());
        assert_eq!(violations[0].field, "password.password_hash");
        assert!(violations[0].why.contains("1000000") && !violations[0].why.contains("salt$"));
    }
}

//! New passwords: hashed here, or a hash made elsewhere. What leaves this file can be replicated.

use serde_json::Value;

use super::error::{AdminError, violation};
use super::handle::Admin;
use crate::auth::{PasswordRecord, Secret};
use crate::backends::Violation;
use crate::hash::{Algorithm, Invalid};

/// MQTT cannot carry a longer one.
pub(super) const LONGEST_PASSWORD: usize = 65_535;

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
        if let Some(why) = fault_of_password(password.expose()) {
            violations.push(violation("password", why));
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

/// Why a password in the clear cannot be used.
pub(super) fn fault_of_password(password: &[u8]) -> Option<String> {
    if password.is_empty() {
        Some("must not be empty".into())
    } else if password.len() > LONGEST_PASSWORD {
        Some(format!("has more than {LONGEST_PASSWORD} bytes"))
    } else {
        None
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

    use super::{fault_of_password, json_or_name};

    #[test]
    fn an_algorithm_is_named_by_json_or_by_its_bare_name() {
        assert_eq!(json_or_name("sha256"), Ok(json!("sha256")));
        assert_eq!(json_or_name(r#"{"name": "bcrypt"}"#), Ok(json!({"name": "bcrypt"})));
        assert_eq!(json_or_name("{oops").unwrap_err()[0].field, "algorithm");
    }

    #[test]
    fn an_empty_password_is_none() {
        assert!(fault_of_password(b"").is_some());
        assert!(fault_of_password(b"x").is_none());
        assert!(fault_of_password(&[b'x'; 65_536]).is_some());
    }
}

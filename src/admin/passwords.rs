//! New passwords: hashed here, or a hash or keys made elsewhere. What leaves this file can be replicated.

use serde_json::Value;

use super::error::{AdminError, violation};
use super::handle::Admin;
use super::scram_keys::ScramKeys;
use crate::auth::{PasswordRecord, Secret};
use crate::backends::Violation;
use crate::hash::{Algorithm, Invalid, fault_of_scram_password};

/// What is wrong with a password of no bytes; how many are too many depends on the algorithm, and hashing tells.
pub(super) const EMPTY: &str = "must not be empty";

/// A password in the clear, a hash made elsewhere, or the keys of a SCRAM user.
#[derive(Clone, Debug, Default)]
pub struct NewPassword {
    /// In the clear.
    pub password: Option<Secret>,
    /// The hash, as its algorithm writes it.
    pub password_hash: Option<Secret>,
    /// Of SCRAM; any of them given means that they are meant.
    pub keys: ScramKeys,
    /// Of the hash; of the keys in base64.
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
            Err(faults) => {
                violations.extend(faults.into_iter().map(within_password));
                return None;
            }
        };
        let has_keys = self.keys.given().next().is_some();
        match (&self.password, &self.password_hash, has_keys) {
            (Some(password), None, false) => self.check_plain(password, algorithm, violations),
            (None, Some(hash), false) => self.check_hash(hash, &algorithm, violations),
            (None, None, true) => self.check_keys(&algorithm, violations),
            (None, None, false) => {
                let why = "give `password`, `password_hash` with its `salt`, or the keys of a SCRAM user";
                violations.push(violation("password", why));
                None
            }
            _ => {
                let why = "give one of `password`, `password_hash` and the keys of a SCRAM user, and no other";
                violations.push(violation("password", why));
                None
            }
        }
    }

    /// What cannot fill a SCRAM database and one of passwords at once: whatever is of one kind alone.
    pub(super) fn check_for_both_kinds(&self, violations: &mut Vec<Violation>) {
        let one_kind =
            "fills one kind of database; a SCRAM database and one of passwords are filled by `password` together";
        let given = self.password_hash.is_some().then_some("password_hash");
        for field in given.into_iter().chain(self.keys.given()) {
            violations.push(violation(format!("password.{field}"), one_kind));
        }
        if !self.algorithm.is_empty() {
            let why = "must be empty: a SCRAM database and one of passwords have no algorithm in common";
            violations.push(violation("password.algorithm", why));
        }
    }

    fn check_plain(&self, password: &Secret, algorithm: Algorithm, violations: &mut Vec<Violation>) -> Option<Checked> {
        if !self.salt.is_empty() {
            violations.push(violation(
                "password.salt",
                "belongs to a `password_hash` or to keys; a fresh one is drawn",
            ));
        }
        if password.expose().is_empty() {
            violations.push(violation("password", EMPTY));
            return None;
        }
        if let Some(why) = fault_of_plain(password, &algorithm) {
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

    fn check_keys(&self, algorithm: &Algorithm, violations: &mut Vec<Violation>) -> Option<Checked> {
        let Algorithm::Scram(made) = algorithm else {
            let of = |field| violation(format!("password.{field}"), NOT_SCRAM);
            violations.extend(self.keys.given().map(of));
            return None;
        };
        match self.keys.record(made.hash, &self.salt) {
            Ok(record) => Some(Checked::Ready(record)),
            Err(faults) => {
                violations.extend(faults.into_iter().map(|fault| placed("password", fault)));
                None
            }
        }
    }
}

/// What is wrong with keys for any other authenticator.
pub(super) const NOT_SCRAM: &str = "is of users of a SCRAM authenticator, and this is another";

/// Why the algorithm takes no such password, as far as that shows without hashing it.
pub(super) fn fault_of_plain(password: &Secret, algorithm: &Algorithm) -> Option<&'static str> {
    let is_prepared = algorithm.is_scram();
    is_prepared
        .then(|| fault_of_scram_password(password.expose()))
        .flatten()
}

/// The algorithm that a request names: JSON or a bare name; empty: the authenticator's.
pub(super) fn chosen(asked: &str, default: &Algorithm) -> Result<Algorithm, Vec<Violation>> {
    if asked.is_empty() {
        return Ok(default.clone());
    }
    let faults = |invalid: Vec<Invalid>| invalid.into_iter().map(|one| placed("algorithm", one)).collect();
    match default {
        // One mechanism or the other, and no way to another algorithm: its records would let nobody in.
        Algorithm::Scram(made) => made
            .under(asked.trim())
            .map(Algorithm::Scram)
            .map_err(|fault| faults(vec![fault])),
        _ => Algorithm::parse(&json_or_name(asked)?).map_err(faults),
    }
}

fn within_password(Violation { field, why }: Violation) -> Violation {
    violation(format!("password.{field}"), why)
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
    use serde_json::{Map, json};

    use super::{Algorithm, Checked, NewPassword, ScramKeys, Secret, Violation, chosen, json_or_name};
    use crate::hash::Scram;

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
        let hash_and_keys = NewPassword {
            password_hash: Some(Secret::new("y")),
            keys: pencil().keys,
            ..NewPassword::default()
        };
        for password in [both, hash_and_keys, NewPassword::default()] {
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

    fn scram() -> Algorithm {
        Algorithm::Scram(Scram::from_settings(&Map::new()).unwrap())
    }

    /// The user of RFC 7677 section 3.
    fn pencil() -> NewPassword {
        NewPassword {
            keys: ScramKeys {
                iterations: Some(4096),
                stored_key: Some(Secret::new("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=")),
                server_key: Some(Secret::new("wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=")),
            },
            salt: "W22ZaJ0SNY7soEsUEjb6gQ==".into(),
            ..NewPassword::default()
        }
    }

    fn faulty_fields(password: &NewPassword, algorithm: &Algorithm) -> Vec<String> {
        let mut violations = Vec::new();
        assert!(password.check(algorithm, &mut violations).is_none());
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn keys_become_the_text_of_rfc_5803() {
        let mut violations = Vec::new();
        let Some(Checked::Ready(record)) = pencil().check(&scram(), &mut violations) else {
            panic!("{violations:?}");
        };
        assert!(
            record
                .expose()
                .starts_with("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d")
        );
        let text = NewPassword {
            password_hash: Some(Secret::new(record.expose())),
            ..NewPassword::default()
        };
        assert!(matches!(
            text.check(&scram(), &mut violations),
            Some(Checked::Ready(again)) if again == record
        ));
    }

    #[test]
    fn every_wrong_key_is_named_with_its_field() {
        let keys = ScramKeys {
            iterations: Some(0),
            stored_key: Some(Secret::new("ab")),
            server_key: None,
        };
        let wrong = NewPassword {
            keys,
            ..NewPassword::default()
        };
        assert_eq!(
            faulty_fields(&wrong, &scram()),
            [
                "password.iterations",
                "password.salt",
                "password.stored_key",
                "password.server_key"
            ]
        );
        let other = NewPassword {
            algorithm: "sha512".into(),
            ..pencil()
        };
        assert_eq!(
            faulty_fields(&other, &scram()),
            ["password.stored_key", "password.server_key"]
        );
    }

    #[test]
    fn keys_are_of_scram_users_alone() {
        assert_eq!(
            faulty_fields(&pencil(), &Algorithm::recommended()),
            ["password.iterations", "password.stored_key", "password.server_key"]
        );
    }

    #[test]
    fn nothing_but_scram_is_stored_for_a_scram_user() {
        let of = |hash: &str, salt: &str, algorithm: &str| NewPassword {
            password_hash: Some(Secret::new(hash)),
            salt: salt.into(),
            algorithm: algorithm.into(),
            ..NewPassword::default()
        };
        let digest = "ab".repeat(32);
        for (password, field) in [
            (of(&digest, "salt", ""), "password.salt"),
            (of(&digest, "", ""), "password.password_hash"),
            (of(&digest, "", "argon2id"), "password.algorithm"),
            (
                of("{SSHA}T6FKl+YKdzr0lQNn2yocqwsZralzrhUi", "", ""),
                "password.password_hash",
            ),
        ] {
            assert_eq!(faulty_fields(&password, &scram()), [field]);
        }
    }

    #[test]
    fn a_password_that_no_client_can_present_is_refused_before_it_is_hashed() {
        let password = NewPassword {
            password: Some(Secret::new("\u{202e}hunter2")),
            ..NewPassword::default()
        };
        let mut violations = Vec::new();
        assert!(password.check(&scram(), &mut violations).is_none());
        assert_eq!(violations[0].field, "password");
        assert!(violations[0].why.contains("SASLprep") && !violations[0].why.contains("hunter2"));
        assert!(matches!(checked(&password), (Some(Checked::Plain(..)), _)));
    }
}

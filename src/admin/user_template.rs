//! Small files to fill in for Import.

use std::collections::BTreeMap;

use super::error::AdminError;
use super::handle::Admin;
use super::import::{ImportFormat, PasswordType};
use super::user_file::{FilePassword, FileUser, UserFile};
use crate::auth::{AuthenticatorKey, Timestamp};
use crate::hash::{Algorithm, Scram};

/// Says itself how it was made, so an authenticator of any algorithm takes it. Made of a password that was thrown away.
const SAMPLE_ARGON2: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$2H/fYmNITcqjDtysLhL1cA$I+peanC7MjE/692njsSF/X/0n8G8rsL4RDmajGEA8YA";
const SAMPLE_BCRYPT: &str = "$2b$10$MmVcgbW6bd3BFhhgvUzBmefCUdGsM5M4b5gaFCZaDAibDn031W.BK";
const NAMES: [&str; 2] = ["user-1", "user-2"];
/// The first of January 2030.
const SAMPLE_EXPIRY: Timestamp = Timestamp(1_893_456_000_000);

/// A file to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportTemplate {
    /// Its text.
    pub data: Vec<u8>,
    /// A name for it.
    pub file_name: String,
}

impl ImportTemplate {
    /// Two users that show every column.
    pub fn new(format: ImportFormat, password_type: PasswordType) -> Result<Self, AdminError> {
        let (passwords, kind) = match password_type {
            PasswordType::Hash => {
                let hash = |password_hash| FilePassword::Hash {
                    password_hash,
                    salt: "",
                };
                ([SAMPLE_ARGON2, SAMPLE_BCRYPT].map(hash), "hash")
            }
            PasswordType::Plain => {
                let plain = |password| FilePassword::Plain { password };
                (["the password of user-1", "the password of user-2"].map(plain), "plain")
            }
        };
        Self::written(
            UserFile::new(format, password_type),
            passwords,
            &format!("{kind}.{}", extension(format)),
        )
    }

    /// Two users of a SCRAM database, with keys that no password has.
    fn of_keys(format: ImportFormat, made: Scram) -> Result<Self, AdminError> {
        let texts = NAMES.map(|name| made.decoy(b"template", name).encode());
        let [first, second] = texts.each_ref().map(|text| keys_in(text));
        Self::written(
            UserFile::of_keys(format),
            [first?, second?],
            &format!("keys.{}", extension(format)),
        )
    }

    /// The superuser among them is switched off, in case the file is imported as it is.
    fn written(mut file: UserFile, passwords: [FilePassword<'_>; 2], name: &str) -> Result<Self, AdminError> {
        let ([user_1, user_2], [first, second]) = (NAMES, passwords);
        let (none, some) = (BTreeMap::new(), BTreeMap::from([("tenant".to_owned(), "a".to_owned())]));
        let users = [
            FileUser {
                user_id: user_1,
                password: first,
                is_superuser: false,
                disabled: false,
                expires_at: None,
                attributes: &none,
            },
            FileUser {
                user_id: user_2,
                password: second,
                is_superuser: true,
                disabled: true,
                expires_at: Some(SAMPLE_EXPIRY),
                attributes: &some,
            },
        ];
        let data = [file.head()?, file.rows(users.into_iter())?, file.foot().to_vec()].concat();
        Ok(Self {
            data,
            file_name: format!("users-{name}"),
        })
    }
}

/// Of `SCRAM-SHA-256$iterations:salt$stored key:server key`.
fn keys_in(text: &str) -> Result<FilePassword<'_>, AdminError> {
    let parts: Vec<_> = text.split(['$', ':']).collect();
    let [_, iterations, salt, stored_key, server_key] = parts.as_slice() else {
        return Err(AdminError::Internal("a SCRAM record has another form".into()));
    };
    Ok(FilePassword::Keys {
        stored_key,
        server_key,
        salt,
        iterations,
    })
}

const fn extension(format: ImportFormat) -> &'static str {
    match format {
        ImportFormat::Csv => "csv",
        ImportFormat::Json => "json",
        ImportFormat::Ndjson => "ndjson",
    }
}

impl Admin {
    /// A file that this authenticator takes: what stands for a hash in a SCRAM database are keys.
    pub fn import_template(
        &self,
        owner: &AuthenticatorKey,
        format: ImportFormat,
        password_type: PasswordType,
    ) -> Result<ImportTemplate, AdminError> {
        match (self.algorithm_of(owner)?, password_type) {
            (Algorithm::Scram(made), PasswordType::Hash) => ImportTemplate::of_keys(format, made),
            _ => ImportTemplate::new(format, password_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Algorithm, ImportFormat, ImportTemplate, PasswordType, SAMPLE_ARGON2, SAMPLE_BCRYPT, Scram};
    use crate::admin::ScramKeys;
    use crate::auth::Secret;
    use crate::hash::ScramHash;

    #[test]
    fn every_algorithm_takes_the_sample_hashes() {
        let pbkdf2 = json!({"name": "pbkdf2", "mac_fun": "sha256", "iterations": 2});
        for algorithm in [json!("argon2id"), json!("bcrypt"), pbkdf2, json!("sha256")] {
            let algorithm = Algorithm::parse(&algorithm).unwrap();
            for hash in [SAMPLE_ARGON2, SAMPLE_BCRYPT] {
                assert_eq!(algorithm.import(hash, "").as_deref(), Ok(hash), "{algorithm:?}");
            }
        }
    }

    #[test]
    fn a_scram_database_takes_the_sample_keys_of_its_hash() {
        for (_, hash) in ScramHash::WORDS {
            let made = Scram { hash, iterations: 4096 };
            let template = ImportTemplate::of_keys(ImportFormat::Csv, made).unwrap();
            assert_eq!(template.file_name, "users-keys.csv");
            let text = String::from_utf8(template.data).unwrap();
            let mut lines = text.lines();
            assert!(
                lines
                    .next()
                    .unwrap()
                    .starts_with("user_id,stored_key,server_key,salt,iterations,"),
                "{text}"
            );
            for line in lines {
                let cells: Vec<_> = line.split(',').collect();
                let keys = ScramKeys {
                    iterations: cells[4].parse().ok(),
                    stored_key: Some(Secret::new(cells[1])),
                    server_key: Some(Secret::new(cells[2])),
                };
                assert!(keys.record(hash, cells[3]).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn a_template_is_named_after_what_it_is() {
        let template = ImportTemplate::new(ImportFormat::Ndjson, PasswordType::Plain).unwrap();
        assert_eq!(template.file_name, "users-plain.ndjson");
        assert_eq!(String::from_utf8(template.data).unwrap().lines().count(), 2);
    }
}

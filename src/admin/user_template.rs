//! Small files to fill in for Import.

use std::collections::BTreeMap;

use super::error::AdminError;
use super::import::{ImportFormat, PasswordType};
use super::user_file::{FilePassword, FileUser, UserFile};
use crate::auth::Timestamp;

/// Says itself how it was made, so an authenticator of any algorithm takes it. Made of a password that was thrown away.
const SAMPLE_ARGON2: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$2H/fYmNITcqjDtysLhL1cA$I+peanC7MjE/692njsSF/X/0n8G8rsL4RDmajGEA8YA";
const SAMPLE_BCRYPT: &str = "$2b$10$MmVcgbW6bd3BFhhgvUzBmefCUdGsM5M4b5gaFCZaDAibDn031W.BK";
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
    /// Two users that show every column. The superuser among them is switched off, in case the file is imported as it is.
    pub fn new(format: ImportFormat, password_type: PasswordType) -> Result<Self, AdminError> {
        let passwords = match password_type {
            PasswordType::Hash => [SAMPLE_ARGON2, SAMPLE_BCRYPT].map(|password_hash| FilePassword::Hash {
                password_hash,
                salt: "",
            }),
            PasswordType::Plain => {
                ["the password of user-1", "the password of user-2"].map(|password| FilePassword::Plain { password })
            }
        };
        let [first, second] = passwords;
        let (none, some) = (BTreeMap::new(), BTreeMap::from([("tenant".to_owned(), "a".to_owned())]));
        let users = [
            FileUser {
                user_id: "user-1",
                password: first,
                is_superuser: false,
                disabled: false,
                expires_at: None,
                attributes: &none,
            },
            FileUser {
                user_id: "user-2",
                password: second,
                is_superuser: true,
                disabled: true,
                expires_at: Some(SAMPLE_EXPIRY),
                attributes: &some,
            },
        ];
        let mut file = UserFile::new(format, password_type);
        let data = [file.head()?, file.rows(users.into_iter())?, file.foot().to_vec()].concat();
        Ok(Self {
            data,
            file_name: file_name(format, password_type),
        })
    }
}

fn file_name(format: ImportFormat, password_type: PasswordType) -> String {
    let passwords = match password_type {
        PasswordType::Hash => "hash",
        PasswordType::Plain => "plain",
    };
    let extension = match format {
        ImportFormat::Csv => "csv",
        ImportFormat::Json => "json",
        ImportFormat::Ndjson => "ndjson",
    };
    format!("users-{passwords}.{extension}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ImportFormat, ImportTemplate, PasswordType, SAMPLE_ARGON2, SAMPLE_BCRYPT};
    use crate::hash::Algorithm;

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
    fn a_template_is_named_after_what_it_is() {
        let template = ImportTemplate::new(ImportFormat::Ndjson, PasswordType::Plain).unwrap();
        assert_eq!(template.file_name, "users-plain.ndjson");
        assert_eq!(String::from_utf8(template.data).unwrap().lines().count(), 2);
    }
}

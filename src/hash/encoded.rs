//! One stored password as one self-describing text: algorithm, parameters, salt and hash.

use super::algorithm::Algorithm;
use super::digest::Digest;
use super::error::HashError;
use super::scram::ScramRecord;
use super::{argon2, bcrypt, digest, foreign, pbkdf2};

/// Bytes of the longest text that is taken: none that can be made comes near.
const MAX_TEXT: usize = 4096;

/// A stored password, taken apart. It cannot be printed, since it holds a hash.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Encoded {
    /// A simple digest.
    Digest(digest::Record),
    /// bcrypt.
    Bcrypt(bcrypt::Record),
    /// PBKDF2.
    Pbkdf2(pbkdf2::Record),
    /// Argon2.
    Argon2(argon2::Record),
    /// SCRAM.
    Scram(ScramRecord),
    /// As another system writes it.
    Foreign(foreign::Record),
}

impl Encoded {
    /// Takes a text apart. Every ceiling on work and memory is checked here, before any of it is spent.
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        if text.len() > MAX_TEXT {
            return Err(HashError::unusable(format!("it is longer than {MAX_TEXT} bytes")));
        }
        if ScramRecord::claims(text) {
            return ScramRecord::parse(text).map(Self::Scram);
        }
        let text = foreign::unwrapped(text);
        if let Some(record) = foreign::Record::parse(text) {
            return record.map(Self::Foreign);
        }
        let (name, rest) = text
            .strip_prefix('$')
            .and_then(|text| text.split_once('$'))
            .ok_or_else(|| HashError::unusable("it does not say what it is"))?;
        if let Some((_, digest)) = Digest::WORDS.into_iter().find(|(word, _)| *word == name) {
            return digest::Record::parse(digest, rest).map(Self::Digest);
        }
        match name {
            name if bcrypt::Record::claims(name) => bcrypt::Record::parse(name, rest).map(Self::Bcrypt),
            name if pbkdf2::Record::claims(name) => pbkdf2::Record::parse(name, rest).map(Self::Pbkdf2),
            name if argon2::Record::claims(name) => argon2::Record::parse(name, rest).map(Self::Argon2),
            _ => Err(HashError::unusable("its algorithm is unknown")),
        }
    }

    /// The text again.
    pub(super) fn encode(&self) -> String {
        match self {
            Self::Digest(record) => record.encode(),
            Self::Bcrypt(record) => record.encode(),
            Self::Pbkdf2(record) => record.encode(),
            Self::Argon2(record) => record.encode(),
            Self::Scram(record) => record.encode(),
            Self::Foreign(record) => record.encode(),
        }
    }

    /// Whether the password is its own, computed on this thread.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        match self {
            Self::Digest(record) => Ok(record.verify(password)),
            Self::Bcrypt(record) => Ok(record.verify(password)),
            Self::Pbkdf2(record) => Ok(record.verify(password)),
            Self::Argon2(record) => record.verify(password),
            Self::Scram(record) => record.verify(password),
            Self::Foreign(record) => record.verify(password),
        }
    }

    /// The algorithm that made it, `None` if no new record would be made so.
    pub(super) fn made(&self) -> Option<Algorithm> {
        match self {
            Self::Digest(record) => Some(Algorithm::Digest(record.made)),
            Self::Bcrypt(record) => Some(Algorithm::Bcrypt(record.made)),
            Self::Pbkdf2(record) => Some(Algorithm::Pbkdf2(record.made)),
            Self::Argon2(record) => record.made().map(Algorithm::Argon2id),
            Self::Scram(record) => Some(Algorithm::Scram(record.made())),
            Self::Foreign(_) => None,
        }
    }

    /// A record nobody has, which costs as much to check as this one: what it takes to check it, and nothing else of it.
    pub(super) fn dummy(&self) -> Self {
        match self {
            Self::Digest(record) => Self::Digest(record.made.dummy()),
            Self::Bcrypt(record) => Self::Bcrypt(record.made.dummy()),
            Self::Pbkdf2(record) => Self::Pbkdf2(record.made.dummy()),
            Self::Argon2(record) => Self::Argon2(record.dummy()),
            Self::Scram(record) => Self::Scram(record.made().dummy()),
            Self::Foreign(record) => record.dummy(),
        }
    }

    /// Memory that checking it takes, in KiB, where it is worth counting.
    pub(super) fn memory_kib(&self) -> u32 {
        match self {
            Self::Digest(_) | Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scram(_) => 0,
            Self::Argon2(record) => record.memory_kib(),
            Self::Foreign(record) => record.memory_kib(),
        }
    }

    /// Whether it takes no more time than handing it to another thread would.
    pub(super) fn is_cheap(&self) -> bool {
        match self {
            Self::Digest(_) => true,
            Self::Foreign(record) => record.is_cheap(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Argon2(_) | Self::Scram(_) => false,
        }
    }
}

/// Whether a text names its own algorithm, usable or not.
pub fn says_what_it_is(text: &str) -> bool {
    let text = foreign::unwrapped(text);
    text.starts_with('$') || foreign::name(text).is_some()
}

/// The name of what protects a record ("argon2id", "sha256"…), for showing.
pub fn name_of(encoded: &str) -> &str {
    if ScramRecord::claims(encoded) {
        return encoded.split('$').next().unwrap_or(encoded);
    }
    let encoded = foreign::unwrapped(encoded);
    if let Some(name) = foreign::name(encoded) {
        return name;
    }
    match encoded.split('$').nth(1) {
        Some(name) if bcrypt::Record::claims(name) => "bcrypt",
        Some(name) => name,
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use serde_json::json;

    use super::{Encoded, name_of};
    use crate::hash::Algorithm;

    #[test]
    fn a_record_of_every_algorithm_survives_its_text() {
        for (name, settings) in [
            ("plain", json!("plain")),
            ("md5", json!({"name": "md5", "salt_position": "suffix"})),
            ("sha", json!("sha")),
            ("sha256", json!({"name": "sha256", "salt_position": "disable"})),
            ("sha512", json!("sha512")),
            ("bcrypt", json!({"name": "bcrypt", "salt_rounds": 4})),
            (
                "pbkdf2-sha1",
                json!({"name": "pbkdf2", "mac_fun": "sha", "iterations": 2}),
            ),
            (
                "argon2id",
                json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}),
            ),
        ] {
            let algorithm = Algorithm::parse(&settings).unwrap();
            let text = algorithm.hash(b"hunter2").unwrap().encode();
            let record = Encoded::parse(&text).unwrap();
            assert_eq!(record.encode(), text);
            assert_eq!(name_of(&text), name);
            assert!(record.verify(b"hunter2").unwrap(), "{name}");
            assert!(!record.verify(b"hunter3").unwrap(), "{name}");
            assert!(algorithm.made(&text), "{name}");
            assert!(!algorithm.dummy().verify(b"hunter2").unwrap(), "{name}");
        }
    }

    #[test]
    fn two_records_of_one_password_differ() {
        let hash = || {
            Algorithm::parse(&json!("sha256"))
                .unwrap()
                .hash(b"hunter2")
                .unwrap()
                .encode()
        };
        assert_ne!(hash(), hash());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\$?(sha256|plain|2b|argon2id|pbkdf2-sha256)?\\$\\PC*", any in any::<String>()) {
            let _ = (Encoded::parse(&text).map(|record| record.encode()), Encoded::parse(&any).is_ok(), name_of(&any));
        }
    }
}

//! The simple kinds: plain text, md5, sha, sha256 and sha512, with the salt before or after. A fraction of a microsecond each.

use md5::Md5;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{HashError, Invalid};
use super::fields::{Fields, name_schema};
use super::parts::{self, MAX_SALT};
use super::salt;

/// Bytes of the longest plain text that is taken: the longest password, with its salt where that is appended.
const MAX_PLAIN: usize = 1024 + MAX_SALT;

/// Where the salt goes in the simple digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SaltPosition {
    /// No salt.
    Disable,
    /// Salt, then password.
    #[default]
    Prefix,
    /// Password, then salt.
    Suffix,
}

impl SaltPosition {
    const WORDS: [(&'static str, Self); 3] = [
        ("disable", Self::Disable),
        ("prefix", Self::Prefix),
        ("suffix", Self::Suffix),
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
        }
    }
}

/// What is done with salt and password put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// Nothing.
    Plain,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// Every one with its name.
    pub(super) const WORDS: [(&'static str, Self); 5] = [
        ("plain", Self::Plain),
        ("md5", Self::Md5),
        ("sha", Self::Sha),
        ("sha256", Self::Sha256),
        ("sha512", Self::Sha512),
    ];

    /// Its name in EMQX's settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Md5 => "md5",
            Self::Sha => "sha",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of its output; `None` for plain, which has no fixed one.
    pub(super) const fn len(self) -> Option<usize> {
        match self {
            Self::Plain => None,
            Self::Md5 => Some(16),
            Self::Sha => Some(20),
            Self::Sha256 => Some(32),
            Self::Sha512 => Some(64),
        }
    }

    /// Of a password alone, in lower hexadecimal digits.
    pub(super) fn hex(self, password: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(Zeroizing::new(self.of(password, b""))))
    }

    fn of(self, first: &[u8], second: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => [first, second].concat(),
            Self::Md5 => over::<Md5>(first, second),
            Self::Sha => over::<Sha1>(first, second),
            Self::Sha256 => over::<Sha256>(first, second),
            Self::Sha512 => over::<Sha512>(first, second),
        }
    }
}

fn over<D: sha2::Digest>(first: &[u8], second: &[u8]) -> Vec<u8> {
    D::new().chain_update(first).chain_update(second).finalize().to_vec()
}

/// A digest and where its salt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltedDigest {
    /// Which.
    pub digest: Digest,
    /// Where.
    pub salt_position: SaltPosition,
}

impl SaltedDigest {
    pub(super) fn parse(digest: Digest, mut fields: Fields<'_>) -> Result<Self, Vec<Invalid>> {
        let salt_position = fields.word("salt_position", &SaltPosition::WORDS).unwrap_or_default();
        fields.finish()?;
        Ok(Self { digest, salt_position })
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "name": self.digest.name(), "salt_position": self.salt_position.word() })
    }

    pub(super) fn schema((name, digest): (&str, Digest)) -> Value {
        let strength = if digest == Digest::Plain {
            "Not hashed at all"
        } else {
            "Fast: cheap to check, and to guess"
        };
        json!({
            "title": name,
            "description": format!("{strength}. For users that come from elsewhere."),
            "type": "object",
            "properties": {
                "name": name_schema(name),
                "salt_position": {
                    "title": "Salt position",
                    "description": "Where the salt goes: before the password, after it, or nowhere.",
                    "enum": SaltPosition::WORDS.map(|(word, _)| word),
                    "default": SaltPosition::default().word(),
                },
            },
            "required": ["name"],
            "additionalProperties": false,
        })
    }

    pub(super) fn warnings(self) -> Vec<String> {
        let name = self.digest.name();
        if self.digest == Digest::Plain {
            return vec!["`plain` stores passwords as they are, for everyone who can read a backup".into()];
        }
        let fast = format!("`{name}` is one round of a fast hash: who steals the table guesses most passwords in it");
        let unsalted = "`salt_position` disable gives users with the same password the same hash".to_owned();
        let is_unsalted = self.salt_position == SaltPosition::Disable;
        [Some(fast), is_unsalted.then_some(unsalted)]
            .into_iter()
            .flatten()
            .collect()
    }

    /// A new record. Plain text has no salt of its own, as in EMQX.
    pub(super) fn hash(self, password: &[u8]) -> Result<Record, HashError> {
        let unsalted = self.digest == Digest::Plain || self.salt_position == SaltPosition::Disable;
        let salt = if unsalted {
            Vec::new()
        } else {
            salt::fresh_text()?.into_bytes()
        };
        let expected = self.apply(&salt, password);
        Ok(Record {
            made: self,
            salt,
            expected,
        })
    }

    /// A record whose hash and salt were made elsewhere.
    pub(super) fn import(self, password_hash: &str, salt: &str) -> Result<Record, Invalid> {
        let expected = match self.digest.len() {
            None if password_hash.len() > MAX_PLAIN => {
                return Err(Invalid::new(
                    "password_hash",
                    format!("must have at most {MAX_PLAIN} bytes"),
                ));
            }
            None => password_hash.as_bytes().to_vec(),
            Some(len) => from_hex(password_hash, len)
                .ok_or_else(|| Invalid::new("password_hash", format!("must be {} hexadecimal digits", 2 * len)))?,
        };
        let salt = if self.salt_position == SaltPosition::Disable {
            ""
        } else {
            parts::bounded_salt(salt)?
        };
        Ok(Record {
            made: self,
            salt: salt.as_bytes().to_vec(),
            expected,
        })
    }

    /// A record that costs as much to check as any other of this kind.
    pub(super) fn dummy(self) -> Record {
        Record {
            made: self,
            salt: vec![b'0'; 2 * salt::BYTES],
            expected: vec![0; self.digest.len().unwrap_or(16)],
        }
    }

    fn apply(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        match self.salt_position {
            SaltPosition::Disable => self.digest.of(password, b""),
            SaltPosition::Prefix => self.digest.of(salt, password),
            SaltPosition::Suffix => self.digest.of(password, salt),
        }
    }
}

fn from_hex(text: &str, len: usize) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|bytes| bytes.len() == len)
}

/// A stored digest: `$sha256$prefix$<salt, base64>$<hash, hexadecimal>`; the last part of a plain one is base64.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) made: SaltedDigest,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

impl Record {
    /// Reads the parts after the name.
    pub(super) fn parse(digest: Digest, rest: &str) -> Result<Self, HashError> {
        let [position, salt, hash] = parts::split(rest)
            .ok_or_else(|| HashError::unusable("a digest has the form `$name$position$salt$hash`"))?;
        let salt_position = SaltPosition::WORDS
            .into_iter()
            .find_map(|(word, meaning)| (word == position).then_some(meaning))
            .ok_or_else(|| HashError::unusable("its salt position is unknown"))?;
        let expected = match digest.len() {
            None => parts::from_base64(hash)?,
            Some(_) => hex::decode(hash).map_err(|_| HashError::unusable("its digest is not hexadecimal"))?,
        };
        let made = SaltedDigest { digest, salt_position };
        Self::new(made, parts::from_base64(salt)?, expected)
    }

    pub(super) fn new(made: SaltedDigest, salt: Vec<u8>, expected: Vec<u8>) -> Result<Self, HashError> {
        let fits = match made.digest.len() {
            None => expected.len() <= MAX_PLAIN,
            Some(len) => expected.len() == len,
        };
        if !fits || salt.len() > MAX_SALT {
            return Err(HashError::unusable("its digest or its salt has the wrong length"));
        }
        Ok(Self { made, salt, expected })
    }

    pub(super) fn encode(&self) -> String {
        let hash = match self.made.digest {
            Digest::Plain => parts::to_base64(&self.expected),
            _ => hex::encode(&self.expected),
        };
        let SaltedDigest { digest, salt_position } = self.made;
        format!(
            "${}${}${}${hash}",
            digest.name(),
            salt_position.word(),
            parts::to_base64(&self.salt)
        )
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        self.made.apply(&self.salt, password).ct_eq(&self.expected).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, SaltPosition, SaltedDigest};

    fn matches(digest: Digest, salt_position: SaltPosition, hash: &str, salt: &str, password: &str) -> bool {
        let kind = SaltedDigest { digest, salt_position };
        kind.import(hash, salt).unwrap().verify(password.as_bytes())
    }

    /// FIPS 180-4 and RFC 1321: the digests of `abc`.
    #[test]
    fn digests_are_the_published_ones() {
        for (digest, expected) in [
            (Digest::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Digest::Sha, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Digest::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Digest::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert!(
                matches(digest, SaltPosition::Disable, expected, "", "abc"),
                "{digest:?}"
            );
        }
    }

    #[test]
    fn salts_go_where_emqx_puts_them() {
        let sha256 = "ac63a624e7074776d677dd61a003b8c803eb11db004d0ec6ae032a5d7c9c5caf";
        assert!(matches(Digest::Sha256, SaltPosition::Prefix, sha256, "salt", "sha256"));
        assert!(!matches(Digest::Sha256, SaltPosition::Suffix, sha256, "salt", "sha256"));
        let sha = "c665d4c0a9e5498806b7d9fd0b417d272853660e";
        assert!(matches(Digest::Sha, SaltPosition::Prefix, sha, "salt", "sha"));
        assert!(matches(
            Digest::Md5,
            SaltPosition::Disable,
            "1bc29b36f623ba82aaf6724fd3b16718",
            "ignored",
            "md5"
        ));
        assert!(matches(
            Digest::Plain,
            SaltPosition::Suffix,
            "passwordsalt",
            "salt",
            "password"
        ));
    }

    #[test]
    fn emqx_sample_users_log_in_with_their_passwords() {
        let hash = "b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75";
        let salt = "de1024f462fb83910fd13151bd4bd235";
        assert!(matches(Digest::Sha256, SaltPosition::Prefix, hash, salt, "mypassword3"));
        assert!(matches(
            Digest::Sha256,
            SaltPosition::Prefix,
            &hash.to_uppercase(),
            salt,
            "mypassword3"
        ));
        assert!(!matches(
            Digest::Sha256,
            SaltPosition::Prefix,
            hash,
            &salt.to_uppercase(),
            "mypassword3"
        ));
    }

    #[test]
    fn plain_text_is_compared_exactly() {
        assert!(matches(Digest::Plain, SaltPosition::Disable, "Secret", "", "Secret"));
        assert!(!matches(Digest::Plain, SaltPosition::Disable, "Secret", "", "secret"));
        assert!(matches(Digest::Plain, SaltPosition::Disable, "", "", ""));
    }

    #[test]
    fn a_hash_of_the_wrong_length_is_refused() {
        let kind = SaltedDigest {
            digest: Digest::Sha256,
            salt_position: SaltPosition::Prefix,
        };
        assert_eq!(kind.import("abcd", "salt").err().unwrap().field, "password_hash");
        assert!(kind.import(&"z".repeat(64), "salt").is_err());
    }
}

//! bcrypt, written as a crypt string. Passwords beyond its 72 bytes are refused, never cut.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{HashError, Invalid};
use super::fields::{Fields, name_schema};
use super::parts::number;
use super::salt;

/// What the cipher's key schedule takes in.
pub(super) const MAX_PASSWORD: usize = 72;
const ROUNDS: std::ops::RangeInclusive<u32> = 4..=16;
const DEFAULT_ROUNDS: u32 = 10;
/// Fewer are too cheap for who guesses, more are too dear for who logs in.
const ADVISED_ROUNDS: std::ops::RangeInclusive<u32> = 10..=12;

/// Some libraries leave the unused bits of a salt's last digit set, and such strings must still verify.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// bcrypt with its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bcrypt {
    /// Base-2 logarithm of the number of rounds.
    pub salt_rounds: u32,
}

impl Bcrypt {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, Vec<Invalid>> {
        let salt_rounds = fields.number("salt_rounds", ROUNDS, Some(DEFAULT_ROUNDS));
        fields.finish()?;
        Ok(Self { salt_rounds })
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "name": "bcrypt", "salt_rounds": self.salt_rounds })
    }

    pub(super) fn schema() -> Value {
        json!({
            "title": "bcrypt",
            "description": "Slow, as a password hash should be. Takes passwords of at most 72 bytes.",
            "type": "object",
            "properties": {
                "name": name_schema("bcrypt"),
                "salt_rounds": {
                    "title": "Salt rounds",
                    "description": "Each one more doubles the work; above 12 a login takes over a quarter of a second of a core.",
                    "type": "integer", "minimum": ROUNDS.start(), "maximum": ROUNDS.end(), "default": DEFAULT_ROUNDS,
                },
            },
            "required": ["name"],
            "additionalProperties": false,
        })
    }

    pub(super) fn warnings(self) -> Vec<String> {
        let (least, most) = (ADVISED_ROUNDS.start(), ADVISED_ROUNDS.end());
        if self.salt_rounds > *most {
            vec![format!(
                "`salt_rounds` above {most} cost each login over a quarter of a second of a core"
            )]
        } else if self.salt_rounds < *least {
            vec![format!("`salt_rounds` below {least} are too few to slow guessing down")]
        } else {
            Vec::new()
        }
    }

    pub(super) fn hash(self, password: &[u8]) -> Result<Record, HashError> {
        let salt = salt::fresh()?;
        let hash = compute(self.salt_rounds, salt, password).ok_or(HashError::TooLong { limit: MAX_PASSWORD })?;
        Ok(Record {
            made: self,
            version: Version::B,
            salt,
            hash,
        })
    }

    /// A record that costs as much to check as any other with these rounds.
    pub(super) fn dummy(self) -> Record {
        Record {
            made: self,
            version: Version::B,
            salt: [0; 16],
            hash: [0; 23],
        }
    }
}

/// The tag of the crypt string. All three mean the same computation here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    A,
    B,
    Y,
}

impl Version {
    const WORDS: [(&'static str, Self); 3] = [("2a", Self::A), ("2b", Self::B), ("2y", Self::Y)];

    const fn word(self) -> &'static str {
        match self {
            Self::A => "2a",
            Self::B => "2b",
            Self::Y => "2y",
        }
    }
}

/// A stored bcrypt hash: `$2b$10$` and 53 digits.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) made: Bcrypt,
    version: Version,
    salt: [u8; 16],
    hash: [u8; 23],
}

impl Record {
    /// Whether a text calls itself bcrypt, usable or not.
    pub(super) fn claims(name: &str) -> bool {
        matches!(name, "2" | "2a" | "2b" | "2x" | "2y")
    }

    /// Reads the parts after the tag. `2x` marks hashes of a faulty implementation, which nothing here can recompute.
    pub(super) fn parse(tag: &str, rest: &str) -> Result<Self, HashError> {
        let version = Version::WORDS
            .into_iter()
            .find_map(|(word, version)| (word == tag).then_some(version))
            .ok_or_else(|| HashError::unusable("of bcrypt only $2a$, $2b$ and $2y$ can be checked"))?;
        let (rounds, digits) = rest.split_once('$').ok_or_else(malformed)?;
        // The ceiling stands before any work, so that a hostile record cannot burn the processor.
        let salt_rounds =
            number(rounds, &ROUNDS).ok_or_else(|| HashError::unusable("its bcrypt rounds are not within 4 to 16"))?;
        let (salt, hash) = digits.split_at_checked(22).ok_or_else(malformed)?;
        Ok(Self {
            made: Bcrypt { salt_rounds },
            version,
            salt: decode(salt)?,
            hash: decode(hash)?,
        })
    }

    pub(super) fn encode(&self) -> String {
        let (version, rounds) = (self.version.word(), self.made.salt_rounds);
        format!(
            "${version}${rounds:02}${}{}",
            BASE64.encode(self.salt),
            BASE64.encode(self.hash)
        )
    }

    /// A password too long to be taken in whole is nobody's, but costs the same.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let whole = password.len() <= MAX_PASSWORD;
        let candidate = if whole { password } else { b"" };
        let computed = compute(self.made.salt_rounds, self.salt, candidate).unwrap_or_default();
        bool::from(computed.ct_eq(&self.hash)) && whole
    }
}

fn malformed() -> HashError {
    HashError::unusable("a bcrypt hash is `$2b$`, two digits, `$` and 53 digits of base64")
}

fn decode<const N: usize>(digits: &str) -> Result<[u8; N], HashError> {
    BASE64
        .decode(digits)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(malformed)
}

/// `None` for a password beyond 72 bytes. One of exactly 72 leaves no room for the closing zero, as in every implementation.
fn compute(rounds: u32, salt: [u8; 16], password: &[u8]) -> Option<[u8; 23]> {
    if password.len() > MAX_PASSWORD {
        return None;
    }
    let mut key = Zeroizing::new(password.to_vec());
    key.push(0);
    key.truncate(MAX_PASSWORD);
    let [hash @ .., _] = ::bcrypt::bcrypt(rounds, salt, &key);
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::{Bcrypt, Record};
    use crate::hash::HashError;

    fn record(text: &str) -> Result<Record, HashError> {
        let (tag, rest) = text.trim_start_matches('$').split_once('$').unwrap();
        Record::parse(tag, rest)
    }

    /// From the jBCrypt and crypt_blowfish test sets, and EMQX's suites.
    #[test]
    fn hashes_are_the_published_ones() {
        let seventy_two = [0xaa, 0x55].repeat(36);
        for (password, hash) in [
            (
                b"".as_slice(),
                "$2a$08$HqWuK6/Ng6sg9gQzbLrgb.Tl.ZHfXLhvt/SgVyWhQqgqcZ7ZuUtye",
            ),
            (b"a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
            (b"abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            (b"abc", "$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            (b"abc", "$2y$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
            (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            (
                b"\xff\xff\xa3",
                "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
            ),
            (b"\xa3", "$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
            (
                &seventy_two,
                "$2a$05$/OK.fbVrR/bpIqNJ5ianF.R9xrDjiycxMbQE2bp.vgqlYpW5wx2yy",
            ),
            (
                b"bcrypt",
                "$2b$12$wtY3h20mUjjmeaClpqZVveDWGlHzCGsvuThMlneGHA7wVeFYyns2u",
            ),
        ] {
            assert!(record(hash).unwrap().verify(password), "{hash}");
            assert_eq!(record(hash).unwrap().encode(), hash);
        }
        assert!(
            !record("$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i")
                .unwrap()
                .verify(b"ABC")
        );
    }

    #[test]
    fn a_password_beyond_72_bytes_is_never_cut() {
        let (bcrypt, longest) = (Bcrypt { salt_rounds: 4 }, [b'x'; 72]);
        assert!(
            bcrypt
                .hash(&[b'x'; 73])
                .is_err_and(|error| error == HashError::TooLong { limit: 72 })
        );
        let record = bcrypt.hash(&longest).unwrap();
        assert!(record.verify(&longest));
        assert!(!record.verify(&[b'x'; 73]));
    }

    #[test]
    fn a_record_with_too_many_rounds_is_refused_before_any_work() {
        assert!(record("$2b$31$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i").is_err());
        assert!(record("$2x$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i").is_err());
        assert!(record("$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf").is_err());
    }
}

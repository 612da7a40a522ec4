//! PBKDF2 over HMAC with SHA-1 and the SHA-2 family, written as a PHC string.

use std::ops::RangeInclusive;

use ::pbkdf2::pbkdf2_hmac;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::error::{HashError, Invalid};
use super::fields::{Fields, name_schema};
use super::parts::{self, MAX_SALT, named_number};
use super::salt;

pub(super) const ITERATIONS: RangeInclusive<u32> = 1..=10_000_000;
/// What others call the one with SHA-1.
const SHA1_ELSEWHERE: &str = "pbkdf2";
const DK_LENGTH: RangeInclusive<u32> = 1..=1024;
/// A key longer than the hash has to be derived in several blocks, each of which costs all the iterations.
const MAX_WORK: u32 = *ITERATIONS.end();
/// A shorter key can be hit by chance.
const ADVISED_DK_LENGTH: u32 = 16;

/// The hash under the HMAC. EMQX lists md4, md5 and ripemd160 too, but they have not worked there since 5.8.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacFun {
    /// SHA-1.
    Sha,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl MacFun {
    const WORDS: [(&'static str, Self); 5] = [
        ("sha", Self::Sha),
        ("sha224", Self::Sha224),
        ("sha256", Self::Sha256),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Sha => "sha",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The name that opens the record.
    const fn tag(self) -> &'static str {
        match self {
            Self::Sha => "pbkdf2-sha1",
            Self::Sha224 => "pbkdf2-sha224",
            Self::Sha256 => "pbkdf2-sha256",
            Self::Sha384 => "pbkdf2-sha384",
            Self::Sha512 => "pbkdf2-sha512",
        }
    }

    /// The least iterations that OWASP advises (Password Storage Cheat Sheet, 2023).
    const fn advised_iterations(self) -> u32 {
        match self {
            Self::Sha => 1_300_000,
            Self::Sha224 | Self::Sha256 => 600_000,
            Self::Sha384 | Self::Sha512 => 210_000,
        }
    }

    /// Bytes of the hash, which is also the length of a key unless told otherwise.
    const fn len(self) -> u32 {
        match self {
            Self::Sha => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// PBKDF2 with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pbkdf2 {
    /// The hash under the HMAC.
    pub mac_fun: MacFun,
    /// How often it is applied.
    pub iterations: u32,
    /// Bytes of the derived key.
    pub dk_length: u32,
}

impl Pbkdf2 {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, Vec<Invalid>> {
        if !fields.has("mac_fun") {
            fields.refuse("mac_fun", "is required: sha, sha224, sha256, sha384 or sha512");
        }
        let mac_fun = fields.word("mac_fun", &MacFun::WORDS).unwrap_or(MacFun::Sha256);
        let iterations = fields.number("iterations", ITERATIONS, None);
        let dk_length = fields.number("dk_length", DK_LENGTH, Some(mac_fun.len()));
        let parameters = Self {
            mac_fun,
            iterations,
            dk_length,
        };
        if parameters.work() > MAX_WORK {
            fields.refuse(
                "dk_length",
                format!(
                    "takes {} times the iterations, together more than {MAX_WORK}",
                    parameters.blocks()
                ),
            );
        }
        fields.finish()?;
        Ok(parameters)
    }

    const fn blocks(self) -> u32 {
        self.dk_length.div_ceil(self.mac_fun.len())
    }

    const fn work(self) -> u32 {
        self.iterations.saturating_mul(self.blocks())
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "name": "pbkdf2",
            "mac_fun": self.mac_fun.word(),
            "iterations": self.iterations,
            "dk_length": self.dk_length,
        })
    }

    pub(super) fn schema() -> Value {
        json!({
            "title": "pbkdf2",
            "description": "Slow in processor time only; 600,000 iterations of sha256 are today's advice.",
            "type": "object",
            "properties": {
                "name": name_schema("pbkdf2"),
                "mac_fun": {
                    "title": "Hash function",
                    "description": "The hash under the HMAC.",
                    "enum": MacFun::WORDS.map(|(word, _)| word),
                },
                "iterations": {
                    "title": "Iterations",
                    "description": "How often it is applied.",
                    "type": "integer", "minimum": ITERATIONS.start(), "maximum": ITERATIONS.end(),
                },
                "dk_length": {
                    "title": "Key length",
                    "description": "Bytes of the derived key; by default as many as the hash has.",
                    "type": "integer", "minimum": DK_LENGTH.start(), "maximum": DK_LENGTH.end(),
                },
            },
            "required": ["name", "mac_fun", "iterations"],
            "additionalProperties": false,
        })
    }

    pub(super) fn warnings(self) -> Vec<String> {
        let (advised, mut warnings) = (self.mac_fun.advised_iterations(), Vec::new());
        if self.iterations < advised {
            warnings.push(format!(
                "`iterations` below {advised} are too few to slow guessing down with {}",
                self.mac_fun.word()
            ));
        }
        if self.dk_length < ADVISED_DK_LENGTH {
            warnings.push(format!("`dk_length` below {ADVISED_DK_LENGTH} makes a weak hash"));
        }
        warnings
    }

    pub(super) fn hash(self, password: &[u8]) -> Result<Record, HashError> {
        let salt = salt::fresh_text()?.into_bytes();
        let key = self.derive(&salt, password);
        Ok(Record { made: self, salt, key })
    }

    /// A record whose hash and salt were made elsewhere.
    pub(super) fn import(self, password_hash: &str, salt: &str) -> Result<Record, Invalid> {
        let digits = 2 * self.dk_length;
        let key = hex::decode(password_hash)
            .ok()
            .filter(|key| key.len() == self.dk_length as usize)
            .ok_or_else(|| Invalid::new("password_hash", format!("must be {digits} hexadecimal digits")))?;
        let salt = parts::bounded_salt(salt)?.as_bytes().to_vec();
        Ok(Record { made: self, salt, key })
    }

    /// A record that costs as much to check as any other with these parameters.
    pub(super) fn dummy(self) -> Record {
        Record {
            made: self,
            salt: vec![b'0'; 2 * salt::BYTES],
            key: vec![0; self.dk_length as usize],
        }
    }

    fn derive(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        let mut key = vec![0; self.dk_length as usize];
        match self.mac_fun {
            MacFun::Sha => pbkdf2_hmac::<Sha1>(password, salt, self.iterations, &mut key),
            MacFun::Sha224 => pbkdf2_hmac::<Sha224>(password, salt, self.iterations, &mut key),
            MacFun::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, self.iterations, &mut key),
            MacFun::Sha384 => pbkdf2_hmac::<Sha384>(password, salt, self.iterations, &mut key),
            MacFun::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, self.iterations, &mut key),
        }
        key
    }
}

/// A stored key: `$pbkdf2-sha256$i=4096,l=32$<salt, base64>$<key, base64>`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) made: Pbkdf2,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl Record {
    /// Whether a text calls itself PBKDF2, usable or not.
    pub(super) fn claims(name: &str) -> bool {
        name == SHA1_ELSEWHERE || name.starts_with("pbkdf2-")
    }

    /// Reads the parts after the name. Others leave the length out.
    pub(super) fn parse(tag: &str, rest: &str) -> Result<Self, HashError> {
        let tag = if tag == SHA1_ELSEWHERE { MacFun::Sha.tag() } else { tag };
        let mac_fun = MacFun::WORDS
            .into_iter()
            .find_map(|(_, mac_fun)| (mac_fun.tag() == tag).then_some(mac_fun))
            .ok_or_else(|| HashError::unusable("its PBKDF2 hash function is unknown"))?;
        let [cost, salt, key] = parts::split(rest)
            .ok_or_else(|| HashError::unusable("a PBKDF2 key has the form `$pbkdf2-sha256$i=…,l=…$salt$key`"))?;
        let key = parts::from_base64(key)?;
        let (iterations, length) = cost.split_once(',').unzip();
        let iterations = named_number(iterations.unwrap_or(cost), "i", &ITERATIONS).ok_or_else(out_of_range)?;
        let length_fits = length.is_none_or(|length| {
            named_number(length, "l", &DK_LENGTH).is_some_and(|length| length as usize == key.len())
        });
        if !length_fits {
            return Err(out_of_range());
        }
        Self::new(mac_fun, iterations, parts::from_base64(salt)?, key)
    }

    /// The ceilings stand before any work.
    pub(super) fn new(mac_fun: MacFun, iterations: u32, salt: Vec<u8>, key: Vec<u8>) -> Result<Self, HashError> {
        let made = Pbkdf2 {
            mac_fun,
            iterations,
            dk_length: u32::try_from(key.len()).map_err(|_| out_of_range())?,
        };
        let in_range =
            ITERATIONS.contains(&iterations) && DK_LENGTH.contains(&made.dk_length) && made.work() <= MAX_WORK;
        if !in_range || salt.len() > MAX_SALT {
            return Err(out_of_range());
        }
        Ok(Self { made, salt, key })
    }

    pub(super) fn encode(&self) -> String {
        let Pbkdf2 {
            mac_fun,
            iterations,
            dk_length,
        } = self.made;
        let (salt, key) = (parts::to_base64(&self.salt), parts::to_base64(&self.key));
        format!("${}$i={iterations},l={dk_length}${salt}${key}", mac_fun.tag())
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        self.made.derive(&self.salt, password).ct_eq(&self.key).into()
    }
}

fn out_of_range() -> HashError {
    HashError::unusable("its PBKDF2 iterations, salt or length are missing or out of range")
}

#[cfg(test)]
mod tests {
    use super::{MacFun, Pbkdf2, Record};

    /// RFC 6070, RFC 3962, RFC 7914, and the same inputs under the other hashes.
    #[test]
    fn keys_are_the_published_ones() {
        let long = ("passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt");
        for (mac_fun, (password, salt), iterations, key) in [
            (
                MacFun::Sha,
                ("password", "salt"),
                1,
                "0c60c80f961f0e71f3a9b524af6012062fe037a6",
            ),
            (
                MacFun::Sha,
                long,
                4096,
                "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
            ),
            (
                MacFun::Sha,
                ("pass\0word", "sa\0lt"),
                4096,
                "56fa6aa75548099dcc37d7f03425e0c3",
            ),
            (
                MacFun::Sha,
                ("password", "ATHENA.MIT.EDUraeburn"),
                2,
                "01dbee7f4a9e243e988b62c73cda935da05378b93244ec8f48a99e61ad799d86",
            ),
            (
                MacFun::Sha224,
                ("password", "salt"),
                2,
                "93200ffa96c5776d38fa10abdf8f5bfc0054b9718513df472d2331d2",
            ),
            (
                MacFun::Sha256,
                ("passwd", "salt"),
                1,
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
            ),
            (
                MacFun::Sha256,
                long,
                4096,
                "348c89dbcbd32b2f32d814b8116e84cf2b17347ebc1800181c4e2a1fb8dd53e1c635518c7dac47e9",
            ),
            (
                MacFun::Sha384,
                ("password", "salt"),
                2,
                "54f775c6d790f21930459162fc535dbf04a939185127016a04176a0730c6f1f4fb48832ad1261baadd2cedd50814b1c8",
            ),
            (
                MacFun::Sha512,
                ("password", "salt"),
                2,
                "e1d9c16aa681708a45f5c7c4e215ceb66e011a2e9f0040713f18aefdb866d53cf76cab2868a39b9f7840edce4fef5a82be67335c77a6068e04112754f27ccf4e",
            ),
        ] {
            let dk_length = u32::try_from(key.len() / 2).unwrap();
            let record = Pbkdf2 {
                mac_fun,
                iterations,
                dk_length,
            }
            .import(&key.to_uppercase(), salt)
            .unwrap();
            assert!(record.verify(password.as_bytes()), "{mac_fun:?} {key}");
            assert!(!record.verify(b"other"));
        }
    }

    #[test]
    fn a_hostile_record_is_refused_before_any_work() {
        for rest in [
            "i=4000000000,l=4$c2FsdA$AAAAAA",
            "i=1,l=5$c2FsdA$AAAAAA",
            "i=0,l=4$c2FsdA$AAAAAA",
            "i=+1,l=4$c2FsdA$AAAAAA",
            "i=1,l=4,x=1$c2FsdA$AAAAAA",
            "i=1,l=4$c2FsdA",
            "i=1,l=0$c2FsdA$",
            "$c2FsdA$AAAAAA",
        ] {
            assert!(Record::parse("pbkdf2-sha256", rest).is_err(), "{rest}");
        }
        assert!(Record::parse("pbkdf2-md4", "i=1,l=4$c2FsdA$AAAAAA").is_err());
        let (most, salt) = ("A".repeat(1366), "A".repeat(342));
        for (rest, fits) in [
            (format!("i=1,l=1024${salt}${most}"), true),
            (format!("i=1,l=1025${salt}${most}AA"), false),
            (format!("i=1,l=1024${salt}AA${most}"), false),
            (format!("i=10000000,l=1024$c2FsdA${most}"), false),
            ("i=10000000,l=4$c2FsdA$AAAAAA".into(), true),
            ("i=10000001,l=4$c2FsdA$AAAAAA".into(), false),
        ] {
            assert_eq!(Record::parse("pbkdf2-sha256", &rest).is_ok(), fits, "{rest}");
        }
    }
}

//! Keys of a SCRAM user that another program has made, as they are written: base64, as in RFC 5803.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Invalid;
use super::scram::{Scram, ScramHash, ScramRecord, fault_of_iterations, fault_of_key, fault_of_salt};

/// What stands for a password: the four values that RFC 5803 joins into one text. Empty or `None`: not given.
#[derive(Clone, Copy, Default)]
pub struct ScramKeys<'a> {
    /// Base64.
    pub salt: &'a [u8],
    /// How often PBKDF2 was applied.
    pub iterations: Option<u32>,
    /// Base64.
    pub stored_key: &'a [u8],
    /// Base64.
    pub server_key: &'a [u8],
}

impl ScramRecord {
    /// From keys; every fault at once. No fault quotes a key.
    pub fn from_keys(hash: ScramHash, keys: ScramKeys<'_>) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        let iterations = match keys.iterations {
            Some(iterations) => {
                faults.extend(fault_of_iterations(iterations));
                iterations
            }
            None => {
                faults.push(missing("iterations"));
                0
            }
        };
        let mut read = |field, base64, fault_of: &dyn Fn(&[u8]) -> Option<Invalid>| match decoded(field, base64) {
            Ok(bytes) => {
                faults.extend(fault_of(&bytes));
                bytes
            }
            Err(fault) => {
                faults.push(fault);
                Vec::new()
            }
        };
        let salt = read("salt", keys.salt, &fault_of_salt);
        let [stored_key, server_key] = [("stored_key", keys.stored_key), ("server_key", keys.server_key)]
            .map(|(field, base64)| read(field, base64, &|key| fault_of_key(hash, field, key)));
        if !faults.is_empty() {
            return Err(faults);
        }
        Self::from_parts(hash, iterations, &salt, &stored_key, &server_key).map_err(|fault| vec![fault])
    }
}

impl Scram {
    /// The same under the hash function of that word (`sha256`) or of that mechanism (`SCRAM-SHA-256`).
    pub fn under(self, name: &str) -> Result<Self, Invalid> {
        let named = |(word, hash): (&str, ScramHash)| (name == word || name == hash.mechanism()).then_some(hash);
        match ScramHash::WORDS.into_iter().find_map(named) {
            Some(hash) => Ok(Self { hash, ..self }),
            None => Err(Invalid::new(
                "",
                "must be `sha256` or `sha512` for a SCRAM authenticator, or empty",
            )),
        }
    }
}

fn decoded(field: &str, base64: &[u8]) -> Result<Vec<u8>, Invalid> {
    if base64.is_empty() {
        return Err(missing(field));
    }
    STANDARD
        .decode(base64)
        .map_err(|_| Invalid::new(field, "must be base64 with its padding (RFC 4648)"))
}

fn missing(field: &str) -> Invalid {
    let why = "is missing: keys come as `salt`, `iterations`, `stored_key` and `server_key` together";
    Invalid::new(field, why)
}

#[cfg(test)]
mod tests {
    use super::{Scram, ScramHash, ScramKeys, ScramRecord};

    /// The user of RFC 7677 section 3, whose password is `pencil`.
    const KEYS: ScramKeys<'static> = ScramKeys {
        salt: b"W22ZaJ0SNY7soEsUEjb6gQ==",
        iterations: Some(4096),
        stored_key: b"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
        server_key: b"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    };

    fn faulty_fields(hash: ScramHash, keys: ScramKeys<'_>) -> Vec<(String, String)> {
        let faults = ScramRecord::from_keys(hash, keys).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.field, fault.why)).collect()
    }

    #[test]
    fn keys_make_the_record_that_their_password_makes() {
        let record = ScramRecord::from_keys(ScramHash::Sha256, KEYS).ok().unwrap();
        assert_eq!(
            record.encode(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert!(record.verify(b"pencil").unwrap() && !record.verify(b"pen").unwrap());
    }

    #[test]
    fn every_wrong_key_is_named_at_once() {
        let nothing = faulty_fields(ScramHash::Sha256, ScramKeys::default());
        let fields: Vec<_> = nothing.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["iterations", "salt", "stored_key", "server_key"]);
        assert!(nothing.iter().all(|(_, why)| why.starts_with("is missing")));

        let hexadecimal = "58".repeat(31);
        let wrong = ScramKeys {
            salt: b"W22ZaJ0SNY7soEsUEjb6gQ",
            iterations: Some(10_000_001),
            stored_key: hexadecimal.as_bytes(),
            server_key: b"c2hvcnQ=",
        };
        let faults = faulty_fields(ScramHash::Sha256, wrong);
        assert_eq!(
            faults.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>(),
            [
                "must be from 1 to 10000000",
                "must be base64 with its padding (RFC 4648)",
                "must be base64 with its padding (RFC 4648)",
                "must have 32 bytes under SCRAM-SHA-256, not 5",
            ]
        );
    }

    #[test]
    fn keys_of_one_mechanism_are_none_of_the_other() {
        let faults = faulty_fields(ScramHash::Sha512, KEYS);
        let why = "must have 64 bytes under SCRAM-SHA-512, not 32".to_owned();
        assert_eq!(
            faults,
            [("stored_key".to_owned(), why.clone()), ("server_key".to_owned(), why)]
        );
    }

    #[test]
    fn a_salt_has_1_to_256_bytes_and_iterations_may_be_few() {
        use base64::Engine;
        for (bytes, is_taken) in [(1, true), (256, true), (257, false)] {
            let salt = base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]);
            let keys = ScramKeys {
                salt: salt.as_bytes(),
                iterations: Some(1),
                ..KEYS
            };
            assert_eq!(faulty_fields(ScramHash::Sha256, keys).is_empty(), is_taken, "{bytes}");
        }
    }

    #[test]
    fn a_mechanism_is_named_by_its_word_or_in_full() {
        let made = Scram {
            hash: ScramHash::Sha256,
            iterations: 5000,
        };
        let other = Scram {
            hash: ScramHash::Sha512,
            ..made
        };
        assert_eq!(
            (made.under("sha512"), made.under("SCRAM-SHA-512")),
            (Ok(other), Ok(other))
        );
        assert_eq!(other.under("sha256"), Ok(made));
        for wrong in ["", "sha1", "argon2id", "SHA256", "SCRAM-SHA-1"] {
            assert!(made.under(wrong).is_err(), "{wrong}");
        }
    }
}

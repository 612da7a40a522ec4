//! THE LIST of algorithms, read from and written as EMQX's `password_hash_algorithm` object.

use serde_json::{Map, Value, json};

use super::argon2::{Argon2id, Preset};
use super::bcrypt::{self, Bcrypt};
use super::digest::{Digest, SaltedDigest};
use super::encoded::{Encoded, says_what_it_is};
use super::error::{HashError, Invalid};
use super::fields::Fields;
use super::pbkdf2::Pbkdf2;
use super::scram::{Scram, ScramRecord};

/// An algorithm with its parameters: EMQX's `password_hash_algorithm` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `plain`, `md5`, `sha`, `sha256`, `sha512`.
    Digest(SaltedDigest),
    /// `bcrypt`.
    Bcrypt(Bcrypt),
    /// `pbkdf2`.
    Pbkdf2(Pbkdf2),
    /// `argon2id`, which EMQX lacks.
    Argon2id(Argon2id),
    /// SCRAM: of the users of a SCRAM authenticator, never named in `password_hash_algorithm`.
    Scram(Scram),
}

impl Algorithm {
    /// Passwords of more bytes are refused when set, and are nobody's when checked.
    pub(super) const MAX_PASSWORD: usize = 1024;

    /// argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane).
    pub fn recommended() -> Self {
        Self::Argon2id(Preset::Default.parameters())
    }

    /// Whether it makes what SCRAM needs, and not a hash that passwords are compared with.
    pub fn is_scram(&self) -> bool {
        matches!(self, Self::Scram(_))
    }

    /// From the JSON object or a bare name; every violation at once.
    pub fn parse(json: &Value) -> Result<Self, Vec<Invalid>> {
        let nothing = Map::new();
        let (name, object) = match json {
            Value::String(name) => (name.as_str(), &nothing),
            Value::Object(object) => (named(object).map_err(|fault| vec![fault])?, object),
            _ => {
                return Err(vec![Invalid::new(
                    "",
                    "must be an object with a `name`, or the bare name",
                )]);
            }
        };
        let fields = Fields::of(object);
        match name {
            "argon2id" => Argon2id::parse(fields).map(Self::Argon2id),
            "bcrypt" => Bcrypt::parse(fields).map(Self::Bcrypt),
            "pbkdf2" => Pbkdf2::parse(fields).map(Self::Pbkdf2),
            simple => match Digest::WORDS.into_iter().find(|(word, _)| *word == simple) {
                Some((_, digest)) => SaltedDigest::parse(digest, fields).map(Self::Digest),
                None => Err(vec![Invalid::new(
                    "name",
                    format!("must be one of {}", names().join(", ")),
                )]),
            },
        }
    }

    /// The JSON object, defaults filled in.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Digest(digest) => digest.to_json(),
            Self::Bcrypt(bcrypt) => bcrypt.to_json(),
            Self::Pbkdf2(pbkdf2) => pbkdf2.to_json(),
            Self::Argon2id(argon2id) => argon2id.to_json(),
            Self::Scram(scram) => scram.to_json(),
        }
    }

    /// JSON schema of the object, with titles, descriptions and defaults.
    pub fn schema() -> Value {
        let slow = [Argon2id::schema(), Bcrypt::schema(), Pbkdf2::schema()];
        let every: Vec<_> = slow
            .into_iter()
            .chain(Digest::WORDS.map(SaltedDigest::schema))
            .collect();
        json!({
            "title": "Password hash",
            "description": "How new passwords are protected. Every stored password keeps the algorithm it was made with.",
            "oneOf": every,
            "default": Self::recommended().to_json(),
        })
    }

    /// The self-describing text for a hash and salt made elsewhere (EMQX's `password_hash` and `salt` columns). A hash that comes
    /// without a salt and says itself what it is (`$2b$…`, `$argon2id$…`, `{SSHA}…`, or exported from here) is taken at its
    /// word, whatever this algorithm. So is one with a salt if it begins with `$`, because EMQX writes bcrypt so; except under
    /// `plain`, where any text may be a password.
    pub fn import(&self, password_hash: &str, salt: &str) -> Result<String, Invalid> {
        if ScramRecord::claims(password_hash) || matches!(self, Self::Scram(_)) {
            if !salt.is_empty() {
                return Err(Invalid::new("salt", "must be empty: a SCRAM string holds its own"));
            }
            return ScramRecord::parse(password_hash)
                .map(|record| record.encode())
                .map_err(|error| Invalid::new("password_hash", error.to_string()));
        }
        let plain = matches!(
            self,
            Self::Digest(SaltedDigest {
                digest: Digest::Plain,
                ..
            })
        );
        if says_what_it_is(password_hash) {
            let trusted = salt.is_empty() || (password_hash.starts_with('$') && !plain);
            match Encoded::parse(password_hash) {
                Ok(encoded) if trusted => return Ok(encoded.encode()),
                _ if plain => {}
                Ok(_) => return Err(Invalid::new("salt", "must be empty: this hash says itself what it is")),
                Err(error) => return Err(Invalid::new("password_hash", error.to_string())),
            }
        }
        let encoded = match self {
            Self::Digest(digest) => Encoded::Digest(digest.import(password_hash, salt)?),
            Self::Pbkdf2(pbkdf2) => Encoded::Pbkdf2(pbkdf2.import(password_hash, salt)?),
            Self::Bcrypt(_) => return Err(Invalid::new("password_hash", "must be a bcrypt string (`$2b$…`)")),
            Self::Argon2id(_) => {
                return Err(Invalid::new(
                    "password_hash",
                    "must be an argon2 string (`$argon2id$…`)",
                ));
            }
            Self::Scram(_) => {
                return Err(Invalid::new(
                    "password_hash",
                    "must be a SCRAM string (`SCRAM-SHA-256$…`)",
                ));
            }
        };
        Ok(encoded.encode())
    }

    /// What an operator should know before relying on it; one sentence each, none for what is good practice.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Digest(digest) => digest.warnings(),
            Self::Bcrypt(bcrypt) => bcrypt.warnings(),
            Self::Pbkdf2(pbkdf2) => pbkdf2.warnings(),
            Self::Argon2id(argon2id) => argon2id.warnings(),
            Self::Scram(_) => Vec::new(),
        }
    }

    /// Whether a record of that text is already made by this algorithm with these parameters.
    pub fn made(&self, encoded: &str) -> bool {
        Encoded::parse(encoded).is_ok_and(|record| record.made().as_ref() == Some(self))
    }

    /// The longest password that it takes in whole, in bytes: longer ones are refused when set.
    pub fn longest_password(&self) -> usize {
        match self {
            Self::Bcrypt(_) => bcrypt::MAX_PASSWORD,
            Self::Digest(_) | Self::Pbkdf2(_) | Self::Argon2id(_) | Self::Scram(_) => Self::MAX_PASSWORD,
        }
    }

    /// Whether it takes no more time than handing it to another thread would.
    pub(super) fn is_cheap(&self) -> bool {
        matches!(self, Self::Digest(_))
    }

    /// A new record, computed on this thread.
    pub(super) fn hash(&self, password: &[u8]) -> Result<Encoded, HashError> {
        if password.len() > Self::MAX_PASSWORD {
            return Err(HashError::TooLong {
                limit: Self::MAX_PASSWORD,
            });
        }
        Ok(match self {
            Self::Digest(digest) => Encoded::Digest(digest.hash(password)?),
            Self::Bcrypt(bcrypt) => Encoded::Bcrypt(bcrypt.hash(password)?),
            Self::Pbkdf2(pbkdf2) => Encoded::Pbkdf2(pbkdf2.hash(password)?),
            Self::Argon2id(argon2id) => Encoded::Argon2(argon2id.hash(password)?),
            Self::Scram(scram) => Encoded::Scram(scram.hash(password)?),
        })
    }

    /// A record nobody has, which costs as much to check as any of this algorithm.
    pub(super) fn dummy(&self) -> Encoded {
        match self {
            Self::Digest(digest) => Encoded::Digest(digest.dummy()),
            Self::Bcrypt(bcrypt) => Encoded::Bcrypt(bcrypt.dummy()),
            Self::Pbkdf2(pbkdf2) => Encoded::Pbkdf2(pbkdf2.dummy()),
            Self::Argon2id(argon2id) => Encoded::Argon2(argon2id.dummy()),
            Self::Scram(scram) => Encoded::Scram(scram.dummy()),
        }
    }
}

fn named(object: &Map<String, Value>) -> Result<&str, Invalid> {
    object
        .get("name")
        .and_then(Value::as_str)
        .ok_or_else(|| Invalid::new("name", format!("is required: one of {}", names().join(", "))))
}

fn names() -> Vec<&'static str> {
    ["argon2id", "bcrypt", "pbkdf2"]
        .into_iter()
        .chain(Digest::WORDS.map(|(word, _)| word))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Algorithm;

    fn faults(json: serde_json::Value) -> Vec<String> {
        Algorithm::parse(&json)
            .unwrap_err()
            .into_iter()
            .map(|fault| fault.field)
            .collect()
    }

    #[test]
    fn defaults_are_filled_in_and_read_back() {
        for (given, filled) in [
            (json!("sha256"), json!({"name": "sha256", "salt_position": "prefix"})),
            (json!({"name": "bcrypt"}), json!({"name": "bcrypt", "salt_rounds": 10})),
            (
                json!({"name": "pbkdf2", "mac_fun": "sha384", "iterations": 4096.0, "dk_length": null}),
                json!({"name": "pbkdf2", "mac_fun": "sha384", "iterations": 4096, "dk_length": 48}),
            ),
            (
                json!({"name": "argon2id"}),
                json!({"name": "argon2id", "memory_kib": 19456, "iterations": 2, "parallelism": 1}),
            ),
            (
                json!({"name": "argon2id", "preset": "hardened"}),
                json!({"name": "argon2id", "memory_kib": 65536, "iterations": 3, "parallelism": 4}),
            ),
        ] {
            let algorithm = Algorithm::parse(&given).unwrap();
            assert_eq!(algorithm.to_json(), filled);
            assert_eq!(Algorithm::parse(&filled).unwrap(), algorithm);
        }
    }

    #[test]
    fn every_violation_is_named_at_once() {
        assert_eq!(
            faults(json!({"name": "pbkdf2", "mac_fun": "md4", "iterations": 0, "dk_length": 5000, "salt": 1})),
            ["mac_fun", "iterations", "dk_length", "salt"]
        );
        assert_eq!(faults(json!({"name": "pbkdf2"})), ["mac_fun", "iterations"]);
        assert_eq!(
            faults(json!({"name": "argon2id", "memory_kib": 2_000_000, "iterations": 101})),
            ["memory_kib", "iterations"]
        );
        assert_eq!(
            faults(json!({"name": "argon2id", "preset": "default", "iterations": 3})),
            ["preset"]
        );
        assert_eq!(
            faults(json!({"name": "argon2id", "memory_kib": 1 << 20, "iterations": 5})),
            ["iterations"]
        );
        assert_eq!(
            faults(json!({"name": "pbkdf2", "mac_fun": "sha256", "iterations": 10_000_000, "dk_length": 33})),
            ["dk_length"]
        );
        for salt_rounds in [3, 17] {
            assert_eq!(
                faults(json!({"name": "bcrypt", "salt_rounds": salt_rounds})),
                ["salt_rounds"]
            );
        }
        assert_eq!(
            faults(json!({"name": "sha256", "salt_position": "middle"})),
            ["salt_position"]
        );
        assert_eq!(faults(json!({"name": "crc32"})), ["name"]);
        assert_eq!(faults(json!({})), ["name"]);
        assert_eq!(faults(json!(7)), [""]);
    }

    /// Without a default is what must be given, and what stands for other fields or follows from them.
    #[test]
    fn the_schema_tells_of_every_field_what_it_takes() {
        const NO_DEFAULT: [&str; 4] = ["mac_fun", "iterations", "preset", "dk_length"];
        let schema = Algorithm::schema();
        let kinds = schema["oneOf"].as_array().unwrap();
        assert_eq!(kinds.len(), 8);
        for kind in kinds {
            let title = &kind["title"];
            assert!(title.is_string() && kind["description"].is_string());
            for (field, told) in kind["properties"].as_object().unwrap() {
                assert!(
                    told["title"].is_string() && told["description"].is_string(),
                    "{title} {field}"
                );
                let bounded = told["minimum"].is_number() && told["maximum"].is_number();
                assert!(
                    bounded || told["enum"].is_array() || told["const"].is_string(),
                    "{title} {field}"
                );
                assert!(
                    !told["default"].is_null() || NO_DEFAULT.contains(&field.as_str()),
                    "{title} {field}"
                );
            }
        }
    }

    #[test]
    fn a_choice_against_good_practice_is_warned_of() {
        for (given, warned) in [
            (json!("argon2id"), [].as_slice()),
            (json!({"name": "argon2id", "preset": "interactive"}), &[]),
            (json!({"name": "argon2id", "preset": "hardened"}), &[]),
            (
                json!({"name": "argon2id", "memory_kib": 12_287, "iterations": 3}),
                &["12287 KiB"],
            ),
            (json!("bcrypt"), &[]),
            (json!({"name": "bcrypt", "salt_rounds": 12}), &[]),
            (json!({"name": "bcrypt", "salt_rounds": 13}), &["above 12"]),
            (json!({"name": "bcrypt", "salt_rounds": 9}), &["below 10"]),
            (
                json!({"name": "pbkdf2", "mac_fun": "sha256", "iterations": 600_000}),
                &[],
            ),
            (
                json!({"name": "pbkdf2", "mac_fun": "sha", "iterations": 600_000}),
                &["1300000"],
            ),
            (
                json!({"name": "pbkdf2", "mac_fun": "sha512", "iterations": 210_000, "dk_length": 15}),
                &["`dk_length`"],
            ),
            (json!("sha512"), &["`sha512`"]),
            (
                json!({"name": "sha", "salt_position": "disable"}),
                &["`sha`", "`salt_position`"],
            ),
            (json!({"name": "plain", "salt_position": "disable"}), &["as they are"]),
        ] {
            let warnings = Algorithm::parse(&given).unwrap().warnings();
            assert_eq!(warnings.len(), warned.len(), "{given}: {warnings:?}");
            for (warning, words) in warnings.iter().zip(warned) {
                assert!(warning.contains(words), "{warning}");
            }
        }
    }

    #[test]
    fn a_hash_that_says_what_it_is_is_taken_at_its_word() {
        let bcrypt = "$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
        assert_eq!(Algorithm::recommended().import(bcrypt, "").unwrap(), bcrypt);
        assert!(
            Algorithm::parse(&json!({"name": "bcrypt", "salt_rounds": 6}))
                .unwrap()
                .made(bcrypt)
        );
        assert!(!Algorithm::recommended().made(bcrypt));
        assert!(Algorithm::recommended().import("$9$what", "").is_err());
        assert!(Algorithm::recommended().import("abcdef", "").is_err());
    }

    #[test]
    fn under_plain_what_does_not_say_what_it_is_is_a_password() {
        let plain = Algorithm::parse(&json!("plain")).unwrap();
        let bcrypt = "$2b$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
        assert_eq!(plain.import(bcrypt, "").unwrap(), bcrypt);
        for password in [
            "hunter2",
            "$2b$06$hunter2",
            "$money$",
            "{SSHA}",
            "{SHA}hunter2",
            "md5$salt$hunter2",
        ] {
            assert!(plain.made(&plain.import(password, "").unwrap()), "{password}");
        }
        assert!(plain.made(&plain.import(bcrypt, "salt").unwrap()));
    }

    #[test]
    fn a_hash_made_elsewhere_has_bounds() {
        let fault = |algorithm, hash: &str, salt: &str| {
            let algorithm = Algorithm::parse(&algorithm).unwrap();
            algorithm.import(hash, salt).err().map(|fault| fault.field)
        };
        let (longest, longer) = ("s".repeat(256), "s".repeat(257));
        let pbkdf2 = json!({"name": "pbkdf2", "mac_fun": "sha256", "iterations": 1});
        for algorithm in [json!("sha256"), pbkdf2] {
            let hash = "0".repeat(64);
            assert_eq!(fault(algorithm.clone(), &hash, &longest), None);
            assert_eq!(fault(algorithm, &hash, &longer).as_deref(), Some("salt"));
        }
        assert_eq!(fault(json!("plain"), &"p".repeat(1280), &longest), None);
        let refused = Some("password_hash");
        assert_eq!(fault(json!("plain"), &"p".repeat(1281), "").as_deref(), refused);
        assert_eq!(
            fault(json!("sha256"), "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "x").as_deref(),
            Some("salt")
        );
        let long_text = format!("$sha256$prefix${}${}", "A".repeat(4096), "0".repeat(64));
        assert_eq!(fault(json!("sha256"), &long_text, "").as_deref(), refused);
    }
}

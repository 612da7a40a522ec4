//! SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): what is kept of a password, and the arithmetic of the proof.

use std::ops::RangeInclusive;

use ::pbkdf2::pbkdf2_hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::{HashError, Invalid};
use super::fields::Fields;
use super::salt;
use super::saslprep::prepared;

/// RFC 7677 asks for 4096 at least; fewer are read, because other programs have stored fewer.
const ITERATIONS: RangeInclusive<u32> = 4096..=10_000_000;
const STORED_ITERATIONS: RangeInclusive<u32> = 1..=10_000_000;
const DEFAULT_ITERATIONS: u32 = 4096;
const LONGEST_SALT: usize = 256;

/// The hash function of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramHash {
    /// Every one there is, by its word in settings.
    pub const WORDS: [(&'static str, Self); 2] = [("sha256", Self::Sha256), ("sha512", Self::Sha512)];

    /// The SASL name of the mechanism.
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Its word in settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Bytes of a key, a proof and a signature.
    const fn key_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, parts),
        }
    }

    fn digest(self, of: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(of).to_vec(),
            Self::Sha512 => Sha512::digest(of).to_vec(),
        }
    }

    fn salted_password(self, prepared: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut salted = Zeroizing::new(vec![0; self.key_len()]);
        match self {
            Self::Sha256 => pbkdf2_hmac::<Sha256>(prepared, salt, iterations, &mut salted),
            Self::Sha512 => pbkdf2_hmac::<Sha512>(prepared, salt, iterations, &mut salted),
        }
        salted
    }
}

/// HMAC takes keys of any length, so no key is refused; an empty answer would verify nothing.
fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// How new SCRAM records are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scram {
    /// The mechanism's hash function.
    pub hash: ScramHash,
    /// How often PBKDF2 applies it.
    pub iterations: u32,
}

impl Scram {
    fn parse(mut fields: Fields<'_>) -> Result<Self, Vec<Invalid>> {
        let hash = fields.word("algorithm", &ScramHash::WORDS).unwrap_or(ScramHash::Sha256);
        let iterations = fields.number("iteration_count", ITERATIONS, Some(DEFAULT_ITERATIONS));
        fields.finish()?;
        Ok(Self { hash, iterations })
    }

    /// From the two fields as they stand among an authenticator's settings; every violation at once.
    pub fn from_settings(settings: &Map<String, Value>) -> Result<Self, Vec<Invalid>> {
        Self::parse(Fields::without_name(settings))
    }

    pub(super) fn to_json(self) -> Value {
        json!({ "name": "scram", "algorithm": self.hash.word(), "iteration_count": self.iterations })
    }

    /// Schemas of the two fields as they stand among an authenticator's settings.
    pub fn field_schemas() -> Value {
        json!({
            "algorithm": {
                "title": "Algorithm",
                "description": "The hash function of the mechanism: clients ask for SCRAM-SHA-256 or SCRAM-SHA-512.",
                "enum": ScramHash::WORDS.map(|(word, _)| word),
                "default": ScramHash::Sha256.word(),
            },
            "iteration_count": {
                "title": "Iterations",
                "description": "How often the hash is applied to new passwords; stored users keep their own count.",
                "type": "integer",
                "minimum": ITERATIONS.start(), "maximum": ITERATIONS.end(),
                "default": DEFAULT_ITERATIONS,
            },
        })
    }

    pub(super) fn hash(self, password: &[u8]) -> Result<ScramRecord, HashError> {
        ScramRecord::derive(self, &salt::fresh()?, password)
    }

    /// A record that costs as much to check as any other with these parameters.
    pub(super) fn dummy(self) -> ScramRecord {
        ScramRecord {
            made: self,
            salt: vec![0; salt::BYTES],
            stored_key: vec![0; self.hash.key_len()],
            server_key: vec![0; self.hash.key_len()],
        }
    }

    /// What a user that does not exist would have: always the same for a secret and a name, and nobody's password.
    pub fn decoy(self, secret: &[u8], user: &str) -> ScramRecord {
        let drawn = |what: &[u8]| self.hash.hmac(secret, &[what, b"\0", user.as_bytes()]);
        let mut salt = drawn(b"salt");
        salt.truncate(salt::BYTES);
        ScramRecord {
            made: self,
            salt,
            stored_key: drawn(b"stored key"),
            server_key: drawn(b"server key"),
        }
    }
}

/// What is kept of a password, as RFC 5803 writes it: `SCRAM-SHA-256$4096:salt$StoredKey:ServerKey`. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramRecord {
    pub(super) made: Scram,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramRecord {
    /// Whether a text calls itself SCRAM, usable or not.
    pub(super) fn claims(text: &str) -> bool {
        text.starts_with("SCRAM-SHA-")
    }

    /// Reads RFC 5803's text. The ceilings stand before any work.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let form =
            || HashError::unusable("a SCRAM record has the form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`");
        let mut parts = text.splitn(3, '$');
        let (Some(mechanism), Some(info), Some(keys)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form());
        };
        let hash = ScramHash::WORDS
            .into_iter()
            .find_map(|(_, hash)| (hash.mechanism() == mechanism).then_some(hash))
            .ok_or_else(|| HashError::unusable("its SCRAM mechanism is neither SCRAM-SHA-256 nor SCRAM-SHA-512"))?;
        let (iterations, salt) = info.split_once(':').ok_or_else(form)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or_else(form)?;
        let iterations = iterations.parse().map_err(|_| form())?;
        Self::from_parts(
            hash,
            iterations,
            &decoded(salt)?,
            &decoded(stored_key)?,
            &decoded(server_key)?,
        )
        .map_err(|fault| HashError::unusable(fault.to_string()))
    }

    /// From the four values that make a record, as another program keeps them.
    pub fn from_parts(
        hash: ScramHash,
        iterations: u32,
        salt: &[u8],
        stored_key: &[u8],
        server_key: &[u8],
    ) -> Result<Self, Invalid> {
        let faults = [
            fault_of_iterations(iterations),
            fault_of_salt(salt),
            fault_of_key(hash, "stored_key", stored_key),
            fault_of_key(hash, "server_key", server_key),
        ];
        if let Some(first) = faults.into_iter().flatten().next() {
            return Err(first);
        }
        Ok(Self {
            made: Scram { hash, iterations },
            salt: salt.to_vec(),
            stored_key: stored_key.to_vec(),
            server_key: server_key.to_vec(),
        })
    }

    /// RFC 5803's text.
    pub fn encode(&self) -> String {
        let Scram { hash, iterations } = self.made;
        let [salt, stored_key, server_key] =
            [&self.salt, &self.stored_key, &self.server_key].map(|bytes| STANDARD.encode(bytes));
        format!("{}${iterations}:{salt}${stored_key}:{server_key}", hash.mechanism())
    }

    /// The hash function and the iterations.
    pub const fn made(&self) -> Scram {
        self.made
    }

    /// The salt, which every client is told.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Checks a client's proof over the messages; the server's signature, if it is right. The same work either way.
    pub fn prove(&self, auth_message: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        let hash = self.made.hash;
        let client_signature = hash.hmac(&self.stored_key, &[auth_message]);
        let client_key: Zeroizing<Vec<u8>> = Zeroizing::new(
            client_signature
                .iter()
                .zip(proof)
                .map(|(one, other)| one ^ other)
                .collect(),
        );
        let is_right: bool = hash.digest(&client_key).ct_eq(&self.stored_key).into();
        let server_signature = hash.hmac(&self.server_key, &[auth_message]);
        (is_right && proof.len() == hash.key_len()).then_some(server_signature)
    }

    /// Whether the password is its own: for those who present a password and not a proof.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        let Ok(prepared) = prepared(password) else {
            // Work is spent all the same.
            return Self::derive(self.made, &self.salt, b"").map(|_| false);
        };
        let other = Self::derive(self.made, &self.salt, prepared.as_bytes())?;
        Ok(other.stored_key.ct_eq(&self.stored_key).into())
    }

    fn derive(made: Scram, salt: &[u8], password: &[u8]) -> Result<Self, HashError> {
        let prepared = prepared(password)?;
        let hash = made.hash;
        let salted = hash.salted_password(prepared.as_bytes(), salt, made.iterations);
        let client_key = Zeroizing::new(hash.hmac(&salted, &[b"Client Key"]));
        Ok(Self {
            made,
            salt: salt.to_vec(),
            stored_key: hash.digest(&client_key),
            server_key: hash.hmac(&salted, &[b"Server Key"]),
        })
    }
}

pub(super) fn fault_of_iterations(iterations: u32) -> Option<Invalid> {
    let (least, most) = (STORED_ITERATIONS.start(), STORED_ITERATIONS.end());
    (!STORED_ITERATIONS.contains(&iterations))
        .then(|| Invalid::new("iterations", format!("must be from {least} to {most}")))
}

pub(super) fn fault_of_salt(salt: &[u8]) -> Option<Invalid> {
    (salt.is_empty() || salt.len() > LONGEST_SALT)
        .then(|| Invalid::new("salt", format!("must have 1 to {LONGEST_SALT} bytes")))
}

pub(super) fn fault_of_key(hash: ScramHash, field: &str, key: &[u8]) -> Option<Invalid> {
    let (mechanism, length) = (hash.mechanism(), hash.key_len());
    (key.len() != length).then(|| {
        let why = format!("must have {length} bytes under {mechanism}, not {}", key.len());
        Invalid::new(field, why)
    })
}

/// The client's side: the proof for these messages, and the signature to expect of the server.
pub fn scram_client_proof(
    made: Scram,
    salt: &[u8],
    password: &[u8],
    auth_message: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), HashError> {
    let prepared = prepared(password)?;
    let hash = made.hash;
    let salted = hash.salted_password(prepared.as_bytes(), salt, made.iterations);
    let client_key = Zeroizing::new(hash.hmac(&salted, &[b"Client Key"]));
    let signature = hash.hmac(&hash.digest(&client_key), &[auth_message]);
    let proof = client_key
        .iter()
        .zip(&signature)
        .map(|(one, other)| one ^ other)
        .collect();
    let expected = hash.hmac(&hash.hmac(&salted, &[b"Server Key"]), &[auth_message]);
    Ok((proof, expected))
}

fn decoded(base64: &str) -> Result<Vec<u8>, HashError> {
    STANDARD
        .decode(base64)
        .map_err(|_| HashError::unusable("a part of it is not base64"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Scram, ScramHash, ScramRecord, scram_client_proof};

    /// RFC 7677 section 3.
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    const AUTH_MESSAGE: &str = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SHA_256: Scram = Scram {
        hash: ScramHash::Sha256,
        iterations: 4096,
    };
    const SHA_512: Scram = Scram {
        hash: ScramHash::Sha512,
        iterations: 4096,
    };

    fn base64(text: &str) -> Vec<u8> {
        super::decoded(text).ok().unwrap()
    }

    #[test]
    fn the_exchange_of_rfc_7677_comes_out() {
        let record = ScramRecord::derive(SHA_256, &base64(SALT), b"pencil").ok().unwrap();
        let proof = base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
        let signature = record.prove(AUTH_MESSAGE.as_bytes(), &proof).unwrap();
        assert_eq!(signature, base64("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        let (made, expected) = scram_client_proof(SHA_256, &base64(SALT), b"pencil", AUTH_MESSAGE.as_bytes()).unwrap();
        assert_eq!((made, expected), (proof, signature));
    }

    /// Computed for `shared` vectors with two other implementations; no RFC publishes one for SHA-512.
    #[test]
    fn the_same_exchange_under_sha_512_comes_out() {
        let record = ScramRecord::derive(SHA_512, &base64(SALT), b"pencil").ok().unwrap();
        let proof = base64("gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==");
        let signature = record.prove(AUTH_MESSAGE.as_bytes(), &proof).unwrap();
        let expected = "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==";
        assert_eq!(signature, base64(expected));
    }

    #[test]
    fn a_proof_that_is_wrong_short_or_long_proves_nothing() {
        let record = ScramRecord::derive(SHA_256, b"salt", b"pencil").ok().unwrap();
        let (proof, _) = scram_client_proof(SHA_256, b"salt", b"pencil", b"messages").unwrap();
        assert!(record.prove(b"messages", &proof).is_some());
        assert!(record.prove(b"other messages", &proof).is_none());
        assert!(record.prove(b"messages", &proof[..31]).is_none());
        assert!(record.prove(b"messages", &[&proof[..], b"x"].concat()).is_none());
        assert!(record.prove(b"messages", b"").is_none());
    }

    #[test]
    fn a_record_survives_its_text_and_verifies_its_password() {
        let record = SHA_512.hash(b"hunter2").ok().unwrap();
        let again = ScramRecord::parse(&record.encode()).ok().unwrap();
        assert!(again == record);
        assert!(again.verify(b"hunter2").unwrap() && !again.verify(b"hunter3").unwrap());
        assert!(!again.verify(b"\xff").unwrap());
    }

    #[test]
    fn a_record_outside_the_ceilings_is_refused_before_any_work() {
        let keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert!(ScramRecord::parse(&format!("SCRAM-SHA-256$4096:{SALT}${keys}")).is_ok());
        for text in [
            format!("SCRAM-SHA-256$0:{SALT}${keys}"),
            format!("SCRAM-SHA-256$4294967295:{SALT}${keys}"),
            format!("SCRAM-SHA-256$99999999999:{SALT}${keys}"),
            format!("SCRAM-SHA-512$4096:{SALT}${keys}"),
            format!("SCRAM-SHA-1$4096:{SALT}${keys}"),
            format!("SCRAM-SHA-256$4096:${keys}"),
            format!("SCRAM-SHA-256$4096:{SALT}"),
            "SCRAM-SHA-256".to_owned(),
        ] {
            assert!(ScramRecord::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_decoy_is_stable_and_differs_by_name_and_secret() {
        let decoy = |secret: &[u8], name| SHA_256.decoy(secret, name).encode();
        assert_eq!(decoy(b"secret", "ann"), decoy(b"secret", "ann"));
        assert_ne!(decoy(b"secret", "ann"), decoy(b"secret", "bob"));
        assert_ne!(decoy(b"secret", "ann"), decoy(b"other", "ann"));
        assert_eq!(SHA_256.decoy(b"secret", "ann").salt().len(), 16);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(SCRAM-SHA-256)?[$]?\\PC*", any in any::<String>()) {
            let _ = (ScramRecord::parse(&text).map(|record| record.encode()), ScramRecord::parse(&any).is_ok());
        }
    }
}

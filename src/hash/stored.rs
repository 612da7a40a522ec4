//! A stored password as a login deals with it: taken apart once, then asked what it is and checked.

use super::algorithm::Algorithm;
use super::encoded::Encoded;
use super::error::HashError;

/// A stored password, taken apart. It cannot be printed, since it holds a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored(Encoded);

impl Stored {
    /// Takes a record apart; one that asks for too much is refused here, before any work.
    pub fn parse(encoded: &str) -> Result<Self, HashError> {
        Encoded::parse(encoded).map(Self)
    }

    /// A record nobody has, which costs as much to check as any that this algorithm makes.
    pub fn decoy_of(algorithm: &Algorithm) -> Self {
        Self(algorithm.dummy())
    }

    /// A record nobody has, which costs as much to check as this one. Records of one cost have equal decoys.
    pub fn decoy(&self) -> Self {
        Self(self.0.dummy())
    }

    /// Whether this algorithm makes records in just this way.
    pub fn is_made_by(&self, algorithm: &Algorithm) -> bool {
        self.0.made().as_ref() == Some(algorithm)
    }

    /// Whether checking it takes no more time than handing it to another thread would.
    pub fn is_cheap(&self) -> bool {
        self.0.is_cheap()
    }

    /// Memory that checking it takes, in KiB, where it is worth counting.
    pub(super) fn memory_kib(&self) -> u32 {
        self.0.memory_kib()
    }

    /// Whether the password is its own, computed on this thread. A password longer than can be set is nobody's, but costs the
    /// same.
    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        let whole = password.len() <= Algorithm::MAX_PASSWORD;
        let candidate = if whole { password } else { b"" };
        Ok(self.0.verify(candidate)? && whole)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Algorithm, Stored};

    fn made(settings: &Value, password: &[u8]) -> Stored {
        let text = Algorithm::parse(settings).unwrap().hash(password).unwrap().encode();
        Stored::parse(&text).unwrap()
    }

    #[test]
    fn records_of_one_cost_have_one_decoy_whosever_they_are() {
        for settings in [
            json!("sha256"),
            json!({"name": "bcrypt", "salt_rounds": 4}),
            json!({"name": "pbkdf2", "mac_fun": "sha256", "iterations": 2}),
            json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}),
        ] {
            let algorithm = Algorithm::parse(&settings).unwrap();
            let (ann, bob) = (made(&settings, b"ann"), made(&settings, b"bob"));
            assert!(ann.decoy() == bob.decoy() && ann.decoy() == Stored::decoy_of(&algorithm));
            assert!(ann.is_made_by(&algorithm) && ann != ann.decoy());
        }
        let dearer = made(&json!({"name": "argon2id", "memory_kib": 8, "iterations": 2}), b"ann");
        let cheaper = made(&json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}), b"ann");
        assert!(dearer.decoy() != cheaper.decoy());
    }

    #[test]
    fn a_record_of_another_variant_costs_what_it_costs() {
        let argon2i = "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
        let argon2i = Stored::parse(argon2i).unwrap();
        let argon2id = made(&json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}), b"x");
        assert!(argon2i.decoy() != argon2id.decoy());
        assert_eq!(argon2i.memory_kib(), 8);
    }

    #[test]
    fn an_overlong_password_is_nobodys_and_is_not_cut() {
        let longest = vec![b'x'; Algorithm::MAX_PASSWORD];
        let longer = [&longest[..], b"x"].concat();
        for settings in [
            json!("sha256"),
            json!({"name": "argon2id", "memory_kib": 8, "iterations": 1}),
        ] {
            let stored = made(&settings, &longest);
            assert_eq!(stored.verify(&longest), Ok(true));
            assert_eq!(stored.verify(&longer), Ok(false));
        }
        // Not even by a record of one that was made elsewhere.
        let plain = Algorithm::parse(&json!("plain")).unwrap();
        let elsewhere = plain.import(&String::from_utf8(longer.clone()).unwrap(), "").unwrap();
        assert_eq!(Stored::parse(&elsewhere).unwrap().verify(&longer), Ok(false));
        let bcrypt = made(&json!({"name": "bcrypt", "salt_rounds": 4}), &longest[..72]);
        assert_eq!(bcrypt.verify(&longest[..72]), Ok(true));
        assert_eq!(bcrypt.verify(&longest[..73]), Ok(false));
    }
}

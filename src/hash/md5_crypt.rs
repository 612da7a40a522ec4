//! md5-crypt of crypt(3) (`$1$`) and Apache's copy of it (`$apr1$`), for checking what others made.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::error::HashError;
use super::parts::{are_crypt_digits, split, to_crypt_digits};

const BYTES: usize = 16;
const ROUNDS: u32 = 1000;
const MAX_SALT: usize = 8;
const ORDER: [usize; BYTES] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// The two differ only in the mark that is hashed with the salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `$1$`.
    Crypt,
    /// `$apr1$`.
    Apache,
}

impl Mark {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Crypt => b"$1$",
            Self::Apache => b"$apr1$",
        }
    }
}

/// A hash with what it takes to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    mark: Mark,
    salt: String,
    digits: String,
}

impl Record {
    /// Nobody's, at the same cost.
    pub(super) fn dummy(&self) -> Self {
        Self {
            mark: self.mark,
            salt: ".".repeat(8),
            digits: String::new(),
        }
    }

    /// Reads the salt and the digits after the mark.
    pub(super) fn parse(mark: Mark, rest: &str) -> Result<Self, HashError> {
        split(rest)
            .filter(|[salt, digits]| salt.len() <= MAX_SALT && are_crypt_digits(digits, BYTES))
            .map(|[salt, digits]| Self {
                mark,
                salt: salt.to_owned(),
                digits: digits.to_owned(),
            })
            .ok_or_else(|| HashError::unusable("an md5-crypt hash has a salt of at most 8 bytes, `$` and 22 digits"))
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let digest = compute(self.mark, self.salt.as_bytes(), password);
        let digits = to_crypt_digits(&digest, &ORDER);
        digits.as_bytes().ct_eq(self.digits.as_bytes()).into()
    }
}

fn compute(mark: Mark, salt: &[u8], password: &[u8]) -> [u8; BYTES] {
    let mut digest = first(mark, salt, password);
    for round in 0..ROUNDS {
        let (odd, mut hash) = (round % 2 == 1, Md5::new());
        hash.update(if odd { password } else { &digest });
        if !round.is_multiple_of(3) {
            hash.update(salt);
        }
        if !round.is_multiple_of(7) {
            hash.update(password);
        }
        hash.update(if odd { &digest } else { password });
        digest = hash.finalize().into();
    }
    digest
}

/// What the rounds begin with. The odd recipe is Poul-Henning Kamp's of 1994; every implementation keeps it, a zero byte where
/// a digit of the length is one included.
fn first(mark: Mark, salt: &[u8], password: &[u8]) -> [u8; BYTES] {
    let mut hash = Md5::new();
    hash.update(password);
    hash.update(mark.bytes());
    hash.update(salt);
    let inner: [u8; BYTES] = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into();
    let as_long_as_the_password: Vec<u8> = inner.into_iter().cycle().take(password.len()).collect();
    hash.update(as_long_as_the_password);
    let mut length = password.len();
    while length > 0 {
        match password.first() {
            Some(byte) if length.is_multiple_of(2) => hash.update([*byte]),
            _ => hash.update([0]),
        }
        length /= 2;
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{Mark, Record};

    /// The manual of `openssl passwd`, and values of Python's crypt and of `openssl passwd -apr1` for the lengths that the recipe
    /// treats differently: nothing, one byte, one block and beyond.
    #[test]
    fn hashes_are_the_published_ones() {
        for (mark, rest, password) in [
            (Mark::Crypt, "xxxxxxxx$UYCIxa628.9qXjpQCjM4a.", "password"),
            (Mark::Apache, "xxxxxxxx$dxHfLAsjHkDRmG83UXe8K0", "password"),
            (Mark::Crypt, "s$iXWZU0LDEJ7Jjmms7KFsH0", ""),
            (Mark::Crypt, "s$TnTS2d.76xCjLeeIhMx3L0", "a"),
            (
                Mark::Crypt,
                "saltsalt$565Awq2iUTf1xol.7uAa91",
                "a password beyond one block",
            ),
            (
                Mark::Crypt,
                "$/VvwJtFESZKHIMDMqA6S9/",
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ),
            (
                Mark::Apache,
                "saltsalt$uhEMO2S3yZBIiK5y5v3wl1",
                "a password beyond one block",
            ),
            (Mark::Apache, "s$7fvt18GJ6TJ./JOMat.K/1", "éééééééééééééééé"),
        ] {
            let record = Record::parse(mark, rest).unwrap();
            assert!(record.verify(password.as_bytes()), "{rest}");
            assert!(!record.verify(b"other"));
        }
    }

    #[test]
    fn a_malformed_record_is_refused() {
        for rest in [
            "",
            "salt",
            "xxxxxxxxx$UYCIxa628.9qXjpQCjM4a.",
            "xxxxxxxx$UYCIxa628.9qXjpQCjM4a",
            "xxxxxxxx$UYCIxa628.9qXjpQCjM4=",
            "xxxxxxxx$UYCIxa628.9qXjpQCjM4a.$",
        ] {
            assert!(Record::parse(Mark::Crypt, rest).is_err(), "{rest}");
        }
    }
}

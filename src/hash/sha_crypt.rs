//! sha256-crypt and sha512-crypt of crypt(3) (`$5$`, `$6$`), for checking what others made.

use std::ops::RangeInclusive;

use ::sha_crypt::{Params, sha256_crypt, sha512_crypt};
use subtle::ConstantTimeEq;

use super::error::HashError;
use super::parts::{are_crypt_digits, named_number, split, to_crypt_digits};

/// From the least that crypt(3) does to somewhat more than the 656,000 that passlib does unless told otherwise.
const ROUNDS: RangeInclusive<u32> = 1000..=1_000_000;
const MAX_SALT: usize = 16;

const ORDER_256: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29, 19, 9, 30,
    31,
];
const ORDER_512: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51, 30, 9, 10,
    52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59, 60, 39, 18, 19, 61, 40,
    41, 20, 62, 63,
];

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// `$5$`.
    Sha256,
    /// `$6$`.
    Sha512,
}

impl Variant {
    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A hash with what it takes to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    variant: Variant,
    rounds: Params,
    salt: String,
    digits: String,
}

impl Record {
    /// Nobody's, at the same cost.
    pub(super) fn dummy(&self) -> Self {
        Self {
            variant: self.variant,
            rounds: self.rounds,
            salt: ".".repeat(16),
            digits: String::new(),
        }
    }

    /// Reads `rounds=…$salt$digits`, of which the rounds may be missing. The ceilings stand before any work.
    pub(super) fn parse(variant: Variant, rest: &str) -> Result<Self, HashError> {
        let (rounds, rest) = match rest.split_once('$') {
            Some((rounds, rest)) if rounds.starts_with("rounds=") => {
                (named_number(rounds, "rounds", &ROUNDS).ok_or_else(out_of_range)?, rest)
            }
            _ => (Params::RECOMMENDED_ROUNDS, rest),
        };
        let rounds = Params::new(rounds).map_err(|_| out_of_range())?;
        split(rest)
            .filter(|[salt, digits]| salt.len() <= MAX_SALT && are_crypt_digits(digits, variant.bytes()))
            .map(|[salt, digits]| Self {
                variant,
                rounds,
                salt: salt.to_owned(),
                digits: digits.to_owned(),
            })
            .ok_or_else(|| {
                HashError::unusable("a sha-crypt hash has a salt of at most 16 bytes, `$` and 43 or 86 digits")
            })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let salt = self.salt.as_bytes();
        let digits = match self.variant {
            Variant::Sha256 => to_crypt_digits(&sha256_crypt(password, salt, self.rounds), &ORDER_256),
            Variant::Sha512 => to_crypt_digits(&sha512_crypt(password, salt, self.rounds), &ORDER_512),
        };
        digits.as_bytes().ct_eq(self.digits.as_bytes()).into()
    }
}

fn out_of_range() -> HashError {
    HashError::unusable("its sha-crypt rounds are not within 1000 to 1000000")
}

#[cfg(test)]
mod tests {
    use super::{Record, Variant};

    /// Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512", and Python's crypt for the lengths that it leaves out.
    #[test]
    fn hashes_are_the_published_ones() {
        for (variant, rest, password) in [
            (
                Variant::Sha256,
                "saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
                "Hello world!",
            ),
            (
                Variant::Sha256,
                "rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
                "Hello world!",
            ),
            (
                Variant::Sha256,
                "rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
                "This is just a test",
            ),
            (
                Variant::Sha256,
                "rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
                "a very much longer text to encrypt.  This one even stretches over morethan one line.",
            ),
            (
                Variant::Sha256,
                "rounds=77777$short$JiO1O3ZpDAxGJeaDIuqCoEFysAe1mZNJRs3pw0KQRd/",
                "we have a short salt string but not a short password",
            ),
            (
                Variant::Sha512,
                "saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                "Hello world!",
            ),
            (
                Variant::Sha512,
                "rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
                "Hello world!",
            ),
            (
                Variant::Sha512,
                "rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
                "This is just a test",
            ),
            (
                Variant::Sha512,
                "rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
                "a very much longer text to encrypt.  This one even stretches over morethan one line.",
            ),
            (
                Variant::Sha512,
                "rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
                "we have a short salt string but not a short password",
            ),
            (Variant::Sha256, "s$u9jS/E6rlpZoj8KCMVhpLKJh2MrO5hc9UBdfKCcvVU7", ""),
            (
                Variant::Sha512,
                "s$.ZBEl9liET9mKM6jGxl//vp8wOnIJwfkp.7sG2Ahu2q68bf4LasDRE6k5T5NPzLqBFx3oUbMl6xWpBsFfgm6..",
                "",
            ),
            (
                Variant::Sha256,
                "s$FpASuaaxMaBVFcdoxZ6qiD4Gm0MsG8ZC8pO1mCQ3sZ.",
                &"x".repeat(64),
            ),
            (
                Variant::Sha512,
                "s$N5GuVVaE/5zjR2Hl8MCRpkSLPR71yQlLaJnQcyAIoFcUTU7pv/R.b3Krl62XsJdDF2uruAyabUV54e5MamoBi1",
                &"x".repeat(129),
            ),
        ] {
            let record = Record::parse(variant, rest).unwrap();
            assert!(record.verify(password.as_bytes()), "{rest}");
            assert!(!record.verify(b"other"));
        }
    }

    #[test]
    fn a_hostile_record_is_refused_before_any_work() {
        let digits = "a".repeat(43);
        for (rest, fits) in [
            (format!("rounds=1000000$salt${digits}"), true),
            (format!("salt${digits}"), true),
            (format!("rounds=1000001$salt${digits}"), false),
            (format!("rounds=999$salt${digits}"), false),
            (format!("rounds=$salt${digits}"), false),
            (format!("seventeen-letters${digits}"), false),
            (format!("salt${digits}a"), false),
            (format!("salt${}=", "a".repeat(42)), false),
            (digits, false),
        ] {
            assert_eq!(Record::parse(Variant::Sha256, &rest).is_ok(), fits, "{rest}");
        }
    }
}

//! scrypt, for checking what others made: PHC strings and Django's.

use std::ops::RangeInclusive;

use ::scrypt::Params;
use subtle::ConstantTimeEq;

use super::error::HashError;
use super::parts::{MAX_SALT, from_base64, named_number, split};

pub(super) const LOG_N: RangeInclusive<u32> = 1..=20;
pub(super) const BLOCK_SIZE: RangeInclusive<u32> = 1..=64;
pub(super) const PARALLELISM: RangeInclusive<u32> = 1..=64;
const OUTPUT: RangeInclusive<usize> = 16..=128;
/// What one check may take: a GiB, gone over four times.
const MAX_MEMORY: u64 = 1 << 30;
const MAX_WORK: u64 = 4 << 30;

/// The three parameters of RFC 7914.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    /// Base-2 logarithm of N.
    pub(super) log_n: u32,
    /// r.
    pub(super) block_size: u32,
    /// p.
    pub(super) parallelism: u32,
}

impl Cost {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ',');
        Some(Self {
            log_n: named_number(parts.next()?, "ln", &LOG_N)?,
            block_size: named_number(parts.next()?, "r", &BLOCK_SIZE)?,
            parallelism: named_number(parts.next()?, "p", &PARALLELISM)?,
        })
    }

    /// Bytes of memory.
    fn memory(self) -> u64 {
        (128 << self.log_n) * u64::from(self.block_size)
    }
}

/// A hash with what it takes to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Record {
    /// Reads `ln=16,r=8,p=1$<salt, base64>$<hash, base64>`.
    pub(super) fn parse(rest: &str) -> Result<Self, HashError> {
        let malformed = || HashError::unusable("a scrypt hash has the form `$scrypt$ln=…,r=…,p=…$salt$hash`");
        let [cost, salt, hash] = split(rest).ok_or_else(malformed)?;
        let cost = Cost::parse(cost).ok_or_else(out_of_range)?;
        Self::new(cost, from_base64(salt)?, from_base64(hash)?)
    }

    /// The ceilings stand before any work.
    pub(super) fn new(cost: Cost, salt: Vec<u8>, hash: Vec<u8>) -> Result<Self, HashError> {
        let in_range = LOG_N.contains(&cost.log_n)
            && BLOCK_SIZE.contains(&cost.block_size)
            && PARALLELISM.contains(&cost.parallelism)
            && cost.memory() <= MAX_MEMORY
            && cost.memory() * u64::from(cost.parallelism) <= MAX_WORK;
        if !in_range || salt.len() > MAX_SALT || !OUTPUT.contains(&hash.len()) {
            return Err(out_of_range());
        }
        Ok(Self { cost, salt, hash })
    }

    /// Nobody's, at the same cost.
    pub(super) fn dummy(&self) -> Self {
        Self {
            cost: self.cost,
            salt: vec![0; 16],
            hash: vec![0; self.hash.len()],
        }
    }

    /// Memory of one check.
    pub(super) fn memory_kib(&self) -> u32 {
        u32::try_from(self.cost.memory() / 1024).unwrap_or(u32::MAX)
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        let Cost {
            log_n,
            block_size,
            parallelism,
        } = self.cost;
        let log_n = u8::try_from(log_n).map_err(|_| out_of_range())?;
        let params = Params::new(log_n, block_size, parallelism).map_err(|_| out_of_range())?;
        let mut computed = vec![0; self.hash.len()];
        ::scrypt::scrypt(password, &self.salt, &params, &mut computed).map_err(|_| out_of_range())?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}

fn out_of_range() -> HashError {
    HashError::unusable("its scrypt cost or lengths are missing or out of range (at most 1 GiB of memory)")
}

#[cfg(test)]
mod tests {
    use super::{Cost, Record};

    /// RFC 7914, section 12, but for the one that takes a GiB.
    #[test]
    fn hashes_are_the_published_ones() {
        for (password, salt, (log_n, block_size, parallelism), hash) in [
            (
                "",
                "",
                (4, 1, 1),
                "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
            ),
            (
                "password",
                "NaCl",
                (10, 8, 16),
                "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
            ),
            (
                "pleaseletmein",
                "SodiumChloride",
                (14, 8, 1),
                "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
            ),
        ] {
            let cost = Cost {
                log_n,
                block_size,
                parallelism,
            };
            let record = Record::new(cost, salt.into(), hex::decode(hash).unwrap()).unwrap();
            assert_eq!(record.verify(password.as_bytes()), Ok(true), "{password}");
            assert_eq!(record.verify(b"other"), Ok(false));
        }
    }

    #[test]
    fn a_hostile_record_is_refused_before_any_work() {
        let hash = "A".repeat(43);
        assert!(Record::parse(&format!("ln=14,r=8,p=1$c2FsdA${hash}")).is_ok());
        for cost in [
            "ln=21,r=8,p=1",
            "ln=63,r=1,p=1",
            "ln=20,r=64,p=1",
            "ln=20,r=8,p=5",
            "ln=1,r=4294967295,p=1",
            "ln=1,r=1,p=1073741824",
            "ln=0,r=8,p=1",
            "ln=14,r=8",
            "ln=14,r=8,p=1,x=1",
        ] {
            assert!(Record::parse(&format!("{cost}$c2FsdA${hash}")).is_err(), "{cost}");
        }
        let (long_salt, long_hash) = ("A".repeat(344), "A".repeat(172));
        assert!(Record::parse(&format!("ln=14,r=8,p=1${long_salt}${hash}")).is_err());
        assert!(Record::parse(&format!("ln=14,r=8,p=1$c2FsdA${long_hash}")).is_err());
        assert!(Record::parse("ln=14,r=8,p=1$c2FsdA$AAAA").is_err());
    }
}

//! Argon2, written as a PHC string. New records are argon2id; argon2i and argon2d are checked.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use ::argon2::{Algorithm as Variant, Argon2, Block, Params, Version};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::error::{HashError, Invalid};
use super::fields::{Fields, name_schema};
use super::parts::{self, named_number};
use super::salt;

const MEMORY_KIB: RangeInclusive<u32> = 8..=1 << 20;
const ITERATIONS: RangeInclusive<u32> = 1..=100;
const PARALLELISM: RangeInclusive<u32> = 1..=64;
/// Memory and passes that OWASP holds to be equally good; anything less than each of them is too little.
const ADVISED: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
/// Passes over all the memory of one check, in KiB: four over the most, more over less.
const MAX_WORK: u32 = 4 << 20;
const OUTPUT: usize = 32;
/// Lengths of a foreign record's hash and salt that are worth believing.
const OUTPUT_BOUNDS: RangeInclusive<usize> = 4..=128;
const SALT_BOUNDS: RangeInclusive<usize> = 8..=128;

/// Parameters by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Less memory for each login: 12 MiB, 3 passes (OWASP's equal of the default).
    Interactive,
    /// OWASP's first choice: 19 MiB, 2 passes.
    Default,
    /// RFC 9106's second choice: 64 MiB, 3 passes, 4 lanes.
    Hardened,
}

impl Preset {
    const WORDS: [(&'static str, Self); 3] = [
        ("interactive", Self::Interactive),
        ("default", Self::Default),
        ("hardened", Self::Hardened),
    ];

    /// What the name stands for.
    pub const fn parameters(self) -> Argon2id {
        match self {
            Self::Interactive => Argon2id {
                memory_kib: 12_288,
                iterations: 3,
                parallelism: 1,
            },
            Self::Default => Argon2id {
                memory_kib: 19_456,
                iterations: 2,
                parallelism: 1,
            },
            Self::Hardened => Argon2id {
                memory_kib: 65_536,
                iterations: 3,
                parallelism: 4,
            },
        }
    }
}

/// argon2id with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2id {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl Argon2id {
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, Vec<Invalid>> {
        let named = fields.word("preset", &Preset::WORDS);
        let base = named.unwrap_or(Preset::Default).parameters();
        let explicit = ["memory_kib", "iterations", "parallelism"]
            .map(|name| fields.has(name))
            .contains(&true);
        if named.is_some() && explicit {
            fields.refuse(
                "preset",
                "stands for all of memory_kib, iterations and parallelism: give it or them, not both",
            );
        }
        let parameters = Self {
            memory_kib: fields.number("memory_kib", MEMORY_KIB, Some(base.memory_kib)),
            iterations: fields.number("iterations", ITERATIONS, Some(base.iterations)),
            parallelism: fields.number("parallelism", PARALLELISM, Some(base.parallelism)),
        };
        if parameters.memory_kib < 8 * parameters.parallelism {
            fields.refuse("memory_kib", "must be at least 8 for each lane of `parallelism`");
        }
        if parameters.work() > MAX_WORK {
            let most = MAX_WORK / parameters.memory_kib;
            fields.refuse("iterations", format!("must be at most {most} with this much memory"));
        }
        fields.finish()?;
        Ok(parameters)
    }

    const fn work(self) -> u32 {
        self.memory_kib.saturating_mul(self.iterations)
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "name": "argon2id",
            "memory_kib": self.memory_kib,
            "iterations": self.iterations,
            "parallelism": self.parallelism,
        })
    }

    pub(super) fn schema() -> Value {
        let default = Preset::Default.parameters();
        json!({
            "title": "argon2id",
            "description": "Slow and hungry for memory, as a password hash should be. The choice for new users.",
            "type": "object",
            "properties": {
                "name": name_schema("argon2id"),
                "preset": {
                    "title": "Preset",
                    "description": "Stands for all three parameters: interactive 12 MiB and 3 passes, default 19 MiB and 2, hardened 64 MiB, 3 and 4 lanes.",
                    "enum": Preset::WORDS.map(|(word, _)| word),
                },
                "memory_kib": {
                    "title": "Memory (KiB)",
                    "description": "Memory that one login takes while it is checked.",
                    "type": "integer", "minimum": MEMORY_KIB.start(), "maximum": MEMORY_KIB.end(), "default": default.memory_kib,
                },
                "iterations": {
                    "title": "Passes",
                    "description": "Passes over the memory.",
                    "type": "integer", "minimum": ITERATIONS.start(), "maximum": ITERATIONS.end(), "default": default.iterations,
                },
                "parallelism": {
                    "title": "Lanes",
                    "description": "Lanes of the computation; a login uses one thread however many there are.",
                    "type": "integer", "minimum": PARALLELISM.start(), "maximum": PARALLELISM.end(), "default": default.parallelism,
                },
            },
            "required": ["name"],
            "additionalProperties": false,
        })
    }

    pub(super) fn warnings(self) -> Vec<String> {
        let enough = ADVISED
            .iter()
            .any(|(memory_kib, iterations)| self.memory_kib >= *memory_kib && self.iterations >= *iterations);
        if enough {
            return Vec::new();
        }
        let (memory_kib, iterations) = (self.memory_kib, self.iterations);
        vec![format!(
            "{memory_kib} KiB and {iterations} passes are too little to slow guessing down; the preset `default` is enough"
        )]
    }

    pub(super) fn hash(self, password: &[u8]) -> Result<Record, HashError> {
        let mut record = self.dummy();
        record.salt = salt::fresh()?.to_vec();
        record.hash = record.compute(password)?;
        Ok(record)
    }

    /// A record that costs as much to check as any other with these parameters.
    pub(super) fn dummy(self) -> Record {
        let (variant, version) = (Variant::Argon2id, Version::V0x13);
        Record {
            made: self,
            variant,
            version,
            salt: vec![0; salt::BYTES],
            hash: vec![0; OUTPUT],
        }
    }
}

/// A stored hash: `$argon2id$v=19$m=19456,t=2,p=1$<salt, base64>$<hash, base64>`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    made: Argon2id,
    variant: Variant,
    version: Version,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Record {
    /// Whether a text calls itself Argon2, usable or not.
    pub(super) fn claims(name: &str) -> bool {
        name.starts_with("argon2")
    }

    /// The parameters, if it is the argon2id of today.
    pub(super) fn made(&self) -> Option<Argon2id> {
        (self.variant == Variant::Argon2id && self.version == Version::V0x13).then_some(self.made)
    }

    /// Reads the parts after the name. The ceilings stand before any work.
    pub(super) fn parse(name: &str, rest: &str) -> Result<Self, HashError> {
        let malformed = || HashError::unusable("an Argon2 hash has the form `$argon2id$v=19$m=…,t=…,p=…$salt$hash`");
        let variant = Variant::new(name).map_err(|_| HashError::unusable("its Argon2 variant is unknown"))?;
        // Strings of the first version have no `v=`.
        let (version, rest) = match rest.strip_prefix("v=").and_then(|rest| rest.split_once('$')) {
            Some(("19", rest)) => (Version::V0x13, rest),
            Some(("16", rest)) => (Version::V0x10, rest),
            Some(_) => return Err(HashError::unusable("its Argon2 version is unknown")),
            None => (Version::V0x10, rest),
        };
        let [cost, salt, hash] = parts::split(rest).ok_or_else(malformed)?;
        let made = parse_cost(cost).ok_or_else(|| HashError::unusable("its Argon2 cost is missing or out of range"))?;
        let (salt, hash) = (parts::from_base64(salt)?, parts::from_base64(hash)?);
        if !SALT_BOUNDS.contains(&salt.len()) || !OUTPUT_BOUNDS.contains(&hash.len()) {
            return Err(malformed());
        }
        Ok(Self {
            made,
            variant,
            version,
            salt,
            hash,
        })
    }

    /// A record of the same variant and parameters that nobody has.
    pub(super) fn dummy(&self) -> Self {
        Self {
            variant: self.variant,
            version: self.version,
            ..self.made.dummy()
        }
    }

    /// Memory that computing it takes, in KiB.
    pub(super) fn memory_kib(&self) -> u32 {
        self.made.memory_kib
    }

    pub(super) fn encode(&self) -> String {
        let Argon2id {
            memory_kib,
            iterations,
            parallelism,
        } = self.made;
        let (variant, version) = (self.variant.as_str(), u32::from(self.version));
        let (salt, hash) = (parts::to_base64(&self.salt), parts::to_base64(&self.hash));
        format!("${variant}$v={version}$m={memory_kib},t={iterations},p={parallelism}${salt}${hash}")
    }

    pub(super) fn verify(&self, password: &[u8]) -> Result<bool, HashError> {
        Ok(self.compute(password)?.ct_eq(&self.hash).into())
    }

    fn compute(&self, password: &[u8]) -> Result<Vec<u8>, HashError> {
        let mut hash = vec![0; self.hash.len()];
        let Argon2id {
            memory_kib,
            iterations,
            parallelism,
        } = self.made;
        let params = Params::new(memory_kib, iterations, parallelism, Some(hash.len())).map_err(unusable)?;
        let blocks = params.block_count();
        let argon2 = Argon2::new(self.variant, self.version, params);
        with_memory(blocks, |memory| {
            argon2.hash_password_into_with_memory(password, &self.salt, &mut hash, memory)
        })
        .map_err(unusable)?;
        Ok(hash)
    }
}

fn unusable(error: ::argon2::Error) -> HashError {
    HashError::unusable(format!("argon2: {error}"))
}

fn parse_cost(text: &str) -> Option<Argon2id> {
    let mut parts = text.splitn(3, ',');
    let cost = Argon2id {
        memory_kib: named_number(parts.next()?, "m", &MEMORY_KIB)?,
        iterations: named_number(parts.next()?, "t", &ITERATIONS)?,
        parallelism: named_number(parts.next()?, "p", &PARALLELISM)?,
    };
    (cost.memory_kib >= 8 * cost.parallelism && cost.work() <= MAX_WORK).then_some(cost)
}

thread_local! {
    /// What hashes on this thread are computed in. [`super::memory::Memory`] lends it and takes it back.
    static MEMORY: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Gives this thread memory to hash in, and takes what it had.
pub(super) fn swap_memory(memory: Vec<Block>) -> Vec<Block> {
    MEMORY.replace(memory)
}

fn with_memory<T>(blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
    MEMORY.with_borrow_mut(|memory| {
        if memory.len() < blocks {
            // Not grown, which would hold the old and the new at once.
            *memory = Vec::new();
            memory.resize(blocks, Block::new());
        }
        work(memory)
    })
}

#[cfg(test)]
mod tests {
    use super::{Argon2id, Preset, Record};
    use crate::hash::HashError;

    fn record(text: &str) -> Result<Record, HashError> {
        let (name, rest) = text.trim_start_matches('$').split_once('$').unwrap();
        Record::parse(name, rest)
    }

    /// From the reference implementation's test.c.
    #[test]
    fn hashes_are_the_published_ones() {
        for (password, hash) in [
            (
                "password",
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            ),
            (
                "password",
                "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
            ),
            (
                "password",
                "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
            ),
        ] {
            let record = record(hash).unwrap();
            assert!(record.verify(password.as_bytes()).unwrap(), "{hash}");
            assert!(!record.verify(b"differentpassword").unwrap());
            assert_eq!(record.encode(), hash);
        }
    }

    #[test]
    fn memory_kept_from_a_larger_hash_changes_nothing() {
        let small = Argon2id {
            memory_kib: 8,
            iterations: 1,
            parallelism: 1,
        };
        let before = small.hash(b"password").unwrap();
        Preset::Interactive.parameters().hash(b"other").unwrap();
        assert!(before.verify(b"password").unwrap());
    }

    #[test]
    fn a_hostile_record_is_refused_before_any_work() {
        for cost in [
            "m=4294967295,t=2,p=1",
            "m=256,t=1000000,p=1",
            "m=8,t=1,p=2",
            "m=256,t=0,p=1",
            "m=256",
            "m=+256,t=2,p=1",
            "m=256,t=2,p=65",
            "m=1048577,t=1,p=1",
            "m=1048576,t=5,p=1",
        ] {
            assert!(
                record(&format!("$argon2id$v=19${cost}$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuA")).is_err(),
                "{cost}"
            );
        }
        assert!(record("$argon2id$v=19$m=1048576,t=4,p=1$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuA").is_ok());
        for (salt, hash) in [(8, 3), (8, 129), (7, 32), (129, 32)] {
            let digits = |bytes: usize| "A".repeat((bytes * 8).div_ceil(6));
            let text = format!("$argon2id$v=19$m=8,t=1,p=1${}${}", digits(salt), digits(hash));
            assert!(record(&text).is_err(), "{salt}, {hash}");
        }
    }
}

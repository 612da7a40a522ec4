//! How much of the machine hashing may take.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine;

/// Left to itself, hashing takes so much of the memory there is: a quarter, …
const SHARE: u64 = 4;
/// … but at least enough for one hash of the hardened preset, and no more than any processor keeps busy.
const LEAST_MIB: u64 = 64;
const MOST_MIB: u64 = 4096;

/// Limits of hashing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Threads that hash; 0: one less than there are cores, at least one.
    pub threads: usize,
    /// Memory that they take together, in MiB; 0: a quarter of what there is, between 64 MiB and 4 GiB.
    pub memory_mib: u32,
    /// Logins that may wait for a thread and its memory; more are refused as overloaded.
    pub queue: usize,
    /// How long one may wait, in milliseconds.
    pub queue_timeout_ms: u64,
    /// Passwords that are hashed anew in the background after a login, per second; 0: none.
    pub rehash_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: 0,
            memory_mib: 0,
            queue: 1024,
            queue_timeout_ms: 2000,
            rehash_per_second: 20,
        }
    }
}

impl Settings {
    /// One core is left for Raft and the network, which hashing would starve.
    pub(super) fn thread_count(&self) -> usize {
        match self.threads {
            0 => thread::available_parallelism()
                .map_or(1, NonZero::get)
                .saturating_sub(1)
                .max(1),
            threads => threads,
        }
    }

    /// In KiB, as Argon2 counts.
    pub(super) fn memory_kib(&self) -> u32 {
        let mib = match self.memory_mib {
            0 => share_of(machine::memory()),
            mib => mib,
        };
        mib.saturating_mul(1024)
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.queue_timeout_ms)
    }
}

fn share_of(bytes: Option<u64>) -> u32 {
    let mib = bytes.map_or(LEAST_MIB, |bytes| (bytes >> 20) / SHARE);
    u32::try_from(mib.clamp(LEAST_MIB, MOST_MIB)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Settings, share_of};

    #[test]
    fn hashing_takes_a_share_of_the_memory_within_bounds() {
        assert_eq!(share_of(Some(8 << 30)), 2048);
        assert_eq!(share_of(Some(128 << 20)), 64);
        assert_eq!(share_of(Some(1 << 40)), 4096);
        assert_eq!(share_of(None), 64);
    }

    #[test]
    fn what_is_set_is_taken() {
        let settings = Settings {
            memory_mib: 3,
            threads: 7,
            ..Settings::default()
        };
        assert_eq!((settings.memory_kib(), settings.thread_count()), (3072, 7));
        assert!(Settings::default().memory_kib() >= 64 << 10);
    }
}

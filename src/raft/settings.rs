//! The limits of consensus that an operator may set.

use serde::{Deserialize, Serialize};

/// Timers and limits of consensus.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often the leader says it is there, in milliseconds.
    pub heartbeat_ms: u64,
    /// A follower stands for election after at least so long without it, in milliseconds.
    pub election_min_ms: u64,
    /// … and at most so long.
    pub election_max_ms: u64,
    /// A snapshot is taken after so many entries …
    pub snapshot_entries: u64,
    /// … or so many bytes of log.
    pub snapshot_bytes: u64,
    /// Entries kept behind a snapshot for followers that are a little late.
    pub keep_entries: u64,
    /// Largest proposal, in bytes.
    pub max_proposal_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat_ms: 150,
            election_min_ms: 750,
            election_max_ms: 1500,
            snapshot_entries: 50_000,
            snapshot_bytes: 64 << 20,
            keep_entries: 10_000,
            max_proposal_bytes: 1 << 20,
        }
    }
}

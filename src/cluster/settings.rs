//! Who forms the cluster, and how patient the nodes are with each other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who forms the cluster at `init`, and how patient the nodes are with each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The nodes that `cluster init` makes a cluster of: node id = peer address. This node is among them.
    pub initial_nodes: BTreeMap<String, String>,
    /// How long a write may take in all, in milliseconds.
    pub write_timeout_ms: u64,
    /// How often a node proves how fresh it is, in milliseconds.
    pub freshness_probe_ms: u64,
    /// How long one key seals the states of exchanges, in seconds; at least 15.
    pub exchange_key_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            initial_nodes: BTreeMap::new(),
            write_timeout_ms: 5000,
            freshness_probe_ms: 500,
            exchange_key_s: 86_400,
        }
    }
}

impl Settings {
    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    pub(super) fn exchange_key_period(&self) -> Duration {
        Duration::from_secs(self.exchange_key_s)
    }

    /// Never zero: an interval of nothing would spin.
    pub(super) fn freshness_probe(&self) -> Duration {
        Duration::from_millis(self.freshness_probe_ms.max(10))
    }
}

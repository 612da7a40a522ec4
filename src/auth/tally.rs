//! Lock-free counters of one authenticator on this node. CONTRACT STUB.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Counters and rates of one authenticator. `total` counts every login that reached it; `success`, `failed` and `nomatch` what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Logins that reached it.
    pub total: u64,
    /// Allowed.
    pub success: u64,
    /// Denied, or could not decide and that means deny.
    pub failed: u64,
    /// Passed on.
    pub nomatch: u64,
    /// Per second, over the last few seconds.
    pub rate: f64,
    /// Per second, over the last five minutes.
    pub rate_last5m: f64,
    /// Highest `rate` seen.
    pub rate_max: f64,
    /// Median, 99th percentile and maximum of the time a decision took.
    pub p50: Duration,
    /// See `p50`.
    pub p99: Duration,
    /// See `p50`.
    pub max: Duration,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Tally {
    _stub: (),
}

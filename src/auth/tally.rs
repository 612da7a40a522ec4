//! Lock-free counters of one authenticator on this node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::histogram::Histogram;
use super::rate::Rate;

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

/// What came of asking an authenticator, as it is counted. An exchange is counted once, when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It allowed.
    Success,
    /// It denied, or could not decide and that means deny.
    Failed,
    /// The next one was asked.
    NoMatch,
}

/// The counters.
#[derive(Debug, Default)]
pub struct Tally {
    success: AtomicU64,
    failed: AtomicU64,
    nomatch: AtomicU64,
    rate: Rate,
    latency: Histogram,
}

impl Tally {
    /// Counts one login that ended at `now`.
    pub fn record(&self, came: Came, took: Duration, now: Instant) {
        let counter = match came {
            Came::Success => &self.success,
            Came::Failed => &self.failed,
            Came::NoMatch => &self.nomatch,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.rate.record(now);
        self.latency.record(took);
    }

    /// What was counted up to `now`. `total` is the sum of its parts, also while others count.
    pub fn figures(&self, now: Instant) -> Figures {
        let [success, failed, nomatch] =
            [&self.success, &self.failed, &self.nomatch].map(|counter| counter.load(Ordering::Relaxed));
        let rates = self.rate.rates(now);
        let [p50, p99] = self.latency.percentiles([50, 99]);
        Figures {
            total: success + failed + nomatch,
            success,
            failed,
            nomatch,
            rate: rates.now,
            rate_last5m: rates.last5m,
            rate_max: rates.max,
            p50,
            p99,
            max: self.latency.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Came, Tally};
    use crate::auth::{Clock, TestClock};

    #[test]
    fn the_total_is_the_sum_of_what_came_of_it() {
        let (tally, clock) = (Tally::default(), TestClock::at(1000));
        for (came, millis) in [
            (Came::Success, 1),
            (Came::Success, 2),
            (Came::Failed, 3),
            (Came::NoMatch, 4),
        ] {
            tally.record(came, Duration::from_millis(millis), clock.instant());
        }
        let figures = tally.figures(clock.instant());
        assert_eq!(
            (figures.total, figures.success, figures.failed, figures.nomatch),
            (4, 2, 1, 1)
        );
        assert_eq!(figures.max, Duration::from_millis(4));
        assert!(figures.p50 >= Duration::from_millis(2) && figures.p99 <= figures.max);
    }
}

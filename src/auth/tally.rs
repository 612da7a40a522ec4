//! Lock-free counters of one authenticator on this node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Instant;
use super::histogram::Histogram;
use super::rate::Rate;
use super::reason::Reason;

/// Counters and rates of one authenticator: `total` is the sum of the four that follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Logins that it was asked about; an exchange counts once, when it ends.
    pub total: u64,
    /// Allowed.
    pub success: u64,
    /// Denied.
    pub failed: u64,
    /// Passed on.
    pub nomatch: u64,
    /// Could not be decided, whatever that meant for the login.
    pub failures: u64,
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
    /// Why logins were denied or could not be decided: those reasons that were met, in the order of the contract.
    pub reasons: Vec<(Reason, u64)>,
}

/// What came of asking an authenticator, as it is counted. An exchange is counted once, when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It allowed.
    Success,
    /// It denied.
    Failed(Reason),
    /// It does not know the client.
    NoMatch,
    /// It could not decide.
    Failure(Reason),
}

/// The counters.
#[derive(Debug, Default)]
pub struct Tally {
    success: AtomicU64,
    failed: AtomicU64,
    nomatch: AtomicU64,
    failures: AtomicU64,
    reasons: [AtomicU64; Reason::ALL.len()],
    rate: Rate,
    latency: Histogram,
}

impl Tally {
    /// Counts one login that ended at `now`.
    pub fn record(&self, came: Came, took: Duration, now: Instant) {
        let (counter, reason) = match came {
            Came::Success => (&self.success, None),
            Came::Failed(reason) => (&self.failed, Some(reason)),
            Came::NoMatch => (&self.nomatch, None),
            Came::Failure(reason) => (&self.failures, Some(reason)),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = reason.and_then(|reason| self.reasons.get(reason as usize)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.rate.record(now);
        self.latency.record(took);
    }

    /// What was counted up to `now`. `total` is the sum of its parts, also while others count.
    pub fn figures(&self, now: Instant) -> Figures {
        let [success, failed, nomatch, failures] =
            [&self.success, &self.failed, &self.nomatch, &self.failures].map(|counter| counter.load(Ordering::Relaxed));
        let rates = self.rate.rates(now);
        let [p50, p99] = self.latency.percentiles([50, 99]);
        let counted = |(reason, counter): (&Reason, &AtomicU64)| (*reason, counter.load(Ordering::Relaxed));
        Figures {
            total: success + failed + nomatch + failures,
            success,
            failed,
            nomatch,
            failures,
            rate: rates.now,
            rate_last5m: rates.last5m,
            rate_max: rates.max,
            p50,
            p99,
            max: self.latency.max(),
            reasons: Reason::ALL
                .iter()
                .zip(&self.reasons)
                .map(counted)
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    /// How long decisions took, as a histogram over these bounds, ascending: for each the decisions that took no longer; and all
    /// their times together.
    pub fn durations(&self, bounds: &[Duration]) -> (Vec<u64>, Duration) {
        (self.latency.within(bounds), self.latency.sum())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Came, Tally};
    use crate::auth::{Clock, Reason, TestClock};

    #[test]
    fn the_total_is_the_sum_of_what_came_of_it() {
        let (tally, clock) = (Tally::default(), TestClock::at(1000));
        for (came, millis) in [
            (Came::Success, 1),
            (Came::Success, 2),
            (Came::Failed(Reason::TokenExpired), 3),
            (Came::NoMatch, 4),
            (Came::Failure(Reason::BackendTimeout), 5),
            (Came::Failure(Reason::BackendTimeout), 6),
        ] {
            tally.record(came, Duration::from_millis(millis), clock.instant());
        }
        let figures = tally.figures(clock.instant());
        assert_eq!(
            (
                figures.total,
                figures.success,
                figures.failed,
                figures.nomatch,
                figures.failures
            ),
            (6, 2, 1, 1, 2)
        );
        assert_eq!(
            figures.reasons,
            [(Reason::TokenExpired, 1), (Reason::BackendTimeout, 2)]
        );
        assert_eq!(figures.max, Duration::from_millis(6));
        let (within, sum) = tally.durations(&[Duration::from_millis(3), Duration::from_secs(1)]);
        assert!((2..=3).contains(&within[0]) && within[1] == 6, "{within:?}");
        assert_eq!(sum, Duration::from_millis(21));
        assert!(figures.p50 >= Duration::from_millis(2) && figures.p99 <= figures.max);
    }
}

//! The last hour of every authenticator: what all nodes together decided, sampled by this node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::site::Site;
use crate::auth::{AuthenticatorKey, Figures, Timestamp};

/// How often a sample is taken.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// An hour of them.
const KEPT: usize = 361;
/// Authenticators whose history is kept.
const MOST: usize = 256;

/// What had been counted at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) total: u64,
    /// Denied, or not decided.
    pub(super) bad: u64,
}

/// Decisions per second in the time before a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) total: f64,
    pub(super) bad: f64,
}

/// The samples of every authenticator.
#[derive(Default)]
pub(super) struct History(Mutex<BTreeMap<AuthenticatorKey, VecDeque<Sample>>>);

impl History {
    fn take(&self, at: Timestamp, figures: impl Iterator<Item = (AuthenticatorKey, Figures)>) {
        let mut samples = self.lock();
        let mut seen = Vec::new();
        for (key, figures) in figures.take(MOST) {
            let kept = samples.entry(key.clone()).or_default();
            kept.push_back(Sample {
                at,
                total: figures.total,
                bad: figures.failed + figures.failures,
            });
            if kept.len() > KEPT {
                kept.pop_front();
            }
            seen.push(key);
        }
        samples.retain(|key, _| seen.contains(key));
    }

    /// The rates of an authenticator, oldest first.
    pub(super) fn rates(&self, key: &AuthenticatorKey) -> Vec<Point> {
        let samples = self.lock();
        let Some(kept) = samples.get(key) else {
            return Vec::new();
        };
        kept.iter()
            .zip(kept.iter().skip(1))
            .map(|(before, after)| rate(*before, *after))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthenticatorKey, VecDeque<Sample>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counters fall when they are reset, or when a node starts anew: that is no negative rate.
fn rate(before: Sample, after: Sample) -> Point {
    let seconds = Duration::from_millis(after.at.0.saturating_sub(before.at.0))
        .as_secs_f64()
        .max(0.001);
    #[expect(
        clippy::cast_precision_loss,
        reason = "more decisions in ten seconds than fit are not made"
    )]
    let per_second = |after: u64, before: u64| after.saturating_sub(before) as f64 / seconds;
    Point {
        at: after.at,
        total: per_second(after.total, before.total),
        bad: per_second(after.bad, before.bad),
    }
}

/// Takes samples until the node stops.
pub(super) async fn sample(site: Site) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = site.drain().begun() => return,
        }
        let admin = site.admin();
        let rows = admin.chains().into_iter().flat_map(|chain| admin.chain_status(&chain));
        let figures = rows.map(|(view, status)| (view.record.key, status.total));
        site.history().take(site.clock().now(), figures);
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorKey, Figures, History, KEPT, Timestamp};

    fn key() -> AuthenticatorKey {
        AuthenticatorKey {
            chain: "global".into(),
            id: "jwt".into(),
        }
    }

    fn figures(total: u64, failed: u64) -> Figures {
        Figures {
            total,
            failed,
            ..Figures::default()
        }
    }

    #[test]
    fn rates_are_what_was_counted_between_two_samples() {
        let history = History::default();
        for (second, total, failed) in [(0, 100, 10), (10, 200, 10), (20, 50, 0)] {
            history.take(Timestamp(second * 1000), [(key(), figures(total, failed))].into_iter());
        }
        let rates = history.rates(&key());
        assert_eq!((rates[0].total, rates[0].bad), (10.0, 0.0));
        assert_eq!((rates[1].total, rates[1].bad), (0.0, 0.0), "counters were reset");
    }

    #[test]
    fn an_hour_is_kept_of_authenticators_that_are_there() {
        let history = History::default();
        for second in 0..1000 {
            history.take(Timestamp(second * 1000), [(key(), figures(second, 0))].into_iter());
        }
        assert_eq!(history.rates(&key()).len(), KEPT - 1);
        history.take(Timestamp(0), std::iter::empty());
        assert!(history.rates(&key()).is_empty());
    }
}

//! Logins per second, from a ring of one counter per second. No thread samples it: whoever counts or asks does the work.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Instant;

/// The window of the current rate, in seconds.
const SHORT: u64 = 5;
/// The window of the five-minute rate.
const LONG: u64 = 300;
/// A little more than the long window, so that a slot is not reused while it is summed up.
const SLOTS: usize = LONG as usize + 20;
/// No second has been seen yet.
const NEVER: u64 = u64::MAX;

/// Logins per second over three windows.
#[derive(Debug)]
pub(super) struct Rate {
    /// Upper half: which second; lower half: how many in it. Both at once, so that no count is taken for another second's.
    slots: Box<[AtomicU64]>,
    first: AtomicU64,
    latest: AtomicU64,
    /// Thousandths per second.
    highest: AtomicU64,
}

/// What [`Rate`] tells, per second.
pub(super) struct Rates {
    pub(super) now: f64,
    pub(super) last5m: f64,
    pub(super) max: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            first: AtomicU64::new(NEVER),
            latest: AtomicU64::new(NEVER),
            highest: AtomicU64::new(0),
        }
    }
}

impl Rate {
    /// Counts one.
    pub(super) fn record(&self, now: Instant) {
        let second = now.second();
        self.first.fetch_min(second, Ordering::Relaxed);
        if self.count(second) {
            let before = self.latest.swap(second, Ordering::Relaxed);
            self.note_highest(before);
        }
    }

    /// The rates, of whole seconds: the running one does not count yet.
    pub(super) fn rates(&self, now: Instant) -> Rates {
        let second = now.second();
        self.note_highest(self.latest.load(Ordering::Relaxed));
        let current = self.per_second(second, SHORT);
        Rates {
            now: to_float(current),
            last5m: to_float(self.per_second(second, LONG)),
            max: to_float(self.highest.load(Ordering::Relaxed)),
        }
    }

    /// True if it was the first of its second.
    fn count(&self, second: u64) -> bool {
        let Some(slot) = usize::try_from(second)
            .ok()
            .and_then(|second| self.slots.get(second % SLOTS))
        else {
            return false;
        };
        let tag = second << 32;
        let counted = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
            Some(if seen >> 32 == second & u64::from(u32::MAX) {
                seen + 1
            } else {
                tag + 1
            })
        });
        counted.is_ok_and(|seen| seen >> 32 != second & u64::from(u32::MAX))
    }

    /// A peak always ends with a second in which something was counted, so looking at the windows that end there misses none.
    fn note_highest(&self, last: u64) {
        if last != NEVER {
            self.highest
                .fetch_max(self.per_second(last + 1, SHORT), Ordering::Relaxed);
        }
    }

    /// Thousandths per second over the `window` seconds before `end`, fewer if counting began later.
    fn per_second(&self, end: u64, window: u64) -> u64 {
        let window = end.saturating_sub(self.first.load(Ordering::Relaxed)).min(window);
        if window == 0 {
            return 0;
        }
        let counted: u64 = (end - window..end).map(|second| self.counted_in(second)).sum();
        counted * 1000 / window
    }

    fn counted_in(&self, second: u64) -> u64 {
        let slot = usize::try_from(second)
            .ok()
            .and_then(|second| self.slots.get(second % SLOTS));
        let seen = slot.map_or(0, |slot| slot.load(Ordering::Relaxed));
        if seen >> 32 == second & u64::from(u32::MAX) {
            seen & u64::from(u32::MAX)
        } else {
            0
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn to_float(thousandths: u64) -> f64 {
    thousandths as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rate;
    use crate::auth::{Clock, TestClock};

    fn record(rate: &Rate, clock: &TestClock, count: usize) {
        (0..count).for_each(|_| rate.record(clock.instant()));
    }

    #[test]
    fn rates_cover_whole_seconds_and_fade() {
        let (rate, clock) = (Rate::default(), TestClock::at(1_700_000_000_000));
        for _ in 0..10 {
            record(&rate, &clock, 20);
            clock.advance(Duration::from_secs(1));
        }
        let rates = rate.rates(clock.instant());
        assert_eq!((rates.now, rates.last5m, rates.max), (20.0, 20.0, 20.0));
        clock.advance(Duration::from_secs(290));
        let rates = rate.rates(clock.instant());
        assert_eq!((rates.now, rates.max), (0.0, 20.0));
        assert!((rates.last5m - 200.0 / 300.0).abs() < 0.01);
        clock.advance(Duration::from_secs(100));
        assert_eq!(rate.rates(clock.instant()).last5m, 0.0);
    }

    #[test]
    fn a_peak_is_remembered_though_nobody_looked() {
        let (rate, clock) = (Rate::default(), TestClock::at(5000));
        record(&rate, &clock, 1);
        clock.advance(Duration::from_secs(9));
        record(&rate, &clock, 500);
        clock.advance(Duration::from_secs(60));
        record(&rate, &clock, 1);
        assert_eq!(rate.rates(clock.instant()).max, 100.0);
    }
}

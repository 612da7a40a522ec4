//! What is known of a backend: whether it answers, since when, and what it said last. While it does not, nobody is sent there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::auth::{Clock, Health, ProviderError, ProviderStatus, Reason, Timestamp};

/// Failures in a row, of questions and probes, after which logins are not sent to the backend any more.
const FAILURES_TO_OPEN: u32 = 3;

/// The breaker of one backend, and its state of health.
pub(super) struct Breaker {
    known: Mutex<Known>,
    /// Wakes the prober before its time.
    pub(super) doubt: Notify,
}

#[derive(Clone)]
struct Known {
    status: ProviderStatus,
    since: Timestamp,
    error: String,
    failures: u32,
    is_open: bool,
    last_success: Option<Timestamp>,
    probed_at: Option<Timestamp>,
}

/// What came of asking the backend, as far as the backend itself is concerned.
pub(super) enum Sign {
    /// It answered.
    Alive,
    /// It did not: this is why.
    Dead(String),
}

impl Breaker {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            known: Mutex::new(Known {
                status: ProviderStatus::Connecting,
                since: now,
                error: String::new(),
                failures: 0,
                is_open: false,
                last_success: None,
                probed_at: None,
            }),
            doubt: Notify::new(),
        }
    }

    /// Fails at once, with what was last heard, while the backend is known to be down.
    pub(super) fn pass(&self) -> Result<(), ProviderError> {
        let known = self.known();
        if known.is_open {
            let why = format!("not asked, because it is down: {}", known.error);
            return Err(ProviderError::new(Reason::BackendUnavailable, why));
        }
        Ok(())
    }

    /// A question has ended. Those that were under way when the breaker opened do not close it: a probe does.
    pub(super) fn asked(&self, sign: Sign, clock: &dyn Clock) {
        let mut known = self.known();
        match sign {
            Sign::Alive => {
                known.last_success = Some(clock.now());
                if !known.is_open {
                    known.failures = 0;
                }
            }
            Sign::Dead(why) => {
                self.doubt.notify_one();
                known.fail(why, clock.now());
            }
        }
    }

    /// A question was given up by whoever asked: perhaps the backend hangs.
    pub(super) fn given_up(&self) {
        self.doubt.notify_one();
    }

    /// A probe has ended. Returns the state of health if that is another one than before.
    pub(super) fn probed(&self, sign: Sign, clock: &dyn Clock) -> Option<Health> {
        let now = clock.now();
        let mut known = self.known();
        let before = known.status;
        known.probed_at = Some(now);
        match sign {
            Sign::Alive => {
                known.failures = 0;
                known.is_open = false;
                known.last_success = Some(now);
                known.error.clear();
                known.become_(ProviderStatus::Connected, now);
            }
            Sign::Dead(why) => {
                known.fail(why, now);
                known.become_(ProviderStatus::Disconnected, now);
            }
        }
        (known.status != before).then(|| known.health())
    }

    /// Whether the last probe found nobody, or logins are being kept away.
    pub(super) fn is_down(&self) -> bool {
        self.known().status != ProviderStatus::Connected
    }

    pub(super) fn health(&self) -> Health {
        self.known().health()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn fail(&mut self, why: String, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.error = why;
        if self.failures >= FAILURES_TO_OPEN {
            self.is_open = true;
            self.become_(ProviderStatus::Disconnected, now);
        }
    }

    fn become_(&mut self, status: ProviderStatus, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.since = now;
        }
    }

    fn health(&self) -> Health {
        Health {
            status: self.status,
            error: self.error.clone(),
            since: self.since,
            last_success: self.last_success,
            probed_at: self.probed_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, FAILURES_TO_OPEN, Sign};
    use crate::auth::{Clock as _, ProviderStatus, Reason, TestClock, Timestamp};

    fn dead() -> Sign {
        Sign::Dead("connection refused".to_owned())
    }

    #[test]
    fn after_some_failures_in_a_row_logins_are_answered_at_once_until_a_probe_succeeds() {
        let clock = TestClock::at(5000);
        let breaker = Breaker::new(clock.now());
        for _ in 1..FAILURES_TO_OPEN {
            breaker.asked(dead(), &clock);
            assert!(breaker.pass().is_ok());
        }
        breaker.asked(Sign::Alive, &clock);
        for _ in 1..FAILURES_TO_OPEN {
            breaker.asked(dead(), &clock);
        }
        assert!(breaker.pass().is_ok());
        breaker.asked(dead(), &clock);
        let error = breaker.pass().unwrap_err();
        assert_eq!(error.reason, Reason::BackendUnavailable);
        assert!(error.detail.contains("connection refused"));
        breaker.asked(Sign::Alive, &clock);
        assert!(breaker.pass().is_err());
        let health = breaker.probed(Sign::Alive, &clock).unwrap();
        assert_eq!((health.status, &*health.error), (ProviderStatus::Connected, ""));
        assert!(breaker.pass().is_ok());
    }

    #[test]
    fn a_failed_probe_shows_at_once_and_an_unchanged_state_is_not_told_again() {
        let clock = TestClock::at(5000);
        let breaker = Breaker::new(clock.now());
        assert_eq!(breaker.health().status, ProviderStatus::Connecting);
        let health = breaker.probed(dead(), &clock).unwrap();
        assert_eq!(health.status, ProviderStatus::Disconnected);
        assert_eq!((health.since, health.last_success), (Timestamp(5000), None));
        assert!(breaker.pass().is_ok() && breaker.is_down());
        clock.advance(std::time::Duration::from_secs(1));
        assert!(breaker.probed(dead(), &clock).is_none());
        let health = breaker.health();
        assert_eq!(
            (health.since, health.probed_at),
            (Timestamp(5000), Some(Timestamp(6000)))
        );
    }
}

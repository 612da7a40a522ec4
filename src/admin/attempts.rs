//! How often somebody may try something on this node that tells whether a password is right.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::auth::Instant;

/// What is limited is so much in so long.
const WINDOW: Duration = Duration::from_secs(60);
/// Names and addresses that are remembered. An admitted attempt mostly costs a slow hash, so no node gets as far as this within
/// a minute; if one does, newcomers have to wait rather than anybody's attempts be forgotten.
const REMEMBERED: usize = 20_000;
/// How long they wait.
const CROWDED: Duration = Duration::from_secs(5);

/// Whose attempts are counted.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// An account's, existing or not.
    Account(&'a str),
    /// Those from an address.
    Address(&'a str),
    /// Those of somebody who is signed in: strangers who guess at the account do not keep its owner out.
    Session(&'a str),
}

/// [`Whose`], so that the memory each takes does not depend on who sent it.
type Who = [u8; 32];

/// The attempts of the last minute.
pub(super) struct Attempts {
    /// So many are admitted in it.
    most: usize,
    of: Mutex<HashMap<Who, Vec<Instant>>>,
}

/// One that was admitted and counted.
pub(super) struct Attempt {
    who: Vec<Who>,
    at: Instant,
}

impl Attempts {
    /// Admits so many a minute.
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            most,
            of: Mutex::default(),
        }
    }

    /// Counts an attempt; or tells how long to wait until the next one. Counted before it is known how it ends, so that many at
    /// once are not more than one after the other.
    pub(super) fn begin(&self, whose: &[Whose<'_>], now: Instant) -> Result<Attempt, Duration> {
        let who: Vec<Who> = whose.iter().map(hashed).collect();
        let mut attempts = self.attempts();
        let waits = who.iter().filter_map(|who| self.wait(attempts.get(who)?, now));
        if let Some(longest) = waits.max() {
            return Err(longest);
        }
        if attempts.len() + who.len() > REMEMBERED {
            attempts.retain(|_, times| times.iter().any(|at| counts(*at, now)));
            if attempts.len() + who.len() > REMEMBERED {
                return Err(CROWDED);
            }
        }
        for who in &who {
            let times = attempts.entry(*who).or_default();
            times.retain(|at| counts(*at, now));
            times.push(now);
        }
        Ok(Attempt { who, at: now })
    }

    /// It was no guess after all: the password was right, or nobody could tell. Others' attempts still count.
    pub(super) fn forgive(&self, attempt: &Attempt) {
        let mut attempts = self.attempts();
        for who in &attempt.who {
            let Some(times) = attempts.get_mut(who) else { continue };
            if let Some(place) = times.iter().position(|at| *at == attempt.at) {
                times.remove(place);
            }
            if times.is_empty() {
                attempts.remove(who);
            }
        }
    }

    /// How long until one more is admitted; `None`: it is.
    fn wait(&self, times: &[Instant], now: Instant) -> Option<Duration> {
        let oldest = times.len().checked_sub(self.most)?;
        let over = WINDOW.checked_sub(now.since(*times.get(oldest)?))?;
        (!over.is_zero()).then_some(over)
    }

    fn attempts(&self) -> MutexGuard<'_, HashMap<Who, Vec<Instant>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counts(at: Instant, now: Instant) -> bool {
    now.since(at) < WINDOW
}

fn hashed(whose: &Whose<'_>) -> Who {
    let (kind, text) = match whose {
        Whose::Account(name) => ("account", name.to_ascii_lowercase()),
        Whose::Address(address) => ("address", network_of(address)),
        Whose::Session(id) => ("session", (*id).to_owned()),
    };
    Sha256::new()
        .chain_update(kind)
        .chain_update([0])
        .chain_update(text)
        .finalize()
        .into()
}

/// Whoever has one address of IPv6 has the 2⁶⁴ beside it too.
fn network_of(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => format!("{:x?}", address.segments().first_chunk::<4>()),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Attempt, Attempts, CROWDED, REMEMBERED, Whose, network_of};
    use crate::auth::{Clock as _, TestClock};

    const SECOND: Duration = Duration::from_secs(1);

    struct Try {
        attempts: Attempts,
        clock: TestClock,
    }

    impl Try {
        fn new() -> Self {
            Self {
                attempts: Attempts::at_most(5),
                clock: TestClock::at(5000),
            }
        }

        fn begin(&self, name: &str, address: &str) -> Result<Attempt, Duration> {
            let whose = [Whose::Account(name), Whose::Address(address)];
            self.attempts.begin(&whose, self.clock.instant())
        }

        fn wait(&self, name: &str, address: &str) -> Option<Duration> {
            self.begin(name, address).err()
        }
    }

    #[test]
    fn the_sixth_attempt_of_a_minute_waits_for_the_first_to_be_over() {
        let these = Try::new();
        for number in 0..5 {
            assert_eq!(these.wait("ann", &format!("10.0.0.{number}")), None);
            these.clock.advance(SECOND);
        }
        assert_eq!(these.wait("ANN", "10.0.0.9"), Some(55 * SECOND));
        assert_eq!(these.wait("bob", "10.0.0.9"), None);
        // A refused attempt does not count, or nobody would ever get in again.
        these.clock.advance(55 * SECOND);
        assert_eq!(these.wait("ann", "10.0.0.9"), None);
        assert_eq!(these.wait("ann", "10.0.0.9"), Some(SECOND));
    }

    #[test]
    fn an_address_is_counted_whoever_it_tries() {
        let these = Try::new();
        let waits: Vec<_> = (0..6).map(|n| these.wait(&format!("user{n}"), "10.0.0.1")).collect();
        assert_eq!(waits, [None, None, None, None, None, Some(60 * SECOND)]);
    }

    #[test]
    fn what_was_no_guess_is_forgiven_and_the_guesses_of_others_are_not() {
        let these = Try::new();
        for _ in 0..4 {
            assert_eq!(these.wait("ann", "10.0.0.1"), None);
        }
        for _ in 0..20 {
            let right = these.begin("ann", "10.0.0.1").unwrap();
            these.attempts.forgive(&right);
        }
        assert_eq!(these.wait("ann", "10.0.0.1"), None);
        assert!(these.wait("ann", "10.0.0.1").is_some());
    }

    #[test]
    fn no_flood_of_names_makes_it_forget_anybody_nor_grow() {
        let these = Try::new();
        for _ in 0..5 {
            assert_eq!(these.wait("ann", "10.0.0.1"), None);
        }
        let crowd = (0..REMEMBERED).map(|n| these.wait(&format!("n{n}"), &format!("at {n}")));
        assert_eq!(crowd.last(), Some(Some(CROWDED)));
        assert!(these.wait("ann", "10.0.0.2").is_some());
        assert!(these.attempts.attempts().len() <= REMEMBERED);
        these.clock.advance(60 * SECOND);
        assert_eq!(these.wait("new", "10.0.0.3"), None);
        assert_eq!(these.attempts.attempts().len(), 2);
    }

    #[test]
    fn neighbours_in_one_network_of_ipv6_are_one() {
        assert_eq!(network_of("2001:db8::1"), network_of("2001:db8:0:0:ffff::2"));
        assert_ne!(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"));
        assert_eq!(network_of("::ffff:10.0.0.1"), network_of("10.0.0.1"));
        assert_eq!(network_of("unknown"), "unknown");
    }
}

//! What a login must cost that is not let in, so that its time does not tell who exists.
//!
//! The users of one authenticator may be protected in several ways: each record keeps the algorithm that made it. So there is not
//! one price of a wrong password, and a dummy of the present algorithm alone would betray whoever still has an older record, or
//! whoever has a newer one. Therefore every denied login pays the same bill: one check of each kind of slow record that is in use
//! here, its own among them. In use are the kind that the present algorithm makes and those that logins have met lately. A bill
//! of several items is the price of a migration, and ends with it: records are made anew at each login, and a kind that nobody
//! has met for a day is struck off.
//!
//! What this promises: an unknown user, a wrong password, a user who is disabled or expired and one whose record is too weak do
//! the same work, whatever protects the user. Digests, which take a microsecond, are not told apart from nothing.
//!
//! What it does not: the first denied login of a kind that this instance has not met pays for it on top of the bill; of more kinds
//! than [`MOST_MET`] besides the present one, those met last are on the bill; a login that is let in pays for its own record only;
//! how long the work waits for a thread is not evened out; and in a chain of several authenticators, whom this one does not know goes
//! on to the next and pays there too.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::auth::Instant;
use crate::hash::{Algorithm, Stored};

/// Kinds besides the present one. Each makes wrong passwords dearer, for the node too.
const MOST_MET: usize = 2;
/// A kind that no login has met for so long is not in use any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The bill of one authenticator on this node.
pub(super) struct Decoys {
    present: Stored,
    met: Mutex<Vec<Met>>,
}

/// A kind of slow record, and when a login met it last.
struct Met {
    decoy: Stored,
    at: Instant,
}

impl Decoys {
    /// Begins with what the algorithm makes.
    pub(super) fn new(algorithm: &Algorithm) -> Self {
        Self {
            present: Stored::decoy_of(algorithm),
            met: Mutex::default(),
        }
    }

    /// A login has met this record.
    pub(super) fn note(&self, record: &Stored, now: Instant) {
        if record.is_cheap() {
            return;
        }
        let decoy = record.decoy();
        if decoy == self.present {
            return;
        }
        let mut met = self.met();
        if let Some(known) = met.iter_mut().find(|known| known.decoy == decoy) {
            known.at = now;
            return;
        }
        met.sort_by_key(|known| known.at);
        let surplus = (met.len() + 1).saturating_sub(MOST_MET);
        met.drain(..surplus);
        met.push(Met { decoy, at: now });
    }

    /// What a denied login has to check besides this record; `None`: besides nothing, because there is no such user.
    pub(super) fn besides(&self, record: Option<&Stored>, now: Instant) -> Vec<Stored> {
        let own = record.map(Stored::decoy);
        let met = self.met();
        let lately = met.iter().filter(|met| now.since(met.at) < FORGOTTEN_AFTER);
        std::iter::once(&self.present)
            .chain(lately.map(|met| &met.decoy))
            .filter(|kind| own.as_ref().is_none_or(|own| own != *kind && !kind.is_cheap()))
            .cloned()
            .collect()
    }

    fn met(&self) -> MutexGuard<'_, Vec<Met>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{Algorithm, Decoys, Stored};
    use crate::auth::{Clock as _, TestClock};

    fn kind(json: &Value) -> Stored {
        Stored::decoy_of(&Algorithm::parse(json).unwrap())
    }

    fn argon2id(iterations: u32) -> Stored {
        kind(&json!({"name": "argon2id", "memory_kib": 8, "iterations": iterations}))
    }

    fn bill(decoys: &Decoys, record: Option<&Stored>, clock: &TestClock) -> Vec<Stored> {
        // A login has checked its own record already.
        let mut bill: Vec<_> = record.into_iter().filter(|own| !own.is_cheap()).cloned().collect();
        bill.extend(decoys.besides(record, clock.instant()));
        bill
    }

    fn same(one: &[Stored], other: &[Stored]) -> bool {
        one.len() == other.len() && one.iter().all(|kind| other.contains(kind))
    }

    #[test]
    fn every_denied_login_pays_the_same_bill_whatever_protects_the_user() {
        let bcrypt = json!({"name": "bcrypt", "salt_rounds": 4});
        let decoys = Decoys::new(&Algorithm::parse(&bcrypt).unwrap());
        let clock = TestClock::at(1000);
        for met in [argon2id(1), argon2id(2), kind(&json!("sha256"))] {
            decoys.note(&met, clock.instant());
        }
        let unknown = bill(&decoys, None, &clock);
        assert!(same(&unknown, &[kind(&bcrypt), argon2id(1), argon2id(2)]));
        for known in [argon2id(1), argon2id(2), kind(&bcrypt), kind(&json!("sha256"))] {
            assert!(same(&bill(&decoys, Some(&known), &clock), &unknown));
        }
    }

    #[test]
    fn older_slow_records_are_paid_for_where_the_present_algorithm_is_cheap() {
        let decoys = Decoys::new(&Algorithm::parse(&json!("sha256")).unwrap());
        let clock = TestClock::at(1000);
        decoys.note(&argon2id(1), clock.instant());
        let upgraded = kind(&json!("sha256"));
        assert!(bill(&decoys, None, &clock).contains(&argon2id(1)));
        assert!(same(&bill(&decoys, Some(&upgraded), &clock), &[argon2id(1)]));
        assert!(same(&bill(&decoys, Some(&argon2id(1)), &clock), &[argon2id(1)]));
    }

    #[test]
    fn a_kind_that_nobody_meets_any_more_is_struck_off() {
        let decoys = Decoys::new(&Algorithm::parse(&json!("sha256")).unwrap());
        let clock = TestClock::at(1000);
        let hours = |hours: u64| clock.advance(Duration::from_secs(hours * 3600));
        decoys.note(&argon2id(1), clock.instant());
        decoys.note(&argon2id(2), clock.instant());
        hours(20);
        decoys.note(&argon2id(2), clock.instant());
        hours(20);
        assert!(!bill(&decoys, None, &clock).contains(&argon2id(1)));
        assert!(bill(&decoys, None, &clock).contains(&argon2id(2)));
    }

    #[test]
    fn the_bill_stays_short_and_holds_what_was_met_last() {
        let decoys = Decoys::new(&Algorithm::parse(&json!("sha256")).unwrap());
        let clock = TestClock::at(1000);
        for iterations in [1, 2, 1, 3] {
            clock.advance(Duration::from_secs(1));
            decoys.note(&argon2id(iterations), clock.instant());
        }
        let slow: Vec<_> = decoys.besides(Some(&kind(&json!("md5"))), clock.instant());
        assert!(same(&slow, &[argon2id(1), argon2id(3)]));
    }
}

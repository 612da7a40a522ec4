//! Things that this node keeps for somebody who is signed in: each its owner's alone, for a while, and in bounds that nobody fills
//! up for others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::{Instant, Secret};

/// What nobody comes back to.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// On one shelf, for one account: then its own oldest goes.
const EACH: usize = 8;
/// Bytes of one thing.
pub(super) const LARGEST: usize = 1 << 20;
/// Bytes of all things together: then the oldest of the account goes that has most.
const ALL_BYTES: usize = 32 << 20;

/// What kind of thing it is. Append-only, as nodes of two versions may talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shelf {
    /// Settings typed and not stored.
    Drafts,
    /// Users deleted a moment ago.
    Deleted,
}

impl Shelf {
    /// A thing on it, in a sentence.
    pub(super) const fn thing(self) -> &'static str {
        match self {
            Self::Drafts => "this draft",
            Self::Deleted => "the deleted user",
        }
    }
}

/// With what something is asked for. Who is not its owner asks in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) shelf: Shelf,
    pub(super) account: String,
    pub(super) session: String,
    pub(super) name: String,
}

struct Kept {
    ticket: Ticket,
    at: Instant,
    thing: Secret,
}

/// Things by their names.
#[derive(Default)]
pub(super) struct Things(Mutex<HashMap<String, Kept>>);

impl Things {
    /// Keeps it, in the place of what has the same name.
    pub(super) fn keep(&self, ticket: Ticket, thing: Secret, now: Instant) {
        let mut things = self.lock();
        things.retain(|name, kept| is_fresh(kept, now) && *name != ticket.name);
        make_room(&mut things, &ticket, thing.expose().len());
        let kept = Kept { ticket, at: now, thing };
        things.insert(kept.ticket.name.clone(), kept);
    }

    pub(super) fn find(&self, ticket: &Ticket, now: Instant) -> Option<Secret> {
        let things = self.lock();
        let kept = things.get(&ticket.name)?;
        (kept.ticket == *ticket && is_fresh(kept, now)).then(|| kept.thing.clone())
    }

    pub(super) fn forget(&self, ticket: &Ticket) {
        let mut things = self.lock();
        if things.get(&ticket.name).is_some_and(|kept| kept.ticket == *ticket) {
            things.remove(&ticket.name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(kept: &Kept, now: Instant) -> bool {
    now.since(kept.at) < KEPT
}

/// An account makes room for its own things first.
fn make_room(things: &mut HashMap<String, Kept>, newcomer: &Ticket, bytes: usize) {
    let is_alike = |kept: &Kept| (kept.ticket.shelf, &kept.ticket.account) == (newcomer.shelf, &newcomer.account);
    if things.values().filter(|kept| is_alike(kept)).count() >= EACH {
        drop_oldest(things, is_alike);
    }
    loop {
        let mut held: BTreeMap<&str, usize> = BTreeMap::new();
        for kept in things.values() {
            *held.entry(&kept.ticket.account).or_default() += kept.thing.expose().len();
        }
        let most = held
            .iter()
            .max_by_key(|(_, held)| **held)
            .map(|(account, _)| (*account).to_owned());
        match most {
            Some(account) if held.values().sum::<usize>() + bytes > ALL_BYTES => {
                drop_oldest(things, |kept| kept.ticket.account == account);
            }
            _ => return,
        }
    }
}

fn drop_oldest(things: &mut HashMap<String, Kept>, fits: impl Fn(&Kept) -> bool) {
    let oldest = things.values().filter(|kept| fits(kept)).min_by_key(|kept| kept.at);
    if let Some(name) = oldest.map(|kept| kept.ticket.name.clone()) {
        things.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL_BYTES, Duration, EACH, KEPT, LARGEST, Secret, Shelf, Things, Ticket};
    use crate::auth::{Clock, TestClock};

    struct Room {
        things: Things,
        clock: TestClock,
    }

    impl Room {
        fn new() -> Self {
            Self {
                things: Things::default(),
                clock: TestClock::at(1000),
            }
        }

        fn keep(&self, ticket: &Ticket, thing: &str) {
            self.clock.advance(Duration::from_millis(1));
            self.things
                .keep(ticket.clone(), Secret::new(thing), self.clock.instant());
        }

        fn has(&self, ticket: &Ticket, thing: &str) -> bool {
            self.things.find(ticket, self.clock.instant()) == Some(Secret::new(thing))
        }

        fn has_any(&self, ticket: &Ticket) -> bool {
            self.things.find(ticket, self.clock.instant()).is_some()
        }
    }

    fn ticket(account: &str, name: impl ToString) -> Ticket {
        Ticket {
            shelf: Shelf::Drafts,
            account: account.into(),
            session: format!("session of {account}"),
            name: format!("{account} {}", name.to_string()),
        }
    }

    #[test]
    fn what_is_kept_is_its_owner_s_alone_and_does_not_live_for_ever() {
        let room = Room::new();
        let hers = ticket("ann", 1);
        room.keep(&hers, "a secret");
        let others = [
            Ticket {
                account: "bob".into(),
                ..hers.clone()
            },
            Ticket {
                session: "another".into(),
                ..hers.clone()
            },
            Ticket {
                shelf: Shelf::Deleted,
                ..hers.clone()
            },
        ];
        for other in &others {
            assert!(!room.has_any(other), "{other:?}");
            room.things.forget(other);
        }
        assert!(room.has(&hers, "a secret"));
        room.keep(&hers, "another secret");
        assert!(room.has(&hers, "another secret"));
        room.clock.advance(KEPT);
        assert!(!room.has_any(&hers));
    }

    #[test]
    fn who_keeps_much_loses_the_oldest_of_it_and_nobody_else_anything() {
        let room = Room::new();
        let hers = ticket("ann", 0);
        let user = Ticket {
            shelf: Shelf::Deleted,
            ..ticket("bob", "user")
        };
        room.keep(&hers, "hers");
        room.keep(&user, "deleted");
        for number in 0..300 {
            room.keep(&ticket("bob", number), "his");
        }
        assert!(room.has(&hers, "hers") && room.has(&user, "deleted"));
        assert!(!room.has_any(&ticket("bob", 299 - EACH)));
        assert!(room.has(&ticket("bob", 300 - EACH), "his"));
    }

    #[test]
    fn when_nothing_more_fits_who_has_most_makes_room() {
        let room = Room::new();
        let hers = ticket("ann", 0);
        room.keep(&hers, "hers");
        let large = "x".repeat(LARGEST);
        for account in 0..10 {
            for number in 0..EACH {
                room.keep(&ticket(&format!("bob {account}"), number), &large);
            }
        }
        let held: usize = room.things.lock().values().map(|kept| kept.thing.expose().len()).sum();
        assert!(held <= ALL_BYTES, "{held}");
        assert!(room.has(&hers, "hers"));
        assert!(room.has(&ticket("bob 9", EACH - 1), &large));
    }
}

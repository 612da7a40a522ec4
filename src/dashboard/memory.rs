//! What this node keeps for somebody who is signed in and must not go into a page: for a while, and in bounds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::auth::Instant;

/// What nobody comes back to.
const KEPT: Duration = Duration::from_secs(30 * 60);
/// All people together; the oldest goes.
const MOST: usize = 200;

/// Things by an id that nobody guesses, each its owner's alone.
pub(super) struct Memory<T>(Mutex<HashMap<String, Kept<T>>>);

struct Kept<T> {
    owner: String,
    at: Instant,
    thing: T,
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memory<T> {
    /// Keeps it in the place of the one that is named, or under a new id.
    pub(super) fn keep(&self, id: &str, owner: &str, thing: T, now: Instant) -> Result<String, getrandom::Error> {
        let mut things = self.lock();
        things.retain(|_, kept| now.since(kept.at) < KEPT);
        let known = things.get(id).is_some_and(|kept| kept.owner == owner);
        let id = if known { id.to_owned() } else { fresh_id()? };
        if things.len() >= MOST
            && let Some(oldest) = things.iter().min_by_key(|(_, kept)| kept.at).map(|(id, _)| id.clone())
        {
            things.remove(&oldest);
        }
        let owner = owner.to_owned();
        things.insert(id.clone(), Kept { owner, at: now, thing });
        Ok(id)
    }

    pub(super) fn find(&self, id: &str, owner: &str, now: Instant) -> Option<T> {
        let things = self.lock();
        let kept = things
            .get(id)
            .filter(|kept| kept.owner == owner && now.since(kept.at) < KEPT)?;
        Some(kept.thing.clone())
    }

    pub(super) fn forget(&self, id: &str, owner: &str) {
        let mut things = self.lock();
        if things.get(id).is_some_and(|kept| kept.owner == owner) {
            things.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Duration, KEPT, MOST, Memory};
    use crate::auth::{Clock, TestClock};

    #[test]
    fn what_is_kept_is_its_owner_s_alone_and_does_not_live_for_ever() {
        let (memory, clock) = (Memory::default(), TestClock::at(1000));
        let id = memory.keep("", "ann", 1, clock.instant()).unwrap();
        assert_eq!(memory.find(&id, "ann", clock.instant()), Some(1));
        assert_eq!(memory.find(&id, "bob", clock.instant()), None);
        memory.forget(&id, "bob");
        assert_eq!(memory.find(&id, "ann", clock.instant()), Some(1));
        clock.advance(KEPT + Duration::from_secs(1));
        assert_eq!(memory.find(&id, "ann", clock.instant()), None);
    }

    #[test]
    fn what_is_changed_keeps_its_id_and_nobody_takes_another_s() {
        let (memory, clock) = (Memory::default(), TestClock::at(1000));
        let id = memory.keep("", "ann", 1, clock.instant()).unwrap();
        assert_eq!(memory.keep(&id, "ann", 2, clock.instant()).unwrap(), id);
        assert_ne!(memory.keep(&id, "bob", 3, clock.instant()).unwrap(), id);
        assert_eq!(memory.find(&id, "ann", clock.instant()), Some(2));
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let (memory, clock) = (Memory::default(), TestClock::at(1000));
        let first = memory.keep("", "ann", 0, clock.instant()).unwrap();
        for thing in 0..MOST {
            clock.advance(Duration::from_millis(1));
            memory.keep("", "ann", thing, clock.instant()).unwrap();
        }
        assert_eq!(memory.find(&first, "ann", clock.instant()), None);
    }
}

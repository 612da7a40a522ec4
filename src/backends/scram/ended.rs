//! Exchanges that ended a moment ago on this node: a state that comes again is a replay.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::sealed::LIFETIME;
use crate::auth::Instant;

/// About 32 MiB if it ever comes to that; as long as they are remembered, at more exchanges a second than a processor ends.
const MOST: usize = 524_288;

/// What became of the attempt to end an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It had not ended before.
    Now,
    /// It had: a replay.
    Before,
    /// So many have ended that this one cannot be remembered.
    TooMany,
}

/// Remembers the ids of ended exchanges as long as their states could be opened.
#[derive(Default)]
pub(super) struct EndedExchanges {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<[u8; 16]>,
    /// Oldest first.
    order: VecDeque<(Instant, [u8; 16])>,
}

impl EndedExchanges {
    /// Ends one.
    pub(super) fn end(&self, id: [u8; 16], now: Instant) -> Ended {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, oldest)) = seen.order.pop_front_if(|(ended, _)| now.since(*ended) > 2 * LIFETIME) {
            seen.ids.remove(&oldest);
        }
        if seen.ids.contains(&id) {
            return Ended::Before;
        }
        if seen.ids.len() >= MOST {
            return Ended::TooMany;
        }
        seen.ids.insert(id);
        seen.order.push_back((now, id));
        Ended::Now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ended, EndedExchanges, MOST};
    use crate::auth::{Clock as _, TestClock};

    #[test]
    fn an_exchange_ends_once() {
        let (ended, clock) = (EndedExchanges::default(), TestClock::at(0));
        assert_eq!(ended.end([1; 16], clock.instant()), Ended::Now);
        assert_eq!(ended.end([2; 16], clock.instant()), Ended::Now);
        clock.advance(Duration::from_secs(59));
        assert_eq!(ended.end([1; 16], clock.instant()), Ended::Before);
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_what_cannot_be_opened_any_more() {
        let (ended, clock) = (EndedExchanges::default(), TestClock::at(0));
        for number in 0..MOST as u128 {
            assert_eq!(ended.end(number.to_be_bytes(), clock.instant()), Ended::Now);
        }
        assert_eq!(ended.end([0xff; 16], clock.instant()), Ended::TooMany);
        clock.advance(Duration::from_secs(61));
        assert_eq!(ended.end([0xff; 16], clock.instant()), Ended::Now);
        assert_eq!(ended.seen.lock().unwrap().ids.len(), 1);
    }
}

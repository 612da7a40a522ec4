//! How many questions a backend is asked at once, and how many may wait for their turn.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::{ProviderError, Reason};

/// The bulkhead of one backend: what it keeps waiting is bounded, and nobody else waits with it.
pub(super) struct Gate {
    /// Questions that are being asked or wait.
    admitted: Semaphore,
    /// Questions that are being asked.
    asking: Semaphore,
    places: Places,
}

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) asking: usize,
    pub(super) waiting: usize,
}

/// A turn, given back when dropped.
pub(super) struct Turn<'a> {
    _admitted: SemaphorePermit<'a>,
    _asking: SemaphorePermit<'a>,
}

impl Gate {
    pub(super) fn new(places: Places) -> Self {
        Self {
            admitted: Semaphore::new(places.asking + places.waiting),
            asking: Semaphore::new(places.asking),
            places,
        }
    }

    /// Waits for a turn; at once an error if too many wait already. That says nothing of the backend, nor of the client.
    pub(super) async fn enter(&self) -> Result<Turn<'_>, ProviderError> {
        let admitted = self.admitted.try_acquire().map_err(|_| self.full())?;
        let asking = self.asking.acquire().await.map_err(|_| self.full())?;
        Ok(Turn {
            _admitted: admitted,
            _asking: asking,
        })
    }

    /// Questions that are being asked, and those that wait.
    pub(super) fn taken(&self) -> Places {
        let asking = self.places.asking.saturating_sub(self.asking.available_permits());
        let all = (self.places.asking + self.places.waiting).saturating_sub(self.admitted.available_permits());
        Places {
            asking,
            waiting: all.saturating_sub(asking),
        }
    }

    fn full(&self) -> ProviderError {
        let Places { asking, waiting } = self.places;
        let why = format!("{asking} logins are being asked about (`pool_size`), and {waiting} wait (`max_waiting`)");
        ProviderError::new(Reason::Overloaded, why)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{Gate, Places};
    use crate::auth::Reason;

    #[tokio::test]
    async fn so_many_are_asked_about_so_many_wait_and_the_next_one_is_told_at_once() {
        let gate = Gate::new(Places { asking: 1, waiting: 1 });
        let first = gate.enter().await.ok().unwrap();
        let mut second = Box::pin(gate.enter());
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(gate.taken(), Places { asking: 1, waiting: 1 });
        let error = gate.enter().await.err().unwrap();
        assert_eq!(error.reason, Reason::Overloaded);
        assert!(error.detail.contains("`pool_size`"));
        drop(first);
        let second = second.now_or_never().unwrap().ok().unwrap();
        assert_eq!(gate.taken(), Places { asking: 1, waiting: 0 });
        drop(second);
        assert_eq!(gate.taken(), Places { asking: 0, waiting: 0 });
    }
}

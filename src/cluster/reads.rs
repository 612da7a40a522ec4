//! Before a read: may it be served from this node's memory, and from which moment on?

use std::time::Duration;

use super::errors::ReadError;
use super::freshness::Freshness;
use super::handle::Cluster;
use crate::auth::Reason;

/// What a login must respect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadRequirement {
    /// Confirm with a quorum first.
    pub linearizable: bool,
    /// Wait for this revision.
    pub min_revision: u64,
}

impl Cluster {
    /// Waits until a read of that requirement may be served from memory. For `LOCAL` without `min_revision` it is a few comparisons:
    /// `Err(NotReady)`, or `Err(Stale)` past the cluster's `max_staleness`.
    pub async fn before_read(&self, requirement: ReadRequirement, timeout: Duration) -> Result<Freshness, ReadError> {
        self.ready()
            .map_err(|error| ReadError::new(Reason::NotReady, error.to_string()))?;
        if requirement.linearizable || requirement.min_revision > self.inner.freshness().revision {
            let waited = tokio::time::timeout(timeout, self.catch_up(requirement)).await;
            waited.unwrap_or_else(|_| Err(self.too_late(requirement)))?;
        }
        let freshness = self.inner.freshness();
        // A linearizable read has just been proven by a quorum, whatever the probe says.
        if !requirement.linearizable {
            within_bound(freshness, self.inner.parts.store.settings().max_staleness)?;
        }
        Ok(freshness)
    }

    async fn catch_up(&self, requirement: ReadRequirement) -> Result<(), ReadError> {
        let mut target = requirement.min_revision;
        let asked_at = self.inner.parts.clock.instant();
        if requirement.linearizable {
            let index = self.inner.read_index().await;
            target = target
                .max(index.map_err(|why| ReadError::new(Reason::BackendUnavailable, format!("no quorum: {why}")))?);
        }
        let mut applied = self.inner.applied.clone();
        let stopped = |_| ReadError::new(Reason::NotReady, "this node is stopping");
        applied.wait_for(|applied| *applied >= target).await.map_err(stopped)?;
        if requirement.linearizable {
            self.inner.prove(asked_at);
        }
        Ok(())
    }

    fn too_late(&self, requirement: ReadRequirement) -> ReadError {
        let applied = self.inner.freshness().revision;
        let why = if requirement.min_revision > applied {
            format!(
                "this node has applied revision {applied}, not yet {}",
                requirement.min_revision
            )
        } else {
            format!("no confirmed index was applied in time; this node has applied revision {applied}")
        };
        ReadError::new(Reason::DeadlineExceeded, why)
    }
}

/// The hard bound on how old a `LOCAL` answer can be.
fn within_bound(freshness: Freshness, bound: Duration) -> Result<(), ReadError> {
    match freshness.staleness {
        Some(staleness) if staleness <= bound => Ok(()),
        Some(staleness) => {
            let why = format!("this node has not heard from a quorum for {staleness:.1?}; the bound is {bound:?}");
            Err(ReadError::new(Reason::Stale, why))
        }
        None => Err(ReadError::new(
            Reason::NotReady,
            "this node has not caught up since its start",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Freshness, within_bound};
    use crate::auth::Reason;

    #[test]
    fn an_answer_past_the_bound_or_without_a_proof_is_not_given() {
        let bound = Duration::from_secs(300);
        let of = |seconds: Option<u64>| {
            let freshness = Freshness {
                revision: 1,
                staleness: seconds.map(Duration::from_secs),
            };
            within_bound(freshness, bound).map_err(|error| error.reason)
        };
        assert_eq!(of(Some(300)), Ok(()));
        assert_eq!(of(Some(301)), Err(Reason::Stale));
        assert_eq!(of(None), Err(Reason::NotReady));
    }
}

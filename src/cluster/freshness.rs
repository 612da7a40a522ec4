//! How stale this node's answers can be, as a proof: at such an instant a quorum confirmed an index that this node has applied since.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::handle::{Cluster, Inner};
use crate::auth::Instant;

/// How fresh this node's answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Applied Raft index.
    pub revision: u64,
    /// Proven: nothing acknowledged longer ago than this is missing. `None`: never proven since the start.
    pub staleness: Option<Duration>,
}

/// The newest instant up to which nothing is missing. One atomic, because every login reads it.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Nanoseconds from the start to that instant, plus one; 0: none yet.
    at: AtomicU64,
}

impl Proof {
    /// Nothing acknowledged before that instant, so long after the start, is missing. An older one than the newest is no news.
    fn record(&self, since_start: Duration) {
        let at = nanos(since_start).saturating_add(1);
        self.at.fetch_max(at, Ordering::AcqRel);
    }

    pub(super) fn exists(&self) -> bool {
        self.at.load(Ordering::Acquire) != 0
    }

    fn staleness(&self, now_since_start: Duration) -> Option<Duration> {
        let proven = self.at.load(Ordering::Acquire).checked_sub(1)?;
        Some(now_since_start.saturating_sub(Duration::from_nanos(proven)))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Cluster {
    /// How fresh this node is now. From memory.
    pub fn freshness(&self) -> Freshness {
        self.inner.freshness()
    }
}

impl Inner {
    pub(super) fn freshness(&self) -> Freshness {
        let now = self.parts.clock.instant().since(self.started);
        Freshness {
            revision: *self.applied.borrow(),
            staleness: self.proof.staleness(now),
        }
    }

    /// Nothing acknowledged before `instant` is missing here.
    pub(super) fn prove(&self, instant: Instant) {
        self.proof.record(instant.since(self.started));
        // Only the first proof changes readiness; what ends it is seen by the probe.
        if !*self.ready.borrow() {
            self.announce_readiness();
        }
    }
}

/// Renews the proof for ever. A failure records nothing, so staleness grows by itself.
pub(super) async fn probe(inner: Weak<Inner>) {
    let Some(period) = inner.upgrade().map(|inner| inner.parts.settings.freshness_probe()) else {
        return;
    };
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(asked) = ask(&inner).await else { return };
        let Some((instant, index, mut applied)) = asked else {
            continue;
        };
        // However long applying takes, the proof for that instant holds then. Nothing is held meanwhile that keeps the node alive.
        if applied.wait_for(|applied| *applied >= index).await.is_err() {
            return;
        }
        let Some(inner) = inner.upgrade() else { return };
        inner.prove(instant);
    }
}

/// Asks for the read index; `None` when the node has ended, `Some(None)` when there is no answer.
async fn ask(inner: &Weak<Inner>) -> Option<Option<(Instant, u64, tokio::sync::watch::Receiver<u64>)>> {
    let inner = inner.upgrade()?;
    inner.announce_readiness();
    if inner.cluster_id.get().is_none() {
        return Some(None);
    }
    // The instant comes before the question: the answer covers what was acknowledged until it was asked, not later.
    let instant = inner.parts.clock.instant();
    match inner.read_index().await {
        Ok(index) => Some(Some((instant, index, inner.applied.clone()))),
        Err(error) => {
            tracing::debug!(%error, "no proof of freshness");
            Some(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Proof;

    #[test]
    fn staleness_is_unknown_until_the_first_proof() {
        let proof = Proof::default();
        assert!(!proof.exists());
        assert_eq!(proof.staleness(Duration::from_secs(9)), None);
    }

    #[test]
    fn staleness_counts_from_the_newest_proof_whatever_order_they_come_in() {
        let proof = Proof::default();
        proof.record(Duration::from_secs(5));
        proof.record(Duration::from_secs(3));
        assert_eq!(proof.staleness(Duration::from_secs(9)), Some(Duration::from_secs(4)));
    }

    #[test]
    fn a_proof_at_the_very_start_counts() {
        let proof = Proof::default();
        proof.record(Duration::ZERO);
        assert!(proof.exists());
        assert_eq!(proof.staleness(Duration::ZERO), Some(Duration::ZERO));
    }
}

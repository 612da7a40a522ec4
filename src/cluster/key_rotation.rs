//! Draws the secret keys that all nodes share, and a new one from time to time. The leader does it; the log carries them to all.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::handle::{Cluster, Inner};
use crate::auth::{Key, KeyRing as _, Timestamp};
use crate::raft::Role;
use crate::store::Command;

/// How often the leader looks whether it is time. It looks at once when the node has become ready too, so that a new cluster has its
/// keys before anybody needs them.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Three keys are kept, and the state of an exchange lives for thirty seconds.
const SHORTEST_PERIOD: Duration = Duration::from_secs(15);
/// Whom the change is by.
const BY: &str = "system";

/// Looks for ever.
pub(super) async fn keep(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Some(mut ready) = inner.upgrade().map(|inner| inner.ready.subscribe()) else {
        return;
    };
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = ready.changed() => {}
        }
        let Some(inner) = inner.upgrade() else { return };
        let Some(newest) = inner.key_to_replace() else { continue };
        // A refusal says that another leader was faster; without a quorum the next look tries again.
        if let Err(error) = rotate(Cluster { inner }, newest).await {
            tracing::debug!(%error, "no new key was drawn");
        }
    }
}

async fn rotate(cluster: Cluster, newest: u32) -> Result<(), String> {
    let command = Command::RotateKeys {
        newest,
        sealing: draw()?,
        decoy: draw()?,
    };
    let outcome = cluster
        .write(BY, "", command)
        .await
        .map_err(|error| error.to_string())?;
    tracing::info!(revision = outcome.revision, "a new key seals exchanges from now on");
    Ok(())
}

fn draw() -> Result<Key, String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes for a key: {error}"))?;
    Ok(Key::new(bytes))
}

impl Inner {
    /// The id of the newest key (0: none) if this node leads and it is time for another.
    fn key_to_replace(&self) -> Option<u32> {
        self.cluster_id.get()?;
        if self.parts.raft.status().role != Role::Leader {
            return None;
        }
        let keys = self.parts.store.shared_keys();
        let Some(newest) = keys.as_ref().and_then(|keys| keys.sealing.first()) else {
            return Some(0);
        };
        let period = self.parts.settings.exchange_key_period().max(SHORTEST_PERIOD);
        is_over(newest.since, period, self.parts.clock.now()).then_some(newest.id)
    }
}

fn is_over(since: Timestamp, period: Duration, now: Timestamp) -> bool {
    let period = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    now.0 >= since.0.saturating_add(period)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Timestamp, draw, is_over};

    #[test]
    fn a_key_serves_for_its_period_and_no_longer() {
        let period = Duration::from_secs(60);
        assert!(!is_over(Timestamp(1000), period, Timestamp(60_999)));
        assert!(is_over(Timestamp(1000), period, Timestamp(61_000)));
        assert!(!is_over(Timestamp(61_000), period, Timestamp(1000)));
    }

    #[test]
    fn no_two_keys_are_alike() {
        assert_ne!(draw().unwrap(), draw().unwrap());
    }
}

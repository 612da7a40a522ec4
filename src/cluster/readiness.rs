//! Whether this node may answer logins.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use super::errors::ClusterError;
use super::handle::{Cluster, Inner};

impl Cluster {
    /// Initialised, caught up since its start and not stopping: `Ok` means logins may be answered.
    pub fn ready(&self) -> Result<(), ClusterError> {
        // The common case is one look at a flag; the reason is only worked out when there is one to tell.
        if *self.inner.ready.borrow() {
            return Ok(());
        }
        self.inner.check_ready()
    }

    /// Follows [`Cluster::ready`].
    pub fn watch_ready(&self) -> watch::Receiver<bool> {
        self.inner.ready.subscribe()
    }

    /// Not ready from now on; hands leadership over if it leads, within the deadline.
    pub async fn step_aside(&self, timeout: Duration) {
        self.inner.stopping.store(true, Ordering::Release);
        self.inner.announce_readiness();
        let status = self.inner.parts.raft.status();
        let alone = status.membership.voters.len() < 2;
        if status.leader != Some(self.inner.node_id) || alone {
            return;
        }
        match tokio::time::timeout(timeout, self.inner.parts.raft.transfer_leadership(None, timeout)).await {
            Ok(Ok(leader)) => tracing::info!(leader, "handed leadership over"),
            Ok(Err(error)) => tracing::warn!(%error, "could not hand leadership over; the others will elect a leader"),
            Err(_) => tracing::warn!("handing leadership over took too long; the others will elect a leader"),
        }
    }
}

impl Inner {
    /// Tells everyone who follows when readiness has changed.
    pub(super) fn announce_readiness(&self) {
        // Worked out under the channel's lock, so that a probe that began earlier cannot overrule a stop.
        self.ready.send_if_modified(|ready| {
            let now = self.check_ready();
            let changed = std::mem::replace(ready, now.is_ok()) != now.is_ok();
            match now {
                Ok(()) if changed => tracing::info!("ready: logins are answered"),
                Err(why) if changed => tracing::info!(%why, "not ready: logins are not answered"),
                _ => {}
            }
            changed
        });
    }

    fn check_ready(&self) -> Result<(), ClusterError> {
        self.initialized()?;
        if self.stopping.load(Ordering::Acquire) {
            return Err(ClusterError::NotReady("it is stopping".into()));
        }
        if self.parts.store.is_retired(self.node_id) {
            return Err(ClusterError::NotReady("it was removed from the cluster".into()));
        }
        let now = self.parts.clock.instant();
        if !self.parts.raft.status().membership.members.contains_key(&self.node_id) {
            return Err(ClusterError::NotReady(
                self.alarm.explain(now, "it is not a member of the cluster yet"),
            ));
        }
        if !self.proof.exists() {
            let why = "since its start it has not caught up with a leader that has a quorum, \
                       so it cannot know what changed while it was away";
            return Err(ClusterError::NotReady(self.alarm.explain(now, why)));
        }
        Ok(())
    }
}

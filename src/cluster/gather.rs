//! What all members say of themselves: each tells the others every second, and who asks looks into memory. So nobody who asks waits
//! for a node that is dead or frozen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;

use super::handle::{Cluster, Inner};
use super::orders::encode;
use super::report::NodeReport;
use crate::auth::{Instant, Timestamp};
use crate::raft::{self, Member};

/// How often a node tells the others.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// A peer that does not take a report within this gets the next one.
const TELL_TIMEOUT: Duration = Duration::from_millis(900);
/// Whose last report is older is taken for silent: three reports in a row were missed.
const SILENT_AFTER: Duration = Duration::from_secs(3);

/// A member with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Node id.
    pub id: u64,
    /// Addresses and incarnation.
    pub member: Member,
    /// Votes or only learns.
    pub voter: bool,
    /// Whether it was heard within the last seconds.
    pub answered: bool,
    /// The last report, from now or earlier.
    pub report: Option<NodeReport>,
    /// How old the report is.
    pub age: Option<Duration>,
    /// What is wrong with it, if it is silent.
    pub error: String,
    /// Milliseconds by which its clock was ahead of this node's when the report came, or behind if negative. The time that the report
    /// took is in it.
    pub clock_offset_ms: Option<i64>,
}

impl Cluster {
    /// Every member, with what it said last.
    pub fn gather(&self) -> Vec<NodeStatus> {
        let (inner, membership) = (&self.inner, self.membership());
        let (now, wall) = (inner.parts.clock.instant(), inner.parts.clock.now());
        let mut reports = inner.last_reports.lock();
        reports.retain(|id, _| membership.members.contains_key(id));
        reports.insert(inner.node_id, (now, inner.report()));
        let status = |(id, member): (u64, Member)| {
            let last = reports.get(&id);
            let age = last.map(|(at, _)| now.since(*at));
            let silent = age.is_none_or(|age| age > SILENT_AFTER).then(|| silence(age));
            NodeStatus {
                id,
                member,
                voter: membership.voters.contains(&id),
                answered: silent.is_none(),
                report: last.map(|(_, report)| report.clone()),
                age,
                error: silent.unwrap_or_default(),
                clock_offset_ms: last.map(|(at, report)| ahead(report.clock_ms, wall, now.since(*at))),
            }
        };
        membership.members.into_iter().map(status).collect()
    }
}

/// How far a clock that showed `theirs` that long ago is ahead of the one that shows `ours` now.
fn ahead(theirs: u64, ours: Timestamp, ago: Duration) -> i64 {
    let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
    signed(theirs).saturating_sub(signed(ours.0.saturating_sub(ago)))
}

fn silence(age: Option<Duration>) -> String {
    match age {
        Some(age) => format!("nothing was heard of it for {} s", age.as_secs()),
        None => "nothing was heard of it yet".to_owned(),
    }
}

/// Tells the others for ever.
pub(super) async fn tell(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        inner.tell().await;
    }
}

impl Inner {
    /// Tells every other member. Who cannot be told will see that for itself.
    async fn tell(&self) {
        let members = self.parts.raft.status().membership.members;
        let Ok(payload) = encode(&self.report()) else { return };
        let others = members.iter().filter(|(id, _)| **id != self.node_id);
        let told = others.map(|(&id, member)| {
            let payload = payload.clone();
            async move {
                let peer = raft::Handle::peer_name(id, member);
                if let Err(error) = self.parts.peers.report(&peer, payload, TELL_TIMEOUT).await {
                    tracing::debug!(node = id, %error, "a node cannot be told this one's figures");
                }
            }
        });
        join_all(told).await;
    }
}

/// The last report of each member, and when it came.
#[derive(Debug, Default)]
pub(super) struct LastReports(Mutex<BTreeMap<u64, (Instant, NodeReport)>>);

impl LastReports {
    /// What a node has told.
    pub(super) fn take(&self, from: u64, report: NodeReport, now: Instant) {
        self.lock().insert(from, (now, report));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (Instant, NodeReport)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Timestamp, ahead};

    #[test]
    fn clocks_are_compared_as_they_were_when_the_report_came() {
        let second = Duration::from_secs(1);
        assert_eq!(ahead(9_000, Timestamp(10_000), second), 0);
        assert_eq!(ahead(12_000, Timestamp(10_000), second), 3_000);
        assert_eq!(ahead(2_000, Timestamp(10_000), second), -7_000);
    }
}

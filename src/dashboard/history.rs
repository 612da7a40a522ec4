//! The last hour of every authenticator: what all nodes together decided, sampled by this node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::site::Site;
use crate::admin::AuthenticatorStatus;
use crate::auth::{AuthenticatorKey, Timestamp};

/// How often a sample is taken.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// An hour of them.
const KEPT: usize = 360;
/// Authenticators whose history is kept.
const MOST: usize = 256;

/// What a node had counted at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    at: Timestamp,
    total: u64,
    /// Denied, or not decided.
    bad: u64,
}

/// Decisions per second in the time before a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) total: f64,
    pub(super) bad: f64,
}

/// One authenticator: where each node stood when it was last heard, and the rates of the last hour.
#[derive(Default)]
struct Kept {
    nodes: BTreeMap<u64, Sample>,
    points: VecDeque<Point>,
}

impl Kept {
    /// A node that is new here only says where its counters stand: what it counted before is no rate of now.
    fn take(&mut self, at: Timestamp, status: &AuthenticatorStatus) {
        let is_member = |id: &u64| status.nodes.iter().any(|node| node.node == *id);
        self.nodes.retain(|id, _| is_member(id));
        let mut point = Point {
            at,
            total: 0.0,
            bad: 0.0,
        };
        let mut is_first = true;
        for node in status.nodes.iter().filter(|node| node.answered) {
            let after = Sample {
                at,
                total: node.figures.total,
                bad: node.figures.failed + node.figures.failures,
            };
            if let Some(before) = self.nodes.insert(node.node, after) {
                is_first = false;
                let (total, bad) = rates(before, after);
                point.total += total;
                point.bad += bad;
            }
        }
        if is_first {
            return;
        }
        self.points.push_back(point);
        if self.points.len() > KEPT {
            self.points.pop_front();
        }
    }
}

/// The last hour of every authenticator.
#[derive(Default)]
pub(super) struct History(Mutex<BTreeMap<AuthenticatorKey, Kept>>);

impl History {
    fn take(&self, at: Timestamp, rows: impl Iterator<Item = (AuthenticatorKey, AuthenticatorStatus)>) {
        let mut histories = self.lock();
        let mut seen = Vec::new();
        for (key, status) in rows.take(MOST) {
            histories.entry(key.clone()).or_default().take(at, &status);
            seen.push(key);
        }
        histories.retain(|key, _| seen.contains(key));
    }

    /// The rates of an authenticator, oldest first.
    pub(super) fn rates(&self, key: &AuthenticatorKey) -> Vec<Point> {
        let histories = self.lock();
        let kept = histories.get(key);
        kept.map_or_else(Vec::new, |kept| kept.points.iter().copied().collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthenticatorKey, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All decisions and the bad ones per second, since the node was heard before. Counters fall when they are reset, or when a node
/// starts anew: that is no rate at all.
fn rates(before: Sample, after: Sample) -> (f64, f64) {
    if after.total < before.total {
        return (0.0, 0.0);
    }
    let seconds = Duration::from_millis(after.at.0.saturating_sub(before.at.0))
        .as_secs_f64()
        .max(0.001);
    #[expect(
        clippy::cast_precision_loss,
        reason = "more decisions in ten seconds than fit are not made"
    )]
    let per_second = |after: u64, before: u64| after.saturating_sub(before) as f64 / seconds;
    (per_second(after.total, before.total), per_second(after.bad, before.bad))
}

/// Takes samples until the node stops.
pub(super) async fn sample(site: Site) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = site.drain().begun() => return,
        }
        let admin = site.admin();
        let rows = admin.chains().into_iter().flat_map(|chain| admin.chain_status(&chain));
        let figures = rows.map(|(view, status)| (view.record.key, status));
        site.history().take(site.clock().now(), figures);
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthenticatorKey, AuthenticatorStatus, History, KEPT, Point, Timestamp};
    use crate::admin::{Joint, NodeAuthenticatorStatus};
    use crate::auth::{Figures, Usage};

    fn key() -> AuthenticatorKey {
        AuthenticatorKey {
            chain: "global".into(),
            id: "jwt".into(),
        }
    }

    /// A node by its counters: all, and the bad ones. `None`: nothing was heard of it.
    fn node(node: u64, counted: Option<(u64, u64)>) -> NodeAuthenticatorStatus {
        let (total, failed) = counted.unwrap_or_default();
        NodeAuthenticatorStatus {
            node,
            answered: counted.is_some(),
            health: None,
            figures: Figures {
                total,
                failed,
                ..Figures::default()
            },
            usage: Usage::default(),
            age: None,
            error: String::new(),
        }
    }

    fn take(history: &History, second: u64, nodes: &[Option<(u64, u64)>]) {
        let status = AuthenticatorStatus {
            status: Joint::Unknown,
            nodes: (1..).zip(nodes).map(|(id, counted)| node(id, *counted)).collect(),
            total: Figures::default(),
        };
        history.take(Timestamp(second * 1000), [(key(), status)].into_iter());
    }

    fn totals(history: &History) -> Vec<f64> {
        history.rates(&key()).iter().map(|point| point.total).collect()
    }

    #[test]
    fn rates_are_what_all_nodes_counted_between_two_samples() {
        let history = History::default();
        take(&history, 0, &[Some((100, 10)), Some((0, 0))]);
        take(&history, 10, &[Some((200, 10)), Some((50, 20))]);
        let expected = Point {
            at: Timestamp(10_000),
            total: 15.0,
            bad: 2.0,
        };
        assert_eq!(history.rates(&key()), [expected]);
    }

    #[test]
    fn what_a_node_counted_before_it_was_heard_is_no_rate() {
        let history = History::default();
        take(&history, 0, &[Some((0, 0)), None]);
        take(&history, 10, &[Some((20, 0)), Some((1_000_000, 0))]);
        take(&history, 20, &[Some((40, 0)), Some((1_000_010, 0))]);
        assert_eq!(totals(&history), [2.0, 3.0]);
    }

    #[test]
    fn counters_that_fall_are_no_rate() {
        let history = History::default();
        take(&history, 0, &[Some((500, 0)), Some((100, 0))]);
        take(&history, 10, &[Some((30, 0)), Some((120, 0))]);
        take(&history, 20, &[Some((60, 0)), Some((120, 0))]);
        assert_eq!(totals(&history), [2.0, 3.0]);
    }

    #[test]
    fn what_a_node_counted_in_silence_is_spread_over_the_silence() {
        let history = History::default();
        take(&history, 0, &[Some((0, 0)), Some((0, 0))]);
        for second in [10, 20, 30] {
            take(&history, second, &[Some((0, 0)), None]);
        }
        take(&history, 40, &[Some((0, 0)), Some((400, 0))]);
        assert_eq!(totals(&history), [0.0, 0.0, 0.0, 10.0]);
    }

    #[test]
    fn an_hour_is_kept_of_authenticators_that_are_there() {
        let history = History::default();
        for second in 0..1000 {
            take(&history, second, &[Some((second, 0))]);
        }
        assert_eq!(history.rates(&key()).len(), KEPT);
        history.take(Timestamp(0), std::iter::empty());
        assert!(history.rates(&key()).is_empty());
    }
}

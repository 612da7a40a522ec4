//! Writes: here if this node leads, else handed to the leader; at most one hop, one deadline.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::errors::ClusterError;
use super::handle::{Cluster, Inner};
use super::orders::{Answer, Order, decode, encode};
use crate::raft::{self, ProposeError};
use crate::store::{Command, Envelope, Outcome};
use crate::wire::{PeerError, PeerName};

/// How long a write looks for a leader that can take it before it says that there is no quorum.
const SEARCH: Duration = Duration::from_millis(900);
/// The others may agree on a leader without this node's view changing: it looks again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a write may go unanswered before one asks whether there is a quorum at all, and how long that question may.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    suspicion: Duration,
    confirmation: Duration,
}

impl Patience {
    pub(super) const FULL: Self = Self {
        suspicion: Duration::from_millis(300),
        confirmation: Duration::from_millis(600),
    };

    /// Of an attempt with so much left of the search: the later it begins, the sooner it must know, so that all of them
    /// together still refuse within a second.
    fn within(left: Duration) -> Self {
        let least = Duration::from_millis(50);
        Self {
            suspicion: (left / 3).clamp(least, Self::FULL.suspicion),
            confirmation: (left * 2 / 3).clamp(least, Self::FULL.confirmation),
        }
    }
}

impl Cluster {
    /// Commits a command: here if this node leads, else forwarded, at most one hop, one deadline, retried only on NotLeader.
    pub async fn write(&self, by: &str, request_id: &str, command: Command) -> Result<Outcome, ClusterError> {
        // With an id of its own a write can be handed over again after a broken connection, and is still applied once.
        let request_id = if request_id.is_empty() {
            uuid::Uuid::new_v4().to_string()
        } else {
            request_id.to_owned()
        };
        let envelope = self.inner.envelope(by, request_id, command);
        match self
            .inner
            .carry_out(Order::Write(envelope), self.inner.parts.settings.write_timeout())
            .await?
        {
            Answer::Written(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }
}

/// An answer that does not fit the order: the leader runs another version.
pub(super) fn unexpected(answer: &Answer) -> ClusterError {
    ClusterError::Refused(format!("the leader answered something else: {answer:?}"))
}

/// One attempt of an order.
enum Attempt {
    /// It is settled, well or not.
    Settled(Answer),
    /// Nobody took it. `hint`: who may. `sent`: someone may have, all the same.
    Unsettled { hint: Option<u64>, sent: bool, why: String },
}

impl Inner {
    pub(super) fn envelope(&self, by: &str, request_id: String, command: Command) -> Envelope {
        Envelope {
            at: self.parts.clock.now(),
            by: by.to_owned(),
            request_id,
            command,
        }
    }

    /// Has the leader carry out an order, whoever it is, and looks for another when leadership has moved.
    pub(super) async fn carry_out(&self, order: Order, timeout: Duration) -> Result<Answer, ClusterError> {
        self.initialized()?;
        let start = Instant::now();
        let (deadline, search_end) = (start + timeout, start + timeout.min(SEARCH));
        let mut changes = self.parts.raft.watch();
        let (mut hint, mut unknown) = (None, false);
        loop {
            changes.mark_unchanged();
            let left = deadline.saturating_duration_since(Instant::now());
            // Boxed: what an attempt holds while it waits is large, and a write is nested deep in what calls it.
            let patience = Patience::within(search_end.saturating_duration_since(Instant::now()));
            let (next, why) = match Box::pin(self.attempt(&order, hint, left, patience)).await {
                // A leader that was just elected is not sure of its quorum yet, and one that is stopping is soon replaced. Asking
                // again is safe: an order is executed once.
                Attempt::Settled(Answer::Failed(ClusterError::NoQuorum { why, unknown: sent })) => {
                    unknown |= sent;
                    (None, why)
                }
                Attempt::Settled(Answer::Failed(ClusterError::NotReady(why))) => {
                    unknown = true;
                    (None, why)
                }
                Attempt::Settled(Answer::Failed(error)) => return Err(error),
                Attempt::Settled(answer) => return Ok(answer),
                Attempt::Unsettled { hint, sent, why } => {
                    unknown |= sent;
                    (hint, why)
                }
            };
            if Instant::now() >= search_end {
                return Err(ClusterError::NoQuorum { why, unknown });
            }
            // A fresh hint is followed at once; otherwise a new leader is waited for.
            if next.is_none() || next == hint {
                wait_for_change(&mut changes, search_end).await;
            }
            hint = next;
        }
    }

    async fn attempt(&self, order: &Order, hint: Option<u64>, left: Duration, patience: Patience) -> Attempt {
        let status = self.parts.raft.status();
        match hint.or(status.leader) {
            None => unsettled(false, "no leader is known".into()),
            Some(id) if id == self.node_id => match self.lead(order, left, patience).await {
                Answer::NotLeader { leader, proposed } => moved(id, leader, proposed),
                answer => Attempt::Settled(answer),
            },
            Some(id) => match status.membership.members.get(&id) {
                Some(member) => {
                    self.hand_over(&raft::Handle::peer_name(id, member), order, left, patience)
                        .await
                }
                None => unsettled(false, format!("the leader, node {id}, is not a member known here")),
            },
        }
    }

    /// Forwards to the leader, unless it turns out not to be one that can reach a quorum.
    async fn hand_over(&self, leader: &PeerName, order: &Order, left: Duration, patience: Patience) -> Attempt {
        let payload = match encode(order) {
            Ok(payload) => payload,
            Err(why) => return Attempt::Settled(Answer::Failed(ClusterError::Refused(why))),
        };
        let forwarded = self.parts.peers.forward(leader, payload, left);
        let confirm = || async {
            self.parts
                .peers
                .read_index(leader, patience.confirmation)
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        };
        match unless_cut_off(Box::pin(forwarded), patience.suspicion, confirm).await {
            Ok(Ok(reply)) => match decode(&reply) {
                Ok(Answer::NotLeader { leader: next, proposed }) => moved(leader.id, next, proposed),
                Ok(answer) => Attempt::Settled(answer),
                Err(why) => Attempt::Settled(Answer::Failed(ClusterError::Refused(format!(
                    "the leader's answer {why}"
                )))),
            },
            Ok(Err(error)) => self.failed_hand_over(error),
            Err(why) => unsettled(true, why),
        }
    }

    fn failed_hand_over(&self, error: PeerError) -> Attempt {
        // Turned away at the door: nothing was taken. Any other failure does not tell.
        let refused = matches!(error, PeerError::Refused { .. });
        let why = self.noted(error);
        if refused {
            Attempt::Settled(Answer::Failed(ClusterError::Refused(why)))
        } else {
            unsettled(true, why)
        }
    }

    /// Carries out an order on this node, which leads. A leader that has lost its quorum says so soon, not only at the deadline.
    pub(super) async fn lead(&self, order: &Order, left: Duration, patience: Patience) -> Answer {
        let confirm = || async {
            match self.parts.raft.read_index(patience.confirmation).await {
                Err(ProposeError::NoQuorum) => Err("this node leads, but no quorum answers it".to_owned()),
                // Losing leadership also ends the work itself, which then says so.
                _ => Ok(()),
            }
        };
        let done = unless_cut_off(Box::pin(self.execute(order, left)), patience.suspicion, confirm).await;
        done.unwrap_or_else(|why| ClusterError::NoQuorum { why, unknown: true }.into())
    }

    pub(super) async fn propose(&self, envelope: &Envelope, left: Duration) -> Answer {
        match self.parts.raft.propose(envelope, left).await {
            Ok(outcome) => Answer::Written(outcome),
            Err(error) => error.into(),
        }
    }
}

fn unsettled(sent: bool, why: String) -> Attempt {
    Attempt::Unsettled { hint: None, sent, why }
}

/// A node that sends one back to itself gives no hint.
fn moved(from: u64, to: Option<u64>, sent: bool) -> Attempt {
    Attempt::Unsettled {
        hint: to.filter(|to| *to != from),
        sent,
        why: "no node takes the lead".into(),
    }
}

async fn wait_for_change(changes: &mut watch::Receiver<u64>, end: Instant) {
    let left = end.saturating_duration_since(Instant::now());
    let _ = tokio::time::timeout(left.min(LOOK_AGAIN), changes.changed()).await;
}

/// Waits for `work`; while it takes long, asks again and again whether there is a quorum, and gives up once there is none.
async fn unless_cut_off<T, C>(
    work: impl Future<Output = T>,
    suspicion: Duration,
    confirm: impl Fn() -> C,
) -> Result<T, String>
where
    C: Future<Output = Result<(), String>>,
{
    let cut_off = async {
        let mut ticks = tokio::time::interval_at(Instant::now() + suspicion, suspicion);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(why) = confirm().await {
                return why;
            }
        }
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        why = cut_off => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use std::time::Duration;

    use super::{Patience, SEARCH, unless_cut_off};

    #[test]
    fn an_attempt_that_begins_late_knows_in_time_too() {
        for begun in (0..=SEARCH.as_millis()).step_by(50) {
            let begun = Duration::from_millis(u64::try_from(begun).unwrap());
            let patience = Patience::within(SEARCH - begun);
            let end = begun + patience.suspicion + patience.confirmation;
            assert!(
                end <= Duration::from_secs(1),
                "begun after {begun:?} it ends after {end:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_hangs_without_a_quorum_is_given_up_within_a_second() {
        let start = tokio::time::Instant::now();
        let result = unless_cut_off(pending::<()>(), Patience::FULL.suspicion, || {
            ready(Err("cut off".to_owned()))
        })
        .await;
        assert_eq!(result, Err("cut off".to_owned()));
        assert!(start.elapsed().as_millis() < 1000);
    }

    #[tokio::test]
    async fn work_that_is_done_is_not_questioned() {
        let result = unless_cut_off(ready(7), Patience::FULL.suspicion, || ready(Err("cut off".to_owned()))).await;
        assert_eq!(result, Ok(7));
    }
}

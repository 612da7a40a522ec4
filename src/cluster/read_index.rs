//! The index a linearizable read waits for: asked of the leader, one question at a time for everyone who waits.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::handle::Inner;
use crate::raft::{self, ProposeError};
use crate::wire::PeerError;

/// Callers that may wait at once; more wait to be let in.
pub(super) const MOST_WAITING: usize = 4096;
/// How long one question may take, with all its attempts, and how long a caller waits for its answer.
const ROUND: Duration = Duration::from_millis(900);
/// A follower may learn of a new leader without its own view changing: it looks again after so long.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A caller who waits for an index.
pub(super) type Waiting = oneshot::Sender<Result<u64, String>>;

impl Inner {
    /// An index that a quorum confirmed after this call began. `Err`: no quorum, in words.
    pub(super) async fn read_index(&self) -> Result<u64, String> {
        let (waiting, answer) = oneshot::channel();
        let stopped = || "this node is stopping".to_owned();
        self.reads.send(waiting).await.map_err(|_| stopped())?;
        // Bounded by one round, although a caller may first have to wait for the round of those before it: without a quorum
        // nobody waits longer than a second to hear so.
        match tokio::time::timeout(ROUND, answer).await {
            Ok(answer) => answer.map_err(|_| stopped())?,
            Err(_) => Err("no quorum confirmed an index in time".to_owned()),
        }
    }

    /// Asks whoever leads, until the round is over.
    async fn ask_leader(&self) -> Result<u64, String> {
        let end = Instant::now() + ROUND;
        let mut changes = self.parts.raft.watch();
        loop {
            changes.mark_unchanged();
            let left = end.saturating_duration_since(Instant::now());
            let why = match self.ask_leader_once(left).await {
                Ok(index) => return Ok(index),
                Err(why) => why,
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(why);
            }
            let _ = tokio::time::timeout(left.min(LOOK_AGAIN), changes.changed()).await;
        }
    }

    async fn ask_leader_once(&self, timeout: Duration) -> Result<u64, String> {
        let status = self.parts.raft.status();
        match status.leader {
            None => Err("no leader is known".into()),
            Some(id) if id == self.node_id => match self.parts.raft.read_index(timeout).await {
                Ok(index) => Ok(index),
                Err(ProposeError::NoQuorum) => Err("this node leads, but no quorum answers it".into()),
                Err(error) => Err(error.to_string()),
            },
            Some(id) => {
                let Some(member) = status.membership.members.get(&id) else {
                    return Err(format!("the leader, node {id}, is not a member known here"));
                };
                let leader = raft::Handle::peer_name(id, member);
                self.parts
                    .peers
                    .read_index(&leader, timeout)
                    .await
                    .map_err(|error| self.noted(error))
            }
        }
    }

    /// The error's words; a refusal for who this node is also raises the alarm.
    pub(super) fn noted(&self, error: PeerError) -> String {
        let words = error.to_string();
        if let PeerError::Refused { .. } = error {
            self.alarm.raise(self.parts.clock.instant(), &words);
        }
        words
    }
}

/// Answers the callers, as many at once as are waiting when the question is sent: who comes later waits for the next.
pub(super) async fn serve(inner: Weak<Inner>, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, MOST_WAITING).await > 0 {
        // Nobody may wait any more: the question is not asked for them.
        batch.retain(|caller| !caller.is_closed());
        if batch.is_empty() {
            continue;
        }
        let Some(inner) = inner.upgrade() else { return };
        let answer = inner.ask_leader().await;
        for caller in batch.drain(..) {
            let _ = caller.send(answer.clone());
        }
    }
}

//! Batches on their way through Raft, and how they land: in the order in which they were sent.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::batch::{Batch, Counts};
use crate::admin::error::{AdminError, Obstacle};
use crate::admin::handle::{Admin, Intent, accepted};
use crate::store::{Command, NewUser, Outcome};

const WRITE_PAUSE: Duration = Duration::from_millis(500);

/// A batch on its way; what is left of it besides its users.
struct Airborne {
    batch: Batch,
    users: HashSet<String>,
    /// `None`: it has no good row.
    reply: Option<AbortOnDropHandle<Result<Outcome, AdminError>>>,
}

/// A batch that is done with.
pub(super) struct Landed {
    pub(super) batch: Batch,
    pub(super) counts: Counts,
    /// Raft index; 0: nothing was written.
    pub(super) revision: u64,
}

/// The batches under way.
pub(super) struct Flight {
    most: usize,
    queue: VecDeque<Airborne>,
}

impl Flight {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a batch may go now. Batches overtake each other only if they have no user in common, so that the last of a
    /// name wins.
    pub(super) fn has_room_for(&self, batch: &Batch) -> bool {
        let in_common = |other: &Airborne| batch.users.iter().any(|(user_id, _)| other.users.contains(user_id));
        self.queue.len() < self.most && !self.queue.iter().any(in_common)
    }

    /// Sends a batch on its way; `command` is made of its users.
    pub(super) fn send(
        &mut self,
        admin: &Admin,
        intent: Intent,
        mut batch: Batch,
        command: impl FnOnce(Vec<(String, NewUser)>) -> Command,
    ) {
        let rows = std::mem::take(&mut batch.users);
        let users = rows.iter().map(|(user_id, _)| user_id.clone()).collect();
        let reply = (!rows.is_empty()).then(|| {
            let work = commit(admin.clone(), intent, command(rows));
            AbortOnDropHandle::new(tokio::spawn(work))
        });
        self.queue.push_back(Airborne { batch, users, reply });
    }

    /// Waits for the oldest batch; pending for ever if there is none. Can be dropped and called again.
    pub(super) async fn land(&mut self) -> Result<Landed, AdminError> {
        let Some(oldest) = self.queue.front_mut() else {
            return std::future::pending().await;
        };
        let outcome = match &mut oldest.reply {
            None => None,
            Some(reply) => {
                let joined = reply.await;
                let broken = |error| AdminError::Internal(format!("a batch broke off: {error}"));
                Some(joined.map_err(broken)??)
            }
        };
        match self.queue.pop_front() {
            Some(Airborne { batch, .. }) => Ok(Landed {
                batch,
                counts: outcome
                    .as_ref()
                    .map(|outcome| Counts::of(&outcome.reply))
                    .unwrap_or_default(),
                revision: outcome.map_or(0, |outcome| outcome.revision),
            }),
            None => std::future::pending().await,
        }
    }
}

/// Commits one batch, through changes of the leader: under its request id it is applied once however often it is sent.
#[expect(
    clippy::disallowed_methods,
    reason = "backoff: a leader cannot be waited for from here"
)]
pub(super) async fn commit(admin: Admin, intent: Intent, command: Command) -> Result<Outcome, AdminError> {
    let end = Instant::now() + admin.limits.quorum_patience;
    loop {
        let written = Box::pin(admin.cluster.write(&intent.by, &intent.request_id, command.clone()))
            .await
            .map_err(AdminError::from);
        match written {
            Err(error) if passes(&error) && Instant::now() < end => tokio::time::sleep(WRITE_PAUSE).await,
            Err(error) => return Err(error),
            Ok(outcome) => return accepted(outcome),
        }
    }
}

fn passes(error: &AdminError) -> bool {
    let no_quorum = matches!(
        error,
        AdminError::Unavailable {
            obstacle: Obstacle::NoQuorum,
            ..
        }
    );
    no_quorum || matches!(error, AdminError::Deadline(_))
}

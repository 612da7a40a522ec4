//! The handle on everything an operator can do, and the two habits of it: read with a quorum, write and read back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::attempts::Attempts;
use super::error::AdminError;
use super::export::MOST_EXPORTS;
use super::import::Limits;
use super::keeping::Keeper;
use super::sessions::Renewals;
use crate::auth::Clock;
use crate::cluster::{Cluster, ReadRequirement};
use crate::hash::Hasher;
use crate::store::{Command, Outcome, Reply, Role, Store};

/// How long a read may wait for a quorum, or for this node to apply a write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Wrong passwords a minute, for each account and for each address.
const SIGN_INS: usize = 5;
/// Logins a minute that each operator may try.
pub(super) const TRIALS: usize = 30;

/// Who asks: an operator whose key or session was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The operator's id, or the account's name.
    pub id: String,
    /// What it may do.
    pub role: Role,
}

/// What comes with every write besides what it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// The operator's id, or the account's name.
    pub by: String,
    /// A retry under the same id is applied once; empty: none.
    pub request_id: String,
    /// Refuse if the object is at another revision.
    pub if_revision: Option<u64>,
}

/// Everything an operator can do. Cheap to clone.
#[derive(Clone)]
pub struct Admin {
    pub(super) cluster: Cluster,
    pub(super) store: Store,
    pub(super) hasher: Hasher,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Arc<Limits>,
    /// One permit for each import that may run at once.
    pub(super) imports: Arc<Semaphore>,
    /// One permit for each export that may run at once.
    pub(super) exports: Arc<Semaphore>,
    /// Passwords of accounts that were tried on this node.
    pub(super) attempts: Arc<Attempts>,
    /// Logins that operators tried from this node.
    pub(super) trials: Arc<Attempts>,
    pub(super) renewals: Arc<Renewals>,
    /// What this node keeps for people who are signed in.
    pub(super) keeper: Arc<Keeper>,
}

impl Admin {
    /// Over these rooms.
    pub fn new(cluster: Cluster, store: Store, hasher: Hasher, clock: Arc<dyn Clock>, keeper: Arc<Keeper>) -> Self {
        let limits = Limits::default();
        let imports = Arc::new(Semaphore::new(limits.running));
        Self {
            cluster,
            store,
            hasher,
            clock,
            limits: Arc::new(limits),
            imports,
            exports: Arc::new(Semaphore::new(MOST_EXPORTS)),
            attempts: Arc::new(Attempts::at_most(SIGN_INS)),
            trials: Arc::new(Attempts::at_most(TRIALS)),
            renewals: Arc::default(),
            keeper,
        }
    }

    /// After this a read from memory misses nothing that was acknowledged before.
    pub(super) async fn confirm(&self) -> Result<(), AdminError> {
        let requirement = ReadRequirement {
            linearizable: true,
            min_revision: 0,
        };
        // Boxed, because the consensus behind it is too deep a future to be part of every request.
        Box::pin(self.cluster.before_read(requirement, PATIENCE)).await?;
        Ok(())
    }

    /// Commits a command and waits until this node has applied it, so that what is read next is what was written, or why it was
    /// refused. The write is done whatever happens here: a node that cannot catch up in time answers from what was written.
    pub(super) async fn write(&self, intent: &Intent, command: Command) -> Result<Outcome, AdminError> {
        let outcome = Box::pin(self.cluster.write(&intent.by, &intent.request_id, command)).await?;
        self.catch_up(outcome.revision, PATIENCE).await;
        accepted(outcome)
    }

    /// Waits until this node has applied that revision, but not for ever.
    pub async fn catch_up(&self, revision: u64, patience: Duration) {
        let requirement = ReadRequirement {
            linearizable: false,
            min_revision: revision,
        };
        if let Err(error) = Box::pin(self.cluster.before_read(requirement, patience)).await {
            tracing::debug!(revision, %error, "a revision is not yet applied here");
        }
    }

    /// What this node has applied. From memory.
    pub fn revision(&self) -> u64 {
        self.cluster.freshness().revision
    }

    /// Reads the disk away from the async threads.
    pub(super) async fn on_disk<T, F>(&self, read: F) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, AdminError> + Send + 'static,
    {
        let store = self.store.clone();
        let joined = spawn_blocking(move || read(&store)).await;
        joined.map_err(|error| AdminError::Internal(format!("a read of the store broke off: {error}")))?
    }
}

/// A refusal is data to the cluster, and an error to an operator.
pub(super) fn accepted(outcome: Outcome) -> Result<Outcome, AdminError> {
    match outcome.reply {
        Reply::Refused(refusal) => Err(refusal.into()),
        _ => Ok(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Outcome, Reply, accepted};
    use crate::store::Refusal;

    #[test]
    fn a_refusal_becomes_an_error_with_both_revisions() {
        let (kind, name) = ("user".to_owned(), "ann".to_owned());
        let refusal = Refusal::RevisionMismatch {
            kind: kind.clone(),
            name: name.clone(),
            expected: 4,
            actual: 9,
        };
        let outcome = Outcome {
            revision: 12,
            reply: Reply::Refused(refusal),
        };
        assert_eq!(
            accepted(outcome),
            Err(AdminError::RevisionMismatch {
                kind,
                name,
                expected: 4,
                actual: 9
            })
        );
    }

    #[test]
    fn what_was_done_stays_what_it_is() {
        let outcome = Outcome {
            revision: 12,
            reply: Reply::Done,
        };
        assert_eq!(accepted(outcome.clone()), Ok(outcome));
    }
}

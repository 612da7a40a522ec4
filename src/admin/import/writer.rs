//! The last stage: batches become Raft entries, replies become totals.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use super::job::{BadRow, ImportHeader, ImportProgress};
use super::rehearsal::Rehearsal;
use super::stages::{Batches, Progress};
use crate::admin::error::{AdminError, Obstacle};
use crate::admin::handle::{Admin, Intent, accepted};
use crate::auth::{AuthenticatorKey, UserDirectory as _};
use crate::store::{Command, NewUser, Outcome, Reply};

const WRITE_ATTEMPTS: u32 = 10;
const WRITE_PAUSE: Duration = Duration::from_millis(500);

/// A batch on its way through Raft.
struct InFlight {
    users: HashSet<String>,
    reply: JoinHandle<Result<Outcome, AdminError>>,
}

/// Writes one file.
pub(super) struct Writer {
    admin: Admin,
    by: String,
    target: AuthenticatorKey,
    header: ImportHeader,
    /// Makes a retried batch apply once.
    import_id: String,
    batches: u64,
    in_flight: VecDeque<InFlight>,
    totals: ImportProgress,
    progress: mpsc::Sender<Progress>,
}

/// The caller has gone: nobody is left to tell.
struct Gone;

impl Writer {
    pub(super) fn new(
        admin: Admin,
        by: &str,
        target: AuthenticatorKey,
        header: ImportHeader,
        progress: mpsc::Sender<Progress>,
    ) -> Self {
        Self {
            admin,
            by: by.to_owned(),
            target,
            header,
            import_id: uuid::Uuid::new_v4().to_string(),
            batches: 0,
            in_flight: VecDeque::new(),
            totals: ImportProgress::default(),
            progress,
        }
    }

    /// Writes everything and says how it went.
    pub(super) async fn run(mut self, batches: Batches) {
        let written = match (self.header.dry_run, self.header.all_or_nothing) {
            (true, _) => self.rehearse(batches).await,
            (false, true) => self.write_all_or_nothing(batches).await,
            (false, false) => self.write_as_read(batches).await,
        };
        let last = written.map(|()| ImportProgress {
            done: true,
            ..self.totals
        });
        // A caller who has gone is not told.
        let _ = self.progress.send(last).await;
    }

    async fn write_as_read(&mut self, mut batches: Batches) -> Result<(), AdminError> {
        while let Some(batch) = batches.next().await {
            self.note_bad(batch.bad);
            self.write(batch.rows).await?;
            if self.tell().is_err() {
                break;
            }
        }
        self.await_all().await?;
        batches.end().await
    }

    async fn write_all_or_nothing(&mut self, mut batches: Batches) -> Result<(), AdminError> {
        let mut held = Vec::new();
        while let Some(batch) = batches.next().await {
            self.note_bad(batch.bad);
            if self.totals.failed == 0 {
                held.push(batch.rows);
            } else {
                held.clear();
            }
            if self.tell().is_err() {
                return Ok(());
            }
        }
        batches.end().await?;
        for rows in held {
            self.write(rows).await?;
            // From here on the caller's absence changes nothing: all, not some.
            let _ = self.tell();
        }
        self.await_all().await
    }

    async fn rehearse(&mut self, mut batches: Batches) -> Result<(), AdminError> {
        let mut rehearsal = Rehearsal::new(self.header.on_conflict, self.header.is_repeatable());
        while let Some(batch) = batches.next().await {
            self.note_bad(batch.bad);
            for (user_id, user) in &batch.rows {
                let stored = self.admin.store.user(&self.target.chain, &self.target.id, user_id);
                rehearsal.count(&mut self.totals, user_id, user, stored.as_deref());
            }
            if self.tell().is_err() {
                break;
            }
        }
        batches.end().await
    }

    /// Sends a batch on its way. Batches overtake each other only if they have no user in common, so the last of a name wins.
    async fn write(&mut self, rows: Vec<(String, NewUser)>) -> Result<(), AdminError> {
        if rows.is_empty() {
            return Ok(());
        }
        let users: HashSet<_> = rows.iter().map(|(user_id, _)| user_id.clone()).collect();
        if self.in_flight.iter().any(|other| !other.users.is_disjoint(&users)) {
            self.await_all().await?;
        }
        while self.in_flight.len() >= self.admin.limits.batches_in_flight {
            self.await_oldest().await?;
        }
        self.batches += 1;
        let intent = Intent {
            by: self.by.clone(),
            request_id: format!("import-{}-{}", self.import_id, self.batches),
            if_revision: None,
        };
        let command = Command::ImportUsers {
            chain: self.target.chain.clone(),
            authenticator: self.target.id.clone(),
            rows,
            on_conflict: self.header.on_conflict,
        };
        let reply = tokio::spawn(commit(self.admin.clone(), intent, command));
        self.in_flight.push_back(InFlight { users, reply });
        Ok(())
    }

    async fn await_all(&mut self) -> Result<(), AdminError> {
        while !self.in_flight.is_empty() {
            self.await_oldest().await?;
        }
        Ok(())
    }

    async fn await_oldest(&mut self) -> Result<(), AdminError> {
        let Some(oldest) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let joined = oldest.reply.await;
        let outcome = joined.map_err(|error| AdminError::Internal(format!("a batch broke off: {error}")))??;
        self.totals.revision = self.totals.revision.max(outcome.revision);
        if let Reply::Imported {
            created,
            replaced,
            unchanged,
            skipped,
        } = outcome.reply
        {
            self.totals.created += created;
            self.totals.replaced += replaced;
            self.totals.unchanged += unchanged;
            self.totals.skipped += skipped;
        }
        Ok(())
    }

    fn note_bad(&mut self, bad: Vec<BadRow>) {
        for row in bad {
            self.totals.failed += 1;
            if self.totals.failed <= self.admin.limits.bad_rows {
                self.totals.bad_rows.push(row);
            }
        }
    }

    /// Tells how far it is. A caller who listens only in the end must not hold the import up: the next message says it all.
    fn tell(&mut self) -> Result<(), Gone> {
        match self.progress.try_send(Ok(self.totals.clone())) {
            Ok(()) => {
                self.totals.bad_rows.clear();
                Ok(())
            }
            Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Gone),
        }
    }
}

/// Commits one batch, through changes of the leader: under its request id it is applied once however often it is sent.
#[expect(
    clippy::disallowed_methods,
    reason = "backoff: a leader cannot be waited for from here"
)]
async fn commit(admin: Admin, intent: Intent, command: Command) -> Result<Outcome, AdminError> {
    for _ in 1..WRITE_ATTEMPTS {
        match admin
            .cluster
            .write(&intent.by, &intent.request_id, command.clone())
            .await
            .map_err(AdminError::from)
        {
            Ok(outcome) => return accepted(outcome),
            Err(
                AdminError::Unavailable {
                    obstacle: Obstacle::NoQuorum,
                    ..
                }
                | AdminError::Deadline(_),
            ) => {
                tokio::time::sleep(WRITE_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    accepted(admin.cluster.write(&intent.by, &intent.request_id, command).await?)
}

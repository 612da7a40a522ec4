//! The last stage: batches become Raft entries, replies become totals.

use super::batch::{Batch, Counts};
use super::flight::{Flight, Landed};
use super::held::{Held, Supply};
use super::identity::Identity;
use super::job::ImportHeader;
use super::rehearsal::Rehearsal;
use super::report::{Gone, Report};
use super::stages::Batches;
use crate::admin::error::AdminError;
use crate::admin::handle::{Admin, Intent};
use crate::auth::{AuthenticatorKey, UserDirectory as _};
use crate::store::{Command, NewUser};

/// Writes one file.
pub(super) struct Writer {
    admin: Admin,
    by: String,
    target: AuthenticatorKey,
    header: ImportHeader,
    identity: Identity,
    report: Report,
}

impl Writer {
    pub(super) fn new(
        admin: Admin,
        by: &str,
        target: AuthenticatorKey,
        header: ImportHeader,
        identity: Identity,
        report: Report,
    ) -> Self {
        Self {
            admin,
            by: by.to_owned(),
            target,
            header,
            identity,
            report,
        }
    }

    /// Writes everything and says how it went.
    pub(super) async fn run(mut self, batches: Batches) {
        // A caller must know under which id to resume before the first row can be stored.
        self.report.tell();
        let written = match (self.header.dry_run, self.header.all_or_nothing) {
            (true, _) => self.rehearse(batches).await,
            (false, true) => self.write_all_or_nothing(batches).await,
            (false, false) => self.write(Supply::File(batches), Unheard::Stop).await,
        };
        self.report.end(written).await;
    }

    /// Writes batch after batch, several at once.
    async fn write(&mut self, mut supply: Supply, unheard: Unheard) -> Result<(), AdminError> {
        let mut flight = Flight::new(self.admin.limits.batches_in_flight);
        let mut beats = Report::beats();
        // Read, and not on its way yet: it waits for room, or for another with a user in common.
        let mut next: Option<Batch> = None;
        let (mut is_read, mut is_heard) = (false, true);
        loop {
            if let Some(batch) = next.take_if(|batch| flight.has_room_for(batch)) {
                self.send(&mut flight, batch);
            }
            if next.is_none() && is_read && flight.is_empty() {
                return supply.end().await;
            }
            tokio::select! {
                batch = supply.next(), if next.is_none() && !is_read => {
                    next = batch?;
                    is_read = next.is_none();
                }
                landed = flight.land() => is_heard &= self.settle(landed?).await.is_ok(),
                _ = beats.tick() => self.report.tell(),
                () = self.report.abandoned(), if is_heard => is_heard = false,
            }
            // What is in flight will land; the rest is not wanted any more.
            if !is_heard && unheard == Unheard::Stop {
                (next, is_read) = (None, true);
            }
        }
    }

    /// Nothing is stored of a file with a bad row. From the first batch on that is written it is all, even if nobody listens.
    async fn write_all_or_nothing(&mut self, mut batches: Batches) -> Result<(), AdminError> {
        let mut held = Held::new(self.admin.limits.held_bytes);
        let (mut beats, mut rows) = (Report::beats(), 0);
        loop {
            let mut batch = tokio::select! {
                batch = batches.next() => match batch {
                    Some(batch) => batch,
                    None => break,
                },
                _ = beats.tick() => {
                    self.report.tell();
                    continue;
                }
                () = self.report.abandoned() => return Ok(()),
            };
            rows += batch.rows;
            if self.report.note_bad(std::mem::take(&mut batch.bad)).await.is_err() {
                return Ok(());
            }
            if self.report.settled.failed > 0 {
                held.forget();
            } else {
                held.push(batch)?;
            }
        }
        batches.end().await?;
        let failed = self.report.settled.failed;
        if failed > 0 {
            let why = format!("nothing was stored, because {failed} of {rows} rows are bad");
            self.report.settled.warnings.push(why);
            return Ok(());
        }
        self.write(Supply::Held(held), Unheard::GoOn).await
    }

    async fn rehearse(&mut self, mut batches: Batches) -> Result<(), AdminError> {
        let mut rehearsal = Rehearsal::new(self.header.on_conflict, self.admin.limits.rehearsed_rows);
        let mut beats = Report::beats();
        loop {
            tokio::select! {
                batch = batches.next() => match batch {
                    Some(batch) => {
                        let counts = self.rehearse_batch(&mut rehearsal, &batch)?;
                        if self.settle(Landed { batch, counts, revision: 0 }).await.is_err() {
                            return Ok(());
                        }
                    }
                    None => return batches.end().await,
                },
                _ = beats.tick() => self.report.tell(),
                () = self.report.abandoned() => return Ok(()),
            }
        }
    }

    fn rehearse_batch(&self, rehearsal: &mut Rehearsal, batch: &Batch) -> Result<Counts, AdminError> {
        let mut counts = Counts::default();
        for (user_id, user) in &batch.users {
            let stored = self.admin.store.user(&self.target.chain, &self.target.id, user_id);
            rehearsal.count(&mut counts, user_id, user, stored.as_deref())?;
        }
        Ok(counts)
    }

    fn send(&self, flight: &mut Flight, batch: Batch) {
        let intent = Intent {
            by: self.by.clone(),
            request_id: self.identity.request_id(batch.first_row, &batch.users),
            if_revision: None,
        };
        let command = |rows: Vec<(String, NewUser)>| Command::ImportUsers {
            chain: self.target.chain.clone(),
            authenticator: self.target.id.clone(),
            rows,
            on_conflict: self.header.on_conflict,
        };
        flight.send(&self.admin, intent, batch, command);
    }

    /// Takes a batch that is done with into the totals.
    async fn settle(&mut self, landed: Landed) -> Result<(), Gone> {
        let Landed {
            batch,
            counts,
            revision,
        } = landed;
        self.report.note_bad(batch.bad).await?;
        self.report.note_hashes(batch.hashes);
        let settled = &mut self.report.settled;
        settled.settled_rows += batch.rows;
        settled.revision = settled.revision.max(revision);
        settled.created += counts.created;
        settled.replaced += counts.replaced;
        settled.unchanged += counts.unchanged;
        settled.skipped += counts.skipped;
        self.report.tell();
        Ok(())
    }
}

/// What becomes of the rest when nobody listens any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unheard {
    Stop,
    GoOn,
}

//! One import of an uploaded file: checked, begun by whoever wants it, stored; and what is known of it meanwhile.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::admin::error::{AdminError, Obstacle};
use crate::admin::handle::Admin;
use crate::admin::import::{BadRow, ImportBody, ImportHeader, ImportProgress};
use crate::auth::AuthenticatorKey;

/// Bad rows that are remembered, and their bytes; further ones are counted.
const MOST_REJECTS: usize = 10_000;
const MOST_REJECT_BYTES: usize = 2 << 20;
const PIECE: usize = 64 * 1024;
const WAITING_PIECES: usize = 4;
/// How long a checked file waits for somebody to begin.
const WAITS: Duration = Duration::from_secs(30 * 60);
/// How long an import waits for a leader before it gives up.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSES: u32 = 120;

/// How far an import has come. Append-only, as nodes of two versions may talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportStage {
    /// Its file is read, and nothing stored.
    Checking,
    /// Somebody has to say whether to go on.
    Checked,
    /// It is being stored.
    Running,
    /// It is over.
    Done,
    /// Somebody stopped it.
    Stopped,
    /// It cannot go on.
    Failed,
    /// Nothing of its file can be stored.
    Refused,
}

impl ImportStage {
    /// Whether nothing more comes of it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed | Self::Refused)
    }
}

/// An import as any node shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    /// Whose users they are to be.
    pub owner: AuthenticatorKey,
    /// As the file was called where it came from.
    pub file_name: String,
    /// A single bad row, and nothing is stored.
    pub all_or_nothing: bool,
    /// How far it is.
    pub stage: ImportStage,
    /// What was counted in this stage, or the last one.
    pub progress: ImportProgress,
    /// Good rows that checking has found.
    pub good: u64,
    /// Bad rows that are remembered.
    pub rejects: u64,
    /// What an operator should know.
    pub warnings: Vec<String>,
    /// Why it cannot go on.
    pub error: String,
}

struct State {
    stage: ImportStage,
    progress: ImportProgress,
    rejects: Vec<BadRow>,
    reject_bytes: usize,
    warnings: Vec<String>,
    good: u64,
    error: String,
    /// Somebody has asked to stop it.
    is_stopped: bool,
}

impl State {
    fn end(&mut self, stage: ImportStage, error: String) {
        self.stage = stage;
        self.error = error;
    }

    /// Before the file is read from its beginning.
    fn clear(&mut self) {
        self.progress = ImportProgress::default();
        self.rejects.clear();
        self.reject_bytes = 0;
    }

    /// `before` is what earlier runs over the file have settled.
    fn note(&mut self, before: &ImportProgress, mut now: ImportProgress) {
        for row in now.bad_rows.drain(..) {
            let bytes = row.column.len() + row.user_id.len() + row.reason.len();
            if self.rejects.len() < MOST_REJECTS && self.reject_bytes + bytes <= MOST_REJECT_BYTES {
                self.reject_bytes += bytes;
                self.rejects.push(row);
            }
        }
        for warning in now.warnings.drain(..) {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        self.progress = ImportProgress {
            created: before.created + now.created,
            replaced: before.replaced + now.replaced,
            unchanged: before.unchanged + now.unchanged,
            skipped: before.skipped + now.skipped,
            failed: before.failed + now.failed,
            settled_rows: now.settled_rows.max(before.settled_rows),
            ..now
        };
    }

    fn is_checked(&mut self, all_or_nothing: bool) {
        self.good = self.progress.total().saturating_sub(self.progress.failed);
        let is_spoilt = all_or_nothing && self.progress.failed > 0;
        self.stage = if self.is_stopped {
            ImportStage::Stopped
        } else if self.good == 0 || is_spoilt {
            ImportStage::Refused
        } else {
            ImportStage::Checked
        };
    }
}

/// One import. Its file is held by [`Job::lead`] alone, and gone with it.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) by: String,
    header: ImportHeader,
    file_name: String,
    state: watch::Sender<State>,
}

impl Job {
    pub(super) fn new(name: String, by: String, header: ImportHeader, file_name: String) -> Self {
        let state = State {
            stage: ImportStage::Checking,
            progress: ImportProgress::default(),
            rejects: Vec::new(),
            reject_bytes: 0,
            warnings: Vec::new(),
            good: 0,
            error: String::new(),
            is_stopped: false,
        };
        Self {
            name,
            by,
            header,
            file_name,
            state: watch::Sender::new(state),
        }
    }

    pub(super) fn stage(&self) -> ImportStage {
        self.state.borrow().stage
    }

    pub(super) fn view(&self) -> ImportView {
        let state = self.state.borrow();
        ImportView {
            owner: AuthenticatorKey {
                chain: self.header.chain.clone(),
                id: self.header.authenticator.clone(),
            },
            file_name: self.file_name.clone(),
            all_or_nothing: self.header.all_or_nothing,
            stage: state.stage,
            progress: state.progress.clone(),
            good: state.good,
            rejects: state.rejects.len() as u64,
            warnings: state.warnings.clone(),
            error: state.error.clone(),
        }
    }

    pub(super) fn rejects(&self, most: usize) -> Vec<BadRow> {
        self.state.borrow().rejects.iter().take(most).cloned().collect()
    }

    /// Lets what was checked be stored; once.
    pub(super) fn begin(&self) {
        self.state.send_if_modified(|state| {
            let is_first = state.stage == ImportStage::Checked;
            if is_first {
                state.clear();
                state.stage = ImportStage::Running;
            }
            is_first
        });
    }

    /// After what is in flight.
    pub(super) fn stop(&self) {
        self.state.send_modify(|state| {
            state.is_stopped = true;
            if state.stage == ImportStage::Checked {
                state.stage = ImportStage::Stopped;
            }
        });
    }

    /// What was checked will not be begun.
    pub(super) fn give_up(&self, why: &str) {
        self.state.send_if_modified(|state| {
            let waits = state.stage == ImportStage::Checked;
            if waits {
                state.end(ImportStage::Failed, why.to_owned());
            }
            waits
        });
    }

    /// The whole of it, from the uploaded file to the end.
    pub(super) async fn lead(self: Arc<Self>, file: File, admin: Admin) {
        self.check(&file, &admin).await;
        if self.is_begun().await {
            self.run(&file, &admin).await;
        }
    }

    /// Reads the whole file and stores nothing.
    async fn check(&self, file: &File, admin: &Admin) {
        let mut pauses = 0;
        let checked = loop {
            let header = ImportHeader {
                dry_run: true,
                ..self.header.clone()
            };
            match self.part(file, admin, header, &ImportProgress::default()).await {
                Err(_) if self.is_stopped() => break Ok(()),
                Err(error) if is_passing(&error) && pauses < PAUSES => pauses += weight(&error),
                settled => break settled,
            }
            pause().await;
            self.state.send_modify(State::clear);
        };
        self.state.send_modify(|state| match checked {
            Ok(()) => state.is_checked(self.header.all_or_nothing),
            Err(error) => state.end(ImportStage::Failed, error.to_string()),
        });
    }

    /// Waits for whoever decides.
    async fn is_begun(&self) -> bool {
        let mut states = self.state.subscribe();
        let decided = states.wait_for(|state| state.stage != ImportStage::Checked);
        if timeout(WAITS, decided).await.is_err() {
            self.give_up("nobody began it for half an hour");
        }
        self.stage() == ImportStage::Running
    }

    /// Stores it; a leader that goes is waited for, and the import goes on behind its last batch.
    async fn run(&self, file: &File, admin: &Admin) {
        let mut pauses = 0;
        let (stage, error) = loop {
            let before = self.state.borrow().progress.clone();
            let header = ImportHeader {
                import_id: before.import_id.clone(),
                resume_after_row: before.settled_rows,
                ..self.header.clone()
            };
            let part = self.part(file, admin, header, &before).await;
            let progress = self.state.borrow().progress.clone();
            let can_go_on = !self.header.all_or_nothing || progress.settled_rows == 0;
            match part {
                Ok(()) if progress.done => break (ImportStage::Done, String::new()),
                Ok(()) => break (ImportStage::Stopped, String::new()),
                Err(_) if self.is_stopped() => break (ImportStage::Stopped, String::new()),
                Err(error) if is_passing(&error) && can_go_on && pauses < PAUSES => pauses += weight(&error),
                Err(error) => break (ImportStage::Failed, error.to_string()),
            }
            pause().await;
        };
        self.state.send_modify(|state| state.end(stage, error));
    }

    /// One run over the file, to its end or until it is stopped.
    async fn part(
        &self,
        file: &File,
        admin: &Admin,
        header: ImportHeader,
        before: &ImportProgress,
    ) -> Result<(), AdminError> {
        let mut messages = admin.import_users(&self.by, header, body(file)?).await?;
        while let Some(progress) = messages.recv().await {
            let progress = progress?;
            let is_last = progress.done;
            self.state.send_modify(|state| state.note(before, progress));
            if is_last || self.is_stopped() {
                return Ok(());
            }
        }
        Err(AdminError::Internal("the import broke off".to_owned()))
    }

    fn is_stopped(&self) -> bool {
        self.state.borrow().is_stopped
    }
}

/// The file from its beginning.
fn body(file: &File) -> Result<ImportBody, AdminError> {
    let file = file
        .try_clone()
        .map_err(|error| AdminError::Internal(format!("the uploaded file cannot be read: {error}")))?;
    let (pieces, body) = mpsc::channel(WAITING_PIECES);
    spawn_blocking(move || read(&file, &pieces));
    Ok(body)
}

fn read(file: &File, pieces: &mpsc::Sender<Result<Bytes, String>>) {
    let mut at = 0;
    loop {
        let mut piece = vec![0; PIECE];
        let sent = match file.read_at(&mut piece, at) {
            Ok(0) => return,
            Ok(length) => {
                piece.truncate(length);
                at += length as u64;
                Ok(piece.into())
            }
            Err(error) => Err(error.to_string()),
        };
        let is_last = sent.is_err();
        if pieces.blocking_send(sent).is_err() || is_last {
            return;
        }
    }
}

/// Whether it may be over soon.
const fn is_passing(error: &AdminError) -> bool {
    matches!(error, AdminError::Unavailable { .. } | AdminError::Deadline(_))
}

/// How much of the patience it costs. Other imports of this node end, however long they take.
const fn weight(error: &AdminError) -> u32 {
    match error {
        AdminError::Unavailable {
            obstacle: Obstacle::Overloaded,
            ..
        } => 0,
        _ => 1,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "backoff: nobody tells when there is a leader again"
)]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

#[cfg(test)]
pub(super) mod tests {
    use super::{BadRow, ImportProgress, ImportStage, Job, MOST_REJECT_BYTES, MOST_REJECTS};
    use crate::admin::import::{ImportFormat, ImportHeader, PasswordType};
    use crate::store::OnConflict;

    /// A job of that account that has read a file with so many good and bad rows.
    pub(in crate::admin::keeping) fn checked(job: &Job, good: u64, bad: u64) -> ImportStage {
        let progress = ImportProgress {
            created: good,
            failed: bad,
            ..ImportProgress::default()
        };
        job.state.send_modify(|state| {
            state.note(&ImportProgress::default(), progress);
            state.is_checked(job.header.all_or_nothing);
        });
        job.stage()
    }

    pub(in crate::admin::keeping) fn header(all_or_nothing: bool) -> ImportHeader {
        ImportHeader {
            chain: "global".into(),
            authenticator: "main".into(),
            format: ImportFormat::Csv,
            password_type: PasswordType::Plain,
            on_conflict: OnConflict::Replace,
            dry_run: false,
            all_or_nothing,
            algorithm: String::new(),
            import_id: String::new(),
            resume_after_row: 0,
        }
    }

    fn job(all_or_nothing: bool) -> Job {
        Job::new("1-a".into(), "ann".into(), header(all_or_nothing), "users.csv".into())
    }

    #[test]
    fn what_cannot_be_stored_is_not_offered() {
        assert_eq!(checked(&job(false), 4991, 9), ImportStage::Checked);
        assert_eq!(checked(&job(true), 5000, 0), ImportStage::Checked);
        assert_eq!(checked(&job(true), 4991, 9), ImportStage::Refused);
        for rejected in [0, 9] {
            assert_eq!(checked(&job(false), 0, rejected), ImportStage::Refused);
        }
    }

    #[test]
    fn an_import_begins_once_and_only_when_its_file_was_checked() {
        let job = job(false);
        job.begin();
        assert_eq!(job.stage(), ImportStage::Checking);
        checked(&job, 7, 0);
        job.begin();
        assert_eq!((job.stage(), job.view().progress.total()), (ImportStage::Running, 0));
        job.state.send_modify(|state| state.progress.created = 3);
        job.begin();
        assert_eq!(job.view().progress.created, 3);
    }

    #[test]
    fn what_was_stopped_or_given_up_does_not_begin() {
        for stage in [ImportStage::Stopped, ImportStage::Failed] {
            let job = job(false);
            checked(&job, 7, 0);
            if stage == ImportStage::Stopped {
                job.stop();
            } else {
                job.give_up("why");
            }
            job.begin();
            assert_eq!(job.stage(), stage);
        }
        let early = job(false);
        early.stop();
        assert_eq!(checked(&early, 7, 0), ImportStage::Stopped);
    }

    #[test]
    fn bad_rows_are_remembered_in_bounds() {
        let row = |user_id: &str| BadRow {
            line: 1,
            column: String::new(),
            user_id: user_id.into(),
            reason: String::new(),
        };
        for (user_id, remembered) in [("ann", MOST_REJECTS), (&*"x".repeat(1 << 16), MOST_REJECT_BYTES >> 16)] {
            let job = job(false);
            let bad = ImportProgress {
                bad_rows: vec![row(user_id); MOST_REJECTS + 1],
                ..ImportProgress::default()
            };
            job.state
                .send_modify(|state| state.note(&ImportProgress::default(), bad));
            assert_eq!(job.view().rejects, remembered as u64);
            assert_eq!(job.rejects(2).len(), 2);
        }
    }
}

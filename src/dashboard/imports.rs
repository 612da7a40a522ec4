//! Imports of this node: a file that was uploaded, what checking it found, and how far storing it has come.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::admin::{Admin, AdminError, BadRow, ImportBody, ImportHeader, ImportProgress};

/// Files that are kept at once, whether they wait, run or are done.
const MOST: usize = 16;
/// Bad rows that are remembered; further ones are counted.
const MOST_REJECTS: usize = 10_000;
const PIECE: usize = 64 * 1024;
const WAITING_PIECES: usize = 4;
/// How long an import waits for a leader before it gives up.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSES: u32 = 120;

/// How far an import has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
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
}

impl Stage {
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed)
    }
}

/// What is known of an import.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) progress: ImportProgress,
    pub(super) rejects: Vec<BadRow>,
    pub(super) warnings: Vec<String>,
    /// Good rows that checking has found.
    pub(super) good: u64,
    pub(super) error: String,
}

/// One import.
pub(super) struct Job {
    pub(super) header: ImportHeader,
    pub(super) file_name: String,
    pub(super) by: String,
    file: File,
    state: Mutex<State>,
    stopped: AtomicBool,
}

impl Job {
    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    /// After what is in flight.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stage: Stage, error: String) {
        let mut state = self.lock();
        state.stage = stage;
        state.error = error;
    }

    /// Reads the whole file and stores nothing.
    pub(super) async fn check(self: Arc<Self>, admin: Admin) {
        let header = ImportHeader {
            dry_run: true,
            ..self.header.clone()
        };
        let checked = self.part(&admin, header, &ImportProgress::default()).await;
        let mut state = self.lock();
        state.good = state.progress.total().saturating_sub(state.progress.failed);
        match checked {
            Ok(()) => state.stage = Stage::Checked,
            Err(error) => {
                state.stage = Stage::Failed;
                state.error = error.to_string();
            }
        }
    }

    /// Enters [`Stage::Running`], so that the page says so at once. Whether the caller is the one who has to run it.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.lock();
        let is_first = state.stage == Stage::Checked;
        if is_first {
            state.stage = Stage::Running;
            state.progress = ImportProgress::default();
            state.rejects.clear();
        }
        is_first
    }

    /// Stores what [`Job::begin`] has begun; a leader that goes is waited for, and the import goes on behind its last batch.
    pub(super) async fn run(self: Arc<Self>, admin: Admin) {
        let mut pauses = 0;
        loop {
            let before = self.lock().progress.clone();
            let header = ImportHeader {
                import_id: before.import_id.clone(),
                resume_after_row: before.settled_rows,
                ..self.header.clone()
            };
            match self.part(&admin, header, &before).await {
                Ok(()) if self.stopped.load(Ordering::Relaxed) && !self.lock().progress.done => {
                    return self.enter(Stage::Stopped, String::new());
                }
                Ok(()) => return self.enter(Stage::Done, String::new()),
                Err(error) if is_passing(&error) && pauses < PAUSES => pauses += 1,
                Err(error) => return self.enter(Stage::Failed, error.to_string()),
            }
            pause().await;
        }
    }

    /// One run over the file; `before` is what earlier runs have settled.
    async fn part(&self, admin: &Admin, header: ImportHeader, before: &ImportProgress) -> Result<(), AdminError> {
        let mut messages = admin.import_users(&self.by, header, self.body()?).await?;
        while let Some(progress) = messages.recv().await {
            self.note(before, progress?);
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn note(&self, before: &ImportProgress, mut now: ImportProgress) {
        let mut state = self.lock();
        let room = MOST_REJECTS.saturating_sub(state.rejects.len());
        state.rejects.extend(now.bad_rows.drain(..).take(room));
        for warning in now.warnings.drain(..) {
            if !state.warnings.contains(&warning) {
                state.warnings.push(warning);
            }
        }
        state.progress = ImportProgress {
            created: before.created + now.created,
            replaced: before.replaced + now.replaced,
            unchanged: before.unchanged + now.unchanged,
            skipped: before.skipped + now.skipped,
            failed: before.failed + now.failed,
            settled_rows: now.settled_rows.max(before.settled_rows),
            ..now
        };
    }

    /// The file from its beginning.
    fn body(&self) -> Result<ImportBody, AdminError> {
        let file = self.file.try_clone();
        let file = file.map_err(|error| AdminError::Internal(format!("the uploaded file cannot be read: {error}")))?;
        let (pieces, body) = mpsc::channel(WAITING_PIECES);
        spawn_blocking(move || read(&file, &pieces));
        Ok(body)
    }
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

#[expect(
    clippy::disallowed_methods,
    reason = "backoff: nobody tells when there is a leader again"
)]
async fn pause() {
    tokio::time::sleep(PAUSE).await;
}

/// The imports of this node, by a number.
#[derive(Default)]
pub(super) struct Imports(Mutex<BTreeMap<u64, Arc<Job>>>);

impl Imports {
    /// Takes an uploaded file. `None`: too many are kept that are not over.
    pub(super) fn take(
        &self,
        header: ImportHeader,
        file_name: String,
        by: &str,
        file: File,
    ) -> Option<(u64, Arc<Job>)> {
        let mut jobs = self.lock();
        if jobs.len() >= MOST {
            let over = jobs.iter().find(|(_, job)| job.state().stage != Stage::Running);
            let oldest = over.map(|(id, _)| *id)?;
            jobs.remove(&oldest);
        }
        let id = jobs.last_key_value().map_or(1, |(last, _)| last + 1);
        let job = Arc::new(Job {
            header,
            file_name,
            by: by.to_owned(),
            file,
            state: Mutex::new(State {
                stage: Stage::Checking,
                progress: ImportProgress::default(),
                rejects: Vec::new(),
                warnings: Vec::new(),
                good: 0,
                error: String::new(),
            }),
            stopped: AtomicBool::new(false),
        });
        jobs.insert(id, Arc::clone(&job));
        Some((id, job))
    }

    pub(super) fn find(&self, id: u64) -> Option<Arc<Job>> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

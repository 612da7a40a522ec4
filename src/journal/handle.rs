//! The handle on the journal: queues changes for the writer's thread and reads.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::contents::{Contents, Done, Identity, JournalError, Settings};
use super::file::{Change, JournalFile};
use super::view::{Found, View};
use super::writer::{self, Job, Told};

/// Jobs that may wait for the writer. A full queue makes the caller wait: the disk is the limit then.
const QUEUE: usize = 1024;

/// The journal. Cheap to clone. Its writer thread commits all waiting appends in one transaction.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    queue: Arc<Mutex<Queue>>,
}

/// The way to the writer. Its lock makes the order of the view and the order of the file the same.
#[derive(Debug)]
struct Queue {
    sender: Option<SyncSender<Job>>,
    next: u64,
    writer: Option<JoinHandle<()>>,
}

/// What handles and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    view: Mutex<View>,
    /// `None` once it is closed.
    file: RwLock<Option<JournalFile>>,
    pub(super) stopwatch: Stopwatch,
    /// One adoption after another: each must see what the one before has made of the identity.
    adopting: Mutex<()>,
}

/// Since when a commit has been waiting for the disk.
#[derive(Debug)]
pub(super) struct Stopwatch {
    origin: Instant,
    /// Milliseconds after the origin, plus one; 0: nothing is waiting.
    started: AtomicU64,
}

impl Journal {
    /// Opens or creates it, locked against a second process; a new one draws an incarnation. Blocking.
    pub fn open(dir: &Path, node_id: u64, settings: &Settings) -> Result<Self, JournalError> {
        let file = JournalFile::open(dir, node_id)?;
        let view = file.load(node_id, settings.tail_bytes)?;
        let shared = Arc::new(Shared {
            view: Mutex::new(view),
            file: RwLock::new(Some(file)),
            stopwatch: Stopwatch {
                origin: Instant::now(),
                started: AtomicU64::new(0),
            },
            adopting: Mutex::new(()),
        });
        let (sender, jobs) = sync_channel(QUEUE);
        let (for_writer, commit_bytes) = (Arc::clone(&shared), settings.commit_bytes);
        let writer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer::run(&for_writer, &jobs, commit_bytes))
            .map_err(|why| JournalError::io("starting the writer", why))?;
        let queue = Queue {
            sender: Some(sender),
            next: 1,
            writer: Some(writer),
        };
        Ok(Self {
            shared,
            queue: Arc::new(Mutex::new(queue)),
        })
    }

    /// Who this node is.
    pub fn identity(&self) -> Identity {
        self.shared.view().identity.clone()
    }

    /// Takes on the cluster's identity, durably; refused if it has another one. Blocking.
    pub fn adopt(&self, cluster_id: &str) -> Result<(), JournalError> {
        let _alone = self.shared.adopting.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, on_disk) = sync_channel(1);
        self.enqueue(|view| {
            if let Some(present) = view
                .identity
                .cluster_id
                .as_deref()
                .filter(|present| *present != cluster_id)
            {
                return Err(JournalError::Refused(format!(
                    "it belongs to cluster `{present}`, not to `{cluster_id}`"
                )));
            }
            let identity = Identity {
                cluster_id: Some(cluster_id.to_owned()),
                ..view.identity.clone()
            };
            Ok((Change::Identity(identity), Told::Blocking(sender)))
        })?;
        on_disk.recv().map_err(|_| closed())
    }

    /// Vote, committed, purged and last entry as they stand.
    pub fn contents(&self) -> Result<Contents, JournalError> {
        let (mut contents, last) = {
            let view = self.shared.view();
            let purged = view.purged.as_ref().map(|(_, position)| position.clone());
            let (vote, committed) = (view.vote.clone(), view.committed.clone());
            (
                Contents {
                    vote,
                    committed,
                    purged,
                    last: None,
                },
                view.last,
            )
        };
        if let Some(last) = last {
            contents.last = self.read(last..last.saturating_add(1), 0)?.pop();
        }
        Ok(contents)
    }

    /// Queues entries (index, bytes), readable at once; `done` runs on the writer's thread when they are on the disk, in order.
    /// A storage error ends the process. After [`Journal::close`] nothing is appended and `done` never runs.
    pub fn append(&self, entries: Vec<(u64, Bytes)>, done: Done) {
        let queued = self.enqueue_numbered(|view, number| {
            view.append(number, &entries);
            Ok((Change::Append(entries), Told::Append(done)))
        });
        if queued.is_err() {
            tracing::warn!("entries came after the journal was closed");
        }
    }

    /// Returns once the vote is on the disk.
    pub async fn save_vote(&self, vote: Bytes) -> Result<(), JournalError> {
        let (sender, on_disk) = oneshot::channel();
        self.enqueue(|_| Ok((Change::Vote(vote), Told::Vote(sender))))?;
        on_disk.await.map_err(|_| closed())
    }

    /// A hint: kept in memory until the next commit takes it along; never waits for the disk.
    pub fn save_committed(&self, committed: Option<Bytes>) {
        let mut view = self.shared.view();
        view.committed = committed;
        view.committed_waits = true;
    }

    /// Drops the entries after `index`; durable with the next append at the latest, in order.
    pub async fn truncate_after(&self, index: Option<u64>) -> Result<(), JournalError> {
        let first = index.map_or(0, |index| index.saturating_add(1));
        self.enqueue(|view| {
            view.truncate_from(first);
            Ok((Change::TruncateFrom(first), Told::Nobody))
        })
    }

    /// Drops the entries up to and with `index`.
    pub async fn purge(&self, index: u64, position: Bytes) -> Result<(), JournalError> {
        self.enqueue(|view| {
            view.purge(index, position.clone());
            Ok((Change::Purge(index, position), Told::Nobody))
        })
    }

    /// Entries of the range, at least one if there is any, up to about `max_bytes`.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<(u64, Bytes)>, JournalError> {
        loop {
            let found = self.shared.view().find(&range, max_bytes);
            let (in_file, epoch) = match found {
                Found::Entries(entries) => return Ok(entries),
                Found::InFile { range, epoch } => (range, epoch),
            };
            let first = in_file.start;
            let entries = self.shared.with_file(|file| file.read(in_file, max_bytes));
            // Entries cut away while the file was being read are no damage: look again.
            if self.shared.view().is_still(epoch) {
                let entries = entries?;
                if entries.is_empty() {
                    return Err(JournalError::Damaged(format!("entry {first} is missing")));
                }
                return Ok(entries);
            }
        }
    }

    /// How long the oldest unfinished commit has been waiting for the disk; zero when none is.
    pub fn stalled_for(&self) -> Duration {
        self.shared.stopwatch.elapsed()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.with_file(|file| Ok(file.disk_bytes())).unwrap_or(0)
    }

    /// Waits for the writer to finish and closes. Blocking.
    pub fn close(&self) {
        let writer = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.sender = None;
            queue.writer.take()
        };
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the journal's writer panicked");
        }
        // Dropped, not only forgotten: this gives the lock back.
        drop(self.shared.file.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn enqueue(
        &self,
        make: impl FnOnce(&mut View) -> Result<(Change, Told), JournalError>,
    ) -> Result<(), JournalError> {
        self.enqueue_numbered(|view, _| make(view))
    }

    /// Changes the view and queues the change of the file, as one step.
    fn enqueue_numbered(
        &self,
        make: impl FnOnce(&mut View, u64) -> Result<(Change, Told), JournalError>,
    ) -> Result<(), JournalError> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.sender.clone().ok_or_else(closed)?;
        let number = queue.next;
        queue.next += 1;
        let (change, told) = make(&mut self.shared.view(), number)?;
        sender.send(Job { number, change, told }).map_err(|_| closed())
    }
}

impl Shared {
    /// The view. Held for moments only; a reader that panicked has left it as it was.
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with_file<T>(
        &self,
        act: impl FnOnce(&JournalFile) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        act(file.as_ref().ok_or_else(closed)?)
    }

    /// The committed index if it is still to be saved.
    pub(super) fn take_committed_hint(&self) -> Option<Option<Bytes>> {
        let mut view = self.view();
        std::mem::take(&mut view.committed_waits).then(|| view.committed.clone())
    }

    /// Everything up to the job `last` is on the disk.
    pub(super) fn committed_through(&self, last: u64, changes: Vec<Change>) {
        let mut view = self.view();
        for change in changes {
            match change {
                Change::Vote(vote) => view.vote = Some(vote),
                Change::Identity(identity) => view.identity = identity,
                _ => {}
            }
        }
        view.committed_through(last);
    }
}

impl Stopwatch {
    pub(super) fn start(&self) {
        self.started.store(self.now(), Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.started.store(0, Ordering::Relaxed);
    }

    fn elapsed(&self) -> Duration {
        match self.started.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            started => Duration::from_millis(self.now().saturating_sub(started)),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis())
            .unwrap_or(u64::MAX - 1)
            .saturating_add(1)
    }
}

fn closed() -> JournalError {
    JournalError::io("using it", "it is closed")
}

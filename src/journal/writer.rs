//! The writer's thread: takes all that waits, commits it as one transaction, then tells those who wait, in order.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{Receiver, SyncSender};

use tokio::sync::oneshot;

use super::contents::{Done, JournalError};
use super::file::Change;
use super::handle::Shared;

/// The exit code that says "input/output error" (`EX_IOERR`).
const EXIT_IO: i32 = 74;

/// What to do, in the order of the queue.
pub(super) struct Job {
    /// Counts up by one from job to job.
    pub(super) number: u64,
    pub(super) change: Change,
    pub(super) told: Told,
}

/// Who waits for a job to be on the disk.
pub(super) enum Told {
    Nobody,
    Append(Done),
    Vote(oneshot::Sender<()>),
    Blocking(SyncSender<()>),
}

/// Commits until the queue is closed. A failure of any kind ends the process: what has been promised could no longer be kept.
pub(super) fn run(shared: &Shared, jobs: &Receiver<Job>, commit_bytes: usize) {
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        while let Ok(first) = jobs.recv() {
            commit(shared, gather(first, jobs, commit_bytes))?;
        }
        commit_hint(shared)
    }));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => die(&error.to_string()),
        Err(_) => die("its writer panicked"),
    }
}

/// The first job and all that wait behind it, up to about `commit_bytes`. There is no lingering: the last commit was the window.
fn gather(first: Job, jobs: &Receiver<Job>, commit_bytes: usize) -> Vec<Job> {
    let mut bytes = first.bytes();
    let mut batch = vec![first];
    while bytes < commit_bytes {
        let Ok(next) = jobs.try_recv() else { break };
        bytes += next.bytes();
        batch.push(next);
    }
    batch
}

fn commit(shared: &Shared, batch: Vec<Job>) -> Result<(), JournalError> {
    let mut last = 0;
    let mut changes = Vec::with_capacity(batch.len() + 1);
    let mut waiting = Vec::with_capacity(batch.len());
    for Job { number, change, told } in batch {
        last = number;
        changes.push(change);
        waiting.push(told);
    }
    // The committed index rides along: it never causes a commit of its own.
    changes.extend(shared.take_committed_hint().map(Change::Committed));
    shared.stopwatch.start();
    shared.with_file(|file| file.commit(&changes))?;
    shared.stopwatch.stop();
    shared.committed_through(last, changes);
    for told in waiting {
        told.tell();
    }
    Ok(())
}

/// Saves the hint that found no commit to ride on, at the end.
fn commit_hint(shared: &Shared) -> Result<(), JournalError> {
    match shared.take_committed_hint() {
        Some(hint) => shared.with_file(|file| file.commit(&[Change::Committed(hint)])),
        None => Ok(()),
    }
}

impl Job {
    fn bytes(&self) -> usize {
        match &self.change {
            Change::Append(entries) => entries.iter().map(|(_, bytes)| bytes.len()).sum(),
            _ => 0,
        }
    }
}

impl Told {
    fn tell(self) {
        match self {
            Self::Nobody => {}
            Self::Append(done) => done(),
            // Whoever no longer waits need not be told.
            Self::Vote(waiting) => {
                let _ = waiting.send(());
            }
            Self::Blocking(waiting) => {
                let _ = waiting.send(());
            }
        }
    }
}

/// After a failed write nobody knows what is on the disk, so nothing is retried and nothing acknowledged (invariant 7).
fn die(why: &str) -> ! {
    tracing::error!(why, "the journal cannot be written: this node stops");
    // The log may be buffered or elsewhere; the last word goes to whoever started the process.
    eprintln!("portcullis: the journal cannot be written, this node stops: {why}");
    std::process::exit(EXIT_IO)
}

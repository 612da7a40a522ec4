//! What watches over consensus while it runs: changes of the status, the size of the log, and a disk that hangs.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

use super::log_store::LogBytes;
use super::status::{Status, best_successor, status};
use super::types::Raft;
use crate::journal::Journal;

/// A leader whose disk hangs for so long hands over: its heartbeats would keep the others from electing a sound one.
const HAND_OVER_AFTER: Duration = Duration::from_secs(5);
/// After so long the node goes: nothing it would still say could be kept.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_AT_LOG_EVERY: Duration = Duration::from_secs(1);
/// `EX_IOERR`.
const EXIT_IO: i32 = 74;

/// The watch over the disk. It has a thread of its own, because the threads of consensus may be the ones that hang.
#[derive(Debug)]
pub(super) struct Watchdog {
    stop: SyncSender<()>,
}

impl Watchdog {
    pub(super) fn start(on: &Runtime, raft: &Raft, journal: &Journal) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let (on, raft, journal) = (on.clone(), raft.clone(), journal.clone());
        std::thread::Builder::new()
            .name("raft-watchdog".to_owned())
            .spawn(move || watch_disk(&on, &raft, &journal, &stopped))?;
        Ok(Self { stop })
    }

    /// Ends it. More than once is no mistake.
    pub(super) fn stop(&self) {
        // A full channel says that it has been told already.
        let _ = self.stop.try_send(());
    }
}

fn watch_disk(on: &Runtime, raft: &Raft, journal: &Journal, stopped: &Receiver<()>) {
    while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        let stalled = journal.stalled_for();
        if stalled > GIVE_UP_AFTER {
            tracing::error!(?stalled, "the disk of the journal hangs: this node stops");
            eprintln!("portcullis: the disk of the journal has been hanging for {stalled:?}, this node stops");
            std::process::exit(EXIT_IO);
        }
        if stalled > HAND_OVER_AFTER {
            hand_over(on, raft, stalled);
        }
    }
}

fn hand_over(on: &Runtime, raft: &Raft, stalled: Duration) {
    let successor = {
        let metrics = raft.metrics();
        let metrics = metrics.borrow_watched();
        if metrics.state == ServerState::Leader {
            best_successor(&metrics)
        } else {
            None
        }
    };
    let Some(to) = successor else { return };
    tracing::warn!(
        ?stalled,
        to,
        "the disk of the journal hangs: handing the leadership over"
    );
    let raft = raft.clone();
    on.spawn(async move {
        if let Err(error) = raft.trigger().transfer_leader(to).await {
            tracing::warn!(%error, "the leadership cannot be handed over");
        }
    });
}

/// Counts the changes of the status, and tells the log who leads.
pub(super) fn follow_status(on: &Runtime, raft: &Raft) -> watch::Receiver<u64> {
    let mut metrics = raft.metrics();
    let (changes, receiver) = watch::channel(0);
    on.spawn(async move {
        let mut last = status(&metrics.borrow_and_update());
        while metrics.changed().await.is_ok() {
            let now = status(&metrics.borrow_and_update());
            if (now.leader, now.term) != (last.leader, last.term) {
                announce_leader(&now);
            }
            if now != last {
                last = now;
                changes.send_modify(|count| *count += 1);
            }
        }
    });
    receiver
}

fn announce_leader(now: &Status) {
    let (role, term) = (now.role, now.term);
    match now.leader {
        Some(leader) => tracing::info!(leader, term, ?role, "a leader is known"),
        None => tracing::warn!(term, ?role, "no leader is known: writes wait for an election"),
    }
}

/// Takes a snapshot when the log since the last one has grown by `limit` bytes: few large entries count as many small ones do. What
/// lies behind the last one goes then, however few entries that are; followers that are a little late still find `limit` bytes.
pub(super) fn bound_log(on: &Runtime, raft: &Raft, log_bytes: &LogBytes, limit: u64) {
    let (raft, log_bytes) = (raft.clone(), log_bytes.clone());
    on.spawn(async move {
        let mut look = tokio::time::interval(LOOK_AT_LOG_EVERY);
        loop {
            look.tick().await;
            if log_bytes.get() < limit {
                continue;
            }
            let last = raft.metrics().borrow_watched().snapshot;
            let purged = match last {
                Some(last) => raft.trigger().purge_log(last.index()).await,
                None => Ok(()),
            };
            if purged.is_err() || raft.trigger().snapshot().await.is_err() {
                return;
            }
        }
    });
}

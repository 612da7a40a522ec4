//! The one handle on consensus: start, propose, read, watch, stop.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::config::config;
use super::error::{ProposeError, Why};
use super::inbound::VoteHold;
use super::log_store::{LogBytes, LogStore};
use super::network::{Carrier, Network};
use super::settings::Settings;
use super::snapshots::{Snapshots, newest_sound};
use super::state_machine::StateMachine;
use super::status::{self, Member, Status, has_lost_quorum};
use super::types::{Metrics, Proposal, Raft, number};
use super::watchdog::{self, Watchdog};
use crate::journal::Journal;
use crate::store::{Envelope, Outcome, Store};
use crate::wire::{PeerName, Peers};

/// Threads of consensus. They are its own, so that hashing and serving never starve a heartbeat.
const THREADS: usize = 2;
/// How often a waiting proposal looks whether the quorum is still there.
const QUORUM_CHECK: Duration = Duration::from_millis(100);
/// How often, and how long, a new leader looks whether a majority has confirmed it.
const TOO_EARLY_PAUSE: Duration = Duration::from_millis(20);
const TOO_EARLY_PATIENCE: Duration = Duration::from_millis(500);
/// How long stopping waits for work on the disk.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Raft index.
    pub index: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// The one handle on consensus. Cheap to clone. Everything in it runs on the raft room's own runtime.
#[derive(Clone, Debug)]
pub struct Handle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    on: tokio::runtime::Handle,
    /// `None` once it has stopped.
    runtime: Mutex<Option<Runtime>>,
    settings: Settings,
    changes: watch::Receiver<u64>,
    stopping: AtomicBool,
    receiving: tokio::sync::Mutex<()>,
    watchdog: Watchdog,
}

/// What is put together on the runtime.
#[derive(Debug)]
struct Parts {
    raft: Raft,
    journal: Journal,
    snapshots: Snapshots,
    log_bytes: LogBytes,
    vote_hold: VoteHold,
}

impl Handle {
    /// Starts over journal and store. `snapshots` is the folder of snapshot files. Does not need a cluster yet.
    pub async fn start(
        settings: &Settings,
        journal: Journal,
        store: Store,
        snapshots: PathBuf,
        peers: Peers,
    ) -> Result<Self, ProposeError> {
        Self::start_with(settings, journal, store, snapshots, peers).await
    }

    /// As [`Handle::start`], with messages carried by anything.
    pub(super) async fn start_with(
        settings: &Settings,
        journal: Journal,
        store: Store,
        snapshots: PathBuf,
        carrier: impl Carrier,
    ) -> Result<Self, ProposeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("raft")
            .enable_all()
            .build()
            .map_err(stopped)?;
        let on = runtime.handle().clone();
        let assembled = on
            .spawn(assemble(settings.clone(), journal, store, snapshots, carrier))
            .await;
        let parts = match assembled.map_err(stopped).and_then(|parts| parts) {
            Ok(parts) => parts,
            Err(error) => {
                // A runtime must not be dropped where this function runs.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let changes = watchdog::follow_status(&on, &parts.raft);
        watchdog::bound_log(&on, &parts.raft, &parts.log_bytes, settings.snapshot_bytes);
        let watchdog = Watchdog::start(&on, &parts.raft, &parts.journal).map_err(stopped)?;
        let inner = Inner {
            parts,
            on,
            runtime: Mutex::new(Some(runtime)),
            settings: settings.clone(),
            changes,
            stopping: AtomicBool::new(false),
            receiving: tokio::sync::Mutex::new(()),
            watchdog,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The newest snapshot in the folder that verifies, for `Store::open`. Damaged ones are set aside and named in the log. Blocking.
    pub fn newest_snapshot(snapshots: &Path) -> Option<PathBuf> {
        newest_sound(snapshots).map(|(path, _)| path)
    }

    /// Commits and applies; only the leader can. The outcome is of this node's own apply.
    pub async fn propose(&self, envelope: &Envelope, timeout: Duration) -> Result<Outcome, ProposeError> {
        let proposal = Proposal::new(envelope).map_err(|error| ProposeError::Refused(error.to_string()))?;
        let (bytes, limit) = (proposal.len(), self.inner.settings.max_proposal_bytes);
        if bytes > limit {
            return Err(ProposeError::TooLarge { bytes, limit });
        }
        let raft = self.raft().clone();
        let attempt = move || {
            let (raft, proposal) = (raft.clone(), proposal.clone());
            async move { raft.client_write(proposal).await }
        };
        Ok(self.with_quorum(timeout, attempt).await?.data)
    }

    /// The index that a linearizable read must wait for; only the leader can, after a quorum has confirmed it. Concurrent calls share
    /// a round.
    pub async fn read_index(&self, timeout: Duration) -> Result<u64, ProposeError> {
        let raft = self.raft().clone();
        let attempt = move || {
            let raft = raft.clone();
            // Never a lease: a voter that restarted may have helped another leader up in the meantime.
            async move { raft.get_read_log_id(ReadPolicy::ReadIndex).await }
        };
        let (read, _) = self.with_quorum(timeout, attempt).await?;
        Ok(number(read.log_id()))
    }

    /// Takes a snapshot now and purges the log behind it.
    pub async fn take_snapshot(&self, timeout: Duration) -> Result<SnapshotTaken, ProposeError> {
        let wanted = self.status().applied_index;
        if wanted == 0 {
            return Err(ProposeError::Refused(
                "there is nothing to take a snapshot of".to_owned(),
            ));
        }
        let raft = self.raft().clone();
        let taken = self.in_time(timeout, async move {
            let mut ask_again = tokio::time::interval(QUORUM_CHECK);
            // One that was begun before may end below `wanted`: then another one is asked for.
            loop {
                let reached = status::status(&raft.metrics().borrow_watched()).snapshot_index;
                if reached >= wanted {
                    return Ok(reached);
                }
                raft.trigger().snapshot().await.map_err(stopped)?;
                ask_again.tick().await;
            }
        });
        let index = taken.await?;
        let bytes = std::fs::metadata(self.snapshots().path(index)).map_or(0, |metadata| metadata.len());
        Ok(SnapshotTaken { index, bytes })
    }

    /// Consensus as this node sees it. From memory.
    pub fn status(&self) -> Status {
        status::status(&self.metrics())
    }

    /// Changes whenever [`Handle::status`] does.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changes.clone()
    }

    /// Resolves with the reason when consensus has failed for good: the process must then exit non-zero.
    pub async fn failed(&self) -> String {
        let mut metrics = self.raft().metrics();
        let why = loop {
            if let Err(fatal) = &metrics.borrow_watched().running_state {
                break fatal.to_string();
            }
            if metrics.changed().await.is_err() {
                break "consensus has ended".to_owned();
            }
        };
        if self.inner.stopping.load(Ordering::Acquire) {
            // Stopping is no failure.
            return std::future::pending().await;
        }
        why
    }

    /// Stops.
    pub async fn shutdown(&self) {
        self.inner.stopping.store(true, Ordering::Release);
        self.inner.watchdog.stop();
        let raft = self.raft().clone();
        let ended = self
            .on_runtime(async move { raft.shutdown().await.map_err(|error| error.to_string()) })
            .await;
        if let Err(error) = ended.and_then(|ended| ended) {
            tracing::warn!(error, "consensus did not stop cleanly");
        }
        let runtime = self.inner.runtime.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            // Waits for work on the disk, which is why it may not run on a thread of the caller's runtime.
            let waited = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP_PATIENCE)).await;
            drop(waited);
        }
    }

    /// For `Peers`: how a member is reached.
    pub fn peer_name(id: u64, member: &Member) -> PeerName {
        PeerName {
            id,
            address: member.peer_address.clone(),
            incarnation: member.incarnation,
        }
    }

    pub(super) fn raft(&self) -> &Raft {
        &self.inner.parts.raft
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.inner.parts.journal
    }

    pub(super) fn snapshots(&self) -> &Snapshots {
        &self.inner.parts.snapshots
    }

    pub(super) fn vote_hold(&self) -> &VoteHold {
        &self.inner.parts.vote_hold
    }

    pub(super) fn receiving(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.receiving
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.raft().metrics().borrow_watched().clone()
    }

    /// Runs on the room's own threads, whichever runtime the caller is on. `Err`: consensus has stopped.
    pub(super) async fn on_runtime<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        self.inner.on.spawn(work).await.map_err(|error| error.to_string())
    }

    /// Runs `work` for at most `timeout`. What it did by then, or will still do, is unknown afterwards.
    pub(super) async fn in_time<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl Future<Output = Result<T, ProposeError>> + Send + 'static,
    ) -> Result<T, ProposeError> {
        let bounded = async move {
            tokio::time::timeout(timeout, work)
                .await
                .unwrap_or(Err(ProposeError::NoQuorum))
        };
        self.on_runtime(bounded).await.map_err(ProposeError::Stopped)?
    }

    /// As [`Handle::in_time`], but gives up as soon as this leader has not heard from a majority for an election timeout, and
    /// tries again for a moment while it has not heard from one yet.
    pub(super) async fn with_quorum<T, E, W>(
        &self,
        timeout: Duration,
        attempt: impl Fn() -> W + Send + Sync + 'static,
    ) -> Result<T, ProposeError>
    where
        T: Send + 'static,
        E: Why + Send + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
    {
        let metrics = self.raft().metrics();
        let limit = Duration::from_millis(self.inner.settings.election_max_ms);
        let lost = async move {
            let mut look = tokio::time::interval(QUORUM_CHECK);
            // Looked at first: a quorum that is known to be lost is not even asked.
            while !has_lost_quorum(&metrics.borrow_watched(), limit) {
                look.tick().await;
            }
        };
        let done = async move {
            let asked = Instant::now();
            let mut again = tokio::time::interval(TOO_EARLY_PAUSE);
            loop {
                match attempt().await {
                    // Only a failed attempt waits: even a timer that is due costs a write a millisecond or two.
                    Err(error) if error.is_too_early() && asked.elapsed() < TOO_EARLY_PATIENCE => {
                        again.tick().await;
                    }
                    done => return done.map_err(Why::why),
                }
            }
        };
        self.in_time(timeout, async move {
            tokio::select! {
                biased;
                () = lost => Err(ProposeError::NoQuorum),
                done = done => done,
            }
        })
        .await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.watchdog.stop();
        // Dropping a runtime waits, which is forbidden on an async thread.
        if let Some(runtime) = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}

async fn assemble(
    settings: Settings,
    journal: Journal,
    store: Store,
    snapshots: PathBuf,
    carrier: impl Carrier,
) -> Result<Parts, ProposeError> {
    let config = config(&settings)?;
    let node_id = journal.identity().node_id;
    let vote_hold = VoteHold::after_start(&journal.contents().map_err(stopped)?, &settings);
    let log_bytes = LogBytes::default();
    let snapshots = Snapshots::open(snapshots).map_err(stopped)?;
    let (for_machine, folder, counted) = (journal.clone(), snapshots.clone(), log_bytes.clone());
    let opened = tokio::task::spawn_blocking(move || StateMachine::open(store, for_machine, folder, counted));
    let machine = opened.await.map_err(stopped)?.map_err(stopped)?;
    let log = LogStore::new(journal.clone(), log_bytes.clone());
    let network = Network::new(carrier, Duration::from_millis(settings.election_min_ms));
    let raft = Raft::new(node_id, config, network, log, machine)
        .await
        .map_err(stopped)?;
    Ok(Parts {
        raft,
        journal,
        snapshots,
        log_bytes,
        vote_hold,
    })
}

pub(super) fn stopped(error: impl ToString) -> ProposeError {
    ProposeError::Stopped(error.to_string())
}

//! What other nodes ask of this one.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::storage::Snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::codec::{decode, encode};
use super::handle::Handle;
use super::network::{SnapshotHead, kind};
use super::settings::Settings;
use super::snapshots::SnapshotFile;
use super::state_machine::verify_arrived;
use crate::journal::{Contents, Journal};

/// A node that comes back does not know whom it followed a moment ago. Until the others' patience with that leader would
/// have ended too, its vote could depose a leader that is well: so it gives none.
#[derive(Debug)]
pub(super) struct VoteHold {
    until: Option<Instant>,
}

impl VoteHold {
    /// A node that never took part has nothing to hold back.
    pub(super) fn after_start(contents: &Contents, settings: &Settings) -> Self {
        let Contents { vote, purged, last, .. } = contents;
        let is_new = vote.is_none() && purged.is_none() && last.is_none();
        let hold = Duration::from_millis(settings.election_max_ms).mul_f64(1.1);
        Self {
            until: (!is_new).then(|| Instant::now() + hold),
        }
    }

    fn holds(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

impl Handle {
    /// Answers one consensus message of a peer (`kind` and payload are this room's own). `Err`: this node cannot answer now.
    pub async fn receive(&self, kind: u32, payload: Bytes) -> Result<Bytes, String> {
        let handle = self.clone();
        self.on_runtime(async move { handle.answer(kind, &payload).await })
            .await
            .unwrap_or_else(Err)
    }

    /// Receives a snapshot: `head` is the first chunk's, the file's bytes come over the bounded channel (`None` at its end is
    /// success only after `Ok(())` was the last item's meaning: a broken stream sends `Err`).
    pub async fn receive_snapshot(
        &self,
        head: Bytes,
        data: mpsc::Receiver<Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        let handle = self.clone();
        self.on_runtime(async move { handle.take_in(&head, data).await })
            .await
            .unwrap_or_else(Err)
    }

    async fn answer(&self, kind: u32, payload: &[u8]) -> Result<Bytes, String> {
        let raft = self.raft();
        if matches!(kind, kind::VOTE | kind::PRE_VOTE) && self.vote_hold().holds() {
            return Err("it has just started and does not vote yet".to_owned());
        }
        match kind {
            kind::APPEND => reply(raft.append_entries(request(payload)?).await),
            kind::VOTE => reply(raft.vote(request(payload)?).await),
            kind::PRE_VOTE => reply(raft.pre_vote(request(payload)?).await),
            kind::TRANSFER_LEADER => reply(raft.handle_transfer_leader(request(payload)?).await),
            _ => Err(format!("consensus messages of kind {kind} are not known")),
        }
    }

    async fn take_in(&self, head: &[u8], data: mpsc::Receiver<Result<Bytes, String>>) -> Result<Bytes, String> {
        // There is one place for an arriving snapshot.
        let _alone = self
            .receiving()
            .try_lock()
            .map_err(|_| "another snapshot is arriving".to_owned())?;
        let SnapshotHead { vote, meta, bytes } = request(head)?;
        let (path, journal) = (self.snapshots().incoming(), self.journal().clone());
        let file = SnapshotFile { path, bytes };
        let (announced, arriving) = (meta.clone(), file.clone());
        let arrived = tokio::task::spawn_blocking(move || collect(&journal, &announced, &arriving, data));
        arrived.await.map_err(|panic| panic.to_string())??;
        reply(
            self.raft()
                .install_full_snapshot(vote, Snapshot { meta, snapshot: file })
                .await,
        )
    }
}

/// Takes the bytes down to the disk and verifies them; what does not verify is removed. Blocking.
fn collect(
    journal: &Journal,
    announced: &super::types::SnapshotMeta,
    file: &SnapshotFile,
    data: mpsc::Receiver<Result<Bytes, String>>,
) -> Result<(), String> {
    let collected = write(&file.path, file.bytes, data).and_then(|()| verify_arrived(journal, announced, file));
    if collected.is_err() && std::fs::remove_file(&file.path).is_err() {
        tracing::debug!("nothing of the refused snapshot was there to be removed");
    }
    collected.map_err(|why| format!("the snapshot is refused: {why}"))
}

fn write(path: &Path, bytes: u64, mut data: mpsc::Receiver<Result<Bytes, String>>) -> Result<(), String> {
    let disk = |error: std::io::Error| error.to_string();
    let mut file = File::create(path).map_err(disk)?;
    let mut missing = bytes;
    while let Some(chunk) = data.blocking_recv() {
        let chunk = chunk?;
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        missing = missing
            .checked_sub(length)
            .ok_or_else(|| format!("it has more than the {bytes} bytes announced"))?;
        file.write_all(&chunk).map_err(disk)?;
    }
    if missing > 0 {
        return Err(format!("it ended {missing} bytes too early"));
    }
    file.sync_all().map_err(disk)
}

fn request<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    decode(payload).map_err(|error| error.to_string())
}

fn reply<T: Serialize, E: ToString>(answer: Result<T, E>) -> Result<Bytes, String> {
    encode(&answer.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
}

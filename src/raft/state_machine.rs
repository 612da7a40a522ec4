//! openraft's state machine, kept in the store.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::Stream;
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use openraft::{OptionalSend, RaftSnapshotBuilder};

use super::codec::{decode_optional, encode};
use super::log_store::LogBytes;
use super::run::Run;
use super::snapshots::{self, SnapshotFile, Snapshots};
use super::types::{LogId, SnapshotMeta, StoredMembership, TypeConfig, number_or_zero};
use crate::journal::Journal;
use crate::store::{Frozen, Store};

type Current = (SnapshotMeta, SnapshotFile);
type SnapshotOf = openraft::alias::SnapshotOf<TypeConfig, SnapshotFile>;

/// The state machine. Whatever blocks runs on threads that may block.
#[derive(Clone, Debug)]
pub(super) struct StateMachine {
    store: Store,
    journal: Journal,
    folder: Snapshots,
    /// The snapshot that followers get.
    current: Arc<Mutex<Option<Current>>>,
    log_bytes: LogBytes,
}

/// A view of the state that is on its way into a file.
#[derive(Debug)]
pub(super) struct SnapshotBuilder {
    machine: StateMachine,
    frozen: Option<Frozen>,
}

impl StateMachine {
    /// Over a store that is open, with the newest sound snapshot of the folder. Blocking.
    pub(super) fn open(store: Store, journal: Journal, folder: Snapshots, log_bytes: LogBytes) -> io::Result<Self> {
        let current = folder.newest()?;
        check_reach(&store, &journal, current.as_ref())?;
        // openraft closes a gap between a log that a crash cut short and what was applied by purging the log up to there. Then
        // only the store has it, and it must not lose it.
        store.checkpoint().map_err(io::Error::other)?;
        Ok(Self {
            store,
            journal,
            folder,
            current: Arc::new(Mutex::new(current)),
            log_bytes,
        })
    }

    fn cluster_id(&self) -> String {
        self.journal.identity().cluster_id.unwrap_or_default()
    }

    /// Never an older one: while a snapshot was being written, a newer one may have been installed, and the log behind that is gone.
    fn set_current(&self, new: Current) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_none_or(|(meta, _)| meta.last_log_id <= new.0.last_log_id)
        {
            *current = Some(new);
        }
    }

    /// Writes the view as a file. Only after the checkpoint may the log be purged: until then the store may lose what it
    /// has applied, and only the log can give it back.
    fn write(&self, frozen: Frozen) -> io::Result<Current> {
        let path = self.folder.path(frozen.applied().index);
        let summary = frozen.write(&path, &self.cluster_id()).map_err(io::Error::other)?;
        self.store.checkpoint().map_err(io::Error::other)?;
        let current = (
            snapshots::meta(&summary.header)?,
            SnapshotFile {
                path,
                bytes: summary.bytes,
            },
        );
        self.set_current(current.clone());
        self.folder.prune();
        Ok(current)
    }

    /// The file was verified, and found to be of this cluster, when it arrived ([`verify_arrived`]).
    fn install(&self, announced: &SnapshotMeta, file: &SnapshotFile) -> io::Result<()> {
        let file = self
            .folder
            .keep(&file.path, number_or_zero(announced.last_log_id.as_ref()))?;
        let header = self.store.install(&file.path).map_err(io::Error::other)?;
        let found = snapshots::meta(&header)?;
        if found != *announced {
            return Err(io::Error::other(format!(
                "the snapshot is {found}, announced was {announced}"
            )));
        }
        self.set_current((found, file));
        self.folder.prune();
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = self.store.applied();
        let membership = decode_optional(&applied.membership)?.unwrap_or_default();
        Ok((decode_optional(&applied.position)?, membership))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some(run) = Run::gather(&mut entries).await? {
            let (entries, waiting) = run.into_parts();
            let store = self.store.clone();
            let outcomes = blocking(move || store.apply(&entries).map_err(io::Error::other)).await?;
            waiting.answer(outcomes)?;
        }
        Ok(())
    }

    /// The view is taken here, between two runs, so that it stands exactly at one index. There is one at a time.
    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<SnapshotBuilder> {
        let frozen = self.store.freeze()?;
        self.log_bytes.reset();
        Some(SnapshotBuilder {
            machine: self.clone(),
            frozen: Some(frozen),
        })
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder {
            machine: self.clone(),
            frozen: self.store.freeze(),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotFile) -> io::Result<()> {
        let (machine, meta) = (self.clone(), meta.clone());
        blocking(move || machine.install(&meta, &snapshot)).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(current.map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf> {
        let frozen = self
            .frozen
            .take()
            .ok_or_else(|| io::Error::other("another snapshot is being written"))?;
        let machine = self.machine.clone();
        let (meta, snapshot) = blocking(move || machine.write(frozen)).await?;
        Ok(Snapshot { meta, snapshot })
    }
}

/// State, snapshot and log must join. Without this check a state that was lost together with its snapshots would go on from the
/// first entry that is left, and differ from all others.
fn check_reach(store: &Store, journal: &Journal, snapshot: Option<&Current>) -> io::Result<()> {
    let contents = journal.contents().map_err(io::Error::other)?;
    let purged: Option<LogId> = decode_optional(&contents.purged.unwrap_or_default())?;
    let begins_after = number_or_zero(purged.as_ref());
    let in_snapshot = snapshot.map_or(0, |(meta, _)| number_or_zero(meta.last_log_id.as_ref()));
    let reaches = store.applied().index.max(in_snapshot);
    if reaches < begins_after {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!(
                "the state reaches entry {reaches}, the journal begins after entry {begins_after}, and no sound snapshot lies \
                 between: remove this node from the cluster, wipe it and add it under a new id"
            ),
        ));
    }
    Ok(())
}

/// Keeps the entry points of openraft free of blocking work. A panic in there is an error, which stops the node.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(act)
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// Whether the arrived file is sound, belongs to this cluster and is what was announced. Blocking.
pub(super) fn verify_arrived(journal: &Journal, announced: &SnapshotMeta, file: &SnapshotFile) -> Result<(), String> {
    let summary = Store::verify_snapshot(&file.path).map_err(|error| error.to_string())?;
    let ours = journal.identity().cluster_id.unwrap_or_default();
    if summary.header.cluster_id != ours {
        return Err(format!("it belongs to the cluster `{}`", summary.header.cluster_id));
    }
    let position = announced
        .last_log_id
        .as_ref()
        .map(encode)
        .transpose()
        .map_err(|error| error.to_string())?;
    if summary.header.position != position.unwrap_or_default() {
        return Err("it is not the snapshot that was announced".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::journal;
    use crate::store;

    #[tokio::test]
    async fn a_snapshot_that_was_overtaken_by_an_installed_one_is_not_offered() {
        let dir = TempDir::new().unwrap();
        let journal = Journal::open(&dir.path().join("journal"), 1, &journal::Settings::default()).unwrap();
        let opened = Store::open(&dir.path().join("store"), 1, None, &store::Settings::default());
        let folder = Snapshots::open(dir.path().join("snapshots")).unwrap();
        let mut machine = StateMachine::open(opened.unwrap().0, journal, folder, LogBytes::default()).unwrap();
        let at = |index| {
            let meta = SnapshotMeta {
                last_log_id: Some(openraft::testing::log_id::<TypeConfig>(1, 1, index)),
                ..SnapshotMeta::default()
            };
            let path = dir.path().join(index.to_string());
            (meta, SnapshotFile { path, bytes: 0 })
        };
        for index in [5, 9, 7] {
            machine.set_current(at(index));
        }
        assert_eq!(machine.get_current_snapshot().await.unwrap().unwrap().meta, at(9).0);
    }
}

//! The file: one redb database with a table of entries and a table of small values. No other file names redb.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition};
use serde::{Deserialize, Serialize};

use super::contents::{Identity, JournalError};
use super::sealed::{seal, unseal};
use super::view::View;

const ENTRIES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("entries");
const VALUES: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("values");

const NAME: &str = "journal.redb";
/// Pages that redb caches; followers that are a little late are served from the tail.
const CACHE_BYTES: usize = 32 << 20;

/// One change of the file. It cannot be printed: entries hold password hashes and settings.
pub(super) enum Change {
    Append(Vec<(u64, Bytes)>),
    TruncateFrom(u64),
    Purge(u64, Bytes),
    Vote(Bytes),
    Committed(Option<Bytes>),
    Identity(Identity),
}

/// How far the log has been purged, as stored.
#[derive(Serialize, Deserialize)]
struct Purged {
    index: u64,
    position: Vec<u8>,
}

/// The open database, locked against every other process.
#[derive(Debug)]
pub(super) struct JournalFile {
    database: Database,
    path: PathBuf,
    // Keeps the lock, which also covers the moment in which the file is created.
    _lock: File,
}

impl JournalFile {
    /// Opens the folder's file, or makes it for a new node with a fresh incarnation.
    pub(super) fn open(dir: &Path, node_id: u64) -> Result<Self, JournalError> {
        make_dir(dir)?;
        let lock = lock(dir)?;
        let path = dir.join(NAME);
        if !path.exists() {
            create(dir, &path, node_id)?;
        }
        let database = database(&path)?;
        Ok(Self {
            database,
            path,
            _lock: lock,
        })
    }

    /// Reads and checks everything: each value, and that no index is missing between the purged ones and the last.
    pub(super) fn load(&self, node_id: u64, tail_limit: usize) -> Result<View, JournalError> {
        let transaction = self.database.begin_read().map_err(engine("reading"))?;
        let values = transaction.open_table(VALUES).map_err(engine("reading"))?;
        let value = |name: &str| -> Result<Option<Bytes>, JournalError> {
            let stored = values.get(name).map_err(engine("reading"))?;
            stored
                .map(|stored| unseal(name.as_bytes(), stored.value(), name))
                .transpose()
        };
        let identity = value("identity")?.ok_or_else(|| JournalError::Damaged("it has no identity".to_owned()))?;
        let identity: Identity = decode(&identity, "identity")?;
        if identity.node_id != node_id {
            let found = identity.node_id;
            return Err(JournalError::Refused(format!(
                "it belongs to node {found}, not to node {node_id}"
            )));
        }
        let mut view = View::new(identity, tail_limit);
        view.vote = value("vote")?;
        view.committed = value("committed")?;
        if let Some(purged) = value("purged")? {
            let purged: Purged = decode(&purged, "purged")?;
            view.purged = Some((purged.index, purged.position.into()));
        }
        drop(values);
        let purged = view.purged.as_ref().map(|(index, _)| *index);
        view.first = purged.map_or(0, |purged| purged.saturating_add(1));
        view.last = self.check_entries(purged)?;
        Ok(view)
    }

    /// Index of the last entry, after checking that all are there and sound.
    fn check_entries(&self, purged: Option<u64>) -> Result<Option<u64>, JournalError> {
        let transaction = self.database.begin_read().map_err(engine("reading"))?;
        let entries = transaction.open_table(ENTRIES).map_err(engine("reading"))?;
        let mut last = purged;
        for entry in entries.iter().map_err(engine("reading"))? {
            let (index, sealed) = entry.map_err(engine("reading"))?;
            let index = index.value();
            let expected = last.map_or(0, |last| last.saturating_add(1));
            if index != expected {
                return Err(JournalError::Damaged(format!(
                    "entry {expected} is missing, entry {index} follows"
                )));
            }
            unseal_entry(index, sealed.value())?;
            last = Some(index);
        }
        Ok(last.filter(|_| last != purged))
    }

    /// The entries of `range`, from its start, at least one, up to about `max_bytes`.
    pub(super) fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<(u64, Bytes)>, JournalError> {
        let transaction = self.database.begin_read().map_err(engine("reading"))?;
        let table = transaction.open_table(ENTRIES).map_err(engine("reading"))?;
        let mut left = max_bytes;
        let mut entries = Vec::new();
        for (expected, entry) in range.clone().zip(table.range(range).map_err(engine("reading"))?) {
            let (index, sealed) = entry.map_err(engine("reading"))?;
            if index.value() != expected {
                return Err(JournalError::Damaged(format!("entry {expected} is missing")));
            }
            let bytes = unseal_entry(expected, sealed.value())?;
            if !entries.is_empty() && bytes.len() > left {
                break;
            }
            left = left.saturating_sub(bytes.len());
            entries.push((expected, bytes));
        }
        Ok(entries)
    }

    /// Makes the changes in their order, in one transaction. They are on the disk when it returns.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<(), JournalError> {
        write(&self.database, changes)
    }

    /// Bytes on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }
}

fn write(database: &Database, changes: &[Change]) -> Result<(), JournalError> {
    let mut transaction = database.begin_write().map_err(engine("beginning a commit"))?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(engine("beginning a commit"))?;
    // In one phase, a newest commit that is damaged later gives way to the one before it at the next open, without a word. For
    // entries a quorum makes up for that; a vote taken back could be given twice. Votes are rare enough for the second sync.
    let is_promise = |change: &Change| matches!(change, Change::Vote(_) | Change::Identity(_));
    transaction.set_two_phase_commit(changes.iter().any(is_promise));
    {
        let mut entries = transaction.open_table(ENTRIES).map_err(engine("writing"))?;
        let mut values = transaction.open_table(VALUES).map_err(engine("writing"))?;
        for change in changes {
            match change {
                Change::Append(new) => {
                    for (index, bytes) in new {
                        let sealed = seal(&index.to_be_bytes(), bytes);
                        entries
                            .insert(*index, sealed.as_slice())
                            .map_err(engine("writing an entry"))?;
                    }
                }
                Change::TruncateFrom(first) => {
                    entries
                        .retain_in(*first.., |_, _| false)
                        .map_err(engine("truncating"))?;
                }
                Change::Purge(index, position) => {
                    entries.retain_in(..=*index, |_, _| false).map_err(engine("purging"))?;
                    let purged = encode(&Purged {
                        index: *index,
                        position: position.to_vec(),
                    })?;
                    put(&mut values, "purged", &purged)?;
                }
                Change::Vote(vote) => put(&mut values, "vote", vote)?,
                Change::Committed(Some(committed)) => put(&mut values, "committed", committed)?,
                Change::Committed(None) => {
                    values.remove("committed").map_err(engine("writing"))?;
                }
                Change::Identity(identity) => put(&mut values, "identity", &encode(identity)?)?,
            }
        }
    }
    transaction.commit().map_err(engine("committing"))
}

fn put(
    values: &mut redb::Table<'_, &'static str, &'static [u8]>,
    name: &'static str,
    content: &[u8],
) -> Result<(), JournalError> {
    let sealed = seal(name.as_bytes(), content);
    values
        .insert(name, sealed.as_slice())
        .map_err(engine("writing a value"))?;
    Ok(())
}

/// Makes the file under another name first: a crash on the way leaves no half a journal behind.
fn create(dir: &Path, path: &Path, node_id: u64) -> Result<(), JournalError> {
    let unfinished = dir.join(format!("{NAME}.new"));
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(disk("removing an unfinished file"))?;
    }
    let identity = Identity {
        node_id,
        incarnation: draw_incarnation()?,
        cluster_id: None,
    };
    let database = database(&unfinished)?;
    write(&database, &[Change::Identity(identity)])?;
    database.close().map_err(engine("closing the new file"))?;
    std::fs::rename(&unfinished, path).map_err(disk("naming the new file"))?;
    sync_dir(dir)
}

fn database(path: &Path) -> Result<Database, JournalError> {
    let opened = redb::Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create(path);
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => JournalError::Locked(path.display().to_string()),
        DatabaseError::Storage(StorageError::Corrupted(why)) => JournalError::Damaged(why),
        DatabaseError::UpgradeRequired(version) => {
            JournalError::Refused(format!("its file format {version} is not known"))
        }
        // An unreadable head comes as an I/O error of the kind "invalid data".
        DatabaseError::Storage(StorageError::Io(why)) if is_damage(&why) => JournalError::Damaged(why.to_string()),
        other => JournalError::io("opening", other),
    })
}

fn is_damage(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
    )
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("LOCK");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(disk("opening LOCK"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::Locked(dir.display().to_string())),
        Err(std::fs::TryLockError::Error(why)) => Err(JournalError::io("locking", why)),
    }
}

/// Makes the folder, durably: its name stands in its parent.
fn make_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(disk("making the folder"))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(disk("syncing the folder"))
}

fn draw_incarnation() -> Result<u64, JournalError> {
    let drawn = getrandom::u64().map_err(|why| JournalError::io("drawing an incarnation", why))?;
    Ok(drawn.max(1))
}

fn unseal_entry(index: u64, sealed: &[u8]) -> Result<Bytes, JournalError> {
    unseal(&index.to_be_bytes(), sealed, &format!("entry {index}"))
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, JournalError> {
    postcard::to_stdvec(value).map_err(|why| JournalError::io("encoding", why))
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, JournalError> {
    postcard::from_bytes(bytes).map_err(|why| JournalError::Damaged(format!("{what}: {why}")))
}

fn disk(doing: &'static str) -> impl Fn(std::io::Error) -> JournalError {
    move |why| JournalError::io(doing, why)
}

fn engine<E: Into<redb::Error>>(doing: &'static str) -> impl Fn(E) -> JournalError {
    move |error| match error.into() {
        redb::Error::Corrupted(why) => JournalError::Damaged(why),
        redb::Error::TableDoesNotExist(name) => JournalError::Damaged(format!("table `{name}` is missing")),
        other => JournalError::io(doing, other),
    }
}

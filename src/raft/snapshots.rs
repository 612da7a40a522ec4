//! The folder of snapshot files: `<index>.snap`, the newest two of them, and at most one that is just arriving.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::codec::decode_optional;
use super::types::SnapshotMeta;
use crate::store::{SnapshotHeader, Store};

const KEPT: usize = 2;
const SUFFIX: &str = "snap";
const INCOMING: &str = "incoming.part";

/// A snapshot that lies in a file. The file's content never passes through memory as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SnapshotFile {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl SnapshotFile {
    /// A file whose size is asked for.
    pub(super) fn at(path: PathBuf) -> io::Result<Self> {
        let bytes = std::fs::metadata(&path)?.len();
        Ok(Self { path, bytes })
    }
}

/// The folder. Everything here blocks.
#[derive(Clone, Debug)]
pub(super) struct Snapshots {
    dir: PathBuf,
}

impl Snapshots {
    /// Makes the folder if need be and clears what a crash left of an arriving snapshot.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let snapshots = Self { dir };
        match std::fs::remove_file(snapshots.incoming()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(snapshots),
        }
    }

    /// Where the snapshot of that index lies.
    pub(super) fn path(&self, index: u64) -> PathBuf {
        self.dir.join(format!("{index}.{SUFFIX}"))
    }

    /// Where an arriving snapshot is collected.
    pub(super) fn incoming(&self) -> PathBuf {
        self.dir.join(INCOMING)
    }

    /// Gives a complete file its name, durably.
    pub(super) fn keep(&self, from: &Path, index: u64) -> io::Result<SnapshotFile> {
        let to = self.path(index);
        if from != to {
            std::fs::rename(from, &to)?;
            File::open(&self.dir)?.sync_all()?;
        }
        SnapshotFile::at(to)
    }

    /// Removes all but the newest ones. What cannot be removed is only reported: it costs space, nothing else.
    pub(super) fn prune(&self) {
        for (_, path) in list(&self.dir).into_iter().skip(KEPT) {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "an old snapshot cannot be removed");
            }
        }
    }

    /// The newest sound one, with what it contains.
    pub(super) fn newest(&self) -> io::Result<Option<(SnapshotMeta, SnapshotFile)>> {
        let Some((path, header)) = newest_sound(&self.dir) else {
            return Ok(None);
        };
        Ok(Some((meta(&header)?, SnapshotFile::at(path)?)))
    }
}

/// The newest snapshot that verifies. Damaged ones get another name, so that they are looked at only once.
pub(super) fn newest_sound(dir: &Path) -> Option<(PathBuf, SnapshotHeader)> {
    for (_, path) in list(dir) {
        match Store::verify_snapshot(&path) {
            Ok(summary) => return Some((path, summary.header)),
            Err(error) => set_aside(&path, &error.to_string()),
        }
    }
    None
}

/// What openraft calls the contents of a snapshot.
pub(super) fn meta(header: &SnapshotHeader) -> io::Result<SnapshotMeta> {
    Ok(SnapshotMeta {
        last_log_id: decode_optional(&header.position)?,
        last_membership: decode_optional(&header.membership)?.unwrap_or_default(),
    })
}

fn set_aside(path: &Path, why: &str) {
    tracing::warn!(path = %path.display(), why, "a snapshot is damaged and is set aside");
    if let Err(error) = std::fs::rename(path, path.with_extension("damaged")) {
        tracing::warn!(path = %path.display(), %error, "it cannot be renamed");
    }
}

/// The snapshot files, newest first.
fn list(dir: &Path) -> Vec<(u64, PathBuf)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| numbered(entry.path())).collect();
    found.sort_unstable_by_key(|(index, _)| std::cmp::Reverse(*index));
    found
}

fn numbered(path: PathBuf) -> Option<(u64, PathBuf)> {
    let is_snapshot = path.extension().is_some_and(|extension| extension == SUFFIX);
    let index = path.file_stem()?.to_str()?.parse().ok()?;
    is_snapshot.then_some((index, path))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn only_the_two_newest_snapshots_are_kept() {
        let dir = TempDir::new().unwrap();
        let snapshots = Snapshots::open(dir.path().to_owned()).unwrap();
        for index in [5, 30, 100, 7] {
            std::fs::write(snapshots.path(index), "").unwrap();
        }
        snapshots.prune();
        let left: Vec<u64> = list(dir.path()).into_iter().map(|(index, _)| index).collect();
        assert_eq!(left, [100, 30]);
    }

    #[test]
    fn half_a_snapshot_from_before_a_crash_is_cleared() {
        let dir = TempDir::new().unwrap();
        let snapshots = Snapshots::open(dir.path().to_owned()).unwrap();
        std::fs::write(snapshots.incoming(), "half").unwrap();
        Snapshots::open(dir.path().to_owned()).unwrap();
        assert!(!snapshots.incoming().exists());
    }
}

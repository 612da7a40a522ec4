//! The folder of the store: generations of tables, a pointer to the one in force, a lock, and the mark of a clean end.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::StoreError;

const POINTER: &str = "current";
const CLEAN: &str = "clean";
const TABLES: &str = "tables-";

/// The folder, held against other processes until it is released.
pub(super) struct Home {
    dir: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Home {
    /// Creates the folder if need be and locks it.
    pub(super) fn enter(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(StoreError::io(format!("create `{}`", dir.display())))?;
        let path = dir.join("lock");
        let file = File::create(&path).map_err(StoreError::io(format!("create `{}`", path.display())))?;
        file.try_lock().map_err(|e| {
            let source = match e {
                TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "it is in use"),
                TryLockError::Error(e) => e,
            };
            StoreError::Io {
                doing: format!("lock `{}`", path.display()),
                source,
            }
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            lock: Mutex::new(Some(file)),
        })
    }

    /// The generation in force, if the pointer names one that exists.
    pub(super) fn current(&self) -> Option<PathBuf> {
        let name = fs::read_to_string(self.dir.join(POINTER)).ok()?;
        let folder = self.dir.join(name.strip_prefix(TABLES).map(|_| &name)?);
        folder.is_dir().then_some(folder)
    }

    /// Whether nothing was ever kept here.
    pub(super) fn is_new(&self) -> Result<bool, StoreError> {
        Ok(!self.dir.join(POINTER).exists() && self.generations()?.is_empty())
    }

    /// A folder for the next generation.
    pub(super) fn next(&self) -> Result<PathBuf, StoreError> {
        let newest = self.generations()?.into_iter().map(|(number, _)| number).max();
        Ok(self.dir.join(format!("{TABLES}{}", newest.unwrap_or(0) + 1)))
    }

    /// Puts a generation in force: after this a start finds it, before it the old one.
    pub(super) fn switch_to(&self, folder: &Path) -> Result<(), StoreError> {
        // What marked the end of the old generation says nothing of the new one.
        self.take_clean_mark()?;
        let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
        replace(&self.dir.join(POINTER), name)
    }

    /// Deletes every generation but the one in force.
    pub(super) fn sweep(&self) -> Result<(), StoreError> {
        let current = self.current();
        for (_, folder) in self.generations()? {
            if Some(&folder) != current.as_ref() {
                fs::remove_dir_all(&folder).map_err(StoreError::io(format!("delete `{}`", folder.display())))?;
            }
        }
        Ok(())
    }

    /// Notes that the store was closed in order, and where it stood.
    pub(super) fn mark_clean(&self, standing: &[u8]) -> Result<(), StoreError> {
        replace(&self.dir.join(CLEAN), standing)
    }

    /// What was noted at a clean end. The note is gone then: from here on only the next clean end may leave one.
    pub(super) fn take_clean_mark(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.dir.join(CLEAN);
        let mark = match fs::read(&path) {
            Ok(mark) => mark,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io("read the mark of a clean end")(e)),
        };
        fs::remove_file(&path).map_err(StoreError::io("delete the mark of a clean end"))?;
        sync_folder(&self.dir)?;
        Ok(Some(mark))
    }

    /// Lets another store have the folder.
    pub(super) fn release(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn generations(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let list = || -> io::Result<Vec<(u64, PathBuf)>> {
            let mut found = Vec::new();
            for item in fs::read_dir(&self.dir)? {
                let item = item?;
                let name = item.file_name();
                let number = name.to_str().and_then(|name| name.strip_prefix(TABLES)?.parse().ok());
                found.extend(number.map(|number| (number, item.path())));
            }
            Ok(found)
        };
        list().map_err(StoreError::io(format!("list `{}`", self.dir.display())))
    }
}

/// Makes renames and deletions within a folder durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::io(format!("sync `{}`", dir.display())))
}

/// The name under which a file is written until it is whole.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Puts a written file in the place of another, durably: synced, renamed, folder synced.
pub(super) fn put_in_place(file: &File, written: &Path, path: &Path) -> Result<(), StoreError> {
    let doing = || format!("write `{}`", path.display());
    file.sync_all().map_err(StoreError::io(doing()))?;
    fs::rename(written, path).map_err(StoreError::io(doing()))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = beside(path);
    let doing = || format!("write `{}`", written.display());
    let mut file = File::create(&written).map_err(StoreError::io(doing()))?;
    file.write_all(bytes).map_err(StoreError::io(doing()))?;
    put_in_place(&file, &written, path)
}

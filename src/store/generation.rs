//! One sled folder: opened, written in batches, synced for real, closed for certain. An installed snapshot is a new generation.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::error::StoreError;

/// How long a folder that was just closed may take to be let go by sled's own threads.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open sled folder. Whoever reads borrows it for one bounded step, so that closing never waits long.
pub(super) struct Generation {
    folder: PathBuf,
    db: RwLock<Option<sled::Db>>,
    /// To be deleted when the last reader is done.
    condemned: AtomicBool,
}

impl Generation {
    /// Opens or creates the folder. sled panics on some damage; that counts as damage, not as the end of the process.
    pub(super) fn open(folder: PathBuf, cache_bytes: u64) -> Result<Self, StoreError> {
        let config = sled::Config::new().path(&folder).cache_capacity(cache_bytes);
        let opened = catch_unwind(AssertUnwindSafe(|| open_patiently(&config)))
            .map_err(|_| StoreError::damaged("tables", "sled panicked while it opened them"))?;
        let db = opened.map_err(StoreError::sled("open the tables"))?;
        Ok(Self {
            folder,
            db: RwLock::new(Some(db)),
            condemned: AtomicBool::new(false),
        })
    }

    /// Borrows sled for one step.
    pub(super) fn borrow<T>(&self, step: impl FnOnce(&sled::Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        step(db.as_ref().ok_or_else(StoreError::closed)?)
    }

    /// Borrows sled for one step that fails in no other way than sled does.
    pub(super) fn with<T>(
        &self,
        doing: &str,
        step: impl FnOnce(&sled::Db) -> Result<T, sled::Error>,
    ) -> Result<T, StoreError> {
        self.borrow(|db| step(db).map_err(StoreError::sled(doing)))
    }

    /// Writes a batch. sled alone would let a reader see half of it: here nobody reads meanwhile.
    pub(super) fn write(&self, doing: &str, batch: sled::Batch) -> Result<(), StoreError> {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        let db = db.as_ref().ok_or_else(StoreError::closed)?;
        db.apply_batch(batch).map_err(StoreError::sled(doing))
    }

    /// Makes everything written so far durable. `flush` alone ends in `sync_file_range`, which is no barrier; the sync that
    /// counts is per file, so a second handle serves.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.with("flush", |db| db.flush())?;
        let file = File::open(self.folder.join("db")).map_err(StoreError::io("open the tables' file"))?;
        file.sync_data().map_err(StoreError::io("sync the tables' file"))
    }

    /// Lets go of sled, so that the folder can be opened again.
    pub(super) fn close(&self) {
        self.db.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Deletes the folder once nobody reads it any more.
    pub(super) fn condemn(&self) {
        self.condemned.store(true, Ordering::Relaxed);
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.condemned.load(Ordering::Relaxed) {
            self.close();
            if let Err(error) = fs::remove_dir_all(&self.folder) {
                tracing::warn!(folder = %self.folder.display(), %error, "the old tables could not be deleted");
            }
        }
    }
}

/// Our own lock keeps other processes out, so sled's can only be held by threads of a store just closed.
#[expect(
    clippy::disallowed_methods,
    reason = "sled tells nobody when its threads have let go of the file"
)]
fn open_patiently(config: &sled::Config) -> Result<sled::Db, sled::Error> {
    let mut attempts = 0;
    loop {
        match config.open() {
            Err(sled::Error::Io(e)) if attempts < LOCK_ATTEMPTS && e.to_string().contains("could not acquire lock") => {
                attempts += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
}

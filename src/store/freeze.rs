//! A frozen view: the state as it was at one index, read off while applies go on. Whoever changes a key first leaves what was there.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sled::IVec;

use super::blocks::{self, Write};
use super::entry::Applied;
use super::error::StoreError;
use super::generation::Generation;
use super::key;
use super::snapshot::{SnapshotHeader, SnapshotSummary, SnapshotWriter};
use super::snapshot_read::Record;

/// Keys of sled read in one step. Applies wait for a step, so it is short: about a millisecond.
const STEP: usize = 200;

/// What the reader of a frozen view and the one who applies share.
pub(super) struct Freeze {
    applied: Applied,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// What was there before it changed, of keys not read yet; `None`: nothing was.
    before: BTreeMap<Vec<u8>, Option<IVec>>,
    /// Everything up to this key has been read.
    passed: Vec<u8>,
    /// Everything has.
    done: bool,
}

impl Freeze {
    pub(super) fn new(applied: Applied) -> Self {
        Self {
            applied,
            progress: Mutex::default(),
        }
    }

    /// Called before a run is written to sled, with what it does to each key of sled.
    pub(super) fn record(&self, writes: &[Write]) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.done {
            return;
        }
        for Write { key, was, .. } in writes {
            if *key > progress.passed {
                progress.before.entry(key.clone()).or_insert_with(|| was.clone());
            }
        }
    }

    /// The next records in the order of keys; `None` at the end. Holding the lock while reading sled means that every key
    /// is either still as it was, or among the old values.
    fn step(&self, generation: &Generation) -> Result<Option<Vec<Record>>, StoreError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.done {
            return Ok(None);
        }
        let from = (Bound::Excluded(progress.passed.clone()), Bound::Unbounded);
        let read: Vec<(Vec<u8>, IVec)> = generation.with("read a frozen view", |db| {
            let values = db.range::<Vec<u8>, _>(from).take(STEP);
            values
                .map(|value| value.map(|(key, value)| (key.to_vec(), value)))
                .collect()
        })?;
        let old = match read.last() {
            Some((last, _)) if read.len() == STEP => progress.pass(last.clone()),
            _ => progress.finish(),
        };
        drop(progress);
        let mut values: BTreeMap<_, _> = read.into_iter().map(|(key, value)| (key, Some(value))).collect();
        values.extend(old);
        let mut records = Vec::new();
        for (key, value) in values {
            match value {
                Some(block) if key.first() == Some(&key::USERS) => records.extend(blocks::records(&key, &block)?),
                Some(value) => records.push((key, value.to_vec())),
                None => {}
            }
        }
        Ok(Some(records))
    }
}

impl Progress {
    /// Takes out the old values of the keys up to `last`.
    fn pass(&mut self, last: Vec<u8>) -> BTreeMap<Vec<u8>, Option<IVec>> {
        let mut later = self.before.split_off(&last);
        let mut now = std::mem::take(&mut self.before);
        if let Some(value) = later.remove(&last) {
            now.insert(last.clone(), value);
        }
        self.before = later;
        self.passed = last;
        now
    }

    fn finish(&mut self) -> BTreeMap<Vec<u8>, Option<IVec>> {
        self.done = true;
        std::mem::take(&mut self.before)
    }
}

/// A consistent view of the state at one index, kept while the state goes on changing.
pub struct Frozen {
    freeze: Arc<Freeze>,
    /// Its own: an installed snapshot does not take it away.
    generation: Arc<Generation>,
}

impl Frozen {
    pub(super) fn new(freeze: Arc<Freeze>, generation: Arc<Generation>) -> Self {
        Self { freeze, generation }
    }

    /// How far this view goes.
    pub fn applied(&self) -> &Applied {
        &self.freeze.applied
    }

    /// Writes it as one file: beside, synced, renamed, folder synced. Blocking.
    pub fn write(self, path: &Path, cluster_id: &str) -> Result<SnapshotSummary, StoreError> {
        let Applied {
            index,
            position,
            membership,
            state_hash,
        } = self.applied().clone();
        let header = SnapshotHeader {
            cluster_id: cluster_id.to_owned(),
            index,
            position,
            membership,
            state_hash,
        };
        let mut writer = SnapshotWriter::create(path, header)?;
        while let Some(records) = self.freeze.step(&self.generation)? {
            for (key, value) in records {
                // The meta is this node's own; what of it is the cluster's is in the head.
                if key.first() != Some(&key::META) {
                    writer.push(&key, &value)?;
                }
            }
        }
        writer.finish()
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen")
            .field("applied", self.applied())
            .finish_non_exhaustive()
    }
}

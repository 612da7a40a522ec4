//! openraft's log, kept in the journal.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, stream};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};

use super::codec::{decode, encode};
use super::types::{Entry, LogId, TypeConfig, Vote};
use crate::journal::Journal;

/// How much log is read at a time: a batch for a follower, or the next run to apply.
const READ_BYTES: usize = 1 << 20;

/// Bytes that went into the log since the last snapshot was begun.
#[derive(Clone, Debug, Default)]
pub(super) struct LogBytes(Arc<AtomicU64>);

impl LogBytes {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, bytes: usize) {
        self.0
            .fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The log, and a reader of it: both are views of the same journal.
#[derive(Clone, Debug)]
pub(super) struct LogStore {
    journal: Journal,
    appended: LogBytes,
}

impl LogStore {
    pub(super) fn new(journal: Journal, appended: LogBytes) -> Self {
        Self { journal, appended }
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        let entries = self.journal.read(range, READ_BYTES).map_err(io::Error::other)?;
        entries.iter().map(|(_, bytes)| decode(bytes)).collect()
    }

    fn last_log_id(&self) -> io::Result<LogState<TypeConfig>> {
        let contents = self.journal.contents().map_err(io::Error::other)?;
        let last_purged_log_id: Option<LogId> = optional(contents.purged.as_ref())?;
        let last_log_id = match contents.last {
            Some((_, bytes)) => Some(decode::<Entry>(&bytes)?.log_id),
            None => last_purged_log_id,
        };
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let mut range = half_open(&range);
        let mut all = Vec::new();
        loop {
            let some = self.read(range.clone())?;
            let Some(last) = some.last() else { return Ok(all) };
            range.start = last.log_id.index().saturating_add(1);
            all.extend(some);
        }
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end)
    }

    /// Reads ahead by one piece only: what is to be applied after a long absence may be larger than the memory.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let state = (self.clone(), half_open(&range), VecDeque::new());
        stream::try_unfold(
            state,
            |(store, mut range, mut ready): (_, _, VecDeque<Entry>)| async move {
                if ready.is_empty() && range.start < range.end {
                    ready.extend(store.read(range.clone())?);
                }
                let Some(entry) = ready.pop_front() else {
                    return Ok(None);
                };
                range.start = entry.log_id.index().saturating_add(1);
                Ok(Some((entry, (store, range, ready))))
            },
        )
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        optional(self.journal.contents().map_err(io::Error::other)?.vote.as_ref())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        self.last_log_id()
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.journal.save_vote(encode(vote)?).await.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.journal.save_committed(committed.as_ref().map(encode).transpose()?);
        Ok(())
    }

    /// The hint, unless it names an entry that did not reach the disk before a power cut.
    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let contents = self.journal.contents().map_err(io::Error::other)?;
        let committed: Option<LogId> = optional(contents.committed.as_ref())?;
        let last = self.last_log_id()?.last_log_id;
        Ok(committed.filter(|committed| last.is_some_and(|last| committed.index() <= last.index())))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let encoded = entries
            .into_iter()
            .map(|entry| Ok((entry.log_id.index(), encode(&entry)?)));
        let encoded: Vec<(u64, Bytes)> = encoded.collect::<io::Result<_>>()?;
        self.appended.add(encoded.iter().map(|(_, bytes)| bytes.len()).sum());
        // A failure never comes back: the journal ends the process instead.
        self.journal
            .append(encoded, Box::new(move || callback.io_completed(Ok(()))));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.journal
            .truncate_after(last.map(|last| last.index()))
            .await
            .map_err(io::Error::other)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.journal
            .purge(upto.index(), encode(&upto)?)
            .await
            .map_err(io::Error::other)
    }
}

fn optional<T: serde::de::DeserializeOwned>(bytes: Option<&Bytes>) -> io::Result<Option<T>> {
    bytes.map(|bytes| decode(bytes)).transpose()
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

//! What readers see: the newest entries in memory, whether the writer has committed them yet or not, and the small values.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::contents::Identity;

/// An entry of the tail, with the number of the job that appended it.
struct Tailed {
    job: u64,
    bytes: Bytes,
}

/// Entries hold password hashes and settings: their content is not printed.
impl fmt::Debug for Tailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes by job {}", self.bytes.len(), self.job)
    }
}

/// Where the wanted entries are to be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Here they are.
    Entries(Vec<(u64, Bytes)>),
    /// In the file; the epoch tells whether they were cut away in the meantime.
    InFile { range: Range<u64>, epoch: u64 },
}

/// The journal as of now. Everything in it is either in the file or on its way there, in this order.
#[derive(Debug)]
pub(super) struct View {
    pub(super) identity: Identity,
    /// Changes only once it is durable: no one may act on a vote that a power cut could take back.
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Bytes>,
    /// Whether `committed` still waits for a commit to ride on.
    pub(super) committed_waits: bool,
    pub(super) purged: Option<(u64, Bytes)>,
    /// Index of the first entry; without meaning when there are no entries.
    pub(super) first: u64,
    /// Index of the last entry, `None` when there are no entries.
    pub(super) last: Option<u64>,
    tail: BTreeMap<u64, Tailed>,
    tail_bytes: usize,
    tail_limit: usize,
    /// Counts truncations and purges.
    epoch: u64,
}

impl View {
    pub(super) fn new(identity: Identity, tail_limit: usize) -> Self {
        Self {
            identity,
            vote: None,
            committed: None,
            committed_waits: false,
            purged: None,
            first: 0,
            last: None,
            tail: BTreeMap::new(),
            tail_bytes: 0,
            tail_limit,
            epoch: 0,
        }
    }

    /// Makes the entries readable.
    pub(super) fn append(&mut self, job: u64, entries: &[(u64, Bytes)]) {
        if let (None, Some((first, _))) = (self.last, entries.first()) {
            self.first = *first;
        }
        for (index, bytes) in entries {
            self.tail_bytes += bytes.len();
            if let Some(old) = self.tail.insert(
                *index,
                Tailed {
                    job,
                    bytes: bytes.clone(),
                },
            ) {
                self.tail_bytes -= old.bytes.len();
            }
            self.last = self.last.max(Some(*index));
        }
    }

    /// Forgets the entries from `first` on.
    pub(super) fn truncate_from(&mut self, first: u64) {
        let cut = self.tail.split_off(&first);
        self.tail_bytes -= cut.values().map(|entry| entry.bytes.len()).sum::<usize>();
        let kept = first.checked_sub(1).filter(|kept| *kept >= self.first);
        self.last = self.last.and_then(|last| kept.map(|kept| last.min(kept)));
        self.epoch += 1;
    }

    /// Forgets the entries up to and with `index`.
    pub(super) fn purge(&mut self, index: u64, position: Bytes) {
        let kept = self.tail.split_off(&index.saturating_add(1));
        self.tail_bytes -= self.tail.values().map(|entry| entry.bytes.len()).sum::<usize>();
        self.tail = kept;
        self.purged = Some((index, position));
        self.first = self.first.max(index.saturating_add(1));
        self.last = self.last.filter(|last| *last > index);
        self.epoch += 1;
    }

    /// Everything up to `job` is on the disk: the oldest of it may leave the memory.
    pub(super) fn committed_through(&mut self, job: u64) {
        while self.tail_bytes > self.tail_limit {
            match self.tail.first_entry() {
                Some(oldest) if oldest.get().job <= job => self.tail_bytes -= oldest.remove().bytes.len(),
                _ => break,
            }
        }
    }

    /// Where the entries of `range` are, at least one if there is any, up to about `max_bytes`.
    pub(super) fn find(&self, range: &Range<u64>, max_bytes: usize) -> Found {
        let start = range.start.max(self.first);
        let end = range.end.min(self.last.map_or(0, |last| last.saturating_add(1)));
        if start >= end {
            return Found::Entries(Vec::new());
        }
        let tail_start = self.tail.keys().next().copied().unwrap_or(u64::MAX);
        if start < tail_start {
            return Found::InFile {
                range: start..end.min(tail_start),
                epoch: self.epoch,
            };
        }
        let mut left = max_bytes;
        let mut entries = Vec::new();
        for (index, entry) in self.tail.range(start..end) {
            if !entries.is_empty() && entry.bytes.len() > left {
                break;
            }
            left = left.saturating_sub(entry.bytes.len());
            entries.push((*index, entry.bytes.clone()));
        }
        Found::Entries(entries)
    }

    /// Whether nothing was truncated or purged since.
    pub(super) fn is_still(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }
}

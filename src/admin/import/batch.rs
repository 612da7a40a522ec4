//! Batches: rows that make one Raft entry together. Where they are cut depends on the rows alone, so that a resumed import
//! cuts what was under way in the same places.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::job::{BadRow, Limits};
use super::rows::{Line, Stop, size_of};
use crate::hash;
use crate::store::{NewUser, Reply};

/// Judged rows as they come from the file.
pub(super) struct Piece {
    /// The first of them; rows count from 1.
    pub(super) first_row: u64,
    pub(super) lines: Vec<Line>,
}

/// Rows ready to be written, and the bad ones among them.
#[derive(Default)]
pub(super) struct Batch {
    /// The first of them; rows count from 1.
    pub(super) first_row: u64,
    /// How many, good and bad.
    pub(super) rows: u64,
    pub(super) users: Vec<(String, NewUser)>,
    pub(super) bad: Vec<BadRow>,
    pub(super) hashes: Hashes,
}

/// What became of the good rows of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) created: u64,
    pub(super) replaced: u64,
    pub(super) unchanged: u64,
    pub(super) skipped: u64,
}

impl Counts {
    pub(super) fn of(reply: &Reply) -> Self {
        match *reply {
            Reply::Imported {
                created,
                replaced,
                unchanged,
                skipped,
            } => Self {
                created,
                replaced,
                unchanged,
                skipped,
            },
            _ => Self::default(),
        }
    }
}

/// What protects the good rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes {
    pub(super) by_name: BTreeMap<String, u64>,
    /// Those that are verified only if that is asked for.
    pub(super) weak: BTreeMap<&'static str, u64>,
}

impl Hashes {
    pub(super) fn count(&mut self, encoded: &str) {
        self.count_named(hash::name_of(encoded));
        if let Some(name) = hash::weakness(encoded) {
            *self.weak.entry(name).or_default() += 1;
        }
    }

    pub(super) fn count_named(&mut self, name: &str) {
        match self.by_name.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.by_name.insert(name.to_owned(), 1);
            }
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (name, count) in other.by_name {
            *self.by_name.entry(name).or_default() += count;
        }
        for (name, count) in other.weak {
            *self.weak.entry(name).or_default() += count;
        }
    }
}

/// Cuts the rows of a file into pieces.
pub(super) struct Cutter {
    first_row: u64,
    lines: Vec<Line>,
    bytes: usize,
    most_rows: usize,
    most_bytes: usize,
    pieces: mpsc::Sender<Piece>,
}

impl Cutter {
    /// `is_slow`: each row costs the time of a slow hash.
    pub(super) fn new(first_row: u64, is_slow: bool, limits: &Limits, pieces: mpsc::Sender<Piece>) -> Self {
        Self {
            first_row,
            lines: Vec::new(),
            bytes: 0,
            most_rows: if is_slow {
                limits.slow_batch_rows
            } else {
                limits.batch_rows
            },
            most_bytes: limits.batch_bytes,
            pieces,
        }
    }

    pub(super) fn push(&mut self, line: Line) -> Result<(), Stop> {
        self.bytes += size_of(&line);
        self.lines.push(line);
        if self.lines.len() >= self.most_rows || self.bytes >= self.most_bytes {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Hands on what is left. Blocking.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        let piece = Piece {
            first_row: self.first_row,
            lines: std::mem::take(&mut self.lines),
        };
        self.bytes = 0;
        self.first_row += piece.lines.len() as u64;
        if piece.lines.is_empty() {
            return Ok(());
        }
        self.pieces.blocking_send(piece).map_err(|_| Stop::Unwanted)
    }
}

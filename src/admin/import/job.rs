//! What an import is asked to do, what it answers, and its bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::store::OnConflict;

/// The file's bytes as they arrive. An `Err` says that the rest will not: a file cut short is not a short file.
pub type ImportBody = mpsc::Receiver<Result<Bytes, String>>;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// A header line, then one line for each user.
    Csv,
    /// One array of objects.
    Json,
    /// One object on each line.
    Ndjson,
}

impl ImportFormat {
    /// Its name, which is also how such files end.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        }
    }
}

/// What the file holds of the passwords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordType {
    /// `password_hash` and `salt`.
    #[default]
    Hash,
    /// `password`.
    Plain,
}

/// What to do with the file.
#[derive(Clone, Debug)]
pub struct ImportHeader {
    /// Empty: `global`.
    pub chain: String,
    /// Empty: the built-in database.
    pub authenticator: String,
    /// How the file is written.
    pub format: ImportFormat,
    /// What it holds of the passwords.
    pub password_type: PasswordType,
    /// What happens to users that were there before the import.
    pub on_conflict: OnConflict,
    /// Check and count, store nothing.
    pub dry_run: bool,
    /// A single bad row and nothing is stored.
    pub all_or_nothing: bool,
    /// Of the hashes in the file: JSON or a bare name; empty: the authenticator's.
    pub algorithm: String,
    /// Of the import that is resumed, as its progress told it; empty: a new import.
    pub import_id: String,
    /// The rows up to here are done with, as the progress of the import that is resumed told it.
    pub resume_after_row: u64,
}

/// How far an import has come: totals of the settled rows, and what is new since the last message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// The last message.
    pub done: bool,
    /// New users.
    pub created: u64,
    /// Users that were there and differed.
    pub replaced: u64,
    /// Users that were there just so.
    pub unchanged: u64,
    /// Users that were there and were left alone.
    pub skipped: u64,
    /// Bad rows.
    pub failed: u64,
    /// Which, since the last message.
    pub bad_rows: Vec<BadRow>,
    /// Raft index of the last batch.
    pub revision: u64,
    /// Under which the import can be resumed; empty: it cannot.
    pub import_id: String,
    /// Rows from the beginning of the file that are done with: committed, or bad and told. The counts are exactly theirs,
    /// less those that an earlier part of the import had settled.
    pub settled_rows: u64,
    /// What an operator should know, since the last message.
    pub warnings: Vec<String>,
    /// How many of the good rows are protected by what.
    pub hashes: BTreeMap<String, u64>,
}

impl ImportProgress {
    /// Every row that is counted.
    pub fn total(&self) -> u64 {
        self.created + self.replaced + self.unchanged + self.skipped + self.failed
    }
}

/// A row that was not taken, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Where it begins, from 1 on.
    pub line: u64,
    /// The column at fault; empty: the whole row.
    pub column: String,
    /// Its user, as far as it can be read.
    pub user_id: String,
    /// Why.
    pub reason: String,
}

/// The bounds of imports.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Limits {
    /// Imports that may run at once on a node.
    pub(in crate::admin) running: usize,
    /// Largest file.
    pub(super) body_bytes: usize,
    /// Largest row.
    pub(super) row_bytes: usize,
    /// Bytes of rows that `all_or_nothing` may hold back until the whole file was read.
    pub(super) held_bytes: usize,
    /// Rows of a dry run, which remembers all their names.
    pub(super) rehearsed_rows: u64,
    /// Rows of one Raft entry …
    pub(super) batch_rows: usize,
    /// … where each costs the time of a slow hash: fewer, so that progress shows …
    pub(super) slow_batch_rows: usize,
    /// … and their bytes, well under the largest proposal.
    pub(super) batch_bytes: usize,
    /// Raft entries in flight.
    pub(super) batches_in_flight: usize,
    /// Passwords being hashed: few, so that logins find their way between them.
    pub(super) hashing: usize,
    /// Bad rows of one message.
    pub(super) bad_rows: usize,
    /// How long a batch may wait for a quorum.
    pub(super) quorum_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            running: 2,
            body_bytes: 1 << 30,
            row_bytes: 128 << 10,
            held_bytes: 192 << 20,
            rehearsed_rows: 5_000_000,
            batch_rows: 1000,
            slow_batch_rows: 128,
            batch_bytes: 512 << 10,
            batches_in_flight: 4,
            hashing: 4,
            bad_rows: 1000,
            quorum_patience: Duration::from_secs(30),
        }
    }
}

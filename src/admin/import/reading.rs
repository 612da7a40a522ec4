//! The first stage of an import: reads the file and hands its rows on in pieces.

use tokio::sync::mpsc;

use super::batch::{Cutter, Piece};
use super::body::Body;
use super::intake::Intake;
use super::job::{ImportBody, ImportFormat, Limits};
use super::rows::{Rules, Stop};
use super::{csv_file, json_file};
use crate::admin::error::AdminError;

/// What to read and by which rules.
pub(super) struct Reading {
    pub(super) format: ImportFormat,
    pub(super) rules: Rules,
    /// The rows up to here are passed over.
    pub(super) resume_after: u64,
    /// Each row will cost the time of a slow hash.
    pub(super) is_slow: bool,
    pub(super) limits: Limits,
}

impl Reading {
    /// Reads the whole file. Blocking.
    pub(super) fn run(self, body: ImportBody, pieces: mpsc::Sender<Piece>) -> Result<(), AdminError> {
        match self.read(body, pieces) {
            Ok(()) | Err(Stop::Unwanted) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn read(self, body: ImportBody, pieces: mpsc::Sender<Piece>) -> Result<(), Stop> {
        let mut cutter = Cutter::new(self.resume_after + 1, self.is_slow, &self.limits, pieces);
        let mut sink = |line| cutter.push(line);
        let body = Body::new(body, self.limits.body_bytes);
        let mut intake = Intake::new(self.rules, self.resume_after, &mut sink);
        let read = match self.format {
            ImportFormat::Csv => csv_file::read,
            ImportFormat::Json => json_file::read_array,
            ImportFormat::Ndjson => json_file::read_lines,
        };
        let read = read(body, self.limits.row_bytes, &mut intake).and_then(|()| intake.end());
        // The rows before a fault of the file are good ones.
        cutter.flush()?;
        read
    }
}

//! The parser alone, for the fuzz targets: a file in memory, read as an import reads it.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::body::Body;
use super::intake::Intake;
use super::job::{ImportFormat, Limits, PasswordType};
use super::rows::{Line, Rules};
use super::{csv_file, json_file};
use crate::hash::{Algorithm, ScramHash};

/// Good and bad rows of a file; `None` if it cannot be read to its end.
pub fn count_rows(format: ImportFormat, password_type: PasswordType, file: &[u8]) -> Option<(u64, u64)> {
    let (pieces, body) = mpsc::channel(1);
    pieces.try_send(Ok(Bytes::copy_from_slice(file))).ok()?;
    drop(pieces);
    let (mut good, mut bad) = (0, 0);
    let mut sink = |line| {
        match line {
            Line::Good(_) => good += 1,
            Line::Bad(_) => bad += 1,
        }
        Ok(())
    };
    let algorithm = Algorithm::recommended();
    let rules = Rules {
        password_type,
        longest_password: algorithm.longest_password(),
        scram: Some(ScramHash::Sha256),
        encode: Box::new(move |hash: &str, salt: &str| algorithm.import(hash, salt)),
        doubt: None,
    };
    let limits = Limits::default();
    let mut intake = Intake::new(rules, 0, &mut sink);
    let read = match format {
        ImportFormat::Csv => csv_file::read,
        ImportFormat::Json => json_file::read_array,
        ImportFormat::Ndjson => json_file::read_lines,
    };
    read(Body::new(body, limits.body_bytes), limits.row_bytes, &mut intake).ok()?;
    intake.end().ok()?;
    Some((good, bad))
}

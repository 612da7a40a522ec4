//! Reading a snapshot file. Every frame is checked before it is believed, and the file only at its very end.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::snapshot::{
    FRAME_HEAD, FrameKind, MAGIC, MAX_FRAME, SnapshotHeader, SnapshotSummary, Sum, Trailer, frame_crc,
};

/// A key with its value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// Reads a snapshot frame by frame.
pub(super) struct SnapshotReader {
    file: BufReader<File>,
    header: SnapshotHeader,
    sum: Sum,
    bytes: u64,
    /// The last key so far: they ascend.
    last: Vec<u8>,
}

/// A frame whose checksum was right.
struct Frame {
    kind: u8,
    stored: Vec<u8>,
    raw: usize,
    records: u32,
    head: [u8; FRAME_HEAD],
}

impl SnapshotReader {
    /// Opens the file and reads its head.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io(format!("open `{}`", path.display())))?;
        let mut file = BufReader::new(file);
        if read::<8>(&mut file)? != *MAGIC {
            return Err(damaged("it does not begin like a snapshot of this version"));
        }
        let frame = Frame::read(&mut file)?;
        if frame.kind != FrameKind::Head as u8 {
            return Err(damaged("it has no head"));
        }
        let header = decode(&frame.stored)?;
        let mut reader = Self {
            file,
            header,
            sum: Sum::default(),
            bytes: MAGIC.len() as u64,
            last: Vec::new(),
        };
        reader.count(&frame);
        Ok(reader)
    }

    pub(super) fn header(&self) -> &SnapshotHeader {
        &self.header
    }

    /// The next frame's records; `None` at the end, which was checked then.
    pub(super) fn next_frame(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        let frame = Frame::read(&mut self.file)?;
        if frame.kind == FrameKind::Records as u8 {
            let records = self.records(&frame)?;
            self.count(&frame);
            return Ok(Some(records));
        }
        if frame.kind != FrameKind::Trailer as u8 {
            return Err(damaged("it holds a frame of an unknown kind"));
        }
        if decode::<Trailer>(&frame.stored)? != self.sum.total() {
            return Err(damaged("its trailer does not agree with its frames"));
        }
        self.count(&frame);
        match self.file.read(&mut [0]) {
            Ok(0) => Ok(None),
            Ok(_) => Err(damaged("there are bytes behind its end")),
            Err(e) => Err(StoreError::io("read a snapshot")(e)),
        }
    }

    /// Reads on to the end, checking everything.
    pub(super) fn verify(mut self) -> Result<SnapshotSummary, StoreError> {
        while self.next_frame()?.is_some() {}
        Ok(SnapshotSummary {
            header: self.header,
            bytes: self.bytes,
        })
    }

    fn count(&mut self, frame: &Frame) {
        self.sum.add(&frame.head, frame.records, frame.raw);
        self.bytes += (frame.head.len() + frame.stored.len()) as u64;
    }

    fn records(&mut self, frame: &Frame) -> Result<Vec<Record>, StoreError> {
        let raw = zstd::bulk::decompress(&frame.stored, frame.raw).map_err(|e| damaged(&e.to_string()))?;
        let mut rest = raw.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let key = take_part(&mut rest)?;
            let value = take_part(&mut rest)?;
            if key <= self.last.as_slice() {
                return Err(damaged("its records are not in order"));
            }
            self.last = key.to_vec();
            records.push((key.to_vec(), value.to_vec()));
        }
        if raw.len() != frame.raw || records.len() != frame.records as usize {
            return Err(damaged("a frame does not hold what its head says"));
        }
        Ok(records)
    }
}

impl Frame {
    fn read(file: &mut BufReader<File>) -> Result<Self, StoreError> {
        let head = read::<FRAME_HEAD>(file)?;
        let [kind, numbers @ ..] = head;
        let [stored, raw, records, crc] = numbers.as_chunks().0 else {
            return Err(damaged("a frame has no head"));
        };
        let [stored, raw] = [stored, raw].map(|length| u32::from_le_bytes(*length) as usize);
        if stored > MAX_FRAME || raw > MAX_FRAME {
            return Err(damaged("a frame is longer than frames may be"));
        }
        let mut bytes = vec![0; stored];
        file.read_exact(&mut bytes).map_err(cut_short)?;
        let fields = head.split_last_chunk::<4>().map_or(&[][..], |(fields, _)| fields);
        if frame_crc(fields, &bytes) != u32::from_le_bytes(*crc) {
            return Err(damaged("the checksum of a frame is wrong"));
        }
        Ok(Self {
            kind,
            stored: bytes,
            raw,
            records: u32::from_le_bytes(*records),
            head,
        })
    }
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], StoreError> {
    let broken = || damaged("a record is cut short");
    let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
    let (part, tail) = tail
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .ok_or_else(broken)?;
    *rest = tail;
    Ok(part)
}

fn read<const N: usize>(file: &mut BufReader<File>) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(cut_short)?;
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(damaged("a frame holds more than it should")),
        Err(e) => Err(damaged(&e.to_string())),
    }
}

fn cut_short(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged("it is cut short"),
        _ => StoreError::io("read a snapshot")(error),
    }
}

fn damaged(why: &str) -> StoreError {
    StoreError::damaged("snapshot", why)
}

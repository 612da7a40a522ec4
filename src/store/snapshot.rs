//! Writing a snapshot file: magic, head, compressed frames of records, trailer. Whatever is missing, changed or added shows.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::home;

/// What every snapshot file begins with; its last byte is the version of the layout.
pub(super) const MAGIC: &[u8; 8] = b"PCLSNAP\x01";

/// Raw bytes in a frame of records.
pub(super) const FRAME_BYTES: usize = 1 << 20;

/// No frame is longer, compressed or raw: a reader refuses it before it allocates.
pub(super) const MAX_FRAME: usize = FRAME_BYTES + (64 << 10);

/// Fast, and already a third of the size.
const COMPRESSION: i32 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Head = 1,
    Records = 2,
    Trailer = 3,
}

/// The head of a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotHeader {
    /// Which cluster.
    pub cluster_id: String,
    /// Raft index.
    pub index: u64,
    /// Encoded log id.
    pub position: Bytes,
    /// Encoded membership.
    pub membership: Bytes,
    /// Rolling hash at that index.
    pub state_hash: u64,
}

/// A finished snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Its head.
    pub header: SnapshotHeader,
    /// Its size.
    pub bytes: u64,
}

/// What the whole file must add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailer {
    pub frames: u64,
    pub records: u64,
    pub raw_bytes: u64,
    /// SHA-256 over the heads of all frames before, which hold their checksums.
    pub digest: [u8; 32],
}

/// Adds frames up as they are written or read.
#[derive(Default)]
pub(super) struct Sum {
    trailer: Trailer,
    digest: Sha256,
}

impl Sum {
    pub(super) fn add(&mut self, head: &[u8], records: u32, raw: usize) {
        self.trailer.frames += 1;
        self.trailer.records += u64::from(records);
        self.trailer.raw_bytes += raw as u64;
        self.digest.update(head);
    }

    pub(super) fn total(&self) -> Trailer {
        Trailer {
            digest: self.digest.clone().finalize().into(),
            ..self.trailer.clone()
        }
    }
}

/// Bytes of a frame's head: kind, stored length, raw length, records, checksum of these and the stored bytes.
pub(super) const FRAME_HEAD: usize = 1 + 4 + 4 + 4 + 4;

/// The head of a frame.
pub(super) fn frame_head(kind: FrameKind, stored: &[u8], raw: usize, records: u32) -> [u8; FRAME_HEAD] {
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut head = [0; FRAME_HEAD];
    let fields = [kind as u8]
        .into_iter()
        .chain(length(stored.len()))
        .chain(length(raw))
        .chain(records.to_le_bytes());
    head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    if let Some((fields, crc)) = head.split_last_chunk_mut::<4>() {
        *crc = frame_crc(fields, stored).to_le_bytes();
    }
    head
}

/// The checksum of a frame: over its head but for the checksum itself, and what is stored.
pub(super) fn frame_crc(fields: &[u8], stored: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(fields);
    crc.update(stored);
    crc.finalize()
}

/// Writes a snapshot beside its place, and puts it there when it is whole.
pub(super) struct SnapshotWriter {
    path: PathBuf,
    written: PathBuf,
    file: BufWriter<File>,
    header: SnapshotHeader,
    /// The frame at hand.
    raw: Vec<u8>,
    records: u32,
    sum: Sum,
    bytes: u64,
}

impl SnapshotWriter {
    pub(super) fn create(path: &Path, header: SnapshotHeader) -> Result<Self, StoreError> {
        let written = home::beside(path);
        let file = File::create(&written).map_err(StoreError::io(format!("create `{}`", written.display())))?;
        let mut writer = Self {
            path: path.to_owned(),
            written,
            file: BufWriter::new(file),
            header,
            raw: Vec::with_capacity(MAX_FRAME),
            records: 0,
            sum: Sum::default(),
            bytes: MAGIC.len() as u64,
        };
        let head = postcard::to_stdvec(&writer.header).map_err(|e| StoreError::damaged("head", e.to_string()))?;
        writer
            .file
            .write_all(MAGIC)
            .map_err(StoreError::io("write a snapshot"))?;
        writer.frame(FrameKind::Head, &head, head.len(), 0)?;
        Ok(writer)
    }

    /// Adds one record; they come in the order of their keys.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.raw.len() + key.len() + value.len() + 8 > FRAME_BYTES {
            self.end_frame()?;
        }
        for part in [key, value] {
            self.raw
                .extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            self.raw.extend_from_slice(part);
        }
        self.records += 1;
        Ok(())
    }

    /// Ends the file and puts it in its place.
    pub(super) fn finish(mut self) -> Result<SnapshotSummary, StoreError> {
        self.end_frame()?;
        let trailer =
            postcard::to_stdvec(&self.sum.total()).map_err(|e| StoreError::damaged("trailer", e.to_string()))?;
        self.frame(FrameKind::Trailer, &trailer, trailer.len(), 0)?;
        self.file.flush().map_err(StoreError::io("write a snapshot"))?;
        home::put_in_place(self.file.get_ref(), &self.written, &self.path)?;
        Ok(SnapshotSummary {
            header: self.header.clone(),
            bytes: self.bytes,
        })
    }

    fn end_frame(&mut self) -> Result<(), StoreError> {
        if self.records == 0 {
            return Ok(());
        }
        let raw = std::mem::take(&mut self.raw);
        let records = std::mem::take(&mut self.records);
        let stored = zstd::bulk::compress(&raw, COMPRESSION).map_err(StoreError::io("compress a snapshot"))?;
        self.frame(FrameKind::Records, &stored, raw.len(), records)?;
        self.raw = raw;
        self.raw.clear();
        Ok(())
    }

    fn frame(&mut self, kind: FrameKind, stored: &[u8], raw: usize, records: u32) -> Result<(), StoreError> {
        let head = frame_head(kind, stored, raw, records);
        self.sum.add(&head, records, raw);
        self.bytes += (head.len() + stored.len()) as u64;
        let write = |file: &mut BufWriter<File>| -> io::Result<()> {
            file.write_all(&head)?;
            file.write_all(stored)
        };
        write(&mut self.file).map_err(StoreError::io("write a snapshot"))
    }
}

impl Drop for SnapshotWriter {
    /// Half a snapshot is of no use. After `finish` there is nothing under that name any more.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.written);
    }
}

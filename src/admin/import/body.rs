//! The file as a blocking reader over the chunks that arrive, with its bound.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes};

use super::job::ImportBody;
use crate::admin::error::AdminError;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why the file cannot be read on.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the upload broke off: {0}")]
    Broken(String),
    #[error("the file has more than {0} bytes")]
    FileTooLarge(usize),
    #[error("the row that begins in line {line} has more than {limit} bytes")]
    RowTooLarge { line: u64, limit: usize },
}

/// The file, without a byte order mark.
pub(super) struct Body {
    chunks: ImportBody,
    current: Bytes,
    taken: usize,
    file_limit: usize,
    at_start: bool,
}

impl Body {
    pub(super) fn new(chunks: ImportBody, file_limit: usize) -> Self {
        Self {
            chunks,
            current: Bytes::new(),
            taken: 0,
            file_limit,
            at_start: true,
        }
    }

    /// Whether there is something to read; waits for it.
    fn fill(&mut self) -> io::Result<bool> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                Some(Ok(chunk)) => self.current = self.counted(chunk)?,
                Some(Err(why)) => return Err(io::Error::other(Fault::Broken(why))),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn counted(&mut self, chunk: Bytes) -> io::Result<Bytes> {
        self.taken = self.taken.saturating_add(chunk.len());
        if self.taken > self.file_limit {
            return Err(io::Error::other(Fault::FileTooLarge(self.file_limit)));
        }
        Ok(chunk)
    }

    /// The mark may be spread over several chunks.
    fn skip_bom(&mut self) -> io::Result<()> {
        self.at_start = false;
        let mut start = Vec::new();
        while start.len() < BOM.len() && self.fill()? {
            start.push(self.current.get_u8());
        }
        if start != BOM {
            start.extend_from_slice(&self.current);
            self.current = Bytes::from(start);
        }
        Ok(())
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at_start {
            self.skip_bom()?;
        }
        if buffer.is_empty() || !self.fill()? {
            return Ok(0);
        }
        let count = buffer.len().min(self.current.len());
        self.current
            .split_to(count)
            .copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// What the parser says when a row does not end.
pub(super) fn row_too_large(line: u64, limit: usize) -> io::Error {
    io::Error::other(Fault::RowTooLarge { line, limit })
}

/// What a failure to read the file means for the import.
pub(super) fn unreadable(error: io::Error) -> AdminError {
    match error.downcast::<Fault>() {
        Ok(Fault::FileTooLarge(limit)) => AdminError::TooLarge {
            what: "the file".into(),
            limit,
        },
        Ok(Fault::RowTooLarge { line, limit }) => AdminError::TooLarge {
            what: format!("the row that begins in line {line}"),
            limit,
        },
        Ok(broken @ Fault::Broken(_)) => AdminError::invalid("data", broken.to_string()),
        Err(other) => AdminError::Internal(format!("the file cannot be read: {other}")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;

    use bytes::Bytes;
    use tokio::sync::mpsc;

    use super::{AdminError, Body, unreadable};

    /// A body that arrives in pieces of that size.
    pub(in crate::admin::import) fn in_pieces(text: &[u8], size: usize) -> Body {
        let (sender, receiver) = mpsc::channel(text.len() + 1);
        for piece in text.chunks(size) {
            sender.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
        }
        Body::new(receiver, 1 << 20)
    }

    fn whole(body: &mut Body) -> Result<Vec<u8>, AdminError> {
        let mut read = Vec::new();
        body.read_to_end(&mut read).map_err(unreadable)?;
        Ok(read)
    }

    #[test]
    fn a_byte_order_mark_is_dropped_however_it_arrives() {
        for size in 1..5 {
            assert_eq!(
                whole(&mut in_pieces(b"\xEF\xBB\xBFuser_id", size)),
                Ok(b"user_id".to_vec())
            );
            assert_eq!(whole(&mut in_pieces(b"\xEF\xBBx", size)), Ok(b"\xEF\xBBx".to_vec()));
            assert_eq!(whole(&mut in_pieces(b"a", size)), Ok(b"a".to_vec()));
        }
    }

    #[test]
    fn an_upload_that_breaks_off_is_not_a_short_file() {
        let (sender, receiver) = mpsc::channel(2);
        sender.try_send(Ok(Bytes::from_static(b"user_id\n"))).unwrap();
        sender.try_send(Err("reset".into())).unwrap();
        drop(sender);
        assert!(matches!(
            whole(&mut Body::new(receiver, 100)),
            Err(AdminError::Invalid(_))
        ));
    }

    #[test]
    fn a_file_has_a_bound() {
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(Ok(Bytes::from_static(b"0123456789"))).unwrap();
        drop(sender);
        let error = whole(&mut Body::new(receiver, 5)).unwrap_err();
        assert!(matches!(error, AdminError::TooLarge { limit: 5, .. }));
    }
}

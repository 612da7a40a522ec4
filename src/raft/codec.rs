//! How consensus is written to disk and wire: a format byte, then postcard.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

const FORMAT: u8 = 1;

/// Encodes anything of consensus.
pub(super) fn encode<T: Serialize>(value: &T) -> io::Result<Bytes> {
    postcard::to_extend(value, vec![FORMAT])
        .map(Bytes::from)
        .map_err(io::Error::other)
}

/// Decodes what [`encode`] made.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    match bytes.split_first() {
        Some((&FORMAT, encoded)) => {
            postcard::from_bytes(encoded).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))
        }
        Some((format, _)) => Err(invalid(format!("consensus data of the unknown format {format}"))),
        None => Err(invalid("empty consensus data".to_owned())),
    }
}

/// Decodes what may be absent, which is written as nothing at all.
pub(super) fn decode_optional<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<Option<T>> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        decode(bytes).map(Some)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

//! How a value lies in the file: a version byte, a checksum over its place and content, then the content.

use bytes::Bytes;

use super::contents::JournalError;

const VERSION: u8 = 1;
const HEAD: usize = 5;

/// Wraps `content` for the place named `place`. The place is part of the checksum, so a sound value at a wrong place is damage.
pub(super) fn seal(place: &[u8], content: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEAD + content.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&checksum(place, content).to_le_bytes());
    sealed.extend_from_slice(content);
    sealed
}

/// Checks and unwraps what [`seal`] made; `what` names it in the error.
pub(super) fn unseal(place: &[u8], sealed: &[u8], what: &str) -> Result<Bytes, JournalError> {
    let damaged = |why: &str| JournalError::Damaged(format!("{what}: {why}"));
    let (&version, rest) = sealed.split_first().ok_or_else(|| damaged("empty"))?;
    if version != VERSION {
        return Err(JournalError::Refused(format!(
            "{what} has format version {version}, this program knows {VERSION}"
        )));
    }
    let (sum, content) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("too short"))?;
    if u32::from_le_bytes(*sum) != checksum(place, content) {
        return Err(damaged("wrong checksum"));
    }
    Ok(Bytes::copy_from_slice(content))
}

fn checksum(place: &[u8], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[VERSION]);
    hasher.update(place);
    hasher.update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_comes_back() {
        let sealed = seal(b"vote", b"content");
        assert_eq!(
            unseal(b"vote", &sealed, "vote").unwrap(),
            Bytes::from_static(b"content")
        );
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let sealed = seal(b"vote", b"content");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(b"vote", &flipped, "vote").is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_sound_value_at_a_wrong_place_is_damage() {
        let sealed = seal(&7u64.to_be_bytes(), b"content");
        assert!(matches!(
            unseal(&8u64.to_be_bytes(), &sealed, "entry 8"),
            Err(JournalError::Damaged(_))
        ));
    }
}

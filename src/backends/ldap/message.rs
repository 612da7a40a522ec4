//! LDAP messages as they travel (RFC 4511, a narrow form of BER): where one ends, and whether it is safe to be taken apart.
//!
//! The library takes a message apart by recursion, however deep it nests, and keeps whatever comes until it is whole. So what a
//! directory sends is looked at before the library sees it.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes of the longest message.
const LONGEST: usize = 256 << 10;
/// What is nested within each other; an entry's values stand at the fifth level.
const DEEPEST: usize = 12;
const SEQUENCE: u8 = 0x30;
const CONSTRUCTED: u8 = 0x20;
const LONG_FORM: u8 = 0x80;
/// Bytes that a length can take after its first.
const LENGTH_BYTES: u8 = 4;

/// Why no message can be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The connection has ended or is broken.
    #[error("the connection broke: {0}")]
    Broken(#[from] std::io::Error),
    /// It ended where it may.
    #[error("the directory closed the connection")]
    Closed,
    /// What comes is no LDAP.
    #[error("what the directory sends is no LDAP")]
    Nonsense,
    /// It is longer than anything that was asked for.
    #[error("an answer is longer than {} KiB", LONGEST >> 10)]
    TooLong,
}

/// Reads one message, and nothing after it.
pub(super) async fn next(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Unread> {
    let mut message = Vec::new();
    let mut byte = [0];
    if from.read(&mut byte).await? == 0 {
        return Err(Unread::Closed);
    }
    message.extend(byte);
    if byte != [SEQUENCE] {
        return Err(Unread::Nonsense);
    }
    let first = from.read_u8().await?;
    message.push(first);
    for _ in 0..length_bytes(first).ok_or(Unread::Nonsense)? {
        message.push(from.read_u8().await?);
    }
    let (_, length) = header(&message).ok_or(Unread::Nonsense)?;
    if length > LONGEST {
        return Err(Unread::TooLong);
    }
    let begin = message.len();
    message.resize(begin + length, 0);
    if let Some(rest) = message.get_mut(begin..) {
        from.read_exact(rest).await?;
    }
    if is_sound(&message) {
        Ok(message)
    } else {
        Err(Unread::Nonsense)
    }
}

/// Whether everything in it ends where what it stands in does not end before, and nothing nests too deep.
fn is_sound(message: &[u8]) -> bool {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < message.len() {
        while ends.last() == Some(&at) {
            ends.pop();
        }
        let limit = ends.last().copied().unwrap_or(message.len());
        let Some(rest) = message.get(at..limit) else {
            return false;
        };
        let Some((taken, length)) = header(rest) else {
            return false;
        };
        let begin = at + taken;
        let end = begin.saturating_add(length);
        if end > limit {
            return false;
        }
        let is_constructed = rest.first().is_some_and(|tag| tag & CONSTRUCTED != 0);
        if is_constructed && length > 0 {
            if ends.len() >= DEEPEST {
                return false;
            }
            ends.push(end);
            at = begin;
        } else {
            at = end;
        }
    }
    true
}

/// The bytes of a tag and a length, and the length.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    let more = length_bytes(first)?;
    let length = if more == 0 {
        usize::from(first)
    } else {
        let bytes = bytes.get(2..2 + usize::from(more))?;
        bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    };
    Some((2 + usize::from(more), length))
}

/// How many bytes of a length follow its first one. LDAP has no lengths that are left open.
const fn length_bytes(first: u8) -> Option<u8> {
    match first {
        0..LONG_FORM => Some(0),
        LONG_FORM => None,
        more if more - LONG_FORM <= LENGTH_BYTES => Some(more - LONG_FORM),
        _ => None,
    }
}

/// The result code of a whole message, if it is the answer to an extended request.
pub(super) fn extended_result(message: &[u8]) -> Option<u8> {
    const ANSWER: u8 = 0x78;
    const ENUMERATED: u8 = 0x0a;
    let (taken, _) = header(message)?;
    let after_id = element(message.get(taken..)?)?.1;
    let (answer, _) = element(after_id)?;
    if *answer.first()? != ANSWER {
        return None;
    }
    let (taken, _) = header(answer)?;
    match element(answer.get(taken..)?)?.0 {
        [ENUMERATED, 1, code] => Some(*code),
        _ => None,
    }
}

/// The first thing and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (taken, length) = header(bytes)?;
    bytes.split_at_checked(taken.checked_add(length)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{DEEPEST, LONGEST, Unread, extended_result, is_sound, next};

    fn nested(depth: usize) -> Vec<u8> {
        (1..depth).fold(vec![0x30, 0], |inner, _| {
            let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
            [&[0x30, 0x84][..], &length, &inner].concat()
        })
    }

    async fn read(bytes: &[u8]) -> Result<Vec<u8>, Unread> {
        next(&mut &*bytes).await
    }

    #[tokio::test]
    async fn a_message_is_read_to_its_end_and_no_further() {
        let done = [0x30, 0x0c, 2, 1, 5, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        let two = [&done[..], &done].concat();
        let mut from = &*two;
        assert_eq!(next(&mut from).await.unwrap(), done);
        assert_eq!(from, done);
        assert!(matches!(read(&[]).await, Err(Unread::Closed)));
        assert!(matches!(read(&done[..9]).await, Err(Unread::Broken(_))));
    }

    #[tokio::test]
    async fn what_would_harm_the_library_does_not_reach_it() {
        assert!(read(&nested(DEEPEST)).await.is_ok());
        for depth in [DEEPEST + 2, 10_000] {
            assert!(matches!(read(&nested(depth)).await, Err(Unread::Nonsense)), "{depth}");
        }
        let length = u32::try_from(LONGEST + 1).unwrap().to_be_bytes();
        let long = [&[0x30, 0x84][..], &length].concat();
        assert!(matches!(read(&long).await, Err(Unread::TooLong)));
        for nonsense in [
            &b"HTTP/1.1 200 OK"[..],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0x30, 3, 2, 5, 1],
            &[0x30, 4, 0x30, 3, 4, 1],
            &[0x30, 1, 2],
        ] {
            assert!(matches!(read(nonsense).await, Err(Unread::Nonsense)), "{nonsense:?}");
        }
    }

    #[test]
    fn the_answer_to_an_extended_request_is_told_from_others() {
        let yes = [0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        assert_eq!(extended_result(&yes), Some(0));
        let mut no = yes;
        no[9] = 52;
        assert_eq!(extended_result(&no), Some(52));
        let mut other = yes;
        other[5] = 0x61;
        assert_eq!(extended_result(&other), None);
        assert_eq!(extended_result(&yes[..6]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            is_sound(&bytes);
            extended_result(&bytes);
        }
    }
}

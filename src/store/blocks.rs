//! How users lie in sled: neighbours share a value, a block, because sled costs by the value more than by the byte.
//!
//! The key of a block is where it begins: what it holds comes at or after that, and before the key of the next. The first of an
//! authenticator begins with the authenticator's own prefix, so that every user has a block to be in.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

use sled::{Db, IVec};

use super::error::StoreError;
use super::generation::Generation;
use super::key;
use super::run::Changes;
use super::snapshot_read::Record;

/// Goes before every block. Another byte is another layout.
const VERSION: u8 = 2;

/// A block that outgrows this is cut into pieces …
const LARGEST: usize = 2 << 10;
/// … of about this. Half a dozen users make a load four times as fast; more of them would only make it dearer to change one.
const PIECE: usize = 1 << 10;

/// Users read in one step. A run that is to be written waits for it, so it is short: about a millisecond.
const STEP: usize = 500;

/// What becomes of one key of sled.
pub(super) struct Write {
    pub key: Vec<u8>,
    /// What is there now.
    pub was: Option<IVec>,
    /// `None`: it is removed.
    pub new: Option<Vec<u8>>,
}

/// What becomes of sled's keys through these changes. What is no user lies under its own key, where `was` tells what is now.
pub(super) fn writes(
    db: &Db,
    changes: &Changes,
    was: impl Fn(&[u8]) -> Option<IVec>,
) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    let mut changes = changes.iter().peekable();
    while let Some((key, new)) = changes.peek() {
        if let Some(group) = key::group(key) {
            Block::around(db, group, key)?.change(&mut changes, &mut writes)?;
        } else {
            let (key, new) = ((*key).clone(), (*new).clone());
            writes.push(Write {
                was: was(&key),
                key,
                new,
            });
            changes.next();
        }
    }
    Ok(writes)
}

/// The users of a block under their own keys, in order.
pub(super) fn records(key: &[u8], bytes: &[u8]) -> Result<Vec<Record>, StoreError> {
    let group = key::group(key).ok_or_else(|| damaged("its key names no authenticator"))?;
    let users = users(bytes)?.into_iter();
    Ok(users
        .map(|(name, value)| ([group, name].concat(), value.to_vec()))
        .collect())
}

/// The users of an authenticator, from a key on. A step sees whole runs only; between two of them a run may be written.
pub(super) struct Walk<'a> {
    generation: &'a Generation,
    group: &'a [u8],
    /// Where the next step begins; `None` after the last.
    next: Option<Vec<u8>>,
    ready: std::vec::IntoIter<Record>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(generation: &'a Generation, group: &'a [u8], from: Vec<u8>) -> Self {
        Self {
            generation,
            group,
            next: Some(from),
            ready: Vec::new().into_iter(),
        }
    }

    fn step(&mut self, from: &[u8]) -> Result<Option<Record>, StoreError> {
        let mut read = Vec::new();
        self.generation.borrow(|db| {
            let begin = at_or_before(db, self.group, from)?.map_or_else(|| from.into(), |(key, _)| key);
            for block in db.range(begin..) {
                let (key, bytes) = block.map_err(StoreError::sled("list users"))?;
                if !key.starts_with(self.group) || read.len() >= STEP {
                    break;
                }
                read.extend(
                    records(&key, &bytes)?
                        .into_iter()
                        .filter(|(key, _)| key.as_slice() >= from),
                );
            }
            Ok(())
        })?;
        if read.len() >= STEP {
            // The smallest key behind the last.
            self.next = read.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
        }
        self.ready = read.into_iter();
        Ok(self.ready.next())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(record) = self.ready.next() {
            return Some(Ok(record));
        }
        let from = self.next.take()?;
        self.step(&from).transpose()
    }
}

/// The one block that a user is in, or would be.
struct Block<'a> {
    group: &'a [u8],
    begin: IVec,
    was: Option<IVec>,
    /// Where what comes behind it begins.
    end: Option<IVec>,
}

impl<'a> Block<'a> {
    fn around(db: &Db, group: &'a [u8], key: &[u8]) -> Result<Self, StoreError> {
        let (begin, was) = match at_or_before(db, group, key)? {
            Some((begin, bytes)) => (begin, Some(bytes)),
            None => (group.into(), None),
        };
        let behind = (Bound::Excluded(begin.as_ref()), Bound::Unbounded);
        let end = db.range::<&[u8], _>(behind).keys().next().transpose();
        Ok(Self {
            group,
            end: end.map_err(StoreError::sled("look for a user"))?,
            begin,
            was,
        })
    }

    fn covers(&self, key: &[u8]) -> bool {
        key.starts_with(self.group) && self.end.as_ref().is_none_or(|end| key < end.as_ref())
    }

    /// Takes from `changes` what concerns it.
    fn change<'c>(
        self,
        changes: &mut Peekable<impl Iterator<Item = (&'c Vec<u8>, &'c Option<Vec<u8>>)>>,
        writes: &mut Vec<Write>,
    ) -> Result<(), StoreError> {
        let there = self.was.as_deref().map(users).transpose()?;
        let mut users: BTreeMap<_, _> = there.unwrap_or_default().into_iter().collect();
        while let Some((key, new)) = changes.next_if(|(key, _)| self.covers(key)) {
            let name = key.get(self.group.len()..).unwrap_or_default();
            match new {
                Some(value) => users.insert(name, value),
                None => users.remove(name),
            };
        }
        let size: usize = users.iter().map(|(name, value)| name.len() + value.len()).sum();
        let limit = if size > LARGEST {
            size / size.div_ceil(PIECE)
        } else {
            usize::MAX
        };
        let mut piece = Write {
            key: self.begin.to_vec(),
            was: self.was.clone(),
            new: None,
        };
        for (name, value) in users {
            if piece.new.as_ref().is_some_and(|bytes| bytes.len() >= limit) {
                let next = Write {
                    key: [self.group, name].concat(),
                    was: None,
                    new: None,
                };
                writes.push(std::mem::replace(&mut piece, next));
            }
            let bytes = piece.new.get_or_insert_with(|| vec![VERSION]);
            put(bytes, name)?;
            put(bytes, value)?;
        }
        writes.push(piece);
        Ok(())
    }
}

/// The last block of an authenticator that begins at or before a key.
fn at_or_before(db: &Db, group: &[u8], key: &[u8]) -> Result<Option<(IVec, IVec)>, StoreError> {
    let last = db.range(..=key).next_back().transpose();
    let last = last.map_err(StoreError::sled("look for a user"))?;
    Ok(last.filter(|(begin, _)| begin.starts_with(group)))
}

/// A user's key and value, within the block.
type Borrowed<'b> = (&'b [u8], &'b [u8]);

fn users(bytes: &[u8]) -> Result<Vec<Borrowed<'_>>, StoreError> {
    let Some((&VERSION, mut rest)) = bytes.split_first() else {
        return Err(damaged("its version is unknown"));
    };
    let mut users = Vec::new();
    while !rest.is_empty() {
        users.push((take(&mut rest)?, take(&mut rest)?));
    }
    Ok(users)
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) -> Result<(), StoreError> {
    let length = u16::try_from(part.len()).map_err(|_| damaged("a part of it is too long"))?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part);
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], StoreError> {
    let cut_short = || damaged("it is cut short");
    let (length, tail) = rest.split_first_chunk::<2>().ok_or_else(cut_short)?;
    let (part, tail) = tail
        .split_at_checked(u16::from_le_bytes(*length).into())
        .ok_or_else(cut_short)?;
    *rest = tail;
    Ok(part)
}

fn damaged(why: &str) -> StoreError {
    StoreError::damaged("block of users", why)
}

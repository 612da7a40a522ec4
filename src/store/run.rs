//! A run of entries being applied: what they changed so far lies over what sled and the memory hold, until all of it is written at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::blocks::Walk;
use super::command::Refusal;
use super::error::StoreError;
use super::generation::Generation;
use super::key;
use super::memory::{Small, Users};
use super::value::{self, MAX_VALUE};

/// New values by key; `None`: removed. Sorted, so that nothing depends on the order of a hash map.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Why a command stops: refused, which is an answer, or broken, which stops the node.
pub(super) enum Halt {
    Refused(Refusal),
    Broken(StoreError),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Broken(error)
    }
}

/// The state as it was before the run.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub users: &'a Users,
    pub small: &'a Small,
    pub generation: &'a Generation,
}

impl Base<'_> {
    /// Looks at a value; `None`: there is none.
    pub(super) fn look<T>(&self, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> T) -> T {
        match key.first() {
            Some(&key::USERS) => self.users.look(key, look),
            _ => look(self.small.get(key).map(Vec::as_slice)),
        }
    }

    /// All keys that begin so; of users: all of an authenticator. Those come from sled, which has them in order.
    fn keys_under(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        if prefix.first() == Some(&key::USERS) {
            return Walk::new(self.generation, prefix, prefix.to_vec())
                .map(|record| Ok(record?.0))
                .collect();
        }
        let from = self.small.range(prefix.to_vec()..);
        Ok(from
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(prefix))
            .cloned()
            .collect())
    }
}

/// The run: finished commands' changes over the base, and the changes of the command at hand over those.
pub(super) struct Run<'a> {
    base: Base<'a>,
    kept: Changes,
    staged: Changes,
}

impl<'a> Run<'a> {
    pub(super) fn over(base: Base<'a>) -> Self {
        Self {
            base,
            kept: Changes::new(),
            staged: Changes::new(),
        }
    }

    /// Makes the command's changes part of the run. Not by `append`, which rebuilds the whole map each time.
    pub(super) fn keep(&mut self) {
        if self.kept.is_empty() {
            std::mem::swap(&mut self.kept, &mut self.staged);
        } else {
            self.kept.extend(std::mem::take(&mut self.staged));
        }
    }

    /// Forgets the command's changes: it was refused.
    pub(super) fn drop_staged(&mut self) {
        self.staged.clear();
    }

    pub(super) fn into_changes(self) -> Changes {
        self.kept
    }

    pub(super) fn get<T: DeserializeOwned>(&self, what: &str, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.look(key, |bytes| bytes.map(|bytes| value::decode(what, bytes)).transpose())
    }

    /// Looks at a value as the command at hand sees it; `None`: there is none.
    pub(super) fn look<T>(&self, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> T) -> T {
        match self.staged.get(key).or_else(|| self.kept.get(key)) {
            Some(changed) => look(changed.as_deref()),
            None => self.base.look(key, look),
        }
    }

    /// Whether it was there before the command at hand.
    pub(super) fn was_there(&self, key: &[u8]) -> bool {
        self.kept
            .get(key)
            .map_or_else(|| self.base.look(key, |bytes| bytes.is_some()), Option::is_some)
    }

    /// All keys that begin so, as the command at hand sees them, in order.
    pub(super) fn keys_under(&self, prefix: &[u8]) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let mut keys: BTreeSet<_> = self.base.keys_under(prefix)?.into_iter().collect();
        for changes in [&self.kept, &self.staged] {
            for (key, new) in changes
                .range(prefix.to_vec()..)
                .take_while(|(key, _)| key.starts_with(prefix))
            {
                match new {
                    Some(_) => keys.insert(key.clone()),
                    None => keys.remove(key),
                };
            }
        }
        Ok(keys)
    }

    /// Writes a value; one that is too large for sled is the fault of `field`.
    pub(super) fn put<T: Serialize>(&mut self, field: &str, key: Vec<u8>, value: &T) -> Result<(), Halt> {
        self.put_bytes(field, key, value::encode(value)?)
    }

    /// The same for a value that is encoded already.
    pub(super) fn put_bytes(&mut self, field: &str, key: Vec<u8>, bytes: Vec<u8>) -> Result<(), Halt> {
        if bytes.len() > MAX_VALUE {
            let why = format!("makes the record {} bytes long, the limit is {MAX_VALUE}", bytes.len());
            return Err(Refusal::Invalid {
                field: field.to_owned(),
                why,
            }
            .into());
        }
        self.put_encoded(key, bytes);
        Ok(())
    }

    pub(super) fn put_encoded(&mut self, key: Vec<u8>, bytes: Vec<u8>) {
        self.staged.insert(key, Some(bytes));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.staged.insert(key, None);
    }
}

//! The tables of one generation, on disk and in memory, and the one way they change: a run at a time.

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;

use super::apply;
use super::blocks::{self, Write};
use super::command::Outcome;
use super::entry::{Entry, Payload};
use super::error::StoreError;
use super::freeze::{Freeze, Frozen};
use super::generation::Generation;
use super::key;
use super::memory::{Declared, Small, Users, View};
use super::page::LastCount;
use super::requests::Requests;
use super::run::{Base, Changes, Run};
use super::sessions::Sessions;
use super::snapshot_read::SnapshotReader;
use super::value::{self, Meta};
use crate::auth::UserRecord;

/// Everything that whoever applies works on.
pub(super) struct Tables {
    pub generation: Arc<Generation>,
    pub view: Arc<View>,
    pub meta: Meta,
    small: Small,
    requests: Requests,
    freeze: Weak<Freeze>,
    /// A run failed half way: what is in memory is not to be believed, and nothing more is applied.
    broken: bool,
}

/// What a run led to.
pub(super) struct Ran {
    pub outcomes: Vec<Outcome>,
    pub authenticators_changed: bool,
}

impl Tables {
    /// Reads everything back, checking that it is what was written. Any error here means that the folder is in doubt.
    pub(super) fn load(generation: Generation, incarnation: u64) -> Result<Self, StoreError> {
        let mut contents = Contents::default();
        let mut written = None;
        generation.borrow(|db| {
            for record in db.iter() {
                let (key, value) = record.map_err(StoreError::sled("read the tables"))?;
                match key.first() {
                    Some(&key::META) => written = Some(Meta::unseal(&value)?),
                    Some(&key::USERS) => {
                        for (key, value) in blocks::records(&key, &value)? {
                            contents.add(&key, value)?;
                        }
                    }
                    _ => contents.add(&key, value.to_vec())?,
                }
            }
            Ok(())
        })?;
        let meta = written.ok_or_else(|| StoreError::damaged("tables", "they do not say how far they go"))?;
        if meta.incarnation != incarnation {
            return Err(StoreError::damaged(
                "tables",
                "they belong to another life of this node",
            ));
        }
        if (meta.users, meta.contents) != (contents.sums.users, contents.sums.contents) {
            let (found, written) = (contents.sums.users, meta.users);
            let why = format!("they do not add up: {found} users, {written} were written");
            return Err(StoreError::damaged("tables", why));
        }
        contents.into_tables(generation, meta)
    }

    /// Fills a new generation: from a snapshot, or with nothing. It is durable when this returns.
    pub(super) fn fill(
        generation: Generation,
        incarnation: u64,
        snapshot: Option<SnapshotReader>,
    ) -> Result<Self, StoreError> {
        let mut contents = Contents::default();
        let mut meta = Meta {
            incarnation,
            ..Meta::default()
        };
        if let Some(mut snapshot) = snapshot {
            let head = snapshot.header().clone();
            meta = Meta {
                index: head.index,
                position: head.position,
                membership: head.membership,
                ..meta
            };
            meta.state_hash = head.state_hash;
            while let Some(records) = snapshot.next_frame()? {
                let mut changes = Changes::new();
                for (key, value) in records {
                    contents.add(&key, value.clone())?;
                    changes.insert(key, Some(value));
                }
                let writes = generation.borrow(|db| blocks::writes(db, &changes, |_| None))?;
                generation.write("fill the tables", batch(writes))?;
            }
        }
        (meta.users, meta.contents) = (contents.sums.users, contents.sums.contents);
        let sealed = meta.seal()?;
        generation.with("fill the tables", |db| db.insert([key::META], sealed))?;
        generation.sync()?;
        super::home::sync_folder(generation.folder())?;
        contents.into_tables(generation, meta)
    }

    /// Applies a run: one batch, then the memory.
    pub(super) fn apply(&mut self, entries: &[Entry]) -> Result<Ran, StoreError> {
        if self.broken {
            return Err(StoreError::damaged("tables", "an earlier run failed half way"));
        }
        self.broken = true;
        let base = Base {
            users: &self.view.users,
            small: &self.small,
            generation: &self.generation,
        };
        let mut run = Run::over(base);
        let mut meta = self.meta.clone();
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries {
            outcomes.push(advance(&mut meta, &mut run, &mut self.requests, entry)?);
        }
        let changes = run.into_changes();
        self.write(&mut meta, &changes)?;
        let authenticators_changed = self.absorb(changes)?;
        self.view.applied.store(Arc::new(meta.applied()));
        self.meta = meta;
        self.broken = false;
        Ok(Ran {
            outcomes,
            authenticators_changed,
        })
    }

    /// A view as of now; one at a time.
    pub(super) fn freeze(&mut self) -> Option<Frozen> {
        if self.broken || self.freeze.strong_count() > 0 {
            return None;
        }
        let freeze = Arc::new(Freeze::new(self.meta.applied()));
        self.freeze = Arc::downgrade(&freeze);
        Some(Frozen::new(freeze, Arc::clone(&self.generation)))
    }

    fn write(&self, meta: &mut Meta, changes: &Changes) -> Result<(), StoreError> {
        let base = Base {
            users: &self.view.users,
            small: &self.small,
            generation: &self.generation,
        };
        for (key, new) in changes {
            base.look(key, |was| meta.count(key, was, new.as_deref()));
        }
        let was = |key: &[u8]| self.small.get(key).map(|value| value.as_slice().into());
        let writes = self.generation.borrow(|db| blocks::writes(db, changes, was))?;
        if let Some(freeze) = self.freeze.upgrade() {
            freeze.record(&writes);
        }
        let mut batch = batch(writes);
        batch.insert(&[key::META], meta.seal()?);
        self.generation.write("apply a run", batch)
    }

    /// Takes what is in sled now into the memory. Tells whether an authenticator changed.
    fn absorb(&mut self, changes: Changes) -> Result<bool, StoreError> {
        let mut authenticators_changed = false;
        let mut declared_changed = false;
        for (key, new) in changes {
            match key.first() {
                Some(&key::USERS) => {
                    self.view.users.set(&key, new);
                    continue;
                }
                Some(&key::SESSIONS) => self.view.sessions.set(&key, new.as_deref())?,
                Some(&key::AUTHENTICATORS | &key::CHAINS) => authenticators_changed = true,
                _ => {}
            }
            declared_changed |= !matches!(key.first(), Some(&key::REQUESTS | &key::SESSIONS));
            match new {
                Some(value) => self.small.insert(key, value),
                None => self.small.remove(&key),
            };
        }
        if declared_changed {
            self.view.declared.store(Arc::new(Declared::read(&self.small)?));
        }
        Ok(authenticators_changed)
    }
}

fn batch(writes: Vec<Write>) -> sled::Batch {
    let mut batch = sled::Batch::default();
    for Write { key, new, .. } in writes {
        match new {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    batch
}

/// Applies one entry to the run and notes how far it goes now.
fn advance(meta: &mut Meta, run: &mut Run<'_>, requests: &mut Requests, entry: &Entry) -> Result<Outcome, StoreError> {
    if !meta.position.is_empty() && entry.index <= meta.index {
        let why = format!("entry {} comes after {}", entry.index, meta.index);
        return Err(StoreError::damaged("run of entries", why));
    }
    let outcome = apply::entry(run, requests, entry)?;
    meta.fold(entry.index, &entry.payload, &outcome)?;
    meta.index = entry.index;
    meta.position = entry.position.clone();
    if let Payload::Membership(membership) = &entry.payload {
        meta.membership = membership.clone();
    }
    Ok(outcome)
}

/// Tables as they are read, from sled or from a snapshot.
struct Contents {
    users: Users,
    sessions: Sessions,
    small: Small,
    /// Only its sums.
    sums: Meta,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            users: Users::new(),
            sessions: Sessions::default(),
            small: Small::new(),
            sums: Meta::default(),
        }
    }
}

impl Contents {
    fn add(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), StoreError> {
        self.sums.count(key, None, Some(&value));
        match key.first() {
            Some(&key::USERS) => {
                value::decode::<UserRecord>("user", &value)?;
                self.users.set(key, Some(value));
            }
            Some(&key::SESSIONS) => {
                self.sessions.set(key, Some(&value))?;
                self.small.insert(key.to_vec(), value);
            }
            Some(&(key::AUTHENTICATORS..=key::LAST)) => {
                self.small.insert(key.to_vec(), value);
            }
            _ => return Err(StoreError::damaged("tables", "they hold a key of an unknown table")),
        }
        Ok(())
    }

    fn into_tables(self, generation: Generation, meta: Meta) -> Result<Tables, StoreError> {
        let declared = Declared::read(&self.small)?;
        let generation = Arc::new(generation);
        let view = View {
            generation: Arc::clone(&generation),
            users: self.users,
            sessions: self.sessions,
            declared: ArcSwap::from_pointee(declared),
            applied: ArcSwap::from_pointee(meta.applied()),
            last_count: LastCount::default(),
        };
        Ok(Tables {
            generation,
            view: Arc::new(view),
            requests: Requests::read(&self.small)?,
            small: self.small,
            meta,
            freeze: Weak::new(),
            broken: false,
        })
    }
}

//! The applied state of a node: opened or rebuilt, applied to, read, frozen, replaced by a snapshot.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::accounts::{AccountRecord, SecretHash, SessionRecord, SetupOffer};
use super::command::Outcome;
use super::entry::{Applied, Entry, Opened, Settings};
use super::error::StoreError;
use super::freeze::Frozen;
use super::generation::Generation;
use super::home::Home;
use super::memory::View;
use super::operators::OperatorRecord;
use super::page::{self, UserPage, UserQuery};
use super::snapshot::{SnapshotHeader, SnapshotSummary};
use super::snapshot_read::SnapshotReader;
use super::tables::Tables;
use super::{key, value};
use crate::auth::{
    AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, ClusterSettings, KeyRing, SharedKeys, UserDirectory,
    UserRecord,
};

/// The applied state of this node. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Before `home`, whose lock must be the last thing to go.
    tables: Mutex<Tables>,
    /// What readers see; the same as the tables', without their lock.
    view: ArcSwap<View>,
    applied: watch::Sender<u64>,
    authenticators: watch::Sender<u64>,
    incarnation: u64,
    cache_bytes: u64,
    home: Home,
}

impl Drop for Inner {
    /// A frozen view or a page being read must not keep the folder from being opened again.
    fn drop(&mut self) {
        self.view.load().generation.close();
    }
}

impl Store {
    /// Opens or creates the folder. A folder in doubt (does not open, other format or incarnation, behind the snapshot,
    /// no valid marker) is dropped and refilled from `snapshot` if there is one. Blocking.
    pub fn open(
        dir: &Path,
        incarnation: u64,
        snapshot: Option<&Path>,
        settings: &Settings,
    ) -> Result<(Self, Opened), StoreError> {
        let home = Home::enter(dir)?;
        let opening = Opening {
            home: &home,
            incarnation,
            snapshot,
            cache_bytes: settings.cache_bytes,
        };
        let (tables, opened) = opening.run()?;
        let inner = Inner {
            view: ArcSwap::new(Arc::clone(&tables.view)),
            applied: watch::Sender::new(tables.meta.index),
            authenticators: watch::Sender::new(0),
            tables: Mutex::new(tables),
            incarnation,
            cache_bytes: settings.cache_bytes,
            home,
        };
        Ok((Self { inner: Arc::new(inner) }, opened))
    }

    /// Applies a run of committed entries as one sled batch; one outcome for each. Entries at or below the applied index are
    /// an error. Pure in state and entry. Blocking.
    pub fn apply(&self, entries: &[Entry]) -> Result<Vec<Outcome>, StoreError> {
        let mut tables = self.tables();
        let ran = tables.apply(entries)?;
        if ran.authenticators_changed {
            self.inner.authenticators.send_modify(|version| *version += 1);
        }
        self.inner.applied.send_replace(tables.meta.index);
        Ok(ran.outcomes)
    }

    /// A consistent view as of now. Constant time; one at a time: `None` while another lives.
    pub fn freeze(&self) -> Option<Frozen> {
        self.tables().freeze()
    }

    /// Reads a snapshot's head and checks every frame; a damaged file is refused. Blocking.
    pub fn verify_snapshot(path: &Path) -> Result<SnapshotSummary, StoreError> {
        SnapshotReader::open(path)?.verify()
    }

    /// Replaces the whole state by the snapshot's. Readers see the old state or the new one. Blocking.
    pub fn install(&self, path: &Path) -> Result<SnapshotHeader, StoreError> {
        let header = Self::verify_snapshot(path)?.header;
        let mut tables = self.tables();
        let new = build(
            &self.inner.home,
            self.inner.incarnation,
            Some(path),
            self.inner.cache_bytes,
        )?;
        self.inner.view.store(Arc::clone(&new.view));
        let old = std::mem::replace(&mut *tables, new);
        old.generation.condemn();
        self.inner.authenticators.send_modify(|version| *version += 1);
        self.inner.applied.send_replace(header.index);
        Ok(header)
    }

    /// Makes everything applied so far durable (sled flush, then fdatasync): before a log is purged. Blocking.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.view.load_full().generation.sync()
    }

    /// Marks a clean end and closes; the folder can be opened again. Later calls that need the disk fail. Blocking.
    pub fn close(&self) -> Result<(), StoreError> {
        let tables = self.tables();
        tables.generation.sync()?;
        self.inner.home.mark_clean(&tables.meta.seal()?)?;
        tables.generation.close();
        self.inner.home.release();
        Ok(())
    }

    /// How far the state has been applied.
    pub fn applied(&self) -> Applied {
        Applied::clone(&self.inner.view.load().applied.load())
    }

    /// Follows the applied index.
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.inner.applied.subscribe()
    }

    /// Follows [`AuthenticatorFeed::authenticators_version`].
    pub fn watch_authenticators(&self) -> watch::Receiver<u64> {
        self.inner.authenticators.subscribe()
    }

    /// A page of users. Reads sled in order. Blocking, bounded by `limit` and an internal scan limit.
    pub fn users(&self, query: &UserQuery) -> Result<UserPage, StoreError> {
        page::read(&self.inner.view.load_full(), query)
    }

    /// A page of users without their total, for whoever reads page after page: counting takes as long as reading them all.
    /// Blocking, with the same bounds.
    pub fn users_uncounted(&self, query: &UserQuery) -> Result<UserPage, StoreError> {
        page::read_uncounted(&self.inner.view.load_full(), query)
    }

    /// How many users there are in all.
    pub fn user_count(&self) -> u64 {
        self.inner.view.load().users.total()
    }

    /// How many users an authenticator has. From memory.
    pub fn users_of(&self, owner: &AuthenticatorKey) -> u64 {
        let group = key::users_of(&owner.chain, &owner.id);
        self.inner.view.load().users.count_of(&group)
    }

    /// One authenticator.
    pub fn authenticator(&self, key: &AuthenticatorKey) -> Option<AuthenticatorRecord> {
        let view = self.inner.view.load();
        view.declared
            .load()
            .authenticators
            .iter()
            .find(|record| record.key == *key)
            .cloned()
    }

    /// One operator; from memory.
    pub fn operator(&self, id: &str) -> Option<Arc<OperatorRecord>> {
        self.inner.view.load().declared.load().operators.get(id).cloned()
    }

    /// All operators by id.
    pub fn operators(&self) -> Vec<Arc<OperatorRecord>> {
        self.inner
            .view
            .load()
            .declared
            .load()
            .operators
            .values()
            .cloned()
            .collect()
    }

    /// One account, however its name is written; from memory.
    pub fn account(&self, name: &str) -> Option<Arc<AccountRecord>> {
        let view = self.inner.view.load();
        view.declared.load().accounts.get(&key::folded(name)).cloned()
    }

    /// All accounts by name.
    pub fn accounts(&self) -> Vec<Arc<AccountRecord>> {
        let view = self.inner.view.load();
        view.declared.load().accounts.values().cloned().collect()
    }

    /// Whether there is any account.
    pub fn has_accounts(&self) -> bool {
        !self.inner.view.load().declared.load().accounts.is_empty()
    }

    /// The token that can make the first account, if one was offered and not used.
    pub fn setup_offer(&self) -> Option<Arc<SetupOffer>> {
        self.inner.view.load().declared.load().setup.clone()
    }

    /// The session of a cookie with that hash, though time may have ended it; from memory.
    pub fn session(&self, hash: &SecretHash) -> Option<Arc<SessionRecord>> {
        self.inner.view.load().sessions.get(hash)
    }

    /// Every session of an account, though time may have ended some, the one opened last in front; from memory.
    pub fn sessions_of(&self, account: &str) -> Vec<Arc<SessionRecord>> {
        self.inner.view.load().sessions.of(account)
    }

    /// The cluster's settings; from memory.
    pub fn settings(&self) -> Arc<ClusterSettings> {
        Arc::clone(&self.inner.view.load().declared.load().settings)
    }

    /// Whether that node was removed for good.
    pub fn is_retired(&self, node_id: u64) -> bool {
        self.inner.view.load().declared.load().retired.contains(&node_id)
    }

    /// Whether that file has filled this authenticator already.
    pub fn is_bootstrapped(&self, key: &AuthenticatorKey, source: &str) -> bool {
        let view = self.inner.view.load();
        let declared = view.declared.load();
        let done = declared.bootstrapped.get(key);
        done.is_some_and(|sources| sources.iter().any(|done| done == source))
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.inner
            .view
            .load_full()
            .generation
            .with("measure the tables", |db| db.size_on_disk())
            .unwrap_or(0)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.inner.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("applied", &self.applied().index)
            .finish_non_exhaustive()
    }
}

impl UserDirectory for Store {
    fn user(&self, chain: &str, authenticator: &str, user_id: &str) -> Option<Arc<UserRecord>> {
        let key = key::user(chain, authenticator, user_id);
        let decoded = self.inner.view.load().users.look(&key, |bytes| {
            bytes.map(|bytes| value::decode("user", bytes)).transpose()
        });
        // Every value was decoded once when it was read from disk, so this is a fault of the memory itself.
        decoded
            .inspect_err(|error| tracing::error!(%error, "a user in memory cannot be read"))
            .ok()
            .flatten()
            .map(Arc::new)
    }
}

impl KeyRing for Store {
    fn shared_keys(&self) -> Option<Arc<SharedKeys>> {
        self.inner.view.load().declared.load().shared_keys.clone()
    }
}

impl AuthenticatorFeed for Store {
    fn authenticators(&self) -> Vec<AuthenticatorRecord> {
        self.inner.view.load().declared.load().authenticators.clone()
    }

    fn authenticators_version(&self) -> u64 {
        *self.inner.authenticators.borrow()
    }
}

/// What is known while a folder is being opened.
struct Opening<'a> {
    home: &'a Home,
    incarnation: u64,
    snapshot: Option<&'a Path>,
    cache_bytes: u64,
}

impl Opening<'_> {
    fn run(&self) -> Result<(Tables, Opened), StoreError> {
        if self.home.is_new()? && self.snapshot.is_none() {
            return Ok((self.rebuild()?, Opened::Sound));
        }
        // What is wrong with the snapshot says nothing of the tables, so it is looked at first.
        let snapshot = self.snapshot.map(SnapshotReader::open).transpose()?;
        match self.load(snapshot.map_or(0, |snapshot| snapshot.header().index)) {
            Ok(tables) => {
                self.home.sweep()?;
                Ok((tables, Opened::Sound))
            }
            Err(doubt) if doubt.is_doubt() => {
                let why = doubt.to_string();
                tracing::warn!(%why, from_snapshot = self.snapshot.is_some(), "the store is in doubt and is rebuilt");
                Ok((self.rebuild()?, Opened::Rebuilt(why)))
            }
            Err(error) => Err(error),
        }
    }

    /// Opens what is there and looks for any reason not to believe it.
    fn load(&self, floor: u64) -> Result<Tables, StoreError> {
        let mark = self.home.take_clean_mark()?;
        let missing = || StoreError::damaged("tables", "they are missing");
        let folder = self.home.current().ok_or_else(missing)?;
        let generation = Generation::open(folder, self.cache_bytes)?;
        let loaded = catch_unwind(AssertUnwindSafe(|| Tables::load(generation, self.incarnation)));
        let tables = loaded.map_err(|_| StoreError::damaged("tables", "sled panicked while they were read"))??;
        if mark.is_some_and(|mark| tables.meta.seal().ok() != Some(mark)) {
            return Err(StoreError::damaged(
                "tables",
                "they are not what they were when they were closed",
            ));
        }
        if tables.meta.index < floor {
            let why = format!("they go to {}, the snapshot to {floor}", tables.meta.index);
            return Err(StoreError::damaged("tables", why));
        }
        Ok(tables)
    }

    fn rebuild(&self) -> Result<Tables, StoreError> {
        if let Some(path) = self.snapshot {
            Store::verify_snapshot(path)?;
        }
        let tables = build(self.home, self.incarnation, self.snapshot, self.cache_bytes)?;
        self.home.sweep()?;
        Ok(tables)
    }
}

/// Builds a generation beside the others and puts it in force when it is whole.
fn build(home: &Home, incarnation: u64, snapshot: Option<&Path>, cache_bytes: u64) -> Result<Tables, StoreError> {
    let generation = Generation::open(home.next()?, cache_bytes)?;
    let reader = snapshot.map(SnapshotReader::open).transpose()?;
    let tables = Tables::fill(generation, incarnation, reader)?;
    home.switch_to(tables.generation.folder())?;
    Ok(tables)
}

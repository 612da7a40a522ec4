//! What logins read: all users and all declarations, in memory. sled is not asked, because its batches are not isolated for readers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;

use super::accounts::{AccountRecord, SetupOffer};
use super::entry::Applied;
use super::error::StoreError;
use super::generation::Generation;
use super::operators::OperatorRecord;
use super::page::LastCount;
use super::sessions::Sessions;
use super::{key, settings_value, value};
use crate::auth::{AuthenticatorKey, AuthenticatorRecord, ClusterSettings, SharedKeys};

/// Everything but the users and the meta, as it is in sled. Only whoever applies looks at it.
pub(super) type Small = BTreeMap<Vec<u8>, Vec<u8>>;

/// Enough that a write rarely meets a login at the same lock.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<Box<[u8]>, Box<[u8]>>>;

/// All users, encoded as in sled: about 0.3 KB each, a third of what the decoded records would take.
pub(super) struct Users {
    shards: Vec<Shard>,
    /// How many there are of each authenticator, by the prefix of their keys.
    counts: RwLock<HashMap<Box<[u8]>, u64>>,
    /// How often one came or went.
    arrivals: AtomicU64,
}

impl Users {
    pub(super) fn new() -> Self {
        let shards = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self {
            shards,
            counts: RwLock::default(),
            arrivals: AtomicU64::new(0),
        }
    }

    /// Looks at the bytes of one user; `None`: there is none.
    pub(super) fn look<T>(&self, key: &[u8], look: impl FnOnce(Option<&[u8]>) -> T) -> T {
        let Some(shard) = self.shard(key) else {
            return look(None);
        };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        look(shard.get(key).map(|bytes| &**bytes))
    }

    pub(super) fn set(&self, key: &[u8], new: Option<Vec<u8>>) {
        let Some(shard) = self.shard(key) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let is = new.is_some();
        let was = match new {
            Some(bytes) => shard.insert(key.into(), bytes.into()).is_some(),
            None => shard.remove(key).is_some(),
        };
        drop(shard);
        if was != is {
            self.count(key, is);
        }
    }

    /// How many users have keys with this prefix, which names an authenticator.
    pub(super) fn count_of(&self, group: &[u8]) -> u64 {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        counts.get(group).copied().unwrap_or(0)
    }

    /// Another number means that somebody came or went. It changes after sled does.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::Acquire)
    }

    pub(super) fn total(&self) -> u64 {
        self.counts
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .sum()
    }

    fn count(&self, key: &[u8], more: bool) {
        let Some(group) = key::group(key) else { return };
        self.arrivals.fetch_add(1, Ordering::AcqRel);
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(group) {
            Some(count) if more => *count += 1,
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(counts.remove(group)),
            None if more => drop(counts.insert(group.into(), 1)),
            None => {}
        }
    }

    /// By a checksum, which is cheap: names chosen to share a shard would share a lock, and no more than that.
    fn shard(&self, key: &[u8]) -> Option<&Shard> {
        let number = usize::try_from(crc32fast::hash(key)).unwrap_or(0);
        self.shards.get(number % SHARDS)
    }
}

/// What was declared, decoded: small, and replaced whole when anything of it changes.
#[derive(Default)]
pub(super) struct Declared {
    /// Chain by chain, each chain in its order.
    pub authenticators: Vec<AuthenticatorRecord>,
    pub operators: BTreeMap<String, Arc<OperatorRecord>>,
    pub settings: Arc<ClusterSettings>,
    pub retired: BTreeSet<u64>,
    /// The files that filled an authenticator.
    pub bootstrapped: BTreeMap<AuthenticatorKey, Vec<String>>,
    pub shared_keys: Option<Arc<SharedKeys>>,
    /// By their folded names.
    pub accounts: BTreeMap<String, Arc<AccountRecord>>,
    pub setup: Option<Arc<SetupOffer>>,
}

impl Declared {
    pub(super) fn read(small: &Small) -> Result<Self, StoreError> {
        let mut declared = Self::default();
        for (key, bytes) in small {
            match key.first() {
                Some(&key::CHAINS) => declared.read_chain(small, key, bytes)?,
                Some(&key::OPERATORS) => {
                    let operator: OperatorRecord = value::decode("operator", bytes)?;
                    declared.operators.insert(operator.id.clone(), Arc::new(operator));
                }
                Some(&key::SETTINGS) => declared.settings = Arc::new(settings_value::decode(bytes)?),
                Some(&key::RETIRED) => declared.retired.extend(key::number(key)),
                Some(&key::SHARED_KEYS) => declared.shared_keys = Some(Arc::new(value::decode("shared keys", bytes)?)),
                Some(&key::BOOTSTRAPS) => declared.read_bootstraps(key, bytes)?,
                Some(&key::ACCOUNTS) => {
                    let account: AccountRecord = value::decode("account", bytes)?;
                    declared.accounts.insert(key::folded(&account.name), Arc::new(account));
                }
                Some(&key::SETUP) => declared.setup = Some(Arc::new(value::decode("setup offer", bytes)?)),
                // Authenticators are read with their chains, sessions one by one; requests are nobody's to see.
                _ => {}
            }
        }
        Ok(declared)
    }

    fn read_bootstraps(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let names = key::name_after(key, &[key::BOOTSTRAPS]).and_then(|names| names.split_once('\0'));
        let (chain, id) = names.ok_or_else(|| StoreError::damaged("bootstrap", "its key names no authenticator"))?;
        let key = AuthenticatorKey {
            chain: chain.to_owned(),
            id: id.to_owned(),
        };
        self.bootstrapped.insert(key, value::decode("bootstrap", bytes)?);
        Ok(())
    }

    fn read_chain(&mut self, small: &Small, key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
        let chain = key::name_after(key, &[key::CHAINS]).unwrap_or_default();
        for id in value::decode::<Vec<String>>("chain", bytes)? {
            let missing = || StoreError::damaged("chain", format!("its authenticator `{id}` is missing"));
            let bytes = small.get(&key::authenticator(chain, &id)).ok_or_else(missing)?;
            self.authenticators.push(value::decode("authenticator", bytes)?);
        }
        Ok(())
    }
}

/// The state as readers see it. Replaced whole by an installed snapshot, so that nobody sees half of one.
pub(super) struct View {
    /// Where lists are read from.
    pub generation: Arc<Generation>,
    pub users: Users,
    pub declared: ArcSwap<Declared>,
    pub sessions: Sessions,
    pub applied: ArcSwap<Applied>,
    pub last_count: LastCount,
}

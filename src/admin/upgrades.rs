//! Makes password records anew after a login, when their authenticator's algorithm has changed since they were made: in the
//! background, at a bounded rate, and only while logins leave room. Whatever is dropped here is offered again by the next login.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

use crate::auth::{AuthenticatorKey, PasswordRecord, PasswordUpgrades, Secret, UserDirectory as _, UserKey};
use crate::backends;
use crate::cluster::Cluster;
use crate::hash::{HashError, Hasher};
use crate::store::{Command, PasswordUpgrade, Store};

/// Users that may wait. Each holds a password in the clear, so they are few.
const WAITING: usize = 256;
/// Records in one change, which must fit the smallest proposal that can be set.
const BATCH: usize = 16;
/// How long a record waits for others to be written with it.
const LINGER: Duration = Duration::from_millis(500);
/// How often a user's turn comes before it is given up, because the pool was busy each time.
const TURNS: u32 = 20;
/// In whose name records are made anew.
const BY: &str = "system";

/// Where logins leave what is to be made anew.
pub struct UpgradeQueue {
    shared: Arc<Shared>,
    offers: mpsc::Sender<Offer>,
}

/// Does the work.
pub struct Upgrader {
    shared: Arc<Shared>,
    offers: mpsc::Receiver<Offer>,
    per_second: u32,
}

#[derive(Default)]
struct Shared {
    /// Users that wait or are being written: none is taken twice.
    taken: Mutex<HashSet<UserKey>>,
    made: AtomicU64,
    dropped: AtomicU64,
}

/// A user and the password it has just given. It has no `Debug`.
struct Offer {
    user: UserKey,
    revision: u64,
    password: Secret,
    turns: u32,
}

/// Both ends of the queue. With a rate of zero nothing is ever taken.
pub fn password_upgrades(per_second: u32) -> (UpgradeQueue, Upgrader) {
    let shared = Arc::new(Shared::default());
    let (sender, offers) = mpsc::channel(WAITING);
    let queue = UpgradeQueue {
        shared: Arc::clone(&shared),
        offers: sender,
    };
    let upgrader = Upgrader {
        shared,
        offers,
        per_second,
    };
    (queue, upgrader)
}

impl UpgradeQueue {
    /// Records made anew since the start, and those given up until the next login.
    pub fn counts(&self) -> (u64, u64) {
        let Shared { made, dropped, .. } = &*self.shared;
        (made.load(Ordering::Relaxed), dropped.load(Ordering::Relaxed))
    }
}

impl PasswordUpgrades for UpgradeQueue {
    fn offer(&self, user: UserKey, revision: u64, password: &Secret) {
        if !self.shared.take(&user) {
            return;
        }
        let offer = Offer {
            user,
            revision,
            password: password.clone(),
            turns: 0,
        };
        match self.offers.try_send(offer) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(offer)) => self.shared.give_up(&offer.user, "too many wait"),
            // The rate is zero, or the node is stopping.
            Err(mpsc::error::TrySendError::Closed(offer)) => self.shared.forget(&offer.user),
        }
    }
}

impl Shared {
    /// Whether it was free to be taken.
    fn take(&self, user: &UserKey) -> bool {
        self.taken().insert(user.clone())
    }

    fn forget(&self, user: &UserKey) {
        self.taken().remove(user);
    }

    fn give_up(&self, user: &UserKey, why: &str) {
        self.forget(user);
        self.dropped.fetch_add(1, Ordering::Relaxed);
        let UserKey {
            chain, authenticator, ..
        } = user;
        tracing::debug!(
            chain,
            authenticator,
            why,
            "a password is not hashed anew before the next login"
        );
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashSet<UserKey>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upgrader {
    /// Until the queue is gone. What waits when this is dropped is dropped with it.
    pub async fn run(self, cluster: Cluster, store: Store, hasher: Hasher) {
        let Some(pace) = Duration::from_secs(1).checked_div(self.per_second) else {
            return;
        };
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = Work {
            shared: self.shared,
            offers: self.offers,
            ticks,
            deferred: None,
            cluster,
            store,
            hasher,
        };
        work.run().await;
    }
}

struct Work {
    shared: Arc<Shared>,
    offers: mpsc::Receiver<Offer>,
    ticks: Interval,
    /// Whose turn came while the pool was busy.
    deferred: Option<Offer>,
    cluster: Cluster,
    store: Store,
    hasher: Hasher,
}

/// What became of an offer in its turn.
enum Turn {
    Made(PasswordRecord),
    /// Logins need the pool.
    Busy,
    /// The user or the algorithm has changed, or the algorithm cannot take this password.
    LeftAlone,
    Failed(HashError),
}

impl Work {
    async fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            let next = match batch.due {
                Some(due) => timeout_at(due, self.next()).await,
                None => Ok(self.next().await),
            };
            match next {
                Ok(Some(offer)) => self.take_turn(offer, &mut batch).await,
                Ok(None) => return,
                Err(_) => self.write(&mut batch).await,
            }
            if batch.size >= BATCH {
                self.write(&mut batch).await;
            }
        }
    }

    /// One offer in each beat. Nothing is lost if this is given up.
    async fn next(&mut self) -> Option<Offer> {
        self.ticks.tick().await;
        match self.deferred.take() {
            Some(offer) => Some(offer),
            None => self.offers.recv().await,
        }
    }

    async fn take_turn(&mut self, mut offer: Offer, batch: &mut Batch) {
        offer.turns += 1;
        match self.make(&offer).await {
            Turn::Made(record) => batch.add(offer, record),
            Turn::Busy if offer.turns < TURNS => self.deferred = Some(offer),
            Turn::Busy => self.shared.give_up(&offer.user, "logins leave no room"),
            Turn::LeftAlone => self.shared.forget(&offer.user),
            Turn::Failed(error) => self.shared.give_up(&offer.user, &error.to_string()),
        }
    }

    /// By the algorithm of this moment, whatever it was when the user logged in.
    async fn make(&self, offer: &Offer) -> Turn {
        let UserKey {
            chain,
            authenticator,
            user_id,
        } = &offer.user;
        let user = self.store.user(chain, authenticator, user_id);
        let declared = self.store.authenticator(&owner_of(&offer.user));
        let algorithm = declared.as_ref().and_then(backends::password_algorithm);
        let (Some(user), Some(algorithm)) = (user, algorithm) else {
            return Turn::LeftAlone;
        };
        if user.revision != offer.revision || algorithm.made(user.password.expose()) {
            return Turn::LeftAlone;
        }
        match self.hasher.hash_if_idle(&algorithm, offer.password.expose()).await {
            Ok(Some(encoded)) => Turn::Made(PasswordRecord::new(encoded)),
            Ok(None) => Turn::Busy,
            // The older record takes what the present algorithm cannot.
            Err(HashError::TooLong { .. }) => Turn::LeftAlone,
            Err(error) => Turn::Failed(error),
        }
    }

    /// A change of its own for each authenticator. Apply leaves out whoever has changed since.
    async fn write(&self, batch: &mut Batch) {
        for (owner, upgrades) in std::mem::take(batch).of {
            let users: Vec<_> = upgrades.iter().map(|upgrade| user_of(&owner, upgrade)).collect();
            let AuthenticatorKey {
                chain,
                id: authenticator,
            } = owner;
            let command = Command::UpgradePasswords {
                chain,
                authenticator,
                upgrades,
            };
            match self.cluster.write(BY, "", command).await {
                Ok(_) => {
                    self.shared.made.fetch_add(users.len() as u64, Ordering::Relaxed);
                    users.iter().for_each(|user| self.shared.forget(user));
                }
                Err(error) => {
                    let why = error.to_string();
                    users.iter().for_each(|user| self.shared.give_up(user, &why));
                }
            }
        }
    }
}

/// Records that wait to be written together.
#[derive(Default)]
struct Batch {
    of: BTreeMap<AuthenticatorKey, Vec<PasswordUpgrade>>,
    size: usize,
    due: Option<Instant>,
}

impl Batch {
    /// The password in the clear ends here.
    fn add(&mut self, offer: Offer, password: PasswordRecord) {
        let upgrades = self.of.entry(owner_of(&offer.user)).or_default();
        upgrades.push(PasswordUpgrade {
            user_id: offer.user.user_id,
            if_revision: offer.revision,
            password,
        });
        self.size += 1;
        self.due.get_or_insert_with(|| Instant::now() + LINGER);
    }
}

fn owner_of(user: &UserKey) -> AuthenticatorKey {
    AuthenticatorKey {
        chain: user.chain.clone(),
        id: user.authenticator.clone(),
    }
}

fn user_of(owner: &AuthenticatorKey, upgrade: &PasswordUpgrade) -> UserKey {
    UserKey {
        chain: owner.chain.clone(),
        authenticator: owner.id.clone(),
        user_id: upgrade.user_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(user_id: &str) -> UserKey {
        UserKey {
            chain: "global".into(),
            authenticator: "main".into(),
            user_id: user_id.into(),
        }
    }

    fn offer(queue: &UpgradeQueue, user_id: &str) {
        queue.offer(user(user_id), 3, &Secret::new("pw"));
    }

    fn waiting(upgrader: &mut Upgrader) -> Vec<String> {
        std::iter::from_fn(|| upgrader.offers.try_recv().ok())
            .map(|offer| offer.user.user_id)
            .collect()
    }

    #[test]
    fn a_user_is_not_taken_twice() {
        let (queue, mut upgrader) = password_upgrades(20);
        for user_id in ["ann", "bob", "ann"] {
            offer(&queue, user_id);
        }
        assert_eq!(waiting(&mut upgrader), ["ann", "bob"]);
        // Not even while it is being written …
        offer(&queue, "ann");
        assert_eq!(waiting(&mut upgrader), [""; 0]);
        // … but again when that is over.
        upgrader.shared.forget(&user("ann"));
        offer(&queue, "ann");
        assert_eq!(waiting(&mut upgrader), ["ann"]);
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn more_than_can_wait_are_dropped_and_may_come_again() {
        let (queue, mut upgrader) = password_upgrades(20);
        for number in 0..=WAITING {
            offer(&queue, &format!("user-{number}"));
        }
        assert_eq!(queue.counts(), (0, 1));
        assert_eq!(waiting(&mut upgrader).len(), WAITING);
        let late = format!("user-{WAITING}");
        offer(&queue, &late);
        assert_eq!(waiting(&mut upgrader), [late]);
    }

    #[test]
    fn nothing_is_kept_when_nobody_will_work_on_it() {
        let (queue, upgrader) = password_upgrades(0);
        drop(upgrader);
        offer(&queue, "ann");
        assert!(queue.shared.taken().is_empty());
        assert_eq!(queue.counts(), (0, 0));
    }

    #[test]
    fn a_batch_is_due_a_little_after_its_first_record() {
        let mut batch = Batch::default();
        assert!(batch.due.is_none());
        let before = Instant::now();
        for (chain, user_id) in [("global", "ann"), ("tcp", "bob"), ("global", "eve")] {
            let user = UserKey {
                chain: chain.into(),
                ..user(user_id)
            };
            let offer = Offer {
                user,
                revision: 3,
                password: Secret::new("pw"),
                turns: 1,
            };
            batch.add(offer, PasswordRecord::new("$new$"));
        }
        let due = batch.due.unwrap();
        assert!(due >= before + LINGER && due <= Instant::now() + LINGER);
        let sizes: Vec<_> = batch.of.values().map(Vec::len).collect();
        assert_eq!((batch.size, sizes), (3, vec![2, 1]));
    }
}

//! Keeps the live chains in step with the declared authenticators.

mod renewal;

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::backend::{Context, Opened};
use super::closed::Closed;
use super::secrets::Named;
use super::{catalog, jwt};
use crate::auth::{
    AuthenticatorFeed, AuthenticatorKey, AuthenticatorRecord, AuthenticatorReport, Chain, Clock, Health, Link,
    LiveChains, Provider, ProviderStatus, Tally,
};

/// How often one looks whether a backend that is tried has answered.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Keeps the live chains in step with the declared authenticators.
pub struct Reconciler {
    feed: Arc<dyn AuthenticatorFeed>,
    context: Context,
    chains: Arc<LiveChains>,
    /// Chain by chain, each in its order. Locked for a whole pass, so that two passes cannot put an older state in force.
    running: Mutex<Vec<Running>>,
    /// Under which named secrets are told apart.
    key: RandomState,
}

/// A declared authenticator with its instance on this node.
#[derive(Clone)]
struct Running {
    record: AuthenticatorRecord,
    provider: Arc<dyn Provider>,
    tally: Arc<Tally>,
    /// It could not be opened.
    is_broken: bool,
    /// What its named secrets were when it was opened.
    secrets: Named,
}

impl Reconciler {
    /// Opens a provider for everything declared and fills the chains; a record that cannot be opened gets a provider that always fails.
    pub fn new(feed: Arc<dyn AuthenticatorFeed>, context: Context, chains: Arc<LiveChains>) -> Self {
        let reconciler = Self {
            feed,
            context,
            chains,
            running: Mutex::default(),
            key: RandomState::new(),
        };
        reconciler.reconcile();
        reconciler
    }

    /// One pass: opens what changed, swaps the chains whole, drops what is gone after its logins.
    pub fn reconcile(&self) {
        self.pass(&mut self.running());
    }

    /// Makes sure that the chains are what is declared by now. Called before each login: the watching task may not have run
    /// yet, and a login decided by an older chain could be let in by the lack of an authenticator. Costs two reads if all is well.
    pub fn catch_up(&self) {
        if self.is_behind() {
            let mut running = self.running();
            // Of many logins that wait here one does the work.
            if self.is_behind() {
                self.pass(&mut running);
            }
        }
    }

    fn is_behind(&self) -> bool {
        self.chains.version() < self.feed.authenticators_version()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, running: &mut Vec<Running>) {
        // Before the authenticators: what changes in between is then found by the next pass.
        let version = self.feed.authenticators_version();
        let before: HashMap<_, _> = running
            .drain(..)
            .map(|entry| (entry.record.key.clone(), entry))
            .collect();
        *running = self
            .feed
            .authenticators()
            .into_iter()
            .map(|record| self.bring_up(&before, record))
            .collect();
        self.chains.swap(version, chains_of(running));
    }

    /// Reconciles after every change, until the sender is gone.
    pub async fn run(self: Arc<Self>, mut changes: watch::Receiver<u64>) {
        // What changed before the receiver was made would else be missed.
        self.reconcile();
        while changes.changed().await.is_ok() {
            self.reconcile();
        }
    }

    /// Removes what backends have kept on the disk for authenticators that are gone: once the node is ready, and after every
    /// change from then on. Before, what is declared may still be on its way back from the journal, and what was kept for it would
    /// be lost when it is needed.
    pub async fn clear_kept(self: Arc<Self>, mut ready: watch::Receiver<bool>, mut changes: watch::Receiver<u64>) {
        while ready.wait_for(|ready| *ready).await.is_ok() {
            changes.mark_unchanged();
            // An instance that still runs could write once more.
            self.catch_up();
            let declared: Vec<_> = self
                .feed
                .authenticators()
                .into_iter()
                .map(|record| record.key)
                .collect();
            let folder = self.context.kept_dir.clone();
            let removed = spawn_blocking(move || jwt::remove_kept_of_others(&folder, &declared)).await;
            if let Ok(Err(why)) = removed {
                tracing::warn!(%why, "what was kept for authenticators that are gone cannot be removed");
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// How every authenticator on this node fares.
    pub fn status(&self) -> Vec<AuthenticatorReport> {
        // A copy, so that a slow provider's answer does not hold a pass up.
        let running = self.running().clone();
        let now = self.context.clock.instant();
        let show = |entry: Running| AuthenticatorReport {
            health: entry.provider.health(),
            figures: entry.tally.figures(now),
            usage: entry.provider.usage(),
            key: entry.record.key,
        };
        running.into_iter().map(show).collect()
    }

    /// The counters of every authenticator on this node.
    pub fn tallies(&self) -> Vec<(AuthenticatorKey, Arc<Tally>)> {
        let running = self.running();
        let show = |entry: &Running| (entry.record.key.clone(), Arc::clone(&entry.tally));
        running.iter().map(show).collect()
    }

    /// Counts anew from zero. Logins that are under way count where they began. False: there is no such authenticator here.
    pub fn reset_figures(&self, key: &AuthenticatorKey) -> bool {
        let mut running = self.running();
        let Some(entry) = running.iter_mut().find(|entry| entry.record.key == *key) else {
            return false;
        };
        entry.tally = Arc::default();
        self.chains.swap(self.chains.version(), chains_of(&running));
        true
    }

    /// Has an authenticator forget what it remembers of its backend's answers. False: there is no such authenticator here.
    pub fn purge(&self, key: &AuthenticatorKey) -> bool {
        let running = self.running();
        let found = running.iter().find(|entry| entry.record.key == *key);
        found.inspect(|entry| entry.provider.purge()).is_some()
    }

    /// Opens an authenticator that is not declared, or not so, and sees how its backend fares. It is gone afterwards.
    pub async fn try_out(&self, record: &AuthenticatorRecord, limit: Duration) -> Health {
        match self.opened(record, limit).await {
            Ok(provider) => provider.health(),
            Err(error) => Health::of(ProviderStatus::Disconnected, error.to_string(), self.clock().now()),
        }
    }

    /// Opens an authenticator that is not declared, or not so, and waits until it is known how its backend fares, or the time is over.
    pub(super) async fn opened(&self, record: &AuthenticatorRecord, limit: Duration) -> Opened {
        let provider = catalog::open(record, &self.context)?;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let known = async {
            loop {
                looks.tick().await;
                if provider.health().status != ProviderStatus::Connecting {
                    return;
                }
            }
        };
        // Whoever asks sees for itself how far it has come.
        let _ = timeout(limit, known).await;
        Ok(provider)
    }

    /// The chain that decides for a listener.
    pub(super) fn chain(&self, listener: &str) -> Arc<Chain> {
        self.chains.chain(listener).unwrap_or_default()
    }

    /// The chain that a listener has of its own, or `global` under that name.
    pub(super) fn own_chain(&self, name: &str) -> Option<Arc<Chain>> {
        self.chains.own(name)
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.context.clock
    }

    /// The instance of a record: the running one if nothing that concerns it has changed. Figures last as long as the
    /// authenticator.
    fn bring_up(&self, before: &HashMap<AuthenticatorKey, Running>, record: AuthenticatorRecord) -> Running {
        let before = before
            .get(&record.key)
            .filter(|before| is_same_kind(&before.record, &record));
        let tally = before.map(|before| Arc::clone(&before.tally)).unwrap_or_default();
        match before.filter(|before| can_keep(&before.record, &record)) {
            Some(before) => Running {
                record,
                ..before.clone()
            },
            None => self.open(record, tally),
        }
    }

    fn open(&self, record: AuthenticatorRecord, tally: Arc<Tally>) -> Running {
        let now = self.context.clock.now();
        // Before they are used: what changes in between is seen then.
        let secrets = self.secrets_of(&record);
        let opened: Result<Arc<dyn Provider>, _> = if record.enabled {
            catalog::open(&record, &self.context)
        } else {
            Ok(Arc::new(Closed::disabled(now)))
        };
        let is_broken = opened.is_err();
        let provider = opened.unwrap_or_else(|error| {
            let AuthenticatorKey { chain, id } = &record.key;
            tracing::error!(%chain, authenticator = %id, %error, "an authenticator cannot be opened and fails every login");
            Arc::new(Closed::broken(error, now))
        });
        Running {
            record,
            provider,
            tally,
            is_broken,
            secrets,
        }
    }

    fn secrets_of(&self, record: &AuthenticatorRecord) -> Named {
        let settings = serde_json::from_str(&record.settings).unwrap_or_default();
        Named::by(&settings, &self.context.secrets_dir, &self.key)
    }
}

/// Mechanism and backend never change in place: another kind under the same id was deleted and created anew.
fn is_same_kind(before: &AuthenticatorRecord, now: &AuthenticatorRecord) -> bool {
    (&before.mechanism, &before.backend) == (&now.mechanism, &now.backend)
}

/// Whether an instance of `before` still serves. `on_failure` and the place in the chain are the link's, not the instance's.
fn can_keep(before: &AuthenticatorRecord, now: &AuthenticatorRecord) -> bool {
    (before.enabled, &before.settings, &before.precondition, before.timeout)
        == (now.enabled, &now.settings, &now.precondition, now.timeout)
}

fn chains_of(running: &[Running]) -> HashMap<String, Arc<Chain>> {
    let mut chains = HashMap::<String, Chain>::new();
    for entry in running {
        chains
            .entry(entry.record.key.chain.clone())
            .or_default()
            .links
            .push(link(entry));
    }
    chains
        .into_iter()
        .map(|(name, chain)| (name, Arc::new(chain)))
        .collect()
}

fn link(entry: &Running) -> Link {
    let Running {
        record,
        provider,
        tally,
        ..
    } = entry;
    Link {
        id: record.key.id.clone(),
        enabled: record.enabled,
        needs_password: catalog::needs_password(record),
        on_failure: record.on_failure,
        timeout: record.timeout,
        provider: Arc::clone(provider),
        tally: Arc::clone(tally),
    }
}

#[cfg(test)]
mod tests;

//! A key set that an issuer publishes: fetched in the background, held while the issuer is down, looked at without a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::keys::{KeySet, Signer};
use super::refresh::Refresh;
use super::settings::SetSource;
use super::token::Token;
use crate::auth::{AuthenticatorKey, Clock, Health, Instant, ProviderError, ProviderStatus, Reason, Timestamp};
use crate::backends::Context;

/// A token with a name that no key bears makes the set be fetched, but not again within this time: anybody can make up names.
const BETWEEN_ASKED: Duration = Duration::from_secs(30);
/// So long a login waits for a set that is being fetched.
const WAITING: Duration = Duration::from_secs(2);

/// The keys of one endpoint. Dropping it ends the fetching.
pub(super) struct RemoteKeys {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

/// What logins and the background task have in common.
pub(super) struct Shared {
    clock: Arc<dyn Clock>,
    max_stale: Duration,
    held: ArcSwapOption<Held>,
    /// Only while the endpoint answers is the age of the keys no matter. What was kept is as good as its age.
    answers: AtomicBool,
    fetches: watch::Sender<Fetches>,
    /// Wakes the task before its time.
    wanted: Notify,
    asked: Mutex<Option<Instant>>,
    fares: Mutex<Fares>,
}

/// Keys with their age.
struct Held {
    keys: Arc<KeySet>,
    /// How old they were when they were taken over…
    age: Duration,
    /// …and when that was.
    at: Instant,
}

/// Fetches of this instance, good or bad.
#[derive(Clone, Copy, Debug)]
struct Fetches {
    begun: u64,
    ended: u64,
    /// One more is about to begin.
    asked: bool,
}

/// How the endpoint fares.
#[derive(Clone)]
struct Fares {
    /// `None` as long as nothing came of anything.
    last: Option<Result<(), String>>,
    since: Timestamp,
    last_success: Option<Timestamp>,
    probed_at: Option<Timestamp>,
}

impl RemoteKeys {
    /// Begins to fetch. Must be called within a runtime.
    pub(super) fn open(key: &AuthenticatorKey, source: SetSource, context: &Context) -> Result<Self, ProviderError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| ProviderError::new(Reason::BackendUnavailable, "there is no runtime to fetch keys in"))?;
        let shared = Arc::new(Shared::new(Arc::clone(&context.clock), source.max_stale));
        let refresh = Refresh::new(key, source, context, Arc::clone(&shared));
        let task = AbortOnDropHandle::new(runtime.spawn(refresh.run()));
        Ok(Self { shared, _task: task })
    }

    /// Whether one of the keys has signed the token. Waits for a fetch where that can help, but not for long.
    pub(super) async fn check(&self, token: &Token<'_>) -> Result<Signer, ProviderError> {
        match self.shared.look(token) {
            Some((signed, false)) => Ok(signed),
            Some((signed, true)) => {
                self.shared.wait_for_news().await;
                Ok(self.shared.look(token).map_or(signed, |(signed, _)| signed))
            }
            None => {
                self.shared.wait_for_news().await;
                let seen = self.shared.look(token).map(|(signed, _)| signed);
                seen.ok_or_else(|| ProviderError::new(Reason::BackendUnavailable, self.shared.why_no_keys()))
            }
        }
    }

    /// How the endpoint fares on this node, and how old the keys are if it does not.
    pub(super) fn health(&self) -> Health {
        self.shared.health()
    }
}

impl Shared {
    fn new(clock: Arc<dyn Clock>, max_stale: Duration) -> Self {
        let since = clock.now();
        Self {
            clock,
            max_stale,
            held: ArcSwapOption::empty(),
            answers: AtomicBool::new(false),
            fetches: watch::Sender::new(Fetches {
                begun: 0,
                ended: 0,
                asked: true,
            }),
            wanted: Notify::new(),
            asked: Mutex::default(),
            fares: Mutex::new(Fares {
                last: None,
                since,
                last_success: None,
                probed_at: None,
            }),
        }
    }

    /// What the keys at hand say, and whether newer ones could say something else; `None` if there are none that may be used.
    fn look(&self, token: &Token<'_>) -> Option<(Signer, bool)> {
        let held = self.held.load();
        let held = held.as_ref().filter(|held| self.may_use(held))?;
        let signed = held.keys.check(token);
        let is_strange = token.is_for_public_keys() && token.kid.as_ref().is_some_and(|kid| !held.keys.bears(kid));
        Some((signed, is_strange && signed != Signer::Ours))
    }

    fn may_use(&self, held: &Held) -> bool {
        self.answers.load(Ordering::Relaxed) || self.age_of(held) <= self.max_stale
    }

    fn age_of(&self, held: &Held) -> Duration {
        held.age + self.clock.instant().since(held.at)
    }

    /// Waits for the fetch that is under way or may be asked for now; at once if there is none.
    async fn wait_for_news(&self) {
        let mut fetches = self.fetches.subscribe();
        let mut now = *fetches.borrow_and_update();
        if now.ended > 0 && !now.asked && self.may_ask() {
            now.asked = true;
            self.fetches.send_modify(|fetches| fetches.asked = true);
            self.wanted.notify_one();
        }
        // One that is under way may have begun before the issuer had the key, so who asks waits for the one after it.
        let until = now.begun + u64::from(now.asked);
        // Whoever waits in vain goes on with the keys at hand.
        let _in_vain = timeout(WAITING, fetches.wait_for(|fetches| fetches.ended >= until)).await;
    }

    fn may_ask(&self) -> bool {
        let now = self.clock.instant();
        let mut asked = lock(&self.asked);
        let may = asked.is_none_or(|last| now.since(last) >= BETWEEN_ASKED);
        if may {
            *asked = Some(now);
        }
        may
    }

    /// The keys to use from now on, with their age.
    pub(super) fn hold(&self, keys: Arc<KeySet>, age: Duration) {
        let at = self.clock.instant();
        self.held.store(Some(Arc::new(Held { keys, age, at })));
    }

    /// A fetch begins.
    pub(super) fn fetch_begins(&self) {
        self.fetches.send_modify(|fetches| {
            fetches.begun += 1;
            fetches.asked = false;
        });
    }

    /// A fetch has ended so. Returns whether that is another end than the last one's.
    pub(super) fn fetch_ended(&self, end: Result<(), String>) -> bool {
        self.answers.store(end.is_ok(), Ordering::Relaxed);
        let is_new = {
            let (mut fares, now) = (lock(&self.fares), self.clock.now());
            fares.probed_at = Some(now);
            if end.is_ok() {
                fares.last_success = Some(now);
            }
            let is_new = fares.last.as_ref().map(Result::is_ok) != Some(end.is_ok());
            if is_new {
                fares.since = now;
            }
            fares.last = Some(end);
            is_new
        };
        self.fetches.send_modify(|fetches| fetches.ended += 1);
        is_new
    }

    /// Until somebody asks for newer keys, at most so long.
    pub(super) async fn pause(&self, longest: Duration) {
        let _over = timeout(longest, self.wanted.notified()).await;
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn why_no_keys(&self) -> String {
        match &lock(&self.fares).last {
            Some(Err(why)) => format!("there are no keys that may be used: {why}"),
            _ => "there are no keys yet".to_owned(),
        }
    }

    fn health(&self) -> Health {
        let Fares {
            last,
            since,
            last_success,
            probed_at,
        } = lock(&self.fares).clone();
        let (status, error) = match last {
            None => (ProviderStatus::Connecting, String::new()),
            Some(Ok(())) => (ProviderStatus::Connected, String::new()),
            Some(Err(why)) => (ProviderStatus::Disconnected, format!("{why}; {}", self.how_old())),
        };
        Health {
            last_success,
            probed_at,
            ..Health::of(status, error, since)
        }
    }

    fn how_old(&self) -> String {
        let Some(held) = self.held.load_full() else {
            return "there are no keys".to_owned();
        };
        let (age, longest) = (self.age_of(&held), self.max_stale.as_secs());
        let is = if self.may_use(&held) {
            "are used"
        } else {
            "are used no more"
        };
        format!(
            "keys of {} s ago {is}, at most for {longest} s (`max_stale`)",
            age.as_secs()
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

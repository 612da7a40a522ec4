//! The way to one backend: the only one, with everything on it that keeps a bad backend from harming others.

use std::sync::Arc;

use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::breaker::{Breaker, Sign};
use super::cache::{CacheSettings, Remembered};
use super::gate::Gate;
use super::prober;
use super::settings::{ReachSettings, Times};
use super::source::{Found, Source};
use crate::auth::{AuthenticatorKey, Clock, Credentials, Health, ProviderError, Reason, Usage};
use crate::backends::Context;
use crate::backends::template::Placeholder;

/// The way to one backend. Dropping it ends its probes.
pub(in crate::backends) struct Reach<S: Source> {
    shared: Arc<Shared<S>>,
    gate: Gate,
    remembered: Option<(CacheSettings, Remembered<S>)>,
    /// Clients that bring nothing for one of these are nobody's business here.
    needed: Vec<Placeholder>,
    _prober: AbortOnDropHandle<()>,
}

/// What logins and the prober have in common.
pub(super) struct Shared<S> {
    pub(super) source: S,
    pub(super) breaker: Breaker,
    pub(super) times: Times,
    pub(super) clock: Arc<dyn Clock>,
}

/// Tells the breaker if a question is dropped before its end, which is how a caller's deadline shows here.
struct Unfinished<'a>(Option<&'a Breaker>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(breaker) = self.0 {
            breaker.given_up();
        }
    }
}

impl<S: Source> Reach<S> {
    /// Begins to probe. Must be called within a runtime.
    pub(in crate::backends) fn open(
        key: &AuthenticatorKey,
        source: S,
        settings: &ReachSettings,
        context: &Context,
    ) -> Result<Self, ProviderError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| {
            ProviderError::new(
                Reason::BackendUnavailable,
                "there is no runtime to probe the backend in",
            )
        })?;
        let inputs = source.inputs();
        let remembered = match &settings.cache {
            Some(cache) => Some((cache.clone(), Remembered::new(cache, inputs.clone())?)),
            None => None,
        };
        let shared = Arc::new(Shared {
            source,
            breaker: Breaker::new(context.clock.now()),
            times: settings.times,
            clock: Arc::clone(&context.clock),
        });
        let prober = runtime.spawn(prober::run(key.clone(), Arc::clone(&shared)));
        Ok(Self {
            shared,
            gate: Gate::new(settings.places),
            remembered,
            needed: if settings.skip_if_missing { inputs } else { Vec::new() },
            _prober: AbortOnDropHandle::new(prober),
        })
    }

    /// What the client lacks that the question needs, where the settings make that a reason not to ask.
    pub(in crate::backends) fn lacks(&self, credentials: &Credentials) -> Option<&Placeholder> {
        self.needed.iter().find(|input| input.value(credentials).is_none())
    }

    /// Asks about a client, or remembers.
    pub(in crate::backends) async fn ask(&self, credentials: &Credentials) -> Result<Found<S::Answer>, ProviderError> {
        let Some((settings, remembered)) = &self.remembered else {
            return Ok(Found {
                answer: Arc::new(self.ask_now(credentials).await?),
                is_remembered: false,
            });
        };
        let asked = remembered.get(settings, credentials, self.ask_now(credentials));
        let (answer, is_remembered) = asked.await?;
        if is_remembered {
            credentials.notes.note(|| "the answer was remembered".to_owned());
        }
        Ok(Found { answer, is_remembered })
    }

    /// Asks again, because what is remembered turns a client away who may be right by now.
    pub(in crate::backends) async fn ask_anew(
        &self,
        credentials: &Credentials,
    ) -> Result<Found<S::Answer>, ProviderError> {
        if let Some((_, remembered)) = &self.remembered {
            remembered.forget(credentials).await;
        }
        self.ask(credentials).await
    }

    async fn ask_now(&self, credentials: &Credentials) -> Result<S::Answer, ProviderError> {
        let Shared {
            source,
            breaker,
            times,
            clock,
        } = &*self.shared;
        breaker.pass()?;
        let mut unfinished = Unfinished(Some(breaker));
        let notes = &credentials.notes;
        let asked = timeout(times.ask, async {
            let waiting = notes.time("waited for its turn");
            let turn = self.gate.enter().await;
            waiting.end();
            let _turn = turn?;
            // Others may have found out while this one waited.
            breaker.pass()?;
            let asking = notes.time("asked");
            let answer = source.ask(credentials).await;
            asking.end();
            answer
        });
        let asked = asked.await.unwrap_or_else(|_| {
            let why = format!("no answer within {:?}", times.ask);
            Err(ProviderError::new(Reason::BackendTimeout, why))
        });
        unfinished.0 = None;
        match &asked {
            Ok(_) => breaker.asked(Sign::Alive, &**clock),
            Err(error) if is_the_backends(error) => breaker.asked(Sign::Dead(error.detail.clone()), &**clock),
            Err(_) => {}
        }
        asked
    }

    /// How the backend fares on this node.
    pub(in crate::backends) fn health(&self) -> Health {
        self.shared.breaker.health()
    }

    /// How much of the way is taken.
    pub(in crate::backends) fn usage(&self) -> Usage {
        let taken = self.gate.taken();
        Usage {
            asking: taken.asking as u64,
            waiting: taken.waiting as u64,
            cache: self.remembered.as_ref().map(|(_, remembered)| remembered.figures()),
        }
    }

    /// Forgets every answer.
    pub(in crate::backends) fn purge(&self) {
        if let Some((_, remembered)) = &self.remembered {
            remembered.purge();
        }
    }
}

/// Whether the backend is to blame, and not what a client sent.
fn is_the_backends(error: &ProviderError) -> bool {
    matches!(error.reason, Reason::BackendUnavailable | Reason::BackendTimeout)
}

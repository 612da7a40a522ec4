//! Gives up on a provider when its time is over: the deadline that `auth` asks for but cannot keep, having no runtime.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{BoxFuture, Credentials, Health, Provider, ProviderError, Reason, Usage, Verdict};

/// A provider with a deadline.
pub(super) struct Timed {
    provider: Arc<dyn Provider>,
    limit: Duration,
}

impl Timed {
    /// No limit given (zero) means the provider's own.
    pub(super) fn new(provider: Arc<dyn Provider>, limit: Duration) -> Self {
        let limit = if limit.is_zero() { provider.timeout() } else { limit };
        Self { provider, limit }
    }
}

impl Provider for Timed {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(async move {
            let decision = tokio::time::timeout(self.limit, self.provider.authenticate(credentials));
            decision.await.unwrap_or_else(|_| {
                Err(ProviderError::new(
                    self.provider.timed_out(),
                    format!("no decision within {:?}", self.limit),
                ))
            })
        })
    }

    fn follow_up(&self, credentials: &Credentials, verdict: &Verdict) {
        self.provider.follow_up(credentials, verdict);
    }

    fn speaks(&self, auth_method: &str) -> bool {
        self.provider.speaks(auth_method)
    }

    fn health(&self) -> Health {
        self.provider.health()
    }

    fn usage(&self) -> Usage {
        self.provider.usage()
    }

    fn purge(&self) {
        self.provider.purge();
    }

    fn timed_out(&self) -> Reason {
        self.provider.timed_out()
    }

    fn timeout(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::Timed;
    use crate::auth::{BoxFuture, Credentials, Health, Provider, ProviderError, Reason, Timestamp, Verdict};

    struct Silent;

    impl Provider for Silent {
        fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
            Box::pin(pending())
        }

        fn health(&self) -> Health {
            Health::connected(Timestamp(0))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_provider_times_out_as_a_failure() {
        let timed = Timed::new(Arc::new(Silent), Duration::from_millis(250));
        let error = timed.authenticate(&Credentials::default()).await.unwrap_err();
        assert_eq!(
            (error.reason, &*error.detail),
            (Reason::BackendTimeout, "no decision within 250ms")
        );
        assert_eq!(
            Timed::new(Arc::new(Silent), Duration::ZERO).timeout(),
            Duration::from_secs(5)
        );
    }

    /// Takes note of what it is told, and has a reason of its own for being late.
    #[derive(Default)]
    struct Attentive(AtomicUsize);

    impl Provider for Attentive {
        fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
            Box::pin(pending())
        }

        fn follow_up(&self, _credentials: &Credentials, _verdict: &Verdict) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn health(&self) -> Health {
            Silent.health()
        }

        fn timed_out(&self) -> Reason {
            Reason::Overloaded
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_provider_has_to_say_of_itself_is_passed_on() {
        let attentive = Arc::new(Attentive::default());
        let timed = Timed::new(Arc::clone(&attentive) as Arc<dyn Provider>, Duration::from_millis(250));
        let error = timed.authenticate(&Credentials::default()).await.unwrap_err();
        assert_eq!(
            (error.reason, timed.timed_out()),
            (Reason::Overloaded, Reason::Overloaded)
        );
        timed.follow_up(&Credentials::default(), &Verdict::Allow(Box::default()));
        assert_eq!(attentive.0.load(Ordering::Relaxed), 1);
    }
}

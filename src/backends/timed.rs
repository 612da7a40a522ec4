//! Gives up on a provider when its time is over: the deadline that `auth` asks for but cannot keep, having no runtime.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::{BoxFuture, Credentials, Health, Provider, ProviderError, Reason, Verdict};

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
                    Reason::BackendTimeout,
                    format!("no decision within {:?}", self.limit),
                ))
            })
        })
    }

    fn speaks(&self, auth_method: &str) -> bool {
        self.provider.speaks(auth_method)
    }

    fn health(&self) -> Health {
        self.provider.health()
    }

    fn timeout(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use super::Timed;
    use crate::auth::{
        BoxFuture, Credentials, Health, Provider, ProviderError, ProviderStatus, Reason, Timestamp, Verdict,
    };

    struct Silent;

    impl Provider for Silent {
        fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
            Box::pin(pending())
        }

        fn health(&self) -> Health {
            Health {
                status: ProviderStatus::Connected,
                error: String::new(),
                since: Timestamp(0),
            }
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
}

//! Asks a provider only about the clients that its precondition names.

use std::sync::Arc;
use std::time::Duration;

use super::expression::Precondition;
use crate::auth::{BoxFuture, Credentials, Health, Provider, ProviderError, Reason, Usage, Verdict};

/// A provider with a precondition.
pub(super) struct Conditional {
    provider: Arc<dyn Provider>,
    precondition: Precondition,
}

impl Conditional {
    pub(super) fn new(provider: Arc<dyn Provider>, precondition: Precondition) -> Self {
        Self { provider, precondition }
    }
}

impl Provider for Conditional {
    /// A precondition without a value is a failure: whoever could provoke it must not get past the provider by that.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(async move {
            match self.precondition.holds(credentials) {
                Ok(true) => self.provider.authenticate(credentials).await,
                Ok(false) => Ok(Verdict::ignore(Reason::PreconditionFalse)),
                Err(trouble) => Err(ProviderError::new(
                    Reason::PreconditionError,
                    format!("the precondition has no value: {trouble}"),
                )),
            }
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
        self.provider.timeout()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::Arc;
    use std::time::Duration;

    use super::Conditional;
    use crate::auth::{
        BoxFuture, Credentials, Health, Provider, ProviderError, ProviderStatus, Reason, Timestamp, Verdict,
    };
    use crate::backends::expression::Precondition;

    /// Lets everybody in, so that only the precondition can keep somebody out.
    struct Generous;

    impl Provider for Generous {
        fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
            Box::pin(ready(Ok(Verdict::Allow(Box::default()))))
        }

        fn speaks(&self, auth_method: &str) -> bool {
            auth_method == "PLAIN"
        }

        fn health(&self) -> Health {
            Health::of(ProviderStatus::Connecting, "soon".to_owned(), Timestamp(7))
        }

        fn timeout(&self) -> Duration {
            Duration::from_millis(123)
        }
    }

    fn conditional(precondition: &str) -> Conditional {
        Conditional::new(Arc::new(Generous), Precondition::compile(precondition).unwrap())
    }

    async fn ask(precondition: &str) -> Result<Verdict, ProviderError> {
        let credentials = Credentials {
            username: "ada".to_owned(),
            ..Credentials::default()
        };
        conditional(precondition).authenticate(&credentials).await
    }

    #[tokio::test]
    async fn true_asks_false_skips_and_an_error_is_a_failure() {
        for holds in ["true", "username == 'ada'", "concat('tr', 'ue')"] {
            assert!(matches!(ask(holds).await, Ok(Verdict::Allow(_))), "{holds}");
        }
        for fails in ["false", "username == 'eve'", "username", "zone", "'TRUE'"] {
            assert_eq!(
                ask(fails).await,
                Ok(Verdict::ignore(Reason::PreconditionFalse)),
                "{fails}"
            );
        }
        for without_value in ["1", "client_attrs.tns == ''", "username < 1"] {
            let error = ask(without_value).await.unwrap_err();
            assert_eq!(error.reason, Reason::PreconditionError, "{without_value}");
            assert!(
                error.detail.starts_with("the precondition has no value: "),
                "{}",
                error.detail
            );
        }
    }

    #[test]
    fn the_rest_is_the_providers() {
        let conditional = conditional("false");
        assert!(conditional.speaks("PLAIN") && !conditional.speaks("OTHER"));
        assert_eq!(conditional.health(), Generous.health());
        assert_eq!(conditional.timeout(), Duration::from_millis(123));
    }
}

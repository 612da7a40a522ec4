//! Asks a provider only about the clients that its precondition names.

use std::sync::Arc;
use std::time::Duration;

use super::expression::Precondition;
use crate::auth::{BoxFuture, Credentials, Health, Provider, ProviderError, Reason, Verdict};

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

    fn speaks(&self, auth_method: &str) -> bool {
        self.provider.speaks(auth_method)
    }

    fn health(&self) -> Health {
        self.provider.health()
    }

    fn timeout(&self) -> Duration {
        self.provider.timeout()
    }
}

//! What stands in a chain for an authenticator that is not running: switched off, or not to be opened on this node. It is never
//! absent, because a chain without it might let in whom it would have kept out.

use std::future::ready;

use crate::auth::{
    BoxFuture, Credentials, Health, Provider, ProviderError, ProviderStatus, Reason, Timestamp, Verdict,
};

/// Fails every login.
pub(super) struct Closed {
    error: ProviderError,
    health: Health,
}

impl Closed {
    /// For one that is switched off.
    pub(super) fn disabled(since: Timestamp) -> Self {
        let error = ProviderError::new(Reason::Disabled, "the authenticator is switched off");
        Self {
            error,
            health: Health::of(ProviderStatus::Disabled, String::new(), since),
        }
    }

    /// For one that could not be opened.
    pub(super) fn broken(error: ProviderError, since: Timestamp) -> Self {
        let health = Health::of(ProviderStatus::Disconnected, error.to_string(), since);
        Self { error, health }
    }
}

impl Provider for Closed {
    fn authenticate<'a>(&'a self, _credentials: &'a Credentials) -> BoxFuture<'a, Result<Verdict, ProviderError>> {
        Box::pin(ready(Err(self.error.clone())))
    }

    /// Every method, so that asking for one does not get a client past it.
    fn speaks(&self, _auth_method: &str) -> bool {
        true
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

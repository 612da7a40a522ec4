//! PORT: a place beyond this process that knows something about clients.

use std::future::Future;
use std::sync::Arc;

use crate::auth::{Credentials, ProviderError};
use crate::backends::template::Placeholder;

/// A place beyond this process. It may hang, fail or lie: whoever implements this neither waits for ever by itself nor counts, since
/// [`super::Reach`] drops a question whose time is over. A connection that such a question was using must go with it, or its late
/// answer would be taken for the next one's.
pub(in crate::backends) trait Source: Send + Sync + 'static {
    /// What it says of a client.
    type Answer: Send + Sync + 'static;

    /// What of a client it uses: its answers depend on nothing else.
    fn inputs(&self) -> Vec<Placeholder>;

    /// Asks about a client. [`crate::auth::Reason::BackendUnavailable`] and `BackendTimeout` mean that the place itself does not
    /// answer; whatever a client could bring about by what it sends is a `BackendBadResponse`. What it finds is worth a note among
    /// those of the client, which tells operators names but no values.
    fn ask<'a>(
        &'a self,
        credentials: &'a Credentials,
    ) -> impl Future<Output = Result<Self::Answer, ProviderError>> + Send + 'a;

    /// Whether an answer turns the client away, and so is remembered less long.
    fn turns_away(answer: &Self::Answer) -> bool;

    /// Asks what harms nobody, as an ordinary question would be asked. An error is for operators and free of secrets.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send + '_;
}

/// An answer and how it was come by.
pub(in crate::backends) struct Found<A> {
    /// What the backend said, now or earlier.
    pub(in crate::backends) answer: Arc<A>,
    /// It was remembered.
    pub(in crate::backends) is_remembered: bool,
}

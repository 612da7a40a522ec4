//! The walk: authenticator after authenticator until a verdict. The only chain semantics in the house. CONTRACT STUB.

use std::sync::Arc;
use std::time::Duration;

use super::authenticator::OnFailure;
use super::clock::Clock;
use super::credentials::Credentials;
use super::provider::Provider;
use super::reason::Reason;
use super::settings::NoAuthenticator;
use super::tally::Tally;
use super::verdict::{Challenge, Identity};

/// One authenticator of a chain in force.
pub struct Link {
    /// Its id.
    pub id: String,
    /// Whether it is asked.
    pub enabled: bool,
    /// Password mechanism: needs a password, and takes no part in enhanced authentication.
    pub needs_password: bool,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// How long it may take.
    pub timeout: Duration,
    /// Its running instance.
    pub provider: Arc<dyn Provider>,
    /// Its counters.
    pub tally: Arc<Tally>,
}

/// An ordered list of authenticators.
#[derive(Default)]
pub struct Chain {
    /// In the order they are asked.
    pub links: Vec<Link>,
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Let it in.
    Allow(Box<Identity>),
    /// Do not.
    Deny(Reason),
    /// One more step.
    Continue(Challenge),
}

/// A decision with who made it and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the client gets; the exact reason.
    pub outcome: Outcome,
    /// Who decided; empty: the end of the chain.
    pub authenticator: String,
    /// The trace, one step per link; the links after the decision are `NotReached`.
    pub steps: Vec<Step>,
}

/// What came of asking one authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepVerdict {
    /// It allowed.
    Allowed,
    /// It denied.
    Denied,
    /// It does not know the client.
    NotFound,
    /// It was not asked.
    Skipped,
    /// It could not decide.
    Failed,
    /// It wants one more step.
    Continues,
    /// Somebody before it decided.
    NotReached,
}

/// One link's part in a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub authenticator: String,
    /// What came of it.
    pub verdict: StepVerdict,
    /// Why.
    pub reason: Option<Reason>,
    /// For operators; free of secrets.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}

impl Chain {
    /// Walks the chain. `counted` is false for Explain. Deadlines are the providers' own affair through `Link::timeout`, which the
    /// caller's runtime enforces by the future that `timeout` makes of another.
    pub async fn decide(
        &self,
        _credentials: &Credentials,
        _no_authenticator: NoAuthenticator,
        _clock: &dyn Clock,
        _counted: bool,
    ) -> Decision {
        todo!()
    }
}

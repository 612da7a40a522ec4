//! The walk: authenticator after authenticator until a verdict. The only chain semantics in the house.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::authenticator::OnFailure;
use super::clock::{Clock, Instant};
use super::credentials::Credentials;
use super::notes::Notes;
use super::provider::{BoxFuture, Provider, ProviderError};
use super::reason::Reason;
use super::settings::NoAuthenticator;
use super::tally::{Came, Tally};
use super::verdict::{Challenge, Denial, Finding, Identity, Verdict};

/// One authenticator of a chain in force.
#[derive(Clone)]
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
    /// What an exchange that ends in a denial tells the client.
    pub last_message: Vec<u8>,
    /// The trace, one step per link; the links after the decision are `NotReached`.
    pub steps: Vec<Step>,
}

/// What came of asking one authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl StepVerdict {
    /// Its name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "ALLOWED",
            Self::Denied => "DENIED",
            Self::NotFound => "NOT_FOUND",
            Self::Skipped => "SKIPPED",
            Self::Failed => "FAILED",
            Self::Continues => "CONTINUES",
            Self::NotReached => "NOT_REACHED",
        }
    }

    /// Whether the authenticator was asked at all.
    pub const fn was_asked(self) -> bool {
        !matches!(self, Self::Skipped | Self::NotReached)
    }
}

/// One link's part in a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Walks the chain, and counts. `deadline` comes when the time of whoever asks is over: who has not answered then has failed, so
    /// that it is counted and named. The providers' own times are their own affair: this room knows no runtime, so whoever opens
    /// one wraps it in one that gives up after [`Link::timeout`].
    pub async fn decide(
        &self,
        credentials: &Credentials,
        no_authenticator: NoAuthenticator,
        clock: &dyn Clock,
        deadline: impl Future<Output = ()> + Send,
    ) -> Decision {
        self.walk(credentials, no_authenticator, clock, pin!(deadline), true)
            .await
    }

    /// The same walk for an operator: nothing is counted, and what was noted on the way stands in the steps.
    pub async fn explain(
        &self,
        credentials: &Credentials,
        no_authenticator: NoAuthenticator,
        clock: &dyn Clock,
        deadline: impl Future<Output = ()> + Send,
    ) -> Decision {
        self.walk(credentials, no_authenticator, clock, pin!(deadline), false)
            .await
    }

    async fn walk(
        &self,
        credentials: &Credentials,
        no_authenticator: NoAuthenticator,
        clock: &dyn Clock,
        mut deadline: Deadline<'_>,
        is_counted: bool,
    ) -> Decision {
        let mut walk = Walk::default();
        for link in &self.links {
            if walk.decided.is_some() {
                walk.steps.push(Step::new(link, StepVerdict::NotReached));
                continue;
            }
            if let Some(reason) = link.why_skipped(credentials) {
                walk.steps.push(Step::new(link, StepVerdict::Skipped).because(reason));
                continue;
            }
            let begun = clock.instant();
            let answer = in_time(link.provider.authenticate(credentials), deadline.as_mut()).await;
            let ended = clock.instant();
            let took = ended.since(begun);
            if is_counted {
                link.count(credentials, &answer, took, ended);
            }
            walk.take(link, answer, took, &credentials.notes);
        }
        let nobody_asked = !self.links.iter().any(|link| link.enabled);
        walk.is_answer = !credentials.exchange.is_empty();
        walk.conclude(nobody_asked.then_some(no_authenticator))
    }
}

/// What comes when the time of whoever asks is over.
type Deadline<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

/// The answer, if it comes before the deadline.
async fn in_time(mut asking: BoxFuture<'_, Answer>, mut deadline: Deadline<'_>) -> Answer {
    poll_fn(|context| {
        if let Poll::Ready(answer) = asking.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        deadline.as_mut().poll(context).map(|()| {
            let why = "the caller's time was over before it answered";
            Err(ProviderError::new(Reason::DeadlineExceeded, why))
        })
    })
    .await
}

impl Link {
    /// Why it is not asked about these credentials at all, if so.
    fn why_skipped(&self, credentials: &Credentials) -> Option<Reason> {
        let method = &credentials.auth_method;
        if !self.enabled {
            Some(Reason::Disabled)
        } else if !method.is_empty() && (self.needs_password || !self.provider.speaks(method)) {
            Some(Reason::MethodMismatch)
        } else if self.needs_password && credentials.password.is_none() {
            Some(Reason::MissingCredential)
        } else {
            None
        }
    }
}

impl Link {
    /// Whether the login ends with this error, or the next one is asked. Too much work is this node's own trouble and says
    /// nothing of the client: whoever causes it must not get past an authenticator by it, so it ends the login whatever
    /// `on_failure` says, undecided. So does the end of the caller's time.
    fn ends_with(&self, error: &ProviderError) -> bool {
        let is_undecided = matches!(error.reason, Reason::Overloaded | Reason::DeadlineExceeded);
        self.on_failure == OnFailure::Deny || is_undecided
    }

    fn count(&self, credentials: &Credentials, answer: &Answer, took: Duration, now: Instant) {
        if let Some(came) = came_of(answer) {
            self.tally.record(came, took, now);
        }
        if let Ok(verdict) = answer {
            self.provider.follow_up(credentials, verdict);
        }
    }
}

impl Step {
    fn new(link: &Link, verdict: StepVerdict) -> Self {
        Self {
            authenticator: link.id.clone(),
            verdict,
            reason: None,
            detail: String::new(),
            took: Duration::ZERO,
        }
    }

    fn because(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}

type Answer = Result<Verdict, ProviderError>;

/// Whether a provider that ignores the client for this reason was not concerned at all, which counts as not having been asked.
const fn is_skip(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MissingCredential | Reason::MethodMismatch | Reason::PreconditionFalse | Reason::Disabled
    )
}

/// How an answer is counted; `None`: not at all.
fn came_of(answer: &Answer) -> Option<Came> {
    match answer {
        Ok(Verdict::Allow(_)) => Some(Came::Success),
        Ok(Verdict::Deny(denial)) => Some(Came::Failed(denial.finding.reason)),
        Ok(Verdict::Ignore(why)) => (!is_skip(why.reason)).then_some(Came::NoMatch),
        Ok(Verdict::Continue(_)) => None,
        Err(error) => Some(Came::Failure(error.reason)),
    }
}

/// What has been found out so far.
#[derive(Default)]
struct Walk {
    steps: Vec<Step>,
    decided: Option<(String, Outcome)>,
    last_message: Vec<u8>,
    /// The client answers a challenge, which somebody of this chain must have given.
    is_answer: bool,
    unknown_user: bool,
    failures: bool,
}

impl Walk {
    /// Notes one link's answer, which may be the decision.
    fn take(&mut self, link: &Link, answer: Answer, took: Duration, notes: &Notes) {
        let (verdict, reason, detail, outcome) = match answer {
            Ok(Verdict::Allow(mut identity)) => {
                let detail = std::mem::take(&mut identity.detail);
                (StepVerdict::Allowed, None, detail, Some(Outcome::Allow(identity)))
            }
            Ok(Verdict::Deny(Denial { finding, auth_data })) => {
                self.last_message = auth_data;
                let Finding { reason, detail } = finding;
                (StepVerdict::Denied, Some(reason), detail, Some(Outcome::Deny(reason)))
            }
            Ok(Verdict::Continue(challenge)) => (
                StepVerdict::Continues,
                None,
                String::new(),
                Some(Outcome::Continue(challenge)),
            ),
            Ok(Verdict::Ignore(Finding { reason, detail })) if is_skip(reason) => {
                (StepVerdict::Skipped, Some(reason), detail, None)
            }
            Ok(Verdict::Ignore(Finding { reason, detail })) => {
                self.unknown_user |= reason == Reason::UnknownUser;
                (StepVerdict::NotFound, Some(reason), detail, None)
            }
            Err(error) => {
                self.failures = true;
                let ends = link.ends_with(&error);
                let ProviderError { reason, detail } = error;
                (
                    StepVerdict::Failed,
                    Some(reason),
                    detail,
                    ends.then_some(Outcome::Deny(reason)),
                )
            }
        };
        self.steps.push(Step {
            authenticator: link.id.clone(),
            verdict,
            reason,
            detail: notes.added_to(detail),
            took,
        });
        self.decided = outcome.map(|outcome| (link.id.clone(), outcome));
    }

    /// The decision. `no_authenticator` is given if there was nobody to ask.
    fn conclude(self, no_authenticator: Option<NoAuthenticator>) -> Decision {
        let (authenticator, outcome) = self.decided.unwrap_or_else(|| {
            let outcome = match no_authenticator {
                Some(NoAuthenticator::Allow) => Outcome::Allow(Box::default()),
                Some(NoAuthenticator::Deny) => Outcome::Deny(Reason::NoAuthenticator),
                // Whoever could not be asked might have known the client: it must not be told that its password is wrong.
                None if self.failures => Outcome::Deny(Reason::BackendUnavailable),
                // Folded into "bad username or password" for the client, who could else tell a wrong name from a wrong password.
                None if self.unknown_user => Outcome::Deny(Reason::UnknownUser),
                None if self.is_answer => Outcome::Deny(Reason::ScramBadState),
                None => Outcome::Deny(Reason::NotAuthorized),
            };
            (String::new(), outcome)
        });
        Decision {
            outcome,
            authenticator,
            last_message: self.last_message,
            steps: self.steps,
        }
    }
}

#[cfg(test)]
mod tests;

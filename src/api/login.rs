//! The front door: one decision per request, from what this node has applied.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::answer::{self, Origin};
use super::convert::caller_of;
use super::denials::Denials;
use super::guard::unauthenticated;
use super::presented;
use super::traced::{TracedCall, Traces};
use super::undecided::Undecided;
use crate::auth::{
    Came, Chain, Clock, ClusterSettings, Credentials, Decision, Instant, LiveChains, Notes, Outcome, Tally,
};
use crate::cluster::{Cluster, Freshness, ReadRequirement};
use crate::net::Drain;
use crate::wire::pb::v1;
use crate::wire::pb::v1::login_server::Login;

/// The cluster's settings as they stand; from memory.
pub(crate) type SettingsNow = Arc<dyn Fn() -> Arc<ClusterSettings> + Send + Sync>;

/// What the front door stands on.
pub(crate) struct Door {
    /// Readiness and freshness.
    pub(crate) cluster: Cluster,
    /// The chains in force.
    pub(crate) chains: Arc<LiveChains>,
    /// Puts the chains in force that are declared by now.
    pub(crate) catch_up: Arc<dyn Fn() + Send + Sync>,
    /// The cluster's settings.
    pub(crate) settings: SettingsNow,
    /// Whether there still is an operator of that id: a stream outlives the check of its key.
    pub(crate) is_operator: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Ends the streams.
    pub(crate) drain: Drain,
    /// Deadline of a login that brings none.
    pub(crate) default_timeout: Duration,
    /// Logins of one stream that may be in progress.
    pub(crate) max_pipelined: usize,
    /// Counts whole logins.
    pub(crate) decisions: Arc<Tally>,
    /// Logs denials.
    pub(crate) denials: Denials,
    /// Is told of every login that ended, if somebody traces them.
    pub(crate) traces: Option<Traces>,
}

/// The `Login` service.
#[derive(Clone)]
pub(super) struct LoginService {
    door: Arc<Door>,
    node: Arc<str>,
    /// Whether the warning about chains that let everyone in was given since the last login that some authenticator decided.
    warned: Arc<AtomicBool>,
}

type Answers = Pin<Box<dyn Stream<Item = Result<v1::AuthenticateResponse, Status>> + Send>>;

/// What a walk along the chain came to.
pub(super) struct Decided {
    pub(super) decision: Decision,
    freshness: Freshness,
    detailed: bool,
    /// When the chain was asked.
    pub(super) begun: Instant,
}

impl Decided {
    /// Not if the decision says nothing about the client: the caller should ask again, or ask another node.
    fn settled(self) -> Result<Self, Undecided> {
        match undecidable(&self.decision) {
            Some(undecided) => Err(undecided),
            None => Ok(self),
        }
    }
}

/// What a login is decided by.
struct Ground {
    freshness: Freshness,
    settings: Arc<ClusterSettings>,
    chain: Arc<Chain>,
}

impl LoginService {
    pub(super) fn new(door: Door) -> Self {
        let node = door.cluster.node_id().to_string().into();
        Self {
            door: Arc::new(door),
            node,
            warned: Arc::default(),
        }
    }

    async fn answer(
        &self,
        request: v1::AuthenticateRequest,
        budget: Duration,
        traced: Option<&TracedCall>,
    ) -> Result<v1::AuthenticateResponse, Undecided> {
        let id = request.id;
        let traced = traced.map(|call| (call, call.begin()));
        let decided = self.decide(request, budget).await;
        if let Some((call, begun)) = traced {
            call.end(begun, &decided);
        }
        let decided = decided?.settled()?;
        let origin = Origin {
            node: &self.node,
            freshness: decided.freshness,
        };
        Ok(answer::response(id, decided.decision, decided.detailed, origin))
    }

    async fn decide(&self, request: v1::AuthenticateRequest, budget: Duration) -> Result<Decided, Undecided> {
        let door = &*self.door;
        let deadline = over(budget);
        let requirement = presented::requirement(&request);
        let credentials = presented::credentials(request)?;
        let ground = self.ground(&credentials.listener, requirement, budget).await?;
        let begun = door.clock.instant();
        let decision = ground
            .chain
            .decide(&credentials, ground.settings.no_authenticator, &*door.clock, deadline)
            .await;
        let ended = door.clock.instant();
        if let Some(came) = came_of(&decision) {
            door.decisions.record(came, ended.since(begun), ended);
        }
        self.log(&credentials, &decision, ended);
        Ok(Decided {
            decision,
            freshness: ground.freshness,
            detailed: ground.settings.detailed_reasons,
            begun,
        })
    }

    /// The walk for an operator. Whoever cannot decide is one of its steps.
    async fn explained(
        &self,
        request: v1::AuthenticateRequest,
        budget: Duration,
    ) -> Result<v1::ExplainResponse, Undecided> {
        let door = &*self.door;
        let deadline = over(budget);
        let id = request.id;
        let requirement = presented::requirement(&request);
        let credentials = Credentials {
            notes: Notes::wanted(Arc::clone(&door.clock)),
            ..presented::credentials(request)?
        };
        let ground = self.ground(&credentials.listener, requirement, budget).await?;
        let mut decision = ground
            .chain
            .explain(&credentials, ground.settings.no_authenticator, &*door.clock, deadline)
            .await;
        let steps = std::mem::take(&mut decision.steps);
        let decision = match undecidable(&decision) {
            Some(undecided) => undecided.into_response(id, &self.node),
            None => {
                let origin = Origin {
                    node: &self.node,
                    freshness: ground.freshness,
                };
                answer::response(id, decision, true, origin)
            }
        };
        Ok(v1::ExplainResponse {
            decision: Some(decision),
            steps: steps.into_iter().map(answer::step).collect(),
        })
    }

    async fn ground(
        &self,
        listener: &str,
        requirement: ReadRequirement,
        budget: Duration,
    ) -> Result<Ground, Undecided> {
        let door = &*self.door;
        let freshness = door
            .cluster
            .before_read(requirement, budget)
            .await
            .map_err(|e| Undecided::unable(e.reason, e.why))?;
        let settings = (door.settings)();
        // What this node has applied includes authenticators: without them a login might be let in.
        (door.catch_up)();
        // A listener without a chain, where there is no `global` either, has an empty one.
        let chain = door
            .chains
            .chain(listener)
            .unwrap_or_else(|| Arc::new(Chain::default()));
        Ok(Ground {
            freshness,
            settings,
            chain,
        })
    }

    fn log(&self, credentials: &Credentials, decision: &Decision, now: Instant) {
        let (listener, authenticator) = (&*credentials.listener, &*decision.authenticator);
        match &decision.outcome {
            Outcome::Deny(reason) => self.door.denials.log(credentials, decision, *reason, now),
            Outcome::Continue(_) => tracing::debug!(listener, authenticator, "login continues"),
            Outcome::Allow(_) => {
                tracing::debug!(listener, authenticator, "login allowed");
                self.warn_if_open(listener, authenticator);
            }
        }
    }

    /// Loud, but once: at every login it would only flood the log.
    fn warn_if_open(&self, listener: &str, authenticator: &str) {
        let open = authenticator.is_empty();
        if self.warned.load(Ordering::Relaxed) != open {
            self.warned.store(open, Ordering::Relaxed);
            if open {
                tracing::warn!(
                    listener,
                    "NO AUTHENTICATOR IS ENABLED: every login is allowed; create one, or set `no_authenticator` to deny"
                );
            }
        }
    }
}

/// How a whole login is counted; `None`: an exchange goes on.
fn came_of(decision: &Decision) -> Option<Came> {
    match decision.outcome {
        Outcome::Allow(_) => Some(Came::Success),
        Outcome::Deny(reason) => Some(Came::Failed(reason)),
        Outcome::Continue(_) => None,
    }
}

/// A denial that says nothing about the client: the caller should ask again, or ask another node.
fn undecidable(decision: &Decision) -> Option<Undecided> {
    let Outcome::Deny(exact) = decision.outcome else {
        return None;
    };
    let who = &decision.authenticator;
    exact
        .is_undecided()
        .then(|| Undecided::unable(exact, format!("authenticator `{who}` could not decide: {exact}")))
}

/// Comes when so much time is over: from now on, and not from when somebody waits for it.
fn over(budget: Duration) -> impl Future<Output = ()> + Send {
    let over = timeout(budget, pending::<()>());
    async { drop(over.await) }
}

/// The time a call may take: its `grpc-timeout`, a little less, because at the full time the transport would already have cancelled it.
fn budget(metadata: &MetadataMap, default: Duration) -> Duration {
    let Some(given) = metadata
        .get("grpc-timeout")
        .and_then(|v| v.to_str().ok())
        .and_then(parse_timeout)
    else {
        return default;
    };
    given.saturating_sub((given / 10).min(Duration::from_millis(20)))
}

/// At most eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[tonic::async_trait]
impl Login for LoginService {
    type AuthenticateStreamStream = Answers;

    async fn authenticate(
        &self,
        request: Request<v1::AuthenticateRequest>,
    ) -> Result<Response<v1::AuthenticateResponse>, Status> {
        let budget = budget(request.metadata(), self.door.default_timeout);
        let traced = TracedCall::of(&self.door, "Authenticate", request.metadata());
        self.answer(request.into_inner(), budget, traced.as_ref())
            .await
            .map(Response::new)
            .map_err(Undecided::into_status)
    }

    async fn authenticate_stream(
        &self,
        request: Request<Streaming<v1::AuthenticateRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let drain = self.door.drain.clone();
        let begun = async move { drain.begun().await };
        let (caller, is_operator) = (caller_of(&request)?, self.door.is_operator.clone());
        let traced = TracedCall::of(&self.door, "AuthenticateStream", request.metadata());
        let admitted = request.into_inner().map(move |request| {
            if is_operator(&caller.id) {
                request
            } else {
                Err(unauthenticated("the operator of this API key was deleted"))
            }
        });
        Ok(Response::new(self.pipeline(admitted, begun, traced.map(Arc::new))))
    }

    async fn explain(
        &self,
        request: Request<v1::AuthenticateRequest>,
    ) -> Result<Response<v1::ExplainResponse>, Status> {
        let budget = budget(request.metadata(), self.door.default_timeout);
        self.explained(request.into_inner(), budget)
            .await
            .map(Response::new)
            .map_err(Undecided::into_status)
    }
}

impl LoginService {
    /// Reads no further request while as many as allowed are in progress; `stop` ends the reading, what was read is answered.
    fn pipeline<R, S>(&self, requests: R, stop: S, traced: Option<Arc<TracedCall>>) -> Answers
    where
        R: Stream<Item = Result<v1::AuthenticateRequest, Status>> + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let service = self.clone();
        let budget = self.door.default_timeout;
        let answers = requests
            .take_until(stop)
            .map_ok(move |request| {
                let (service, traced) = (service.clone(), traced.clone());
                async move {
                    let id = request.id;
                    let answered = service.answer(request, budget, traced.as_deref()).await;
                    Ok(answered.unwrap_or_else(|undecided| undecided.into_response(id, &service.node)))
                }
            })
            .try_buffer_unordered(self.door.max_pipelined);
        Box::pin(answers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Reason, TestClock};

    fn with_timeout(value: &str) -> Duration {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", value.parse().unwrap());
        budget(&metadata, Duration::from_secs(5))
    }

    #[test]
    fn a_deadline_of_the_caller_is_kept_with_a_margin() {
        assert_eq!(with_timeout("1S"), Duration::from_millis(980));
        assert_eq!(with_timeout("100m"), Duration::from_millis(90));
        assert_eq!(with_timeout("2M"), Duration::from_millis(119_980));
    }

    #[test]
    fn a_call_without_a_readable_deadline_gets_the_default() {
        for value in ["", "S", "12", "1x", "-1S", "123456789S"] {
            assert_eq!(with_timeout(value), Duration::from_secs(5), "{value}");
        }
    }

    #[test]
    fn a_login_refused_for_load_is_undecided_and_a_wrong_password_is_not() {
        let settled = |reason| {
            let decision = Decision {
                outcome: Outcome::Deny(reason),
                authenticator: "a".into(),
                last_message: Vec::new(),
                steps: vec![],
            };
            let decided = Decided {
                decision,
                freshness: Freshness {
                    revision: 1,
                    staleness: None,
                },
                detailed: false,
                begun: TestClock::at(0).instant(),
            };
            decided.settled().is_ok()
        };
        assert!(!settled(Reason::Overloaded));
        assert!(settled(Reason::BadUsernameOrPassword));
        assert!(settled(Reason::BackendUnavailable));
    }
}

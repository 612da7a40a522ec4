//! Logins as those hear of them who trace them.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::MetadataMap;

use super::login::{Decided, Door};
use super::undecided::Undecided;
use crate::auth::{Clock, Instant, Outcome, TracedLogin};

/// Is told of every login that ended, on the thread that answers it: it must not wait for anything.
pub(crate) type Traces = Arc<dyn Fn(&TracedLogin<'_>) + Send + Sync>;

/// The header by which a caller names its trace.
const TRACEPARENT: &str = "traceparent";

/// A call whose logins are traced: one, or all of a stream.
pub(super) struct TracedCall {
    traces: Traces,
    clock: Arc<dyn Clock>,
    method: &'static str,
    traceparent: String,
}

/// When a login began.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    wall: Duration,
    instant: Instant,
}

impl TracedCall {
    /// `None`, and no work, if nobody traces.
    pub(super) fn of(door: &Door, method: &'static str, metadata: &MetadataMap) -> Option<Self> {
        let traces = door.traces.clone()?;
        let traceparent = metadata.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        Some(Self {
            traces,
            clock: door.clock.clone(),
            method,
            traceparent: traceparent.unwrap_or_default().to_owned(),
        })
    }

    pub(super) fn begin(&self) -> Begun {
        Begun {
            wall: self.clock.since_epoch(),
            instant: self.clock.instant(),
        }
    }

    pub(super) fn end(&self, begun: Begun, decided: &Result<Decided, Undecided>) {
        let mut login = TracedLogin {
            method: self.method,
            traceparent: &self.traceparent,
            began: begun.wall,
            took: self.clock.instant().since(begun.instant),
            before_chain: Duration::ZERO,
            decision: "UNDECIDED",
            reason: None,
            authenticator: "",
            steps: &[],
        };
        match decided {
            Ok(decided) => {
                login.before_chain = decided.begun.since(begun.instant);
                login.authenticator = &decided.decision.authenticator;
                login.steps = &decided.decision.steps;
                (login.decision, login.reason) = match decided.decision.outcome {
                    Outcome::Allow(_) => ("ALLOW", None),
                    Outcome::Continue(_) => ("CONTINUE", None),
                    Outcome::Deny(exact) if exact.is_undecided() => ("UNDECIDED", Some(exact)),
                    Outcome::Deny(exact) => ("DENY", Some(exact)),
                };
            }
            Err(Undecided::Unable { reason, .. }) => login.reason = Some(*reason),
            Err(Undecided::Malformed(_)) => {}
        }
        (self.traces)(&login);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::auth::{Reason, TestClock};

    #[test]
    fn a_login_that_could_not_be_decided_is_told_with_its_time_and_reason() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (kept, clock) = (told.clone(), Arc::new(TestClock::at(5000)));
        let call = TracedCall {
            traces: Arc::new(move |login: &TracedLogin<'_>| {
                let shown = (login.decision, login.reason, login.began, login.took);
                kept.lock().unwrap().push(shown);
            }),
            clock: clock.clone(),
            method: "Authenticate",
            traceparent: String::new(),
        };
        let begun = call.begin();
        clock.advance(Duration::from_millis(7));
        call.end(begun, &Err(Undecided::unable(Reason::Stale, "no quorum")));
        call.end(begun, &Err(Undecided::Malformed(Vec::new())));
        let (began, took) = (Duration::from_secs(5), Duration::from_millis(7));
        let expected = [Some(Reason::Stale), None].map(|reason| ("UNDECIDED", reason, began, took));
        assert_eq!(*told.lock().unwrap(), expected);
    }
}

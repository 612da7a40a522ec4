//! Which logins leave spans, and what the spans say.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, Status, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::super::settings::TraceSettings;
use super::Traces;
use crate::auth::{Reason, Step, StepVerdict, TracedLogin};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED_CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const BEGAN: Duration = Duration::from_secs(1_700_000_000);

#[derive(Clone, Debug, Default)]
struct Collected(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Collected {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().append(&mut batch);
        Ok(())
    }
}

/// The spans that this login leaves, the login's own last.
fn spans(sample_ratio: f64, login: &TracedLogin<'_>) -> Vec<SpanData> {
    let settings = TraceSettings {
        sample_ratio,
        ..TraceSettings::default()
    };
    let collected = Collected::default();
    let traces = Traces::over(collected.clone(), &settings, 1);
    traces.record(login);
    traces.stop(Duration::from_secs(20));
    std::mem::take(&mut *collected.0.lock().unwrap())
}

fn step(authenticator: &str, verdict: StepVerdict, reason: Option<Reason>, millis: u64) -> Step {
    Step {
        authenticator: authenticator.into(),
        verdict,
        reason,
        detail: "only for operators".into(),
        took: Duration::from_millis(millis),
    }
}

fn login<'a>(traceparent: &'a str, steps: &'a [Step]) -> TracedLogin<'a> {
    TracedLogin {
        method: "Authenticate",
        traceparent,
        began: BEGAN,
        took: Duration::from_millis(20),
        before_chain: Duration::from_millis(1),
        decision: "ALLOW",
        reason: None,
        authenticator: "second",
        steps,
    }
}

fn attribute(span: &SpanData, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
}

#[test]
fn a_login_belongs_to_its_callers_trace_with_a_child_for_each_authenticator_that_was_asked() {
    let steps = [
        step("off", StepVerdict::Skipped, Some(Reason::Disabled), 0),
        step("first", StepVerdict::NotFound, Some(Reason::UnknownUser), 5),
        step("second", StepVerdict::Allowed, None, 7),
        step("third", StepVerdict::NotReached, None, 0),
    ];
    let spans = spans(0.0, &login(CALLER, &steps));
    let [first, second, whole] = &spans[..] else {
        panic!("{spans:?}")
    };
    let trace = TraceId::from_hex("0af7651916cd43dd8448eb211c80319c").unwrap();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
    assert_eq!(whole.parent_span_id, SpanId::from_hex("b7ad6b7169203331").unwrap());
    assert_eq!(whole.name, "portcullis.v1.Login/Authenticate");
    assert_eq!(attribute(whole, "rpc.method"), "Authenticate");
    assert_eq!(attribute(whole, "portcullis.decision"), "ALLOW");
    assert_eq!(attribute(whole, "portcullis.authenticator"), "second");
    for (child, id, verdict, reason) in [
        (first, "first", "NOT_FOUND", "UNKNOWN_USER"),
        (second, "second", "ALLOWED", ""),
    ] {
        assert_eq!(child.parent_span_id, whole.span_context.span_id());
        assert_eq!(attribute(child, "portcullis.authenticator"), id);
        assert_eq!(attribute(child, "portcullis.verdict"), verdict);
        assert_eq!(attribute(child, "portcullis.reason"), reason);
    }
    let after = |millis| UNIX_EPOCH + BEGAN + Duration::from_millis(millis);
    assert_eq!((whole.start_time, whole.end_time), (after(0), after(20)));
    assert_eq!((first.start_time, first.end_time), (after(1), after(6)));
    assert_eq!((second.start_time, second.end_time), (after(6), after(13)));
    assert!(!format!("{spans:?}").contains("only for operators"));
}

#[test]
fn a_caller_decides_for_its_own_trace_and_the_ratio_for_others() {
    let traced = |ratio, traceparent| !spans(ratio, &login(traceparent, &[])).is_empty();
    assert!(traced(0.0, CALLER));
    assert!(!traced(1.0, UNSAMPLED_CALLER));
    for nobody in [
        "",
        "nonsense",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    ] {
        assert!(traced(1.0, nobody), "{nobody}");
        assert!(!traced(0.0, nobody), "{nobody}");
    }
}

#[test]
fn a_failure_is_an_error_and_a_denial_is_none() {
    let failed = [step("first", StepVerdict::Failed, Some(Reason::BackendTimeout), 5)];
    let unavailable = TracedLogin {
        decision: "DENY",
        reason: Some(Reason::BackendUnavailable),
        ..login("", &failed)
    };
    let statuses = |login: &TracedLogin<'_>| {
        spans(1.0, login)
            .into_iter()
            .map(|span| span.status)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        statuses(&unavailable),
        [Status::error("BACKEND_TIMEOUT"), Status::error("BACKEND_UNAVAILABLE")]
    );
    let denied = [step(
        "first",
        StepVerdict::Denied,
        Some(Reason::BadUsernameOrPassword),
        5,
    )];
    let denial = TracedLogin {
        decision: "DENY",
        reason: Some(Reason::BadUsernameOrPassword),
        ..login("", &denied)
    };
    assert_eq!(statuses(&denial), [Status::Unset, Status::Unset]);
}

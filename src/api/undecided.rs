//! Why a login gets a status instead of an answer, and how calls are refused: code, reason, metadata, when to try again.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::answer;
use crate::auth::Reason;
use crate::wire::pb::v1;

/// Names this service in every `ErrorInfo`.
const DOMAIN: &str = "portcullis";

/// When a caller that was refused for load or readiness may try again, here or at another node.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A request that could not be decided. Never a DENY: who cannot tell must not pretend to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Undecided {
    /// The request itself is malformed.
    Malformed(Vec<Violation>),
    /// This node cannot decide now.
    Unable {
        /// From the closed list.
        reason: Reason,
        /// For people.
        why: String,
    },
}

/// A field that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Its name in the proto.
    pub(super) field: &'static str,
    /// What would be right.
    pub(super) why: String,
}

impl Undecided {
    /// This node cannot decide now.
    pub(super) fn unable(reason: Reason, why: impl Into<String>) -> Self {
        Self::Unable {
            reason,
            why: why.into(),
        }
    }

    /// The caller's time is over.
    pub(super) fn late() -> Self {
        Self::unable(
            Reason::DeadlineExceeded,
            "the deadline passed before the login was decided",
        )
    }

    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::InvalidArgument,
            Self::Unable {
                reason: Reason::DeadlineExceeded,
                ..
            } => Code::DeadlineExceeded,
            Self::Unable { .. } => Code::Unavailable,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Malformed(violations) => {
                let all: Vec<String> = violations.iter().map(|v| format!("`{}` {}", v.field, v.why)).collect();
                all.join("; ")
            }
            Self::Unable { why, .. } => why.clone(),
        }
    }

    /// As the answer to a unary call.
    pub(super) fn into_status(self) -> Status {
        let message = self.message();
        match self {
            Self::Malformed(violations) => {
                let fields: Vec<_> = violations
                    .into_iter()
                    .map(|v| FieldViolation::new(v.field, v.why))
                    .collect();
                let mut details = error_info("INVALID_ARGUMENT");
                details.set_bad_request(fields);
                Status::with_error_details(Code::InvalidArgument, message, details)
            }
            Self::Unable { reason, .. } => refusal(self.code(), reason.name(), message),
        }
    }

    /// As the answer to one request of a stream, which goes on.
    pub(super) fn into_response(self, id: u64, node: &str) -> v1::AuthenticateResponse {
        let reason = match &self {
            Self::Malformed(_) => v1::Reason::Unspecified,
            Self::Unable { reason, .. } => answer::reason(*reason),
        };
        v1::AuthenticateResponse {
            id,
            node: node.to_owned(),
            error: Some(v1::Undecided {
                code: self.code() as i32,
                reason: reason.into(),
                message: self.message(),
            }),
            ..Default::default()
        }
    }
}

/// A status with its reason; UNAVAILABLE also says when to try again.
pub(super) fn refusal(code: Code, reason: &str, message: impl Into<String>) -> Status {
    let mut details = error_info(reason);
    if code == Code::Unavailable {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    Status::with_error_details(code, message, details)
}

fn error_info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undecidable_login_is_unavailable_with_reason_and_retry() {
        let status = Undecided::unable(Reason::Stale, "no quorum for 400 s").into_status();
        assert_eq!(status.code(), Code::Unavailable);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "STALE");
        assert_eq!(details.error_info().unwrap().domain, "portcullis");
        assert!(details.retry_info().is_some());
    }

    #[test]
    fn a_late_login_is_told_so_and_not_to_retry() {
        let status = Undecided::late().into_status();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.get_error_details().retry_info().is_none());
    }

    #[test]
    fn a_stream_hears_what_the_unary_call_would() {
        let response = Undecided::unable(Reason::Overloaded, "full").into_response(7, "2");
        let error = response.error.unwrap();
        assert_eq!((response.id, error.code), (7, Code::Unavailable as i32));
        assert_eq!(error.reason(), v1::Reason::Overloaded);
        assert_eq!(response.decision, v1::Decision::Unspecified as i32);
    }
}

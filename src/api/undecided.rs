//! Why a login gets a status instead of an answer.

use tonic::{Code, Status};

use super::answer;
use super::status::refused;
use crate::admin::{AdminError, Violation};
use crate::auth::Reason;
use crate::wire::pb::v1;

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

impl Undecided {
    /// This node cannot decide now.
    pub(super) fn unable(reason: Reason, why: impl Into<String>) -> Self {
        Self::Unable {
            reason,
            why: why.into(),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::InvalidArgument,
            Self::Unable {
                reason: Reason::DeadlineExceeded,
                ..
            } => Code::DeadlineExceeded,
            // This node could decide if it had less to do; one that cannot is UNAVAILABLE.
            Self::Unable {
                reason: Reason::Overloaded,
                ..
            } => Code::ResourceExhausted,
            Self::Unable { .. } => Code::Unavailable,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Malformed(violations) => AdminError::Invalid(violations.clone()).to_string(),
            Self::Unable { why, .. } => why.clone(),
        }
    }

    /// As the answer to a unary call.
    pub(super) fn into_status(self) -> Status {
        match self {
            Self::Malformed(violations) => AdminError::Invalid(violations).into(),
            Self::Unable { reason, ref why } => refused(self.code(), reason.name(), why),
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

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

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
    fn a_login_refused_for_load_is_told_so_and_when_to_retry() {
        let status = Undecided::unable(Reason::Overloaded, "full").into_status();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "OVERLOADED");
        assert!(details.retry_info().is_some());
    }

    #[test]
    fn a_late_login_is_told_so_and_not_to_retry() {
        let status = Undecided::unable(Reason::DeadlineExceeded, "late").into_status();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.get_error_details().retry_info().is_none());
    }

    #[test]
    fn a_stream_hears_what_the_unary_call_would() {
        let response = Undecided::unable(Reason::Overloaded, "full").into_response(7, "2");
        let error = response.error.unwrap();
        assert_eq!((response.id, error.code), (7, Code::ResourceExhausted as i32));
        assert_eq!(error.reason(), v1::Reason::Overloaded);
        assert_eq!(response.decision, v1::Decision::Unspecified as i32);
    }
}

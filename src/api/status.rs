//! The only map from what went wrong to a gRPC status.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::admin::{AdminError, Obstacle, Violation};

/// Who gives the reasons.
const DOMAIN: &str = "portcullis";
/// Details travel in a header, which has no room for endless lists.
const TOLD_VIOLATIONS: usize = 32;
/// Bytes of all of them together, and of each one's field and explanation, which may repeat what was sent.
const TOLD_BYTES: usize = 6144;
const LONGEST_TEXT: usize = 512;
/// Bytes of a message that lists them itself; past it their number must do.
const LONGEST_MESSAGE: usize = 2048;

/// When a caller that was refused for load or readiness may try again, here or at another node.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A status with its reason from the closed list; UNAVAILABLE and RESOURCE_EXHAUSTED also say when to try again.
pub(crate) fn refused(code: Code, reason: &str, message: impl Into<String>) -> Status {
    let mut details = ErrorDetails::new();
    if matches!(code, Code::Unavailable | Code::ResourceExhausted) {
        details.set_retry_info(Some(RETRY_AFTER));
    }
    detailed(code, reason, message, HashMap::new(), details)
}

/// A caller whose role does not suffice is told which one it has.
pub(super) fn forbidden(role: &str, message: impl Into<String>) -> Status {
    let metadata = HashMap::from([("role".to_owned(), role.to_owned())]);
    detailed(
        Code::PermissionDenied,
        "PERMISSION_DENIED",
        message,
        metadata,
        ErrorDetails::new(),
    )
}

fn detailed(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    metadata: HashMap<String, String>,
    mut details: ErrorDetails,
) -> Status {
    details.set_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, message, details)
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Self {
        let (code, reason) = code_and_reason(&error);
        let mut details = ErrorDetails::new();
        if let AdminError::Unavailable { retry_after, .. } = &error {
            details.set_retry_info(Some(*retry_after));
        }
        if let AdminError::Invalid(violations) = &error {
            add_violations(&mut details, violations);
        }
        if code == Code::Internal {
            tracing::error!(%error, "an operator's request failed");
        }
        detailed(code, reason, message(&error), metadata(&error), details)
    }
}

fn code_and_reason(error: &AdminError) -> (Code, &'static str) {
    match error {
        AdminError::NotFound { .. } => (Code::NotFound, "NOT_FOUND"),
        AdminError::AlreadyExists { .. } | AdminError::UserExists { .. } => (Code::AlreadyExists, "ALREADY_EXISTS"),
        AdminError::RevisionMismatch { .. } => (Code::Aborted, "REVISION_MISMATCH"),
        AdminError::Invalid(_) => (Code::InvalidArgument, "INVALID_ARGUMENT"),
        AdminError::Precondition(_) => (Code::FailedPrecondition, "FAILED_PRECONDITION"),
        AdminError::Unavailable {
            obstacle: obstacle @ Obstacle::Overloaded,
            ..
        } => (Code::ResourceExhausted, obstacle.name()),
        AdminError::Unavailable { obstacle, .. } => (Code::Unavailable, obstacle.name()),
        AdminError::TooLarge { .. } => (Code::InvalidArgument, "TOO_LARGE"),
        AdminError::Deadline(_) => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        AdminError::Internal(_) => (Code::Internal, "INTERNAL"),
    }
}

/// The violations are listed in the details; the message stays short.
fn message(error: &AdminError) -> String {
    let whole = error.to_string();
    match error {
        AdminError::Invalid(violations) if violations.len() > TOLD_VIOLATIONS || whole.len() > LONGEST_MESSAGE => {
            format!("invalid request: {} violations", violations.len())
        }
        _ => whole,
    }
}

fn metadata(error: &AdminError) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match error {
        AdminError::NotFound { kind, name } | AdminError::AlreadyExists { kind, name } => {
            vec![("kind", kind.clone()), ("name", name.clone())]
        }
        AdminError::UserExists { user_id, authenticator } => vec![
            ("kind", "user".to_owned()),
            ("name", user_id.clone()),
            ("authenticator", authenticator.clone()),
        ],
        AdminError::RevisionMismatch {
            kind,
            name,
            expected,
            actual,
        } => vec![
            ("kind", kind.clone()),
            ("name", name.clone()),
            ("expected", expected.to_string()),
            ("actual", actual.to_string()),
        ],
        AdminError::Unavailable { unknown: true, .. } => vec![("outcome", "unknown".to_owned())],
        AdminError::TooLarge { limit, .. } => vec![("limit", limit.to_string())],
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn add_violations(details: &mut ErrorDetails, violations: &[Violation]) {
    let mut room = TOLD_BYTES;
    for violation in violations.iter().take(TOLD_VIOLATIONS) {
        let (field, why) = (beginning(&violation.field), beginning(&violation.why));
        let Some(left) = room.checked_sub(field.len() + why.len()) else {
            return;
        };
        room = left;
        details.add_bad_request_violation(field, why);
    }
}

fn beginning(text: &str) -> String {
    match text.char_indices().find(|(at, _)| *at >= LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::{Code, Status};
    use tonic_types::StatusExt as _;

    use crate::admin::{AdminError, Obstacle, Violation};

    #[test]
    fn a_revision_mismatch_is_aborted_with_both_revisions() {
        let error = AdminError::RevisionMismatch {
            kind: "user".into(),
            name: "ann".into(),
            expected: 3,
            actual: 8,
        };
        let status = Status::from(error);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (status.code(), info.reason.as_str()),
            (Code::Aborted, "REVISION_MISMATCH")
        );
        assert_eq!(
            (info.domain.as_str(), info.metadata["actual"].as_str()),
            ("portcullis", "8")
        );
    }

    #[test]
    fn of_several_users_the_one_that_exists_is_named_with_its_authenticator() {
        let status = Status::from(AdminError::UserExists {
            user_id: "ann".into(),
            authenticator: "scram".into(),
        });
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (status.code(), info.reason.as_str()),
            (Code::AlreadyExists, "ALREADY_EXISTS")
        );
        assert_eq!(
            (info.metadata["name"].as_str(), info.metadata["authenticator"].as_str()),
            ("ann", "scram")
        );
    }

    #[test]
    fn every_violation_is_listed() {
        let violations = ["a", "b"].map(|field| Violation {
            field: field.into(),
            why: "is bad".into(),
        });
        let status = Status::from(AdminError::Invalid(violations.into()));
        let listed = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((status.code(), listed.len()), (Code::InvalidArgument, 2));
        assert_eq!(
            (listed[1].field.as_str(), listed[1].description.as_str()),
            ("b", "is bad")
        );
    }

    #[test]
    fn without_a_quorum_one_may_retry_and_the_outcome_can_be_unknown() {
        let retry_after = Duration::from_secs(1);
        let (obstacle, why) = (Obstacle::NoQuorum, "no quorum".to_owned());
        let status = Status::from(AdminError::Unavailable {
            obstacle,
            why,
            retry_after,
            unknown: true,
        });
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), info.reason.as_str()), (Code::Unavailable, "NO_QUORUM"));
        assert_eq!(info.metadata["outcome"], "unknown");
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(retry_after));
    }

    #[test]
    fn too_much_work_is_told_apart_from_a_node_that_cannot_answer() {
        let error = AdminError::Unavailable {
            obstacle: Obstacle::Overloaded,
            why: "too many passwords wait to be hashed".into(),
            retry_after: Duration::from_secs(1),
            unknown: false,
        };
        let status = Status::from(error);
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_error_info().unwrap().reason, "OVERLOADED");
        assert!(status.get_details_retry_info().is_some());
    }

    #[test]
    fn many_violations_fit_a_header() {
        let violation = Violation {
            field: "data".into(),
            why: "is bad".into(),
        };
        let status = Status::from(AdminError::Invalid(vec![violation; 5000]));
        assert!(status.details().len() + status.message().len() < 4096);
    }

    #[test]
    fn a_violation_that_repeats_something_endless_fits_a_header() {
        let violation = Violation {
            field: format!("settings.{}", "é".repeat(1 << 20)),
            why: "is unknown".into(),
        };
        let status = Status::from(AdminError::Invalid(vec![violation; 32]));
        let told = status.get_details_bad_request().unwrap().field_violations;
        assert!(told.len() > 5 && told[0].field.ends_with('…'));
        assert!(status.details().len() + status.message().len() < 9000);
    }
}

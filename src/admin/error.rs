//! Why an operator's wish could not be done. One enum for every face.

use std::fmt;
use std::time::Duration;

use crate::auth::Reason;
use crate::backends::Violation;
use crate::cluster::{ClusterError, ReadError};
use crate::hash::HashError;
use crate::store::{Refusal, StoreError};

/// When it makes sense to try again after the cluster could not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What stands in the way of an answer for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No leader, or it has no quorum.
    NoQuorum,
    /// This node is starting or stopping.
    NotReady,
    /// This node has not heard from a quorum for too long.
    Stale,
    /// There is no cluster yet.
    NotInitialized,
    /// Too much work is waiting.
    Overloaded,
}

impl Obstacle {
    /// Its name in the public contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoQuorum => "NO_QUORUM",
            Self::NotReady => "NOT_READY",
            Self::Stale => "STALE",
            Self::NotInitialized => "NOT_INITIALIZED",
            Self::Overloaded => "OVERLOADED",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why it could not be done. `api/status.rs` maps it to a gRPC status, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// There is none.
    #[error("{kind} `{name}` does not exist")]
    NotFound { kind: String, name: String },
    /// There is one.
    #[error("{kind} `{name}` already exists")]
    AlreadyExists { kind: String, name: String },
    /// There is one in that authenticator, of several that were to get it.
    #[error("user `{user_id}` of `{authenticator}` already exists")]
    UserExists { user_id: String, authenticator: String },
    /// Somebody changed it in between.
    #[error("{kind} `{name}` is at revision {actual}, not {expected}")]
    RevisionMismatch {
        kind: String,
        name: String,
        expected: u64,
        actual: u64,
    },
    /// The request can never be done as it is; every violation at once.
    #[error("invalid request: {}", listed(.0))]
    Invalid(Vec<Violation>),
    /// The request is sound, but not in the present state.
    #[error("{0}")]
    Precondition(String),
    /// Not now. `unknown`: the write may still be applied later; retry with the same request id.
    #[error("{why}")]
    Unavailable {
        obstacle: Obstacle,
        why: String,
        retry_after: Duration,
        unknown: bool,
    },
    /// More than fits.
    #[error("{what} has more than {limit} bytes")]
    TooLarge { what: String, limit: usize },
    /// It took too long.
    #[error("deadline exceeded while waiting for {0}")]
    Deadline(String),
    /// This node is at fault.
    #[error("{0}")]
    Internal(String),
}

impl AdminError {
    /// A request with one violation.
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Invalid(vec![violation(field, why)])
    }

    /// Something that is not there.
    pub(super) fn not_found(kind: &str, name: &str) -> Self {
        Self::NotFound {
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// Not now.
    pub(super) fn unavailable(obstacle: Obstacle, why: impl Into<String>) -> Self {
        Self::Unavailable {
            obstacle,
            why: why.into(),
            retry_after: RETRY_AFTER,
            unknown: false,
        }
    }

    /// `Ok` without violations, else all of them.
    pub(super) fn unless_empty(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Self::Invalid(violations))
        }
    }
}

/// One violation.
pub(super) fn violation(field: impl Into<String>, why: impl Into<String>) -> Violation {
    Violation {
        field: field.into(),
        why: why.into(),
    }
}

fn listed(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl From<ClusterError> for AdminError {
    fn from(error: ClusterError) -> Self {
        let why = error.to_string();
        match error {
            ClusterError::NotInitialized => Self::unavailable(Obstacle::NotInitialized, why),
            ClusterError::NotReady(_) => Self::unavailable(Obstacle::NotReady, why),
            ClusterError::NoQuorum { unknown, .. } => Self::Unavailable {
                obstacle: Obstacle::NoQuorum,
                why,
                retry_after: RETRY_AFTER,
                unknown,
            },
            ClusterError::Refused(why) => Self::Precondition(why),
            ClusterError::NoSuchNode(id) => Self::not_found("node", &id.to_string()),
            ClusterError::TooLarge { limit, .. } => Self::TooLarge {
                what: "the change".into(),
                limit,
            },
            ClusterError::Deadline(what) => Self::Deadline(what),
        }
    }
}

impl From<ReadError> for AdminError {
    fn from(error: ReadError) -> Self {
        match error.reason {
            Reason::NotReady => Self::unavailable(Obstacle::NotReady, error.why),
            Reason::Stale => Self::unavailable(Obstacle::Stale, error.why),
            Reason::DeadlineExceeded => Self::Deadline(error.why),
            Reason::Overloaded => Self::unavailable(Obstacle::Overloaded, error.why),
            _ => Self::unavailable(Obstacle::NoQuorum, error.why),
        }
    }
}

impl From<Refusal> for AdminError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AlreadyExists { kind, name } => Self::AlreadyExists { kind, name },
            Refusal::NotFound { kind, name } => Self::NotFound { kind, name },
            Refusal::RevisionMismatch {
                kind,
                name,
                expected,
                actual,
            } => Self::RevisionMismatch {
                kind,
                name,
                expected,
                actual,
            },
            Refusal::Invalid { field, why } => Self::invalid(field, why),
            Refusal::UserExists { user_id, authenticator } => Self::UserExists { user_id, authenticator },
        }
    }
}

impl From<HashError> for AdminError {
    fn from(error: HashError) -> Self {
        let why = error.to_string();
        match error {
            HashError::Overloaded => Self::unavailable(Obstacle::Overloaded, why),
            HashError::Stopped => Self::unavailable(Obstacle::NotReady, why),
            HashError::TooLong { .. } | HashError::Prohibited(_) => Self::invalid("password", why),
            HashError::TooLarge { .. } => Self::invalid("algorithm", why),
            HashError::Unusable(_) | HashError::NoRandomness(_) => Self::Internal(why),
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

//! Why the nodes together could not do it.

use serde::{Deserialize, Serialize};

use crate::auth::Reason;

/// Why a write, a strong read or a change of membership could not be done. Travels between nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ClusterError {
    /// The node belongs to no cluster yet.
    #[error("the cluster is not initialised: run `portcullis cluster init`")]
    NotInitialized,
    /// It is starting or stopping.
    #[error("this node is not ready: {0}")]
    NotReady(String),
    /// No leader, or the leader has no quorum. `unknown`: a write may still be applied later; retry with the same request id.
    #[error("no quorum: {why}")]
    NoQuorum { why: String, unknown: bool },
    /// The change cannot be done.
    #[error("{0}")]
    Refused(String),
    /// No such node.
    #[error("node {0} is not a member")]
    NoSuchNode(u64),
    /// Larger than the limit.
    #[error("the change has {bytes} bytes, the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    /// What was waited for did not come in time.
    #[error("deadline exceeded while waiting for {0}")]
    Deadline(String),
}

/// Why a read may not be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {why}")]
pub struct ReadError {
    /// `NotReady`, `Stale`, `DeadlineExceeded` or `BackendUnavailable` (no quorum for a linearizable read).
    pub reason: Reason,
    /// For people.
    pub why: String,
}

impl ReadError {
    pub(super) fn new(reason: Reason, why: impl Into<String>) -> Self {
        Self {
            reason,
            why: why.into(),
        }
    }
}

/// Why a peer's call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A foreign, wiped or removed node, or a call meant for another.
    #[error("{0}")]
    Identity(String),
    /// This node cannot do it now.
    #[error("{0}")]
    Unable(String),
}

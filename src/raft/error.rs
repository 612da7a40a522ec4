//! Why consensus gave no answer, and how openraft's errors become ours.

use openraft::errors::{
    ClientWriteError, ForwardReason, ForwardToLeader, InitializeError, LinearizableReadError, RaftError,
};
use serde::{Deserialize, Serialize};

use super::types::TypeConfig;

/// Why a proposal (or a change of membership, or a read index) got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ProposeError {
    /// Another node leads, or nobody does.
    #[error("not the leader")]
    NotLeader { leader: Option<u64> },
    /// No quorum answers. For a proposal: whether it will be applied is unknown.
    #[error("no quorum answered in time")]
    NoQuorum,
    /// It is larger than the limit; nothing was proposed.
    #[error("the proposal has {bytes} bytes, the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    /// The change of membership cannot be done.
    #[error("{0}")]
    Refused(String),
    /// Consensus has stopped on this node.
    #[error("consensus has stopped: {0}")]
    Stopped(String),
}

/// What openraft says when it does not do something, in our words.
pub(super) trait Why {
    fn why(self) -> ProposeError;

    /// Whether nothing was tried, only because no majority has confirmed this leader yet. A new leader is in this state for a moment.
    fn is_too_early(&self) -> bool {
        false
    }
}

impl Why for ForwardToLeader<TypeConfig> {
    fn is_too_early(&self) -> bool {
        self.reason == ForwardReason::LeaseExpired
    }

    fn why(self) -> ProposeError {
        match self.reason {
            // It still counts as the leader, but nobody has confirmed that for too long.
            ForwardReason::LeaseExpired => ProposeError::NoQuorum,
            ForwardReason::NotLeader | ForwardReason::LeadershipTransfer => {
                ProposeError::NotLeader { leader: self.leader_id }
            }
        }
    }
}

impl Why for ClientWriteError<TypeConfig> {
    fn is_too_early(&self) -> bool {
        matches!(self, Self::ForwardToLeader(forward) if forward.is_too_early())
    }

    fn why(self) -> ProposeError {
        match self {
            Self::ForwardToLeader(forward) => forward.why(),
            // It was in the log of a leader that lost its place: the next one may have kept it or not.
            Self::LogEntryDiscarded(_) => ProposeError::NoQuorum,
            other => ProposeError::Refused(other.to_string()),
        }
    }
}

impl Why for LinearizableReadError<TypeConfig> {
    fn is_too_early(&self) -> bool {
        matches!(self, Self::ForwardToLeader(forward) if forward.is_too_early())
    }

    fn why(self) -> ProposeError {
        match self {
            Self::ForwardToLeader(forward) => forward.why(),
            Self::QuorumNotEnough(_) => ProposeError::NoQuorum,
        }
    }
}

impl Why for InitializeError<TypeConfig> {
    fn why(self) -> ProposeError {
        match self {
            Self::NotAllowed(_) => ProposeError::Refused("this node already belongs to a cluster".to_owned()),
            Self::NotInMembers(_) => ProposeError::Refused("this node is not among the members".to_owned()),
        }
    }
}

impl<E: Why> Why for RaftError<TypeConfig, E> {
    fn is_too_early(&self) -> bool {
        matches!(self, Self::APIError(error) if error.is_too_early())
    }

    fn why(self) -> ProposeError {
        match self {
            Self::APIError(error) => error.why(),
            Self::Fatal(fatal) => ProposeError::Stopped(fatal.to_string()),
        }
    }
}

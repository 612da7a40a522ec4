//! What only the leader can do, and what became of it: the encoding in which nodes hand such work to each other.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::errors::ClusterError;
use crate::raft::ProposeError;
use crate::store::{Envelope, Outcome};

/// What only the leader can do. Append-only, as nodes of two versions may talk to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// Commit it.
    Write(Envelope),
    /// Add a learner and wait until it has caught up.
    AddNode { id: u64, peer_address: String },
    /// Make a learner a voter.
    PromoteNode { id: u64 },
    /// Remove a node for good.
    RemoveNode { id: u64, by: String },
    /// Hand leadership over.
    Transfer { to: Option<u64> },
}

/// What became of an order. Append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Committed and applied.
    Written(Outcome),
    /// The membership is as ordered.
    Changed,
    /// That node leads now.
    Leads(u64),
    /// Ask that one, if it is known. `proposed`: this node led when it began, so the order may have been taken all the same.
    NotLeader { leader: Option<u64>, proposed: bool },
    /// It was not done, or nobody knows.
    Failed(ClusterError),
}

impl From<ProposeError> for ClusterError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotLeader { .. } => Self::NoQuorum {
                why: "leadership has moved".into(),
                unknown: false,
            },
            ProposeError::NoQuorum => Self::NoQuorum {
                why: error.to_string(),
                unknown: true,
            },
            ProposeError::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            ProposeError::Refused(why) => Self::Refused(why),
            ProposeError::Stopped(why) => Self::NotReady(format!("consensus has stopped: {why}")),
        }
    }
}

impl From<ProposeError> for Answer {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NotLeader { leader } => Self::NotLeader { leader, proposed: true },
            other => Self::Failed(other.into()),
        }
    }
}

impl From<ClusterError> for Answer {
    fn from(error: ClusterError) -> Self {
        Self::Failed(error)
    }
}

/// As it travels.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes, String> {
    postcard::to_stdvec(value)
        .map(Bytes::from)
        .map_err(|e| format!("cannot be encoded: {e}"))
}

/// Back from how it travelled.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| format!("cannot be understood: {e}"))
}

#[cfg(test)]
mod tests {
    use super::{Answer, ClusterError, Order, ProposeError, decode, encode};
    use crate::auth::Timestamp;
    use crate::store::{Command, Envelope, Outcome, Reply};

    #[test]
    fn every_order_arrives_as_it_was_given() {
        let envelope = Envelope {
            at: Timestamp(7),
            by: "root".into(),
            request_id: "r".into(),
            command: Command::RetireNode { id: 3, incarnation: 9 },
        };
        for order in [
            Order::Write(envelope),
            Order::AddNode {
                id: 4,
                peer_address: "h:1".into(),
            },
            Order::PromoteNode { id: 4 },
            Order::RemoveNode {
                id: 4,
                by: "root".into(),
            },
            Order::Transfer { to: None },
        ] {
            assert_eq!(decode::<Order>(&encode(&order).unwrap()), Ok(order));
        }
    }

    #[test]
    fn every_answer_arrives_as_it_was_given() {
        for answer in [
            Answer::Written(Outcome {
                revision: 5,
                reply: Reply::Done,
            }),
            Answer::Changed,
            Answer::Leads(2),
            Answer::NotLeader {
                leader: Some(2),
                proposed: false,
            },
            Answer::Failed(ClusterError::NoQuorum {
                why: "x".into(),
                unknown: true,
            }),
        ] {
            assert_eq!(decode::<Answer>(&encode(&answer).unwrap()), Ok(answer));
        }
    }

    #[test]
    fn a_proposal_without_a_quorum_may_still_be_applied() {
        let answer = Answer::from(ProposeError::NoQuorum);
        assert!(matches!(
            answer,
            Answer::Failed(ClusterError::NoQuorum { unknown: true, .. })
        ));
    }

    #[test]
    fn nonsense_is_not_understood() {
        assert!(decode::<Order>(&[99, 1, 2]).is_err());
    }
}

//! What openraft is told about our types.

use std::{fmt, io};

use bytes::Bytes;
use openraft::alias;
use serde::{Deserialize, Serialize};

use super::codec;
use super::state_machine::StateMachine;
use super::status::Member;
use crate::store::{Envelope, Outcome};

openraft::declare_raft_types!(
    /// Our choice of types.
    pub(super) TypeConfig: D = Proposal, R = Outcome, NodeId = u64, Node = Member,
);

pub(super) type Raft = openraft::Raft<TypeConfig, StateMachine>;
pub(super) type Entry = alias::EntryOf<TypeConfig>;
pub(super) type LogId = alias::LogIdOf<TypeConfig>;
pub(super) type Vote = alias::VoteOf<TypeConfig>;
pub(super) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
pub(super) type Metrics = openraft::RaftMetrics<TypeConfig>;

/// An encoded envelope. It says nothing about its content when it is printed, because openraft prints entries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposal(Bytes);

impl Proposal {
    pub(super) fn new(envelope: &Envelope) -> io::Result<Self> {
        codec::encode(envelope).map(Self)
    }

    pub(super) fn envelope(&self) -> io::Result<Envelope> {
        codec::decode(&self.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proposal of {} bytes", self.0.len())
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The index of an entry as the rest of the house counts: openraft's first entry has index 0, ours 1, because 0 means "none".
pub(super) fn number(log_id: &LogId) -> u64 {
    log_id.index().saturating_add(1)
}

/// [`number`] of what may not be there.
pub(super) fn number_or_zero(log_id: Option<&LogId>) -> u64 {
    log_id.map_or(0, number)
}

//! What consensus looks like from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::{Instant, ServerState};
use serde::{Deserialize, Serialize};

use super::types::{Metrics, StoredMembership, number_or_zero};

/// A member of the cluster, as the replicated membership knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where its peers reach it.
    pub peer_address: String,
    /// Where clients and operators reach it.
    pub api_address: String,
    /// Which life of that node.
    pub incarnation: u64,
}

/// The replicated membership, as of the last one this node has in its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Who votes (in a joint membership: in either half).
    pub voters: BTreeSet<u64>,
    /// Everyone, learners too.
    pub members: BTreeMap<u64, Member>,
}

/// What a node is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Not voting.
    #[default]
    Learner,
    /// Follows.
    Follower,
    /// Stands for election.
    Candidate,
    /// Leads.
    Leader,
}

/// Consensus as this node sees it. Indexes count from 1; 0 says that there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub role: Role,
    /// Raft term.
    pub term: u64,
    /// Who leads, if known.
    pub leader: Option<u64>,
    /// Last entry in its log.
    pub last_log_index: u64,
    /// Last entry applied.
    pub applied_index: u64,
    /// Where its last snapshot stands; 0: none.
    pub snapshot_index: u64,
    /// Entries up to here are gone.
    pub purged_index: u64,
    /// Whether the cluster has been initialised as far as this node knows.
    pub initialized: bool,
    /// The membership.
    pub membership: Membership,
}

/// The status that these metrics show.
pub(super) fn status(metrics: &Metrics) -> Status {
    let membership = membership(&metrics.membership_config);
    Status {
        role: role(metrics.state),
        term: metrics.current_term,
        leader: metrics.current_leader,
        last_log_index: metrics.last_log_index.map_or(0, |index| index.saturating_add(1)),
        applied_index: number_or_zero(metrics.last_applied.as_ref()),
        snapshot_index: number_or_zero(metrics.snapshot.as_ref()),
        purged_index: number_or_zero(metrics.purged.as_ref()),
        initialized: !membership.voters.is_empty(),
        membership,
    }
}

/// Whether this node leads without having heard from a majority for longer than `limit`.
pub(super) fn has_lost_quorum(metrics: &Metrics, limit: Duration) -> bool {
    metrics.state == ServerState::Leader
        && has_other_voters(metrics)
        && metrics
            .last_quorum_acked
            .as_ref()
            .is_some_and(|acked| acked.elapsed() > limit)
}

/// Whether the membership has voters besides this node.
fn has_other_voters(metrics: &Metrics) -> bool {
    metrics.membership_config.voter_ids().any(|voter| voter != metrics.id)
}

/// The other voter whose log is the longest, as far as this leader knows.
pub(super) fn best_successor(metrics: &Metrics) -> Option<u64> {
    let matched = |voter: &u64| {
        let replication = metrics.replication.as_ref()?;
        replication
            .get(voter)
            .and_then(|matched| matched.as_ref().map(openraft::LogId::index))
    };
    metrics
        .membership_config
        .voter_ids()
        .filter(|voter| *voter != metrics.id)
        .max_by_key(matched)
}

fn membership(stored: &StoredMembership) -> Membership {
    Membership {
        voters: stored.voter_ids().collect(),
        members: stored.nodes().map(|(id, member)| (*id, member.clone())).collect(),
    }
}

fn role(state: ServerState) -> Role {
    match state {
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        // A node that is going away votes no more.
        ServerState::Learner | ServerState::Shutdown => Role::Learner,
    }
}

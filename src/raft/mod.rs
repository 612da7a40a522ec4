//! Consensus. The only room that knows openraft. CONTRACT STUB.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::journal::Journal;
use crate::store::{Envelope, Outcome, Store};
use crate::wire::{PeerName, Peers};

/// Timers and limits of consensus.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How often the leader says it is there, in milliseconds.
    pub heartbeat_ms: u64,
    /// A follower stands for election after at least so long without it, in milliseconds.
    pub election_min_ms: u64,
    /// … and at most so long.
    pub election_max_ms: u64,
    /// A snapshot is taken after so many entries …
    pub snapshot_entries: u64,
    /// … or so many bytes of log.
    pub snapshot_bytes: u64,
    /// Entries kept behind a snapshot for followers that are a little late.
    pub keep_entries: u64,
    /// Largest proposal, in bytes.
    pub max_proposal_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat_ms: 150,
            election_min_ms: 750,
            election_max_ms: 1500,
            snapshot_entries: 50_000,
            snapshot_bytes: 64 << 20,
            keep_entries: 10_000,
            max_proposal_bytes: 1 << 20,
        }
    }
}

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

/// Consensus as this node sees it.
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

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Raft index.
    pub index: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// The one handle on consensus. Cheap to clone. Everything in it runs on the raft room's own runtime.
#[derive(Clone, Debug)]
pub struct Handle {
    _stub: Arc<()>,
}

impl Handle {
    /// Starts over journal and store. `snapshots` is the folder of snapshot files. Does not need a cluster yet.
    pub async fn start(
        _settings: &Settings,
        _journal: Journal,
        _store: Store,
        _snapshots: PathBuf,
        _peers: Peers,
    ) -> Result<Self, ProposeError> {
        todo!()
    }

    /// The newest snapshot in the folder that verifies, for `Store::open`. Damaged ones are set aside and named in the log. Blocking.
    pub fn newest_snapshot(_snapshots: &std::path::Path) -> Option<PathBuf> {
        todo!()
    }

    /// Makes a cluster of these voters; once, on one node.
    pub async fn initialize(&self, _members: BTreeMap<u64, Member>) -> Result<(), ProposeError> {
        todo!()
    }

    /// Commits and applies; only the leader can. The outcome is of this node's own apply.
    pub async fn propose(&self, _envelope: Envelope, _timeout: Duration) -> Result<Outcome, ProposeError> {
        todo!()
    }

    /// The index that a linearizable read must wait for; only the leader can, after a quorum has confirmed it. Concurrent calls share
    /// a round.
    pub async fn read_index(&self, _timeout: Duration) -> Result<u64, ProposeError> {
        todo!()
    }

    /// Adds a learner and waits until it has caught up; only the leader can.
    pub async fn add_learner(&self, _id: u64, _member: Member, _timeout: Duration) -> Result<(), ProposeError> {
        todo!()
    }

    /// Makes these the voters; members that are in neither set are dropped unless `keep_learners`. Only the leader can.
    pub async fn change_voters(
        &self,
        _voters: BTreeSet<u64>,
        _keep_learners: bool,
        _timeout: Duration,
    ) -> Result<(), ProposeError> {
        todo!()
    }

    /// Drops a learner; only the leader can.
    pub async fn remove_learner(&self, _id: u64, _timeout: Duration) -> Result<(), ProposeError> {
        todo!()
    }

    /// Hands leadership to `to`, or to the most up-to-date other voter; returns who leads then.
    pub async fn transfer_leadership(&self, _to: Option<u64>, _timeout: Duration) -> Result<u64, ProposeError> {
        todo!()
    }

    /// Takes a snapshot now and purges the log behind it.
    pub async fn take_snapshot(&self, _timeout: Duration) -> Result<SnapshotTaken, ProposeError> {
        todo!()
    }

    /// Consensus as this node sees it. From memory.
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Changes whenever [`Handle::status`] does.
    pub fn watch(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Answers one consensus message of a peer (`kind` and payload are this room's own). `Err`: this node cannot answer now.
    pub async fn receive(&self, _kind: u32, _payload: Bytes) -> Result<Bytes, String> {
        todo!()
    }

    /// Receives a snapshot: `head` is the first chunk's, the file's bytes come over the bounded channel (`None` at its end is
    /// success only after `Ok(())` was the last item's meaning: a broken stream sends `Err`).
    pub async fn receive_snapshot(
        &self,
        _head: Bytes,
        _data: mpsc::Receiver<Result<Bytes, String>>,
    ) -> Result<Bytes, String> {
        todo!()
    }

    /// Resolves with the reason when consensus has failed for good: the process must then exit non-zero.
    pub async fn failed(&self) -> String {
        todo!()
    }

    /// Stops.
    pub async fn shutdown(&self) {
        todo!()
    }

    /// For `Peers`: how a member is reached.
    pub fn peer_name(id: u64, member: &Member) -> PeerName {
        PeerName {
            id,
            address: member.peer_address.clone(),
            incarnation: member.incarnation,
        }
    }
}

//! Who belongs to the cluster: making it, adding, promoting and dropping members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::ChangeMembers;

use super::error::{ProposeError, Why};
use super::handle::Handle;
use super::status::Member;

impl Handle {
    /// Makes a cluster of these voters; once, on one node.
    pub async fn initialize(&self, members: BTreeMap<u64, Member>) -> Result<(), ProposeError> {
        let raft = self.raft().clone();
        let made = self.on_runtime(async move { raft.initialize(members).await.map_err(Why::why) });
        made.await.map_err(ProposeError::Stopped)?
    }

    /// Adds a learner and waits until it has caught up; only the leader can.
    pub async fn add_learner(&self, id: u64, member: Member, timeout: Duration) -> Result<(), ProposeError> {
        let raft = self.raft().clone();
        let attempt = move || {
            let (raft, member) = (raft.clone(), member.clone());
            async move { raft.add_learner(id, member, true).await }
        };
        self.with_quorum(timeout, attempt).await.map(drop)
    }

    /// Makes these the voters; members that are in neither set are dropped unless `keep_learners`. Only the leader can.
    pub async fn change_voters(
        &self,
        voters: BTreeSet<u64>,
        keep_learners: bool,
        timeout: Duration,
    ) -> Result<(), ProposeError> {
        self.change(ChangeMembers::ReplaceAllVoters(voters), keep_learners, timeout)
            .await
    }

    /// Drops a learner; only the leader can.
    pub async fn remove_learner(&self, id: u64, timeout: Duration) -> Result<(), ProposeError> {
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([id])), true, timeout)
            .await
    }

    async fn change(
        &self,
        change: ChangeMembers<u64, Member>,
        keep_learners: bool,
        timeout: Duration,
    ) -> Result<(), ProposeError> {
        let raft = self.raft().clone();
        let attempt = move || {
            let (raft, change) = (raft.clone(), change.clone());
            async move { raft.change_membership(change, keep_learners).await }
        };
        self.with_quorum(timeout, attempt).await.map(drop)
    }
}

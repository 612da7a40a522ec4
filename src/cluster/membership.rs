//! Who is a member: nodes come, are promoted and go. Every change runs on the leader and can be repeated after a failure in the middle.

use std::time::Duration;

use super::errors::ClusterError;
use super::handle::{Cluster, Inner};
use super::orders::{Answer, Order};
use super::writer::unexpected;
use crate::raft::{Member, Membership};
use crate::store::{Command, Reply};
use crate::wire::PeerName;

/// A new node fetches a whole snapshot first.
const JOIN_TIMEOUT: Duration = Duration::from_secs(600);
/// Every other change is a few log entries.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// A node that is asked who it is answers at once.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// The leader has the change; this node hears of it a heartbeat later.
const HEARSAY_TIMEOUT: Duration = Duration::from_secs(2);

impl Cluster {
    /// Adds a learner and waits until it has caught up.
    pub async fn add_node(&self, id: u64, peer_address: &str) -> Result<(), ClusterError> {
        let order = Order::AddNode {
            id,
            peer_address: peer_address.to_owned(),
        };
        self.change(order, JOIN_TIMEOUT, |membership| membership.members.contains_key(&id))
            .await
    }

    /// Makes a learner a voter.
    pub async fn promote_node(&self, id: u64) -> Result<(), ClusterError> {
        self.change(Order::PromoteNode { id }, CHANGE_TIMEOUT, |membership| {
            membership.voters.contains(&id)
        })
        .await
    }

    /// Removes a node and retires its id.
    pub async fn remove_node(&self, id: u64, by: &str) -> Result<(), ClusterError> {
        let order = Order::RemoveNode { id, by: by.to_owned() };
        self.change(order, CHANGE_TIMEOUT, |membership| {
            !membership.members.contains_key(&id)
        })
        .await
    }

    /// Hands leadership over; returns who leads then.
    pub async fn transfer_leadership(&self, to: Option<u64>) -> Result<u64, ClusterError> {
        match self.inner.carry_out(Order::Transfer { to }, CHANGE_TIMEOUT).await? {
            Answer::Leads(leader) => Ok(leader),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the leader change the membership, then waits until this node knows too, so that what is shown next is true.
    async fn change(
        &self,
        order: Order,
        timeout: Duration,
        arrived: impl Fn(&Membership) -> bool,
    ) -> Result<(), ClusterError> {
        match self.inner.carry_out(order, timeout).await? {
            Answer::Changed => {}
            other => return Err(unexpected(&other)),
        }
        let mut changes = self.inner.parts.raft.watch();
        let hearsay = async { while !arrived(&self.membership()) && changes.changed().await.is_ok() {} };
        // A node that was itself removed never hears of it: the change holds all the same.
        let _ = tokio::time::timeout(HEARSAY_TIMEOUT, hearsay).await;
        Ok(())
    }
}

impl Inner {
    /// What each order means on the leader.
    pub(super) async fn execute(&self, order: &Order, left: Duration) -> Answer {
        let done = match order {
            Order::Write(envelope) => return self.propose(envelope, left).await,
            Order::AddNode { id, peer_address } => self.add(*id, peer_address.clone(), left).await,
            Order::PromoteNode { id } => self.promote(*id, left).await,
            Order::RemoveNode { id, by } => self.remove(*id, by, left).await,
            Order::Transfer { to } => self.transfer(*to, left).await,
        };
        done.unwrap_or_else(|not_done| not_done)
    }

    async fn add(&self, id: u64, peer_address: String, left: Duration) -> Result<Answer, Answer> {
        if self.parts.store.is_retired(id) {
            return refused(format!(
                "node {id} was removed and its id is never accepted again; use a new one"
            ));
        }
        let membership = self.parts.raft.status().membership;
        let member = match place(&membership, id, &peer_address) {
            Place::Free => self.invite(id, peer_address).await?,
            // An earlier attempt ended while the node was catching up: wait for that again.
            Place::Learning(member) => member,
            Place::Taken(why) => return refused(why),
        };
        self.parts.raft.add_learner(id, member, left).await?;
        Ok(Answer::Changed)
    }

    /// Makes sure that the right node lives there and that it is free, and gives it this cluster's identity.
    async fn invite(&self, id: u64, peer_address: String) -> Result<Member, Answer> {
        let cluster_id = self.initialized()?;
        let hello = self.parts.peers.hello(&peer_address, HELLO_TIMEOUT).await;
        let hello = hello.map_err(|error| not_invited(id, &peer_address, &error.to_string()))?;
        if hello.node_id != id {
            return Err(not_invited(
                id,
                &peer_address,
                &format!("node {} lives there", hello.node_id),
            ));
        }
        // It has ours already when an earlier attempt ended right after this.
        if !hello.cluster_id.is_empty() && hello.cluster_id != cluster_id {
            return Err(not_invited(id, &peer_address, "it belongs to another cluster"));
        }
        let name = PeerName {
            id,
            address: peer_address,
            incarnation: hello.incarnation,
        };
        let adopted = self.parts.peers.adopt(&name, cluster_id, HELLO_TIMEOUT).await;
        adopted.map_err(|error| not_invited(id, &name.address, &error.to_string()))?;
        Ok(Member {
            peer_address: name.address,
            api_address: hello.api_address,
            incarnation: name.incarnation,
        })
    }

    async fn promote(&self, id: u64, left: Duration) -> Result<Answer, Answer> {
        let mut membership = self.parts.raft.status().membership;
        if !membership.members.contains_key(&id) {
            return Err(ClusterError::NoSuchNode(id).into());
        }
        if self.parts.store.is_retired(id) {
            return refused(format!("node {id} is being removed"));
        }
        // Also when it votes already: an attempt that ended half way leaves a joint membership, which this completes.
        membership.voters.insert(id);
        self.parts.raft.change_voters(membership.voters, true, left).await?;
        Ok(Answer::Changed)
    }

    async fn remove(&self, id: u64, by: &str, left: Duration) -> Result<Answer, Answer> {
        let mut membership = self.parts.raft.status().membership;
        let Some(member) = membership.members.get(&id) else {
            let gone = self.parts.store.is_retired(id);
            return if gone {
                Ok(Answer::Changed)
            } else {
                Err(ClusterError::NoSuchNode(id).into())
            };
        };
        if membership.voters.len() == 1 && membership.voters.contains(&id) {
            return refused(format!("node {id} is the last voter"));
        }
        if id == self.node_id {
            // The next leader removes this one.
            let next = self.parts.raft.transfer_leadership(None, left).await?;
            return Ok(Answer::NotLeader {
                leader: Some(next),
                proposed: false,
            });
        }
        // Retired first: a failure after this leaves a member that can only be removed, and the node itself still hears
        // that it was. The other way round, an id could come back into use.
        self.retire(id, member.incarnation, by, left).await?;
        if membership.voters.remove(&id) {
            self.parts.raft.change_voters(membership.voters, true, left).await?;
        }
        self.parts.raft.remove_learner(id, left).await?;
        Ok(Answer::Changed)
    }

    async fn retire(&self, id: u64, incarnation: u64, by: &str, left: Duration) -> Result<(), Answer> {
        if self.parts.store.is_retired(id) {
            return Ok(());
        }
        let command = Command::RetireNode { id, incarnation };
        match self
            .propose(&self.envelope(by, format!("retire-node:{id}"), command), left)
            .await
        {
            Answer::Written(outcome) => match outcome.reply {
                Reply::Refused(why) => Err(ClusterError::Refused(why.to_string()).into()),
                _ => Ok(()),
            },
            other => Err(other),
        }
    }

    async fn transfer(&self, to: Option<u64>, left: Duration) -> Result<Answer, Answer> {
        if to == Some(self.node_id) {
            return Ok(Answer::Leads(self.node_id));
        }
        let membership = self.parts.raft.status().membership;
        match to {
            Some(id) if !membership.members.contains_key(&id) => return Err(ClusterError::NoSuchNode(id).into()),
            Some(id) if !membership.voters.contains(&id) => return refused(format!("node {id} does not vote")),
            _ => {}
        }
        Ok(Answer::Leads(self.parts.raft.transfer_leadership(to, left).await?))
    }
}

/// What stands where a node is to be added.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Free,
    Learning(Member),
    Taken(String),
}

fn place(membership: &Membership, id: u64, peer_address: &str) -> Place {
    let neighbour = membership
        .members
        .iter()
        .find(|(other, member)| **other != id && member.peer_address == peer_address);
    if let Some((other, _)) = neighbour {
        return Place::Taken(format!("`{peer_address}` is the address of node {other}"));
    }
    match membership.members.get(&id) {
        None => Place::Free,
        Some(_) if membership.voters.contains(&id) => Place::Taken(format!("node {id} is already a voter")),
        Some(member) if member.peer_address == peer_address => Place::Learning(member.clone()),
        Some(member) => Place::Taken(format!("node {id} is already a member, at `{}`", member.peer_address)),
    }
}

fn refused<T>(why: String) -> Result<T, Answer> {
    Err(ClusterError::Refused(why).into())
}

fn not_invited(id: u64, address: &str, why: &str) -> Answer {
    ClusterError::Refused(format!("node {id} at `{address}` cannot be added: {why}")).into()
}

#[cfg(test)]
mod tests {
    use super::{Member, Membership, Place, place};

    #[test]
    fn a_node_is_added_once_and_its_address_is_its_own() {
        let member = |address: &str| Member {
            peer_address: address.into(),
            ..Member::default()
        };
        let membership = Membership {
            voters: [1].into(),
            members: [(1, member("a")), (2, member("b"))].into(),
        };
        assert_eq!(place(&membership, 3, "c"), Place::Free);
        assert_eq!(place(&membership, 2, "b"), Place::Learning(member("b")));
        for (id, address) in [(1, "a"), (2, "c"), (3, "a")] {
            assert!(
                matches!(place(&membership, id, address), Place::Taken(_)),
                "{id} {address}"
            );
        }
    }
}

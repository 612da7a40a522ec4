//! How this node stands in its cluster, from memory: what every page says at its top.

use std::time::Duration;

use super::handle::Admin;

/// A proof of freshness says so long that a quorum is there: as long as it takes to miss a node that tells nothing.
const PROVEN: Duration = Duration::from_secs(3);

/// How this node stands in its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// This node.
    pub node: u64,
    /// Its cluster; empty before `init`.
    pub cluster_id: String,
    /// Who leads; 0: nobody known.
    pub leader: u64,
    /// How many nodes vote.
    pub voters: usize,
    /// How many of them were heard within the last seconds, this one included.
    pub heard: usize,
    /// How old what this node knows can be; `None`: never proven.
    pub staleness: Option<Duration>,
    /// A warning for each chain that lets everybody in.
    pub open_chains: Vec<String>,
    /// The chains that deny everybody.
    pub closed_chains: Vec<String>,
}

impl Standing {
    /// Voters that have to agree.
    pub const fn quorum(&self) -> usize {
        self.voters / 2 + 1
    }

    /// How many voters may fail from now on.
    pub const fn can_lose(&self) -> usize {
        self.heard.saturating_sub(self.quorum())
    }

    /// Whether enough voters are there to decide anything: they were heard, or have just proven how fresh this node is, as they do
    /// before they have told anything else.
    pub fn has_quorum(&self) -> bool {
        let is_proven = self.staleness.is_some_and(|age| age < PROVEN);
        self.voters > 0 && (self.heard >= self.quorum() || is_proven)
    }
}

impl Admin {
    /// How this node stands in its cluster.
    pub fn standing(&self) -> Standing {
        let nodes = self.cluster.gather();
        let this_node = self.cluster.node_id();
        let own = nodes.iter().find(|node| node.id == this_node);
        let voters = nodes.iter().filter(|node| node.voter);
        Standing {
            node: this_node,
            cluster_id: self.cluster.cluster_id().unwrap_or_default(),
            leader: own
                .and_then(|node| node.report.as_ref())
                .map_or(0, |report| report.leader),
            voters: voters.clone().count(),
            heard: voters.filter(|node| node.answered).count(),
            staleness: self.cluster.freshness().staleness,
            open_chains: self.open_chains(),
            closed_chains: self.closed_chains(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Standing};

    fn standing(voters: usize, heard: usize) -> Standing {
        Standing {
            voters,
            heard,
            ..Standing::default()
        }
    }

    #[test]
    fn what_a_cluster_can_lose_is_counted_from_who_is_heard() {
        assert_eq!(standing(3, 3).can_lose(), 1);
        assert_eq!(standing(3, 2).can_lose(), 0);
        assert_eq!(standing(5, 5).can_lose(), 2);
        assert_eq!(standing(3, 1).can_lose(), 0);
    }

    #[test]
    fn whoever_proves_to_be_fresh_has_a_quorum_though_nobody_told_anything_yet() {
        let young = Standing {
            staleness: Some(Duration::from_millis(400)),
            ..standing(3, 1)
        };
        let lost = Standing {
            staleness: Some(Duration::from_secs(4)),
            ..standing(3, 1)
        };
        assert!(young.has_quorum() && !lost.has_quorum());
    }

    #[test]
    fn a_minority_has_no_quorum() {
        assert!(standing(3, 2).has_quorum() && standing(1, 1).has_quorum());
        assert!(!standing(3, 1).has_quorum() && !standing(0, 0).has_quorum());
    }
}

//! The nodes together: do they agree on who leads, on versions and on what they know, and how many may still be lost?

use std::collections::{BTreeMap, BTreeSet};

use super::checkup::Checkup;
use crate::wire::pb::v1::{ListNodesResponse, Node, NodeRole};

const ABOUT: &str = "the cluster";

pub(super) fn examine(found: &ListNodesResponse, checkup: &mut Checkup) {
    let heard: Vec<_> = found.nodes.iter().filter(|node| node.answered).collect();
    quorum(&found.nodes, checkup);
    leader(&heard, checkup);
    versions(&heard, checkup);
    states(&heard, checkup);
}

fn quorum(nodes: &[Node], checkup: &mut Checkup) {
    let voters: Vec<_> = nodes.iter().filter(|node| node.voter).collect();
    let heard = voters.iter().filter(|node| node.answered).count();
    let majority = voters.len() / 2 + 1;
    let found = format!("{heard} of {} voters answer, {majority} are needed", voters.len());
    match heard.checked_sub(majority) {
        None => {
            let advice = "start the silent ones: without a majority nothing can be written";
            checkup.fail("quorum", ABOUT, found, advice);
        }
        Some(0) if voters.len() == 1 => {
            let advice = "add two nodes: `portcullis cluster add`, then `promote`";
            checkup.warn("quorum", ABOUT, format!("{found}: one node alone"), advice);
        }
        Some(0) => {
            let advice = "start the silent ones, or add a node";
            checkup.warn("quorum", ABOUT, format!("{found}: none may be lost"), advice);
        }
        Some(spare) => checkup.ok("quorum", ABOUT, format!("{found}: {spare} may be lost")),
    }
}

fn leader(heard: &[&Node], checkup: &mut Checkup) {
    let term = heard.iter().map(|node| node.term).max().unwrap_or(0);
    let leads = |node: &&&Node| node.role() == NodeRole::Leader && node.term == term;
    let Some(leader) = heard.iter().find(leads) else {
        let advice = "if it stays so, a majority of the voters must run and reach each other's peer ports";
        checkup.fail("leader", ABOUT, "nobody leads: nothing can be written", advice);
        return;
    };
    let others: Vec<_> = heard.iter().filter(|node| node.leader != leader.id).collect();
    if others.is_empty() {
        let found = format!("node {} leads in term {term}, and all agree", leader.id);
        checkup.ok("leader", ABOUT, found);
    } else {
        let found = format!(
            "node {} leads in term {term}, and nodes {} know another or none",
            leader.id,
            ids(&others)
        );
        let advice = "look again in a few seconds; if it stays so, those cannot reach the leader's peer port";
        checkup.warn("leader", ABOUT, found, advice);
    }
}

fn versions(heard: &[&Node], checkup: &mut Checkup) {
    let mut known: BTreeMap<&str, Vec<&&Node>> = BTreeMap::new();
    for node in heard {
        known.entry(&node.version).or_default().push(node);
    }
    let told: Vec<_> = known
        .iter()
        .map(|(version, nodes)| format!("{version} on {}", ids(nodes)))
        .collect();
    let found = told.join(", ");
    if known.len() > 1 {
        checkup.warn("version", ABOUT, found, "bring all nodes to the same version");
    } else {
        checkup.ok("version", ABOUT, found);
    }
}

/// Nodes that have applied the same must hold the same.
fn states(heard: &[&Node], checkup: &mut Checkup) {
    let mut at: BTreeMap<u64, Vec<&&Node>> = BTreeMap::new();
    for node in heard {
        at.entry(node.applied_index).or_default().push(node);
    }
    let mut compared = 0;
    for (index, nodes) in &at {
        let hashes: BTreeSet<_> = nodes.iter().map(|node| &node.state_hash).collect();
        compared += nodes.len().saturating_sub(1);
        if hashes.len() > 1 {
            let found = format!("nodes {} differ, though all have applied revision {index}", ids(nodes));
            let advice =
                "take a backup; remove the node that differs from the majority, empty its folder and add it anew";
            checkup.fail("state", ABOUT, found, advice);
            return;
        }
    }
    checkup.ok(
        "state",
        ABOUT,
        match compared {
            0 => "no two nodes stand at the same revision just now, so nothing can be compared",
            _ => "nodes at the same revision hold the same",
        },
    );
}

fn ids(nodes: &[&&Node]) -> String {
    let ids: Vec<_> = nodes.iter().map(|node| node.id.to_string()).collect();
    ids.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::checkup::State;

    fn node(id: u64) -> Node {
        let role = if id == 1 { NodeRole::Leader } else { NodeRole::Follower };
        Node {
            id,
            voter: true,
            answered: true,
            role: role.into(),
            term: 3,
            leader: 1,
            applied_index: 40,
            state_hash: "aa".into(),
            version: "0.1.0".into(),
            ..Node::default()
        }
    }

    fn states_of(nodes: Vec<Node>) -> Vec<(&'static str, State)> {
        let mut checkup = Checkup::default();
        let found = ListNodesResponse {
            nodes,
            ..ListNodesResponse::default()
        };
        examine(&found, &mut checkup);
        let findings = checkup.findings.into_iter();
        findings.map(|finding| (finding.check, finding.state)).collect()
    }

    fn all_but(check: &'static str, state: State) -> Vec<(&'static str, State)> {
        ["quorum", "leader", "version", "state"]
            .map(|name| (name, if name == check { state } else { State::Ok }))
            .to_vec()
    }

    #[test]
    fn three_that_agree_are_well() {
        assert_eq!(states_of((1..=3).map(node).collect()), all_but("", State::Ok));
    }

    #[test]
    fn it_is_counted_how_many_may_be_lost() {
        let silent = |id| Node {
            answered: false,
            ..node(id)
        };
        let warned = all_but("quorum", State::Warn);
        assert_eq!(states_of(vec![node(1), node(2), silent(3)]), warned);
        assert_eq!(states_of(vec![node(1)]), warned);
        let failed = all_but("quorum", State::Fail);
        assert_eq!(states_of(vec![node(1), silent(2), silent(3)]), failed);
        let learner = Node {
            voter: false,
            ..silent(4)
        };
        assert_eq!(
            states_of(vec![node(1), node(2), node(3), learner]),
            all_but("", State::Ok)
        );
    }

    #[test]
    fn whoever_leads_must_be_known_to_all() {
        let lost = Node { leader: 0, ..node(3) };
        assert_eq!(states_of(vec![node(1), node(2), lost]), all_but("leader", State::Warn));
        assert_eq!(
            states_of(vec![node(2), node(3), node(4)]),
            all_but("leader", State::Fail)
        );
        // Whoever led in an older term has not heard yet.
        let old = Node { term: 2, ..node(1) };
        assert_eq!(states_of(vec![old, node(2), node(3)]), all_but("leader", State::Fail));
    }

    #[test]
    fn versions_and_states_must_be_the_same() {
        let newer = Node {
            version: "0.2.0".into(),
            ..node(3)
        };
        assert_eq!(
            states_of(vec![node(1), node(2), newer]),
            all_but("version", State::Warn)
        );
        let other = Node {
            state_hash: "bb".into(),
            ..node(3)
        };
        assert_eq!(
            states_of(vec![node(1), node(2), other.clone()]),
            all_but("state", State::Fail)
        );
        let behind = Node {
            applied_index: 39,
            ..other
        };
        assert_eq!(states_of(vec![node(1), node(2), behind]), all_but("", State::Ok));
    }
}

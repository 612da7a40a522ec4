//! One authenticator over all nodes: how it fares on each, and the figures of the cluster.

use std::time::Duration;

use super::authenticator_views::AuthenticatorView;
use super::authenticators::key_of;
use super::error::AdminError;
use super::handle::Admin;
use crate::auth::{AuthenticatorKey, Figures, Health, ProviderStatus, Reason, Timestamp, Usage};
use crate::cluster::NodeStatus;

/// What the nodes that answered have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// Nobody answered.
    Unknown,
    /// All of them say this.
    Same(ProviderStatus),
    /// They differ.
    Inconsistent,
}

/// How one authenticator fares over all nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthenticatorStatus {
    /// What they have in common.
    pub status: Joint,
    /// Node by node.
    pub nodes: Vec<NodeAuthenticatorStatus>,
    /// Sums. Of a silent node its last counters are in them, and its rates are not; the highest rate and the worst latencies are
    /// those of one node.
    pub total: Figures,
}

impl AuthenticatorStatus {
    /// The nodes of which nothing was heard lately.
    pub fn silent(&self) -> Vec<u64> {
        let silent = self.nodes.iter().filter(|node| !node.answered);
        silent.map(|node| node.node).collect()
    }
}

/// How one authenticator fares on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeAuthenticatorStatus {
    /// Which node.
    pub node: u64,
    /// Whether it answered just now.
    pub answered: bool,
    /// Its status, from now or earlier; `None`: never heard.
    pub health: Option<Health>,
    /// Its figures, from now or earlier.
    pub figures: Figures,
    /// How busy it is, or was.
    pub usage: Usage,
    /// How old they are.
    pub age: Option<Duration>,
    /// Why it did not answer.
    pub error: String,
}

impl Admin {
    /// How one authenticator fares over all nodes. Asks no quorum: a silent node is listed as such.
    pub fn authenticator_status(&self, chain: &str, id: &str) -> Result<AuthenticatorStatus, AdminError> {
        let key = key_of(chain, id)?;
        self.declared(&key)?;
        let nodes = self.cluster.gather();
        Ok(over(&nodes, &key))
    }

    /// The authenticators of a chain in their order, with how each fares. From memory.
    pub fn chain_status(&self, chain: &str) -> Vec<(AuthenticatorView, AuthenticatorStatus)> {
        let nodes = self.cluster.gather();
        let views = self.in_order(chain).into_iter();
        views
            .map(|view| {
                let status = over(&nodes, &view.record.key);
                (view, status)
            })
            .collect()
    }
}

fn over(nodes: &[NodeStatus], key: &AuthenticatorKey) -> AuthenticatorStatus {
    summed(nodes.iter().map(|node| on_node(node, key)).collect())
}

fn on_node(node: &NodeStatus, key: &AuthenticatorKey) -> NodeAuthenticatorStatus {
    let found = node
        .report
        .as_ref()
        .and_then(|report| report.authenticators.iter().find(|found| found.key == *key))
        .cloned();
    let (health, figures, usage) = match found {
        Some(found) => (Some(found.health), found.figures, found.usage),
        None => (node.answered.then(not_there_yet), Figures::default(), Usage::default()),
    };
    NodeAuthenticatorStatus {
        node: node.id,
        answered: node.answered,
        health,
        figures,
        usage,
        age: node.age,
        error: node.error.clone(),
    }
}

fn not_there_yet() -> Health {
    let error = "this node has not opened the authenticator yet".to_owned();
    Health::of(ProviderStatus::Connecting, error, Timestamp::default())
}

fn summed(nodes: Vec<NodeAuthenticatorStatus>) -> AuthenticatorStatus {
    let total = nodes
        .iter()
        .map(as_of_now)
        .fold(Figures::default(), |total, figures| plus(total, &figures));
    AuthenticatorStatus {
        status: joint(&nodes),
        nodes,
        total,
    }
}

/// What a silent node has counted did happen; how fast it counts now, nobody knows.
fn as_of_now(node: &NodeAuthenticatorStatus) -> Figures {
    let figures = node.figures.clone();
    if node.answered {
        return figures;
    }
    Figures {
        rate: 0.0,
        rate_last5m: 0.0,
        ..figures
    }
}

fn joint(nodes: &[NodeAuthenticatorStatus]) -> Joint {
    let mut told = nodes
        .iter()
        .filter(|node| node.answered)
        .filter_map(|node| node.health.as_ref());
    let Some(first) = told.next() else {
        return Joint::Unknown;
    };
    if told.all(|health| health.status == first.status) {
        Joint::Same(first.status)
    } else {
        Joint::Inconsistent
    }
}

/// Peaks of different nodes need not have happened together, so they are not added.
fn plus(total: Figures, node: &Figures) -> Figures {
    Figures {
        total: total.total.saturating_add(node.total),
        success: total.success.saturating_add(node.success),
        failed: total.failed.saturating_add(node.failed),
        nomatch: total.nomatch.saturating_add(node.nomatch),
        failures: total.failures.saturating_add(node.failures),
        rate: total.rate + node.rate,
        rate_last5m: total.rate_last5m + node.rate_last5m,
        rate_max: total.rate_max.max(node.rate_max),
        p50: total.p50.max(node.p50),
        p99: total.p99.max(node.p99),
        max: total.max.max(node.max),
        reasons: added(total.reasons, &node.reasons),
    }
}

/// In the order of the contract, which is that of both.
fn added(total: Vec<(Reason, u64)>, node: &[(Reason, u64)]) -> Vec<(Reason, u64)> {
    let of = |list: &[(Reason, u64)], reason| list.iter().find(|(other, _)| *other == reason).map_or(0, |(_, n)| *n);
    Reason::ALL
        .iter()
        .map(|reason| (*reason, of(&total, *reason).saturating_add(of(node, *reason))))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Figures, Health, Joint, NodeAuthenticatorStatus, ProviderStatus, Reason, Timestamp, Usage, summed};

    fn node(node: u64, answered: bool, status: ProviderStatus, figures: Figures) -> NodeAuthenticatorStatus {
        let health = Some(Health::of(status, String::new(), Timestamp(0)));
        NodeAuthenticatorStatus {
            node,
            answered,
            health,
            figures,
            usage: Usage::default(),
            age: None,
            error: String::new(),
        }
    }

    fn figures(total: u64, rate_max: f64) -> Figures {
        Figures {
            total,
            failures: 1,
            rate: 1.0,
            rate_last5m: 2.0,
            rate_max,
            reasons: vec![(Reason::BackendTimeout, 1)],
            ..Figures::default()
        }
    }

    #[test]
    fn counters_add_up_and_peaks_do_not() {
        let up = ProviderStatus::Connected;
        let status = summed(vec![
            node(1, true, up, figures(3, 5.0)),
            node(2, true, up, figures(4, 2.0)),
        ]);
        assert_eq!(
            (status.total.total, status.total.rate, status.total.rate_max),
            (7, 2.0, 5.0)
        );
        assert_eq!(
            (status.total.failures, &*status.total.reasons),
            (2, &[(Reason::BackendTimeout, 2)][..])
        );
        assert_eq!(status.status, Joint::Same(up));
    }

    #[test]
    fn a_silent_node_is_named_and_counts_no_further() {
        let up = ProviderStatus::Connected;
        let status = summed(vec![
            node(1, true, up, figures(3, 5.0)),
            node(2, false, up, figures(4, 2.0)),
        ]);
        assert_eq!(status.silent(), [2]);
        let total = &status.total;
        assert_eq!(
            (total.total, total.rate, total.rate_last5m),
            (7, 1.0, 2.0),
            "its counters stay, its rates go"
        );
    }

    #[test]
    fn nodes_that_differ_are_inconsistent_and_silent_ones_do_not_count() {
        let none = Figures::default();
        let (up, down) = (ProviderStatus::Connected, ProviderStatus::Disconnected);
        assert_eq!(
            summed(vec![node(1, true, up, none.clone()), node(2, true, down, none.clone())]).status,
            Joint::Inconsistent
        );
        assert_eq!(
            summed(vec![
                node(1, true, up, none.clone()),
                node(2, false, down, none.clone())
            ])
            .status,
            Joint::Same(up)
        );
        assert_eq!(summed(vec![node(1, false, up, none)]).status, Joint::Unknown);
    }
}

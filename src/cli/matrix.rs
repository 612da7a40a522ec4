//! Authenticators on nodes: which backend fares how where, and a sentence that names the bad node or the bad backend.

use super::output::table;
use crate::wire::pb::v1::authenticator_status::Status;
use crate::wire::pb::v1::{AuthenticatorStatus, ListNodesResponse, NodeAuthenticatorStatus};

/// An authenticator by its name, with how it fares.
pub(super) type Fared = (String, AuthenticatorStatus);

/// A row for each authenticator, a column for each node.
pub(super) fn matrix(nodes: &ListNodesResponse, authenticators: &[Fared]) -> String {
    let ids: Vec<_> = nodes.nodes.iter().map(|node| node.id.to_string()).collect();
    let mut head = vec!["AUTHENTICATOR".to_owned()];
    head.extend(ids.iter().map(|id| format!("NODE {id}")));
    let rows = authenticators.iter().map(|(name, status)| {
        let mut row = vec![name.clone()];
        row.extend(ids.iter().map(|id| {
            status
                .nodes
                .iter()
                .find(|node| node.node == *id)
                .map_or_else(String::new, cell)
        }));
        row
    });
    table(head, rows)
}

fn cell(node: &NodeAuthenticatorStatus) -> String {
    if node.answered {
        node.status().as_str_name().to_ascii_lowercase()
    } else {
        "silent".to_owned()
    }
}

/// What is wrong, the worst first; nothing if all is well.
pub(super) fn troubles(nodes: &ListNodesResponse, authenticators: &[Fared]) -> Vec<String> {
    let silent = nodes.nodes.iter().filter(|node| !node.answered);
    let mut troubles: Vec<_> = silent
        .map(|node| format!("node {} is silent: {}", node.id, node.error))
        .collect();
    let unready = nodes.nodes.iter().filter(|node| node.answered && !node.ready);
    troubles.extend(unready.map(|node| format!("node {} is not ready", node.id)));
    troubles.extend(authenticators.iter().filter_map(trouble_of));
    troubles
}

/// The nodes that are heard of, and those among them whom the backend does not answer.
pub(super) fn bad_nodes(
    status: &AuthenticatorStatus,
) -> (Vec<&NodeAuthenticatorStatus>, Vec<&NodeAuthenticatorStatus>) {
    let heard: Vec<_> = status.nodes.iter().filter(|node| node.answered).collect();
    let is_bad = |node: &&&NodeAuthenticatorStatus| node.status() == Status::Disconnected;
    let bad = heard.iter().filter(is_bad).copied().collect();
    (heard, bad)
}

fn trouble_of((name, status): &Fared) -> Option<String> {
    let (heard, bad) = bad_nodes(status);
    let error = &bad.first()?.error;
    if bad.len() == heard.len() {
        return Some(format!("the backend of `{name}` answers no node: {error}"));
    }
    let names: Vec<_> = bad.iter().map(|node| node.node.as_str()).collect();
    let (word, names) = (if names.len() == 1 { "node" } else { "nodes" }, names.join(", "));
    Some(format!(
        "the backend of `{name}` does not answer {word} {names}: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::Node;

    fn nodes(silent: u64) -> ListNodesResponse {
        let node = |id| Node {
            id,
            answered: id != silent,
            ready: true,
            error: "nothing was heard of it for 7 s".into(),
            ..Node::default()
        };
        ListNodesResponse {
            nodes: (1..=3).map(node).collect(),
            ..ListNodesResponse::default()
        }
    }

    fn fared(down_on: &[u64], silent: u64) -> Fared {
        let on = |id: u64| NodeAuthenticatorStatus {
            node: id.to_string(),
            answered: id != silent,
            status: if down_on.contains(&id) {
                Status::Disconnected
            } else {
                Status::Connected
            }
            .into(),
            error: if down_on.contains(&id) {
                "connection refused".into()
            } else {
                String::new()
            },
            ..NodeAuthenticatorStatus::default()
        };
        let status = AuthenticatorStatus {
            nodes: (1..=3).map(on).collect(),
            ..AuthenticatorStatus::default()
        };
        ("password_based:mysql".to_owned(), status)
    }

    #[test]
    fn the_sentence_names_the_bad_node_or_the_bad_backend() {
        assert!(troubles(&nodes(0), &[fared(&[], 0)]).is_empty());
        assert_eq!(
            troubles(&nodes(0), &[fared(&[2], 0)]),
            ["the backend of `password_based:mysql` does not answer node 2: connection refused"]
        );
        assert_eq!(
            troubles(&nodes(3), &[fared(&[1, 2], 3)]),
            [
                "node 3 is silent: nothing was heard of it for 7 s",
                "the backend of `password_based:mysql` answers no node: connection refused"
            ]
        );
    }

    #[test]
    fn each_authenticator_is_shown_on_each_node() {
        let shown = matrix(&nodes(3), &[fared(&[2], 3)]);
        let row = shown.lines().find(|line| line.contains("mysql")).unwrap();
        let cells: Vec<_> = row
            .split_whitespace()
            .skip(1)
            .filter(|cell| cell.chars().all(char::is_alphabetic))
            .collect();
        assert_eq!(cells, ["connected", "disconnected", "silent"]);
    }
}

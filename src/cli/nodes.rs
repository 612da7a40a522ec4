//! `portcullis cluster`: forming the cluster and changing its members.

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::args::Global;
use super::connect::{PATIENCE, Session};
use super::output::{bytes, fields, span, table, yes};
use super::setup;
use crate::wire::pb::v1::{
    AddNodeRequest, Hashing, InitClusterRequest, InitClusterResponse, ListNodesRequest, ListNodesResponse,
    MembershipResponse, Node, PromoteNodeRequest, RemoveNodeRequest, TakeSnapshotRequest, TransferLeadershipRequest,
};

/// A node that joins is sent all there is; a snapshot writes it.
const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// What can be done with nodes.
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Make one cluster of the nodes in the configuration, and print the first admin key and the token of the first account, once
    Init,
    /// How every node fares
    Status,
    /// Add a running, empty node as a learner; returns once it has caught up
    Add {
        /// Its id
        id: u64,
        /// host:port of its peer listener
        peer_address: String,
    },
    /// Make a learner a voter
    Promote {
        /// Its id
        id: u64,
    },
    /// Remove a node for good: its id is never accepted again
    Remove {
        /// Its id
        id: u64,
    },
    /// Hand leadership to another node
    Transfer {
        /// Its id [default: the most up-to-date voter]
        #[arg(default_value_t = 0, hide_default_value = true)]
        to: u64,
    },
    /// Write a snapshot on the node that is asked
    Snapshot,
}

/// Runs one of them.
pub(super) async fn run(command: ClusterCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let session = &Session::open(global, patience_for(&command)).await?;
    let mut nodes = session.client.nodes();
    match command {
        ClusterCommand::Init => {
            session.show(&nodes.init_cluster(InitClusterRequest {}).await?.into_inner(), |made| {
                initialised(made, &setup::page(global))
            })?;
        }
        ClusterCommand::Status => session.show(&list(session).await?, listed)?,
        ClusterCommand::Add { id, peer_address } => {
            session.show(
                &nodes.add_node(AddNodeRequest { id, peer_address }).await?.into_inner(),
                membership,
            )?;
        }
        ClusterCommand::Promote { id } => {
            session.show(
                &nodes.promote_node(PromoteNodeRequest { id }).await?.into_inner(),
                membership,
            )?;
        }
        ClusterCommand::Remove { id } => {
            session.show(
                &nodes.remove_node(RemoveNodeRequest { id }).await?.into_inner(),
                membership,
            )?;
        }
        ClusterCommand::Transfer { to } => {
            let done = nodes
                .transfer_leadership(TransferLeadershipRequest { to })
                .await?
                .into_inner();
            session.show(&done, |done| format!("node {} leads", done.leader))?;
        }
        ClusterCommand::Snapshot => {
            let taken = nodes.take_snapshot(TakeSnapshotRequest {}).await?.into_inner();
            session.show(&taken, |taken| {
                format!("snapshot at index {}, {}", taken.index, bytes(taken.bytes))
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn patience_for(command: &ClusterCommand) -> Duration {
    match command {
        ClusterCommand::Add { .. } | ClusterCommand::Promote { .. } | ClusterCommand::Snapshot => LONG_PATIENCE,
        _ => PATIENCE,
    }
}

/// Every node with its figures.
pub(super) async fn list(session: &Session) -> anyhow::Result<ListNodesResponse> {
    Ok(session
        .client
        .nodes()
        .list_nodes(ListNodesRequest {})
        .await?
        .into_inner())
}

/// A table of nodes.
pub(super) fn listed(found: &ListNodesResponse) -> String {
    let header = [
        "NODE",
        "API",
        "PEER",
        "ROLE",
        "READY",
        "TERM",
        "APPLIED",
        "LAG",
        "STALENESS",
        "USERS",
        "DISK",
        "UPTIME",
        "HASHING",
        "STATE HASH",
        "REMARK",
    ];
    let nodes = table(header, found.nodes.iter().map(row));
    format!("cluster {}, led by {}\n{nodes}", found.cluster_id, leader(found.leader))
}

fn row(node: &Node) -> [String; 15] {
    let heard = if node.answered {
        String::new()
    } else {
        format!("silent for {}", span(node.age.as_ref()))
    };
    let remark = [heard, node.error.clone()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    [
        node.id.to_string(),
        node.api_address.clone(),
        node.peer_address.clone(),
        role(node),
        yes(node.ready && node.answered),
        node.term.to_string(),
        node.applied_index.to_string(),
        node.lag.to_string(),
        span(node.staleness.as_ref()),
        node.users.to_string(),
        bytes(node.disk_bytes),
        span(node.uptime.as_ref()),
        node.hashing.as_ref().map(hashing).unwrap_or_default(),
        node.state_hash.clone(),
        remark,
    ]
}

/// Whether its hashing threads keep up: how many are at work, how many logins wait, and how long the slowest of late had to.
fn hashing(pool: &Hashing) -> String {
    let Hashing {
        running,
        threads,
        waiting,
        ..
    } = pool;
    format!(
        "{running}/{threads}, {waiting} wait, p99 {}",
        span(pool.wait_p99.as_ref())
    )
}

/// What part a node plays; nothing if it did not say.
pub(super) fn role(node: &Node) -> String {
    node.role()
        .as_str_name()
        .to_ascii_lowercase()
        .replace("node_role_unspecified", "")
}

fn leader(id: u64) -> String {
    if id == 0 {
        "nobody".to_owned()
    } else {
        format!("node {id}")
    }
}

fn initialised(made: &InitClusterResponse, page: &str) -> String {
    format!(
        "cluster {} of the nodes {}\n\nThe first admin key, shown this once:\n{key}\n\nTo use it:\n  export PORTCULLIS_API_KEY={key}\n\n{}",
        made.cluster_id,
        ids(&made.nodes),
        setup::told(&made.setup_token, page),
        key = made.api_key,
    )
}

fn membership(now: &MembershipResponse) -> String {
    fields([
        ("voters", ids(&now.voters)),
        ("learners", ids(&now.learners)),
        ("revision", now.revision.to_string()),
    ])
}

fn ids(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_is_not_shown_as_ready() {
        let node = Node {
            id: 2,
            ready: true,
            answered: false,
            error: "connection refused".into(),
            ..Node::default()
        };
        let shown = row(&node);
        assert_eq!(shown[4], "no");
        assert!(shown[14].ends_with("connection refused"));
    }

    #[test]
    fn a_new_cluster_tells_its_key_and_where_its_token_counts() {
        let made = InitClusterResponse {
            api_key: "pck_a_b".into(),
            setup_token: "pcs_c".into(),
            ..InitClusterResponse::default()
        };
        let told = initialised(&made, "http://127.0.0.1:7602/setup");
        assert!(
            told.contains("API_KEY=pck_a_b\n") && told.ends_with("\npcs_c"),
            "{told}"
        );
        assert!(told.contains("open http://127.0.0.1:7602/setup "), "{told}");
    }

    #[test]
    fn without_a_leader_nobody_leads() {
        assert!(listed(&ListNodesResponse::default()).contains("led by nobody"));
    }
}

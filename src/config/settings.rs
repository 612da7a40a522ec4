//! Everything that can be set: each room says what it takes, this file puts them together.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that can be set, one field per room.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// This node.
    pub node: NodeSettings,
    /// The listener of clients and operators.
    pub api: crate::api::Settings,
    /// The listener of the other nodes.
    pub peer: crate::api::PeerSettings,
    /// The HTTP listener, for people and monitoring.
    pub http: crate::net::HttpSettings,
    /// The pages for operators.
    pub dashboard: crate::dashboard::Settings,
    /// The nodes together.
    pub cluster: crate::cluster::Settings,
    /// Consensus.
    pub raft: crate::raft::Settings,
    /// What a node knows.
    pub store: crate::store::Settings,
    /// What a node has promised.
    pub journal: crate::journal::Settings,
    /// What backends may use of this node.
    pub backends: crate::backends::Settings,
    /// What operators may have done on this node.
    pub admin: crate::admin::Settings,
    /// Password hashing.
    pub hash: crate::hash::Settings,
    /// Logging and traces.
    pub telemetry: crate::telemetry::Settings,
}

/// Who this node is, and where it keeps what it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Its number in the cluster, from 1; never used twice.
    pub id: u64,
    /// Its folder.
    pub data_dir: PathBuf,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            id: 0,
            data_dir: PathBuf::from("/var/lib/portcullis"),
        }
    }
}

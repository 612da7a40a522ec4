//! What can be set of the two gRPC listeners.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::denials::Names;
use crate::net::TlsSettings;

/// The listener of clients and operators.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub listen: String,
    /// How others reach it; empty: as it listens.
    pub advertise: String,
    /// TLS.
    pub tls: TlsSettings,
    /// Requests of one connection that may be in progress.
    pub max_streams: u32,
    /// Logins of one `AuthenticateStream` that may be in progress.
    pub max_pipelined: usize,
    /// Largest request, in bytes.
    pub max_message_bytes: usize,
    /// Deadline of a login that brings none, in milliseconds.
    pub default_timeout_ms: u64,
    /// Denied logins that are logged in a second; the next line counts those left out. 0: all.
    pub logged_denials_per_second: u32,
    /// How names of users and clients stand in those lines.
    pub logged_names: Names,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7600".into(),
            advertise: String::new(),
            tls: TlsSettings::default(),
            max_streams: 1024,
            max_pipelined: 256,
            max_message_bytes: 1 << 20,
            default_timeout_ms: 5000,
            logged_denials_per_second: 100,
            logged_names: Names::Plain,
        }
    }
}

/// The listener of the other nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerSettings {
    /// Where it listens.
    pub listen: String,
    /// How others reach it; empty: as it listens.
    pub advertise: String,
    /// Nodes that this one reaches elsewhere than they advertise, as behind a port forward: node id = host:port.
    pub routes: BTreeMap<String, String>,
    /// TLS, mutual.
    pub tls: TlsSettings,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7601".into(),
            advertise: String::new(),
            routes: BTreeMap::new(),
            tls: TlsSettings::default(),
        }
    }
}

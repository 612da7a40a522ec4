//! What can be set of the HTTP port.

use serde::{Deserialize, Serialize};

use crate::net::TlsSettings;

/// The HTTP listener, for people and monitoring.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where it listens; empty: nowhere.
    pub listen: String,
    /// TLS.
    pub tls: TlsSettings,
    /// Connections that may be open; further ones wait until one ends.
    pub max_connections: usize,
    /// Largest head of a request, in bytes.
    pub max_head_bytes: u32,
    /// How long a connection may go without a whole head of a request, in milliseconds.
    pub head_timeout_ms: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7602".into(),
            tls: TlsSettings::default(),
            max_connections: 512,
            max_head_bytes: 16 << 10,
            head_timeout_ms: 20_000,
        }
    }
}

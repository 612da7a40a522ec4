//! Sockets, shared by every server and client: TLS from PEM files, listeners, drain. CONTRACT STUB.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// TLS of one listener and of the clients that call it. All paths are PEM files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Certificate chain; empty: no TLS.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authority of the other side's certificates. On a server: clients must present one. On the peer port it is required.
    pub ca: PathBuf,
}

/// TLS material that cannot be used: which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct TlsError {
    /// Which file.
    pub file: String,
    /// Why.
    pub why: String,
}

impl TlsSettings {
    /// For a server; `None` when no certificate is given.
    pub fn server(&self) -> Result<Option<tonic::transport::ServerTlsConfig>, TlsError> {
        todo!()
    }

    /// For a client of such a server; `None` when no certificate is given.
    pub fn client(&self) -> Result<Option<tonic::transport::ClientTlsConfig>, TlsError> {
        todo!()
    }
}

/// Binds a listener with the options servers want (nodelay; an address in use is a clear error naming it).
pub async fn listen(_address: &str) -> Result<tokio::net::TcpListener, std::io::Error> {
    todo!()
}

/// The signal to stop that everyone hears, and the wait for all who still work. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    _stub: (),
}

impl Drain {
    /// Tells everyone to stop.
    pub fn begin(&self) {
        todo!()
    }

    /// Resolves once [`Drain::begin`] was called.
    pub async fn begun(&self) {
        todo!()
    }

    /// Work in progress: hold it until done.
    pub fn hold(&self) -> Held {
        todo!()
    }

    /// Waits for all that is held, at most so long; false: some still work.
    pub async fn finished(&self, _timeout: std::time::Duration) -> bool {
        todo!()
    }
}

/// Work in progress.
#[derive(Debug)]
pub struct Held {
    _stub: (),
}

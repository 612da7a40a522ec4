//! The HTTP listener, for people and monitoring.

use std::io;

use axum::Router;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::drain::Drain;

/// The HTTP listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where it listens; empty: nowhere.
    pub listen: String,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7602".into(),
        }
    }
}

/// Serves until the drain begins, and then answers what is in progress.
pub async fn serve_http(listener: TcpListener, routes: Router, drain: Drain) -> io::Result<()> {
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move { drain.begun().await })
        .await
}

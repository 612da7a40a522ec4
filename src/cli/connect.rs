//! The way to the cluster: a connected client, and how its answers are to be shown.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::args::{Global, Output};
use super::output;
use crate::wire::{Client, Connection};

/// The deadline of a call that nobody gave one.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A connected client, and how its answers are to be shown.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) output: Output,
    request_id: Option<String>,
}

impl Session {
    /// Connects to the first endpoint that accepts. `patience` is the deadline of each call unless `--timeout` gives one.
    pub(super) async fn open(global: &Global, patience: Duration) -> anyhow::Result<Self> {
        let client = Client::connect(&connection(global, patience)?).await?;
        Ok(Self::over(client, global))
    }

    /// Connects to this endpoint and to no other.
    pub(super) async fn at(global: &Global, patience: Duration, endpoint: &str) -> anyhow::Result<Self> {
        let connection = Connection {
            endpoints: vec![endpoint.to_owned()],
            ..connection(global, patience)?
        };
        Ok(Self::over(Client::connect(&connection).await?, global))
    }

    /// Connects anew after a connection was lost, beginning with another endpoint at each turn.
    pub(super) async fn reopen(global: &Global, patience: Duration, turn: usize) -> anyhow::Result<Self> {
        let mut connection = connection(global, patience)?;
        let first = turn.checked_rem(connection.endpoints.len()).unwrap_or(0);
        connection.endpoints.rotate_left(first);
        Ok(Self::over(Client::connect(&connection).await?, global))
    }

    fn over(client: Client, global: &Global) -> Self {
        Self {
            client,
            output: global.output,
            request_id: global.request_id.clone(),
        }
    }

    /// The name of a write: that of the command line, or a fresh one.
    pub(super) fn request_id(&self) -> String {
        self.request_id
            .clone()
            .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
    }

    /// Prints an answer as JSON, or as what `table` makes of it.
    pub(super) fn show<M: Serialize>(&self, message: &M, table: impl FnOnce(&M) -> String) -> anyhow::Result<()> {
        output::show(self.output, message, table)
    }
}

fn connection(global: &Global, patience: Duration) -> anyhow::Result<Connection> {
    let identity_pem = match (&global.cert, &global.key) {
        (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
        _ => None,
    };
    Ok(Connection {
        endpoints: global.endpoint.clone(),
        api_key: global.api_key.clone().filter(|key| !key.is_empty()),
        ca_pem: global.ca.as_deref().map(read).transpose()?,
        identity_pem,
        timeout: global.timeout.unwrap_or(patience),
    })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

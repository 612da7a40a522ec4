//! From processes to a cluster: everybody answers, one call forms it, everybody is ready.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use tokio::time::{Instant, MissedTickBehavior};
use tonic_types::StatusExt as _;

use super::children::Children;
use super::layout::{Layout, Place};
use crate::cli::failure;
use crate::wire::pb::v1::{GetNodeStatusRequest, InitClusterRequest, InitClusterResponse, Node};
use crate::wire::{Client, Connection};

/// How long a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a node is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// Deadline of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an attempt was in vain.
enum Setback {
    /// It may succeed later.
    NotYet(String),
    /// It never will.
    Final(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Setback {
    fn from(error: E) -> Self {
        Self::NotYet(failure::describe(&error.into()))
    }
}

/// A client of one node.
pub(super) async fn client(place: &Place, api_key: Option<&str>) -> anyhow::Result<Client> {
    let connection = Connection {
        endpoints: vec![place.endpoint()],
        api_key: api_key.map(str::to_owned),
        timeout: CALL_TIMEOUT,
        ..Connection::default()
    };
    Ok(Client::connect(&connection).await?)
}

/// Waits until every node says something, be it a refusal.
pub(super) async fn wait_until_all_answer(layout: &Layout, children: &mut Children) -> anyhow::Result<()> {
    for place in &layout.nodes {
        let what = format!("node {} to answer on {}", place.id, place.grpc);
        wait_for(&what, children, async || answer(place).await).await?;
    }
    Ok(())
}

async fn answer(place: &Place) -> Result<(), Setback> {
    match client(place, None)
        .await?
        .nodes()
        .get_node_status(GetNodeStatusRequest::default())
        .await
    {
        // Only the service gives reasons; what the connection itself says has none.
        Err(status) if status.code() != tonic::Code::Unauthenticated && status.get_details_error_info().is_none() => {
            Err(status.into())
        }
        _ => Ok(()),
    }
}

/// Makes one cluster of the nodes.
pub(super) async fn initialise(layout: &Layout, children: &mut Children) -> anyhow::Result<InitClusterResponse> {
    let first = layout.nodes.first().context("a cluster needs a node")?;
    wait_for("the cluster to form", children, async || {
        match client(first, None)
            .await?
            .nodes()
            .init_cluster(InitClusterRequest {})
            .await
        {
            Ok(made) => Ok(made.into_inner()),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => Err(Setback::Final(anyhow!(
                "{}; if `{}` holds a cluster whose dev.json is lost, remove the folder and begin anew",
                status.message(),
                layout.folder.display()
            ))),
            Err(status) => Err(status.into()),
        }
    })
    .await
}

/// Waits until every node says that it serves.
pub(super) async fn wait_until_all_ready(
    layout: &Layout,
    children: &mut Children,
    api_key: &str,
) -> anyhow::Result<()> {
    for place in &layout.nodes {
        wait_for(&format!("node {} to be ready", place.id), children, async || {
            let node = status(place, api_key).await?;
            if node.ready {
                Ok(())
            } else {
                Err(Setback::NotYet(node.error))
            }
        })
        .await?;
    }
    Ok(())
}

/// What a node says of itself.
pub(super) async fn status(place: &Place, api_key: &str) -> anyhow::Result<Node> {
    let asked = GetNodeStatusRequest::default();
    Ok(client(place, Some(api_key))
        .await?
        .nodes()
        .get_node_status(asked)
        .await?
        .into_inner())
}

/// Tries again until it succeeds, a node dies, or the time is up.
async fn wait_for<T>(
    what: &str,
    children: &mut Children,
    mut attempt: impl AsyncFnMut() -> Result<T, Setback>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pauses = tokio::time::interval(PAUSE);
    pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pauses.tick().await;
        children.require_alive()?;
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Setback::Final(error)) => return Err(error),
            Err(Setback::NotYet(why)) if Instant::now() > deadline => {
                bail!("waited {} seconds for {what}: {why}", PATIENCE.as_secs());
            }
            Err(Setback::NotYet(_)) => {}
        }
    }
}

//! `portcullis status`: the cluster in one look, and an exit code for scripts.

use std::process::ExitCode;

use super::args::{Global, Output};
use super::connect::{PATIENCE, Session};
use super::{authenticator_tables, authenticators, nodes, output};
use crate::wire::pb::v1::{GetSettingsRequest, ListNodesResponse};

/// Shows nodes and authenticators; success means that every node is ready.
pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, PATIENCE).await?;
    let found = nodes::list(&session).await?;
    session.show(&found, nodes::listed)?;
    if session.output == Output::Table {
        let chain = authenticators::list(&session, "").await?;
        output::print(&format!("\n{}", authenticator_tables::listed(&chain)))?;
        let settings = session.client.nodes().get_settings(GetSettingsRequest {}).await?;
        output::warn(&settings.into_inner().warnings);
    }
    Ok(if all_ready(&found) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn all_ready(found: &ListNodesResponse) -> bool {
    !found.nodes.is_empty() && found.nodes.iter().all(|node| node.answered && node.ready)
}

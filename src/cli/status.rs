//! `portcullis status`: the cluster in one look, and an exit code for scripts.

use std::process::ExitCode;

use super::args::{Global, Output};
use super::connect::{PATIENCE, Session};
use super::{authenticators, nodes, output};
use crate::wire::pb::v1::ListNodesResponse;

/// Shows nodes and authenticators; success means that every node is ready.
pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, PATIENCE).await?;
    let found = nodes::list(&session).await?;
    session.show(&found, nodes::listed)?;
    if session.output == Output::Table {
        let chain = authenticators::list(&session, "").await?;
        output::print(&format!("\n{}", authenticators::listed(&chain)))?;
        if !chain.authenticators.iter().any(|authenticator| authenticator.enabled) {
            output::note("warning: no authenticator is enabled; see no_authenticator in `portcullis settings get`");
        }
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

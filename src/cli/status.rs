//! `portcullis status`: the cluster in one look, and an exit code for scripts.

use std::process::ExitCode;

use super::args::{Global, Output};
use super::connect::{PATIENCE, Session};
use super::matrix::{self, Fared};
use super::{authenticator_tables, authenticators, nodes, output};
use crate::wire::pb::v1::{GetAuthenticatorStatusRequest, GetSettingsRequest, ListAuthenticatorsResponse};

/// The chain of every listener that has none of its own.
const GLOBAL_CHAIN: &str = "global";

/// Shows nodes, the chain and how each authenticator fares on each node, and says what is wrong; success means that every node is
/// ready and every backend answers.
pub(super) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let session = Session::open(global, PATIENCE).await?;
    let found = nodes::list(&session).await?;
    session.show(&found, nodes::listed)?;
    let chain = authenticators::list(&session, "").await?;
    let fared = fared(&session, &chain).await?;
    let troubles = matrix::troubles(&found, &fared);
    if session.output == Output::Table {
        output::print(&format!("\n{}", authenticator_tables::listed(&chain)))?;
        output::print(&format!("\n{}", matrix::matrix(&found, &fared)))?;
        if troubles.is_empty() {
            output::print("\nevery node is ready, and every backend answers")?;
        }
        let settings = session.client.nodes().get_settings(GetSettingsRequest {}).await?;
        output::warn(&settings.into_inner().warnings);
    }
    for trouble in &troubles {
        output::note(trouble);
    }
    Ok(if troubles.is_empty() && !found.nodes.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How each authenticator fares, by a name that tells it from others.
pub(super) async fn fared(session: &Session, chain: &ListAuthenticatorsResponse) -> anyhow::Result<Vec<Fared>> {
    let mut all = Vec::new();
    for one in &chain.authenticators {
        let request = GetAuthenticatorStatusRequest {
            chain: one.chain.clone(),
            id: one.id.clone(),
        };
        let name = match one.chain.as_str() {
            GLOBAL_CHAIN => one.id.clone(),
            own => format!("{} of {own}", one.id),
        };
        let status = session.client.authenticators().get_status(request).await?.into_inner();
        all.push((name, status));
    }
    Ok(all)
}

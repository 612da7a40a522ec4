//! The examination, from the way there to the last setting.

use std::process::ExitCode;

use super::checkup::Checkup;
use super::{chains, cluster, nodes, ways};
use crate::cli::args::{Global, Output};
use crate::cli::{failure, output};
use crate::wire::pb::v1::GetSettingsRequest;

/// Looks at everything, shows what it found, and exits with success only if nothing is to be done.
pub(in crate::cli) async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let mut checkup = Checkup::default();
    if let Some(way) = ways::endpoints(global, &mut checkup).await {
        examine(global, &way, &mut checkup).await;
    }
    match global.output {
        Output::Json => output::print_json(&checkup.report())?,
        Output::Table => output::print(&checkup.shown())?,
    }
    Ok(if checkup.is_well() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What cannot be asked is a finding too: the rest is looked at all the same.
async fn examine(global: &Global, way: &ways::Way, checkup: &mut Checkup) {
    let session = &way.session;
    let settings = session.client.nodes().get_settings(GetSettingsRequest {}).await;
    let settings = settings.map(tonic::Response::into_inner).map_err(anyhow::Error::from);
    match crate::cli::nodes::list(session).await {
        Ok(found) => {
            ways::members(global, way, &found, checkup).await;
            cluster::examine(&found, checkup);
            nodes::examine(&found, settings.as_ref().ok(), checkup);
        }
        Err(error) => cannot_ask("nodes", &error, checkup),
    }
    match &settings {
        Ok(settings) => chains::examine_settings(settings, checkup),
        Err(error) => cannot_ask("settings", error, checkup),
    }
    let warned = settings.map(|settings| settings.warnings).unwrap_or_default();
    match chains::look(session).await {
        Ok(found) => chains::examine(&found, &warned, checkup),
        Err(error) => cannot_ask("authenticators", &error, checkup),
    }
}

fn cannot_ask(what: &'static str, error: &anyhow::Error, checkup: &mut Checkup) {
    let advice = "mend what is wrong above, and look again";
    let told = failure::describe(error);
    let first = told.lines().next().unwrap_or_default();
    checkup.fail(what, "the cluster", format!("cannot be asked for: {first}"), advice);
}

//! What is done with an authenticator on every node: tried, counted anew, made to forget.

use std::path::Path;
use std::process::ExitCode;

use super::authenticators::Which;
use super::connect::Session;
use super::declaration;
use super::output::{span, table};
use crate::wire::pb::v1::authenticator_status::Status;
use crate::wire::pb::v1::{
    EveryNodeResponse, NodeTest, PurgeCacheRequest, ResetMetricsRequest, TestAuthenticatorRequest,
    TestAuthenticatorResponse,
};

/// Tries what a file declares on every node, and stores nothing; success means that it works on all of them.
pub(super) async fn test(session: &Session, file: &Path, chain: Option<String>) -> anyhow::Result<ExitCode> {
    let mut declared = declaration::read(file)?.authenticator;
    if let Some(chain) = chain {
        declared.chain = chain;
    }
    let request = TestAuthenticatorRequest {
        authenticator: Some(declared),
    };
    let found = session.client.authenticators().test(request).await?.into_inner();
    session.show(&found, tried)?;
    Ok(exit(found.nodes.iter().all(works)))
}

/// Sets its figures to zero.
pub(super) async fn reset_metrics(session: &Session, which: Which) -> anyhow::Result<ExitCode> {
    let request = ResetMetricsRequest {
        chain: which.chain.chain,
        id: which.id,
    };
    let found = session.client.authenticators().reset_metrics(request).await?;
    show(session, &found.into_inner())
}

/// Has it forget what it remembers of its backend's answers.
pub(super) async fn purge_cache(session: &Session, which: Which) -> anyhow::Result<ExitCode> {
    let request = PurgeCacheRequest {
        chain: which.chain.chain,
        id: which.id,
    };
    let found = session.client.authenticators().purge_cache(request).await?;
    show(session, &found.into_inner())
}

fn show(session: &Session, found: &EveryNodeResponse) -> anyhow::Result<ExitCode> {
    session.show(found, |found| {
        let rows = found.nodes.iter().map(|node| {
            let outcome = if node.done {
                "done".to_owned()
            } else {
                node.error.clone()
            };
            [node.node.clone(), outcome]
        });
        table(["NODE", "OUTCOME"], rows)
    })?;
    Ok(exit(found.nodes.iter().all(|node| node.done)))
}

fn exit(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn works(node: &NodeTest) -> bool {
    node.answered && node.status() == Status::Connected
}

fn tried(found: &TestAuthenticatorResponse) -> String {
    let rows = found.nodes.iter().map(|node| {
        let status = if node.answered {
            node.status().as_str_name()
        } else {
            "NOT TRIED"
        };
        [
            node.node.clone(),
            status.to_owned(),
            span(node.took.as_ref()),
            node.error.clone(),
        ]
    });
    table(["NODE", "STATUS", "TOOK", "REMARK"], rows)
}

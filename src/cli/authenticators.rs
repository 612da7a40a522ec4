//! `portcullis authenticator`: the chain that decides a login.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use pbjson_types::FieldMask;

use super::args::{ChainOption, Global, IfRevision};
use super::connect::{PATIENCE, Session};
use super::declaration;
use super::output::{fields, moment, span, table, yes};
use crate::wire::pb::v1::authenticator_status::Status;
use crate::wire::pb::v1::move_authenticator_request::Position;
use crate::wire::pb::v1::{
    Authenticator, AuthenticatorStatus, CreateAuthenticatorRequest, DeleteAuthenticatorRequest,
    GetAuthenticatorRequest, GetAuthenticatorStatusRequest, ListAuthenticatorsRequest, ListAuthenticatorsResponse,
    ListBackendsRequest, ListBackendsResponse, Metrics, MoveAuthenticatorRequest, ReorderAuthenticatorsRequest,
    SetEnabledRequest, UpdateAuthenticatorRequest,
};

/// What can be done with authenticators.
#[derive(Debug, Subcommand)]
pub(super) enum AuthenticatorCommand {
    /// List them in the order they are asked
    List {
        /// Only this chain [default: every chain]
        #[arg(long, default_value = "", hide_default_value = true)]
        chain: String,
    },
    /// Show one with its settings
    Get(Which),
    /// Add one at the end of its chain
    Create {
        /// A JSON file: {mechanism, backend, id?, settings{…}}, or an EMQX authenticator object; `-` is standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        chain: ChainOption,
    },
    /// Change what the file gives; settings are replaced whole
    Update {
        #[command(flatten)]
        which: Which,
        /// A JSON file as for `create`; `-` is standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        condition: IfRevision,
    },
    /// Delete one and its users
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        condition: IfRevision,
    },
    /// Ask it from now on
    Enable(Which),
    /// Do not ask it from now on
    Disable(Which),
    /// Move one within its chain
    Move {
        #[command(flatten)]
        which: Which,
        /// `front`, `rear`, `before:ID` or `after:ID`
        #[arg(value_parser = position)]
        position: Position,
    },
    /// Put a whole chain in order
    Reorder {
        /// Every authenticator of the chain
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        chain: ChainOption,
    },
    /// How one fares on every node
    Status(Which),
    /// List the kinds there are; JSON shows the schema of their settings
    Backends,
}

/// One authenticator.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// Its id, such as password_based:built_in_database
    id: String,
    #[command(flatten)]
    chain: ChainOption,
}

/// Runs one of them.
pub(super) async fn run(command: AuthenticatorCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let session = &Session::open(global, PATIENCE).await?;
    match command {
        AuthenticatorCommand::List { chain } => session.show(&list(session, &chain).await?, listed)?,
        AuthenticatorCommand::Get(which) => {
            let request = GetAuthenticatorRequest {
                chain: which.chain.chain,
                id: which.id,
            };
            session.show(&session.client.authenticators().get(request).await?.into_inner(), one)?;
        }
        AuthenticatorCommand::Create { file, chain } => create(session, file, chain).await?,
        AuthenticatorCommand::Update { which, file, condition } => update(session, which, file, condition).await?,
        AuthenticatorCommand::Delete { which, condition } => delete(session, which, condition).await?,
        AuthenticatorCommand::Enable(which) => set_enabled(session, which, true).await?,
        AuthenticatorCommand::Disable(which) => set_enabled(session, which, false).await?,
        AuthenticatorCommand::Move { which, position } => relocate(session, which, position).await?,
        AuthenticatorCommand::Reorder { ids, chain } => reorder(session, ids, chain).await?,
        AuthenticatorCommand::Status(which) => session.show(&status(session, which).await?, fared)?,
        AuthenticatorCommand::Backends => {
            session.show(
                &session
                    .client
                    .authenticators()
                    .list_backends(ListBackendsRequest {})
                    .await?
                    .into_inner(),
                kinds,
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// All authenticators of a chain, or of every chain.
pub(super) async fn list(session: &Session, chain: &str) -> anyhow::Result<ListAuthenticatorsResponse> {
    let mut all = ListAuthenticatorsResponse::default();
    loop {
        let request = ListAuthenticatorsRequest {
            chain: chain.to_owned(),
            page_size: 1000,
            page_token: std::mem::take(&mut all.next_page_token),
        };
        let page = session.client.authenticators().list(request).await?.into_inner();
        all.authenticators.extend(page.authenticators);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn create(session: &Session, file: PathBuf, chain: ChainOption) -> anyhow::Result<()> {
    let mut declared = declaration::read(&file)?.authenticator;
    if declared.chain.is_empty() {
        declared.chain = chain.chain;
    }
    let request = CreateAuthenticatorRequest {
        authenticator: Some(declared),
        request_id: session.request_id(),
    };
    session.show(
        &session.client.authenticators().create(request).await?.into_inner(),
        one,
    )
}

async fn update(session: &Session, which: Which, file: PathBuf, condition: IfRevision) -> anyhow::Result<()> {
    let declaration = declaration::read(&file)?;
    if declaration.given.is_empty() {
        bail!("`{}` gives nothing that can be changed", file.display());
    }
    if !declaration.authenticator.id.is_empty() && declaration.authenticator.id != which.id {
        bail!(
            "`{}` declares `{}`, not `{}`",
            file.display(),
            declaration.authenticator.id,
            which.id
        );
    }
    let request = UpdateAuthenticatorRequest {
        authenticator: Some(Authenticator {
            chain: which.chain.chain,
            id: which.id,
            ..declaration.authenticator
        }),
        update_mask: Some(FieldMask {
            paths: declaration.given,
        }),
        if_revision: condition.if_revision,
        request_id: session.request_id(),
    };
    session.show(
        &session.client.authenticators().update(request).await?.into_inner(),
        one,
    )
}

async fn delete(session: &Session, which: Which, condition: IfRevision) -> anyhow::Result<()> {
    let id = which.id.clone();
    let request = DeleteAuthenticatorRequest {
        chain: which.chain.chain,
        id: which.id,
        if_revision: condition.if_revision,
        request_id: session.request_id(),
    };
    let deleted = session.client.authenticators().delete(request).await?.into_inner();
    session.show(&deleted, |deleted| match (deleted.existed, deleted.users_deleted) {
        (true, users) => format!(
            "`{id}` is deleted, and {users} users with it (revision {})",
            deleted.revision
        ),
        (false, _) => format!("there was no `{id}`"),
    })
}

async fn set_enabled(session: &Session, which: Which, enabled: bool) -> anyhow::Result<()> {
    let request = SetEnabledRequest {
        chain: which.chain.chain,
        id: which.id,
        enabled,
        if_revision: 0,
        request_id: session.request_id(),
    };
    session.show(
        &session.client.authenticators().set_enabled(request).await?.into_inner(),
        one,
    )
}

async fn relocate(session: &Session, which: Which, position: Position) -> anyhow::Result<()> {
    let request = MoveAuthenticatorRequest {
        chain: which.chain.chain,
        id: which.id,
        position: Some(position),
        request_id: session.request_id(),
    };
    session.show(
        &session.client.authenticators().r#move(request).await?.into_inner(),
        listed,
    )
}

async fn reorder(session: &Session, ids: Vec<String>, chain: ChainOption) -> anyhow::Result<()> {
    let request = ReorderAuthenticatorsRequest {
        chain: chain.chain,
        ids,
        request_id: session.request_id(),
    };
    session.show(
        &session.client.authenticators().reorder(request).await?.into_inner(),
        listed,
    )
}

async fn status(session: &Session, which: Which) -> anyhow::Result<AuthenticatorStatus> {
    let request = GetAuthenticatorStatusRequest {
        chain: which.chain.chain,
        id: which.id,
    };
    Ok(session.client.authenticators().get_status(request).await?.into_inner())
}

fn position(text: &str) -> Result<Position, String> {
    // Ids have colons of their own: only the first one is ours.
    match (text, text.split_once(':')) {
        ("front", _) => Ok(Position::Front(true)),
        ("rear", _) => Ok(Position::Rear(true)),
        (_, Some(("before", id))) if !id.is_empty() => Ok(Position::Before(id.to_owned())),
        (_, Some(("after", id))) if !id.is_empty() => Ok(Position::After(id.to_owned())),
        _ => Err(format!("`{text}` is none of front, rear, before:ID, after:ID")),
    }
}

/// A table of authenticators.
pub(super) fn listed(found: &ListAuthenticatorsResponse) -> String {
    let rows = found.authenticators.iter().map(|one| {
        [
            one.chain.clone(),
            one.id.clone(),
            yes(one.enabled),
            on_failure(one),
            span(one.timeout.as_ref()),
            one.precondition.clone(),
            one.revision.to_string(),
        ]
    });
    table(
        [
            "CHAIN",
            "ID",
            "ENABLED",
            "ON FAILURE",
            "TIMEOUT",
            "PRECONDITION",
            "REVISION",
        ],
        rows,
    )
}

fn one(one: &Authenticator) -> String {
    let settings = one
        .settings
        .as_ref()
        .and_then(|settings| serde_json::to_string_pretty(settings).ok());
    let text = fields([
        ("id", one.id.clone()),
        ("chain", one.chain.clone()),
        ("mechanism", one.mechanism.clone()),
        ("backend", one.backend.clone()),
        ("enabled", yes(one.enabled)),
        ("precondition", one.precondition.clone()),
        ("on failure", on_failure(one)),
        ("timeout", span(one.timeout.as_ref())),
        ("revision", one.revision.to_string()),
        ("updated", moment(one.updated_at.as_ref())),
        ("updated by", one.updated_by.clone()),
    ]);
    format!("{text}\nsettings {}", settings.unwrap_or_else(|| "{}".to_owned()))
}

fn on_failure(one: &Authenticator) -> String {
    one.on_failure()
        .as_str_name()
        .to_ascii_lowercase()
        .replace("on_failure_unspecified", "deny")
}

fn fared(status: &AuthenticatorStatus) -> String {
    let mut rows: Vec<_> = status
        .nodes
        .iter()
        .map(|node| {
            let heard = if node.answered {
                String::new()
            } else {
                format!("silent for {}", span(node.age.as_ref()))
            };
            let remark = if node.error.is_empty() {
                heard
            } else {
                node.error.clone()
            };
            row(node.node.clone(), node.status(), node.metrics.as_ref(), remark)
        })
        .collect();
    rows.push(row(
        "all".to_owned(),
        status.status(),
        status.total.as_ref(),
        String::new(),
    ));
    table(
        [
            "NODE", "STATUS", "TOTAL", "SUCCESS", "FAILED", "NOMATCH", "RATE/S", "P50", "P99", "REMARK",
        ],
        rows,
    )
}

fn row(node: String, status: Status, metrics: Option<&Metrics>, remark: String) -> [String; 10] {
    let metrics = metrics.cloned().unwrap_or_default();
    let latency = metrics.latency.unwrap_or_default();
    [
        node,
        status.as_str_name().to_owned(),
        metrics.total.to_string(),
        metrics.success.to_string(),
        metrics.failed.to_string(),
        metrics.nomatch.to_string(),
        format!("{:.1}", metrics.rate),
        span(latency.p50.as_ref()),
        span(latency.p99.as_ref()),
        remark,
    ]
}

fn kinds(found: &ListBackendsResponse) -> String {
    let rows = found
        .backends
        .iter()
        .map(|kind| [kind.mechanism.clone(), kind.backend.clone(), kind.title.clone()]);
    table(["MECHANISM", "BACKEND", "TITLE"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_may_name_an_id_with_colons() {
        let after = position("after:password_based:built_in_database").unwrap();
        assert_eq!(after, Position::After("password_based:built_in_database".into()));
        assert_eq!(position("front").unwrap(), Position::Front(true));
        for wrong in ["before:", "middle", ""] {
            assert!(position(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn an_unspecified_failure_means_deny() {
        assert_eq!(on_failure(&Authenticator::default()), "deny");
        assert_eq!(
            on_failure(&Authenticator {
                on_failure: 1,
                ..Authenticator::default()
            }),
            "next"
        );
    }
}

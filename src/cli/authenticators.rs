//! `portcullis authenticator`: the chain that decides a login.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use pbjson_types::FieldMask;
use serde_json::Value;

use super::args::{ChainOption, Global, IfRevision};
use super::authenticator_errands as errands;
use super::authenticator_tables::{fared, kinds, listed, name_of_kind, one};
use super::connect::{PATIENCE, Session};
use super::declaration;
use super::output::{self, warn};
use crate::wire::pb::v1::move_authenticator_request::Position;
use crate::wire::pb::v1::{
    Authenticator, AuthenticatorStatus, CreateAuthenticatorRequest, DeleteAuthenticatorRequest,
    GetAuthenticatorRequest, GetAuthenticatorStatusRequest, ListAuthenticatorsRequest, ListAuthenticatorsResponse,
    ListBackendsRequest, ListBackendsResponse, MoveAuthenticatorRequest, ReorderAuthenticatorsRequest,
    SetEnabledRequest, UpdateAuthenticatorRequest,
};
use crate::words;

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
        /// `global`, or the id of a listener with a chain of its own [default: as the file says, or global]
        #[arg(long, value_name = "CHAIN")]
        chain: Option<String>,
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
    Enable {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        condition: IfRevision,
    },
    /// Do not ask it from now on
    Disable {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        condition: IfRevision,
    },
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
    /// Try what a file declares on every node, and store nothing; success means that it works on all of them
    Test {
        /// A JSON file as for `create`; `-` is standard input. Where it names an authenticator that exists, "******" stands for
        /// that one's secrets
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// The chain of the authenticator that the file names [default: as the file says, or global]
        #[arg(long, value_name = "CHAIN")]
        chain: Option<String>,
    },
    /// Set its figures to zero on every node
    ResetMetrics(Which),
    /// Have every node forget what it remembers of its backend's answers
    PurgeCache(Which),
    /// List the kinds there are; JSON shows the schema of their settings
    Backends,
    /// Print the JSON schema of one kind's settings
    Schema {
        /// MECHANISM:BACKEND, such as password_based:built_in_database
        kind: String,
    },
}

/// One authenticator.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// Its id, such as password_based:built_in_database
    pub(super) id: String,
    #[command(flatten)]
    pub(super) chain: ChainOption,
}

/// Runs one of them.
pub(super) async fn run(command: AuthenticatorCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let session = &Session::open(global, PATIENCE).await?;
    match command {
        AuthenticatorCommand::List { chain } => show_chain(session, &list(session, &chain).await?)?,
        AuthenticatorCommand::Get(which) => {
            let request = GetAuthenticatorRequest {
                chain: which.chain.chain,
                id: which.id,
            };
            show_one(
                session,
                &session.client.authenticators().get(request).await?.into_inner(),
            )?;
        }
        AuthenticatorCommand::Create { file, chain } => create(session, file, chain).await?,
        AuthenticatorCommand::Update { which, file, condition } => update(session, which, file, condition).await?,
        AuthenticatorCommand::Delete { which, condition } => delete(session, which, condition).await?,
        AuthenticatorCommand::Enable { which, condition } => set_enabled(session, which, condition, true).await?,
        AuthenticatorCommand::Disable { which, condition } => set_enabled(session, which, condition, false).await?,
        AuthenticatorCommand::Move { which, position } => relocate(session, which, position).await?,
        AuthenticatorCommand::Reorder { ids, chain } => reorder(session, ids, chain).await?,
        AuthenticatorCommand::Status(which) => session.show(&status(session, which).await?, fared)?,
        AuthenticatorCommand::Test { file, chain } => return errands::test(session, &file, chain).await,
        AuthenticatorCommand::ResetMetrics(which) => return errands::reset_metrics(session, which).await,
        AuthenticatorCommand::PurgeCache(which) => return errands::purge_cache(session, which).await,
        AuthenticatorCommand::Backends => session.show(&backends(session).await?, kinds)?,
        AuthenticatorCommand::Schema { kind } => output::print_json(&schema(&backends(session).await?, &kind)?)?,
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

async fn create(session: &Session, file: PathBuf, chain: Option<String>) -> anyhow::Result<()> {
    let mut declared = declaration::read(&file)?.authenticator;
    if let Some(chain) = chain {
        check_same(&file, [("chain", &declared.chain, &chain)])?;
        declared.chain = chain;
    }
    let request = CreateAuthenticatorRequest {
        authenticator: Some(declared),
        request_id: session.request_id(),
    };
    show_one(
        session,
        &session.client.authenticators().create(request).await?.into_inner(),
    )
}

async fn update(session: &Session, which: Which, file: PathBuf, condition: IfRevision) -> anyhow::Result<()> {
    let declaration = declaration::read(&file)?;
    if declaration.given.is_empty() {
        bail!("`{}` gives nothing that can be changed", file.display());
    }
    let declared = &declaration.authenticator;
    check_same(
        &file,
        [
            ("id", &declared.id, &which.id),
            ("chain", &declared.chain, &which.chain.chain),
        ],
    )?;
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
    show_one(
        session,
        &session.client.authenticators().update(request).await?.into_inner(),
    )
}

/// What a file says of which authenticator it is must be what the command says: nothing of a file is ignored.
fn check_same<const N: usize>(file: &Path, fields: [(&str, &String, &String); N]) -> anyhow::Result<()> {
    let differs = |(field, declared, meant): &(&str, &String, &String)| {
        (!declared.is_empty() && declared != meant)
            .then(|| format!("\n  `{field}`: the file says `{declared}`, the command `{meant}`"))
    };
    let faults: String = fields.iter().filter_map(differs).collect();
    if faults.is_empty() {
        return Ok(());
    }
    bail!("`{}` is about another authenticator{faults}", file.display())
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
    warn(&deleted.warnings);
    session.show(&deleted, |deleted| match (deleted.existed, deleted.users_deleted) {
        (true, users) => format!(
            "`{id}` is deleted, and {users} users with it (revision {})",
            deleted.revision
        ),
        (false, _) => format!("there was no `{id}`"),
    })
}

async fn set_enabled(session: &Session, which: Which, condition: IfRevision, enabled: bool) -> anyhow::Result<()> {
    let request = SetEnabledRequest {
        chain: which.chain.chain,
        id: which.id,
        enabled,
        if_revision: condition.if_revision,
        request_id: session.request_id(),
    };
    show_one(
        session,
        &session.client.authenticators().set_enabled(request).await?.into_inner(),
    )
}

async fn relocate(session: &Session, which: Which, position: Position) -> anyhow::Result<()> {
    let request = MoveAuthenticatorRequest {
        chain: which.chain.chain,
        id: which.id,
        position: Some(position),
        request_id: session.request_id(),
    };
    show_chain(
        session,
        &session.client.authenticators().r#move(request).await?.into_inner(),
    )
}

async fn reorder(session: &Session, ids: Vec<String>, chain: ChainOption) -> anyhow::Result<()> {
    let request = ReorderAuthenticatorsRequest {
        chain: chain.chain,
        ids,
        request_id: session.request_id(),
    };
    show_chain(
        session,
        &session.client.authenticators().reorder(request).await?.into_inner(),
    )
}

async fn status(session: &Session, which: Which) -> anyhow::Result<AuthenticatorStatus> {
    let request = GetAuthenticatorStatusRequest {
        chain: which.chain.chain,
        id: which.id,
    };
    Ok(session.client.authenticators().get_status(request).await?.into_inner())
}

async fn backends(session: &Session) -> anyhow::Result<ListBackendsResponse> {
    let request = ListBackendsRequest {};
    Ok(session
        .client
        .authenticators()
        .list_backends(request)
        .await?
        .into_inner())
}

fn schema(found: &ListBackendsResponse, kind: &str) -> anyhow::Result<Value> {
    let names: Vec<_> = found.backends.iter().map(name_of_kind).collect();
    let at = names.iter().position(|name| name == kind);
    match at.and_then(|at| found.backends.get(at)) {
        Some(backend) => {
            let mut schema = serde_json::to_value(&backend.settings_schema)?;
            output::settle(&mut schema);
            Ok(schema)
        }
        None => {
            let known: Vec<_> = names.iter().map(String::as_str).collect();
            bail!("kind `{kind}` {}", words::unknown(kind, &known))
        }
    }
}

fn show_one(session: &Session, found: &Authenticator) -> anyhow::Result<()> {
    warn(&found.warnings);
    session.show(found, one)
}

fn show_chain(session: &Session, found: &ListAuthenticatorsResponse) -> anyhow::Result<()> {
    let mut told = BTreeSet::new();
    for one in &found.authenticators {
        // Every authenticator of an open chain says that it is open.
        let fresh: Vec<_> = one.warnings.iter().filter(|warning| told.insert(*warning)).collect();
        for warning in fresh {
            output::note(&format!("warning: `{}` of chain `{}`: {warning}", one.id, one.chain));
        }
    }
    session.show(found, listed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::Backend;

    fn backend(mechanism: &str, name: &str) -> Backend {
        let schema = serde_json::json!({"properties": {"server": {}, "password": {"x-secret": true}}});
        Backend {
            mechanism: mechanism.into(),
            backend: name.into(),
            settings_schema: serde_json::from_value(schema).ok(),
            ..Backend::default()
        }
    }

    #[test]
    fn a_kind_is_named_as_in_the_ids_of_authenticators() {
        let found = ListBackendsResponse {
            backends: vec![backend("password_based", "mysql"), backend("jwt", "")],
        };
        assert!(
            schema(&found, "password_based:mysql")
                .unwrap()
                .get("properties")
                .is_some()
        );
        assert!(schema(&found, "jwt").is_ok());
        let error = schema(&found, "password_based:mysq").unwrap_err().to_string();
        assert!(error.contains("did you mean `password_based:mysql`?"), "{error}");
    }

    #[test]
    fn a_file_about_another_authenticator_is_refused_with_every_difference() {
        let [declared_id, declared_chain, id, chain] = ["a", "tcp:own", "b", "global"].map(str::to_owned);
        let check = |id: &String, chain: &String| {
            check_same(
                Path::new("x.json"),
                [("id", &declared_id, id), ("chain", &declared_chain, chain)],
            )
        };
        let error = check(&id, &chain).unwrap_err().to_string();
        assert!(error.contains("`id`: the file says `a`, the command `b`"), "{error}");
        assert!(
            error.contains("`chain`: the file says `tcp:own`, the command `global`"),
            "{error}"
        );
        assert!(check(&declared_id, &declared_chain).is_ok());
    }

    #[test]
    fn a_position_may_name_an_id_with_colons() {
        let after = position("after:password_based:built_in_database").unwrap();
        assert_eq!(after, Position::After("password_based:built_in_database".into()));
        assert_eq!(position("front").unwrap(), Position::Front(true));
        for wrong in ["before:", "middle", ""] {
            assert!(position(wrong).is_err(), "{wrong} was taken");
        }
    }
}

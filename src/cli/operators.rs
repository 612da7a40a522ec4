//! `portcullis operator`: who may administer the cluster.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::accounts::{self, AccountCommand};
use super::args::{Global, IfRevision};
use super::connect::{PATIENCE, Session};
use super::output::{moment, table};
use super::setup;
use crate::wire::pb::v1::{
    CreateOperatorRequest, CreateOperatorResponse, CreateSetupTokenRequest, DeleteOperatorRequest,
    ListOperatorsRequest, ListOperatorsResponse, Operator, Role,
};

/// What can be done with operators.
#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// List them
    List,
    /// Make one and print its key, once
    Create {
        /// For people
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: RoleOption,
    },
    /// Delete one: its key is refused from then on
    Delete {
        /// The public half of its key
        id: String,
        #[command(flatten)]
        condition: IfRevision,
    },
    /// Operators who sign in at the dashboard with a password
    #[command(subcommand)]
    Account(AccountCommand),
    /// Print a token that makes the first account, for whoever has lost the one of `cluster init`. It counts once, for a day
    SetupToken,
}

/// What an operator may do; each may do what the one before it may.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum RoleOption {
    /// Only ask for logins.
    Client,
    /// Look.
    Viewer,
    /// Change users and authenticators.
    Editor,
    /// Everything.
    Admin,
}

impl From<RoleOption> for Role {
    fn from(role: RoleOption) -> Self {
        match role {
            RoleOption::Client => Self::Client,
            RoleOption::Viewer => Self::Viewer,
            RoleOption::Editor => Self::Editor,
            RoleOption::Admin => Self::Admin,
        }
    }
}

/// Runs one of them.
pub(super) async fn run(command: OperatorCommand, global: &Global) -> anyhow::Result<ExitCode> {
    let open = async || Session::open(global, PATIENCE).await;
    match command {
        OperatorCommand::List => {
            let session = open().await?;
            session.show(&list(&session).await?, listed)?;
        }
        OperatorCommand::Create { name, role } => create(&open().await?, name, role).await?,
        OperatorCommand::Delete { id, condition } => delete(&open().await?, id, &condition).await?,
        OperatorCommand::Account(command) => accounts::run(command, global).await?,
        OperatorCommand::SetupToken => {
            let session = open().await?;
            let request = CreateSetupTokenRequest {};
            let made = session
                .client
                .operators()
                .create_setup_token(request)
                .await?
                .into_inner();
            session.show(&made, |made| setup::told(&made.setup_token, &setup::page(global)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(session: &Session, name: String, role: RoleOption) -> anyhow::Result<()> {
    let request = CreateOperatorRequest {
        name,
        role: Role::from(role).into(),
        request_id: session.request_id(),
    };
    session.show(&session.client.operators().create(request).await?.into_inner(), created)
}

async fn delete(session: &Session, id: String, condition: &IfRevision) -> anyhow::Result<()> {
    let request = DeleteOperatorRequest {
        id: id.clone(),
        if_revision: condition.if_revision,
        request_id: session.request_id(),
    };
    let deleted = session.client.operators().delete(request).await?.into_inner();
    session.show(&deleted, |deleted| {
        format!("`{id}` is deleted (revision {})", deleted.revision)
    })
}

async fn list(session: &Session) -> anyhow::Result<ListOperatorsResponse> {
    let mut all = ListOperatorsResponse::default();
    loop {
        let page_token = std::mem::take(&mut all.next_page_token);
        let request = ListOperatorsRequest {
            page_size: 1000,
            page_token,
        };
        let page = session.client.operators().list(request).await?.into_inner();
        all.operators.extend(page.operators);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn listed(found: &ListOperatorsResponse) -> String {
    table(
        ["ID", "NAME", "ROLE", "CREATED", "CREATED BY", "REVISION"],
        found.operators.iter().map(row),
    )
}

fn row(operator: &Operator) -> [String; 6] {
    [
        operator.id.clone(),
        operator.name.clone(),
        operator.role().as_str_name().to_ascii_lowercase(),
        moment(operator.created_at.as_ref()),
        operator.created_by.clone(),
        operator.revision.to_string(),
    ]
}

fn created(created: &CreateOperatorResponse) -> String {
    let operator = table(
        ["ID", "NAME", "ROLE", "CREATED", "CREATED BY", "REVISION"],
        created.operator.iter().map(row),
    );
    format!("{operator}\n\nIts key, shown this once:\n{}", created.api_key)
}

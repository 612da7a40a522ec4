//! `portcullis operator account`: who signs in at the dashboard with a password.

use clap::{Args, Subcommand, ValueEnum};

use super::args::{Global, IfRevision};
use super::connect::{PATIENCE, Session};
use super::output::{moment, table};
use super::password;
use crate::wire::pb::v1::{
    Account, CreateAccountRequest, DeleteAccountRequest, ListAccountsRequest, ListAccountsResponse, Role,
    UpdateAccountRequest,
};

const COLUMNS: [&str; 7] = [
    "NAME",
    "ROLE",
    "SESSIONS",
    "PASSWORD SET",
    "CREATED",
    "CREATED BY",
    "REVISION",
];

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// List them
    List,
    /// Make one; asks for the password, which has 12 to 1024 bytes
    Create {
        /// 1 to 64 letters, digits, dots, underscores, hyphens and at signs
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: AccountRole,
        /// Read the password from standard input instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change what is given and nothing else
    Update(UpdateArgs),
    /// Delete one; its sessions end
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        condition: IfRevision,
    },
}

/// A change of an account.
#[derive(Args, Debug)]
#[group(id = "change", required = true, multiple = true, args = ["role", "ask_password", "password_stdin"])]
pub(super) struct UpdateArgs {
    /// Its name
    name: String,
    /// What it may do from now on
    #[arg(long, value_enum)]
    role: Option<AccountRole>,
    /// Ask for a new password; all sessions of the account end
    #[arg(long)]
    ask_password: bool,
    /// Read a new password from standard input; all sessions of the account end
    #[arg(long, conflicts_with = "ask_password")]
    password_stdin: bool,
    #[command(flatten)]
    condition: IfRevision,
}

/// What an account may do; each may do what the one before it may.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum AccountRole {
    /// Look.
    Viewer,
    /// Change users and authenticators.
    Editor,
    /// Everything.
    Admin,
}

impl From<AccountRole> for Role {
    fn from(role: AccountRole) -> Self {
        match role {
            AccountRole::Viewer => Self::Viewer,
            AccountRole::Editor => Self::Editor,
            AccountRole::Admin => Self::Admin,
        }
    }
}

/// Runs one of them. A password is asked for before connecting: no deadline may run while someone types.
pub(super) async fn run(command: AccountCommand, global: &Global) -> anyhow::Result<()> {
    match command {
        AccountCommand::List => {
            let session = Session::open(global, PATIENCE).await?;
            session.show(&list(&session).await?, listed)
        }
        AccountCommand::Create {
            name,
            role,
            password_stdin,
        } => {
            let password = password::obtain(password_stdin, true)?;
            let session = Session::open(global, PATIENCE).await?;
            let request = CreateAccountRequest {
                account: Some(named(name, Some(role))),
                password: (*password).clone(),
                request_id: session.request_id(),
            };
            let made = session.client.operators().create_account(request).await?.into_inner();
            session.show(&made, one)
        }
        AccountCommand::Update(args) => update(args, global).await,
        AccountCommand::Delete { name, condition } => {
            let session = Session::open(global, PATIENCE).await?;
            let request = DeleteAccountRequest {
                name: name.clone(),
                if_revision: condition.if_revision,
                request_id: session.request_id(),
            };
            let deleted = session.client.operators().delete_account(request).await?.into_inner();
            session.show(&deleted, |deleted| {
                format!("`{name}` is deleted (revision {})", deleted.revision)
            })
        }
    }
}

async fn update(args: UpdateArgs, global: &Global) -> anyhow::Result<()> {
    let password = if args.ask_password || args.password_stdin {
        Some(password::obtain(args.password_stdin, true)?)
    } else {
        None
    };
    let session = Session::open(global, PATIENCE).await?;
    let request = UpdateAccountRequest {
        account: Some(named(args.name, args.role)),
        password: password.map(|password| (*password).clone()),
        update_mask: Vec::new(),
        if_revision: args.condition.if_revision,
        request_id: session.request_id(),
    };
    let changed = session.client.operators().update_account(request).await?.into_inner();
    session.show(&changed, one)
}

fn named(name: String, role: Option<AccountRole>) -> Account {
    Account {
        name,
        role: role.map_or(Role::Unspecified, Role::from).into(),
        ..Account::default()
    }
}

async fn list(session: &Session) -> anyhow::Result<ListAccountsResponse> {
    let mut all = ListAccountsResponse::default();
    loop {
        let page_token = std::mem::take(&mut all.next_page_token);
        let request = ListAccountsRequest {
            page_size: 1000,
            page_token,
        };
        let page = session.client.operators().list_accounts(request).await?.into_inner();
        all.accounts.extend(page.accounts);
        all.next_page_token = page.next_page_token;
        if all.next_page_token.is_empty() {
            return Ok(all);
        }
    }
}

fn listed(found: &ListAccountsResponse) -> String {
    table(COLUMNS, found.accounts.iter().map(row))
}

fn one(account: &Account) -> String {
    table(COLUMNS, [row(account)])
}

fn row(account: &Account) -> [String; 7] {
    [
        account.name.clone(),
        account.role().as_str_name().to_ascii_lowercase(),
        account.sessions.to_string(),
        moment(account.password_changed_at.as_ref()),
        moment(account.created_at.as_ref()),
        account.created_by.clone(),
        account.revision.to_string(),
    ]
}

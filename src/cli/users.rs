//! `portcullis user`: the users of a built-in database.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{ArgAction, Args, Subcommand};
use pbjson_types::FieldMask;

use super::args::{Global, IfRevision, PageOptions, Scope};
use super::connect::{PATIENCE, Session};
use super::export::{self, ExportArgs};
use super::import::{self, ImportArgs};
use super::output::{fields, moment, pairs, table, yes};
use super::password;
use super::template::{self, TemplateArgs};
use super::user_creation::{self, CreateArgs};
use super::user_deletion::{self, DeleteArgs};
use crate::wire::pb::v1::{GetUserRequest, ListUsersRequest, ListUsersResponse, NewPassword, UpdateUserRequest, User};

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// List users by name
    List(ListArgs),
    /// Show one user
    Get {
        /// Its name
        name: String,
        #[command(flatten)]
        scope: Scope,
    },
    /// Make a user; asks for the password
    Create(CreateArgs),
    /// Change what is given and nothing else
    Update(UpdateArgs),
    /// Delete users by their names. One name must be there; of several, those that are not there are counted
    Delete(DeleteArgs),
    /// Load users from a CSV, JSON or NDJSON file. Exits with 1 if a row failed
    Import(ImportArgs),
    /// Write users to a CSV, JSON or NDJSON file that import reads back. It holds their hashes, so it takes the role admin
    Export(ExportArgs),
    /// Write a small file to fill in for import
    Template(TemplateArgs),
}

/// Which users to list.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Names with this in them
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    contains: String,
    /// Only superusers, or only the others
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    superuser: Option<bool>,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    scope: Scope,
}

/// A change of a user.
#[derive(Args, Debug)]
pub(super) struct UpdateArgs {
    /// Its name
    name: String,
    /// Ask for a new password
    #[arg(long)]
    ask_password: bool,
    /// Read a new password from standard input
    #[arg(long, conflicts_with = "ask_password")]
    password_stdin: bool,
    /// May do anything
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    superuser: Option<bool>,
    /// May not log in for now
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    disabled: Option<bool>,
    /// May not log in from this moment on
    #[arg(long, value_name = "TIME")]
    expires_at: Option<jiff::Timestamp>,
    /// May log in for good
    #[arg(long, conflicts_with = "expires_at")]
    never_expires: bool,
    /// Replaces all attributes by those given; repeat for more
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// Removes all attributes
    #[arg(long, conflicts_with = "attributes")]
    no_attributes: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    condition: IfRevision,
}

/// Runs one of them.
pub(super) async fn run(command: UserCommand, global: &Global) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Import(args) => return import::run(args, global).await,
        UserCommand::Export(args) => return export::run(args, global).await,
        UserCommand::Template(args) => return template::run(args, global).await,
        UserCommand::Delete(args) => user_deletion::run(args, global).await?,
        UserCommand::Create(args) => user_creation::run(args, global).await?,
        // The password is asked for before connecting: no deadline may run while someone types.
        UserCommand::Update(args) => {
            let request = args.request()?;
            update(&Session::open(global, PATIENCE).await?, request).await?;
        }
        UserCommand::List(args) => list(&Session::open(global, PATIENCE).await?, args).await?,
        UserCommand::Get { name, scope } => get(&Session::open(global, PATIENCE).await?, name, scope).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(session: &Session, args: ListArgs) -> anyhow::Result<()> {
    let mut request = ListUsersRequest {
        chain: args.scope.chain.chain,
        authenticator: args.scope.authenticator,
        prefix: args.prefix,
        contains: args.contains,
        is_superuser: args.superuser,
        page_size: args.page.page_size,
        page_token: args.page.page_token,
    };
    let mut found = session.client.users().list(request.clone()).await?.into_inner();
    while args.page.all && !found.next_page_token.is_empty() {
        request.page_token = std::mem::take(&mut found.next_page_token);
        let next = session.client.users().list(request.clone()).await?.into_inner();
        found.users.extend(next.users);
        found.next_page_token = next.next_page_token;
    }
    session.show(&found, listed)
}

fn listed(found: &ListUsersResponse) -> String {
    let rows = found.users.iter().map(|user| {
        [
            user.user_id.clone(),
            yes(user.is_superuser),
            yes(user.disabled),
            moment(user.expires_at.as_ref()),
            user.hash.clone(),
            pairs(&user.attributes),
            user.revision.to_string(),
        ]
    });
    let mut text = table(
        [
            "USER",
            "SUPERUSER",
            "DISABLED",
            "EXPIRES",
            "HASH",
            "ATTRIBUTES",
            "REVISION",
        ],
        rows,
    );
    if found.total_size > 0 {
        text.push_str(&format!("\n{} of {} users", found.users.len(), found.total_size));
    }
    if !found.next_page_token.is_empty() {
        text.push_str(&format!(
            "\nThere are more: --page-token {} or --all",
            found.next_page_token
        ));
    }
    text
}

async fn get(session: &Session, name: String, scope: Scope) -> anyhow::Result<()> {
    let request = GetUserRequest {
        chain: scope.chain.chain,
        authenticator: scope.authenticator,
        user_id: name,
    };
    session.show(&session.client.users().get(request).await?.into_inner(), one)
}

async fn update(session: &Session, mut request: UpdateUserRequest) -> anyhow::Result<()> {
    request.request_id = session.request_id();
    session.show(&session.client.users().update(request).await?.into_inner(), one)
}

impl UpdateArgs {
    fn request(self) -> anyhow::Result<UpdateUserRequest> {
        let paths = self.changes();
        if paths.is_empty() {
            bail!("nothing to change is given: see `portcullis user update --help`");
        }
        let new_password = if self.ask_password || self.password_stdin {
            Some(plain(self.password_stdin)?)
        } else {
            None
        };
        let user = User {
            is_superuser: self.superuser.unwrap_or_default(),
            disabled: self.disabled.unwrap_or_default(),
            expires_at: self.expires_at.map(timestamp),
            attributes: self.attributes.into_iter().collect::<BTreeMap<_, _>>(),
            ..named(self.name, self.scope)
        };
        Ok(UpdateUserRequest {
            user: Some(user),
            password: new_password,
            update_mask: Some(FieldMask { paths }),
            if_revision: self.condition.if_revision,
            request_id: String::new(),
        })
    }

    /// The fields that were named on the command line; the others stay as they are.
    fn changes(&self) -> Vec<String> {
        [
            ("password", self.ask_password || self.password_stdin),
            ("is_superuser", self.superuser.is_some()),
            ("disabled", self.disabled.is_some()),
            ("expires_at", self.expires_at.is_some() || self.never_expires),
            ("attributes", !self.attributes.is_empty() || self.no_attributes),
        ]
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(field, _)| field.to_owned())
        .collect()
    }
}

pub(super) fn plain(from_stdin: bool) -> anyhow::Result<NewPassword> {
    let password = password::obtain(from_stdin, true)?;
    Ok(NewPassword {
        password: Some(password.to_string()),
        ..NewPassword::default()
    })
}

pub(super) fn named(name: String, scope: Scope) -> User {
    User {
        chain: scope.chain.chain,
        authenticator: scope.authenticator,
        user_id: name,
        ..User::default()
    }
}

pub(super) fn one(user: &User) -> String {
    fields([
        ("user", user.user_id.clone()),
        ("authenticator", user.authenticator.clone()),
        ("chain", user.chain.clone()),
        ("superuser", yes(user.is_superuser)),
        ("disabled", yes(user.disabled)),
        ("expires", moment(user.expires_at.as_ref())),
        ("attributes", pairs(&user.attributes)),
        ("hash", user.hash.clone()),
        ("revision", user.revision.to_string()),
        ("updated", moment(user.updated_at.as_ref())),
    ])
}

pub(super) fn timestamp(at: jiff::Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

pub(super) fn pair(text: &str) -> anyhow::Result<(String, String)> {
    let (key, value) = text
        .split_once('=')
        .with_context(|| format!("`{text}` is not KEY=VALUE"))?;
    if key.is_empty() {
        bail!("`{text}` has no key before the `=`");
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser as _;

    fn update_of(options: &[&str]) -> UpdateArgs {
        let line = ["portcullis", "user", "update", "ann"].iter().chain(options);
        match Cli::try_parse_from(line).unwrap().command {
            Command::User(UserCommand::Update(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_update_names_only_what_was_given() {
        assert_eq!(update_of(&["--superuser", "false"]).changes(), ["is_superuser"]);
        assert_eq!(
            update_of(&["--never-expires", "--no-attributes"]).changes(),
            ["expires_at", "attributes"]
        );
        assert!(update_of(&[]).request().is_err());
    }

    #[test]
    fn attributes_are_pairs_and_may_contain_the_sign() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert!(pair("a").is_err());
        assert!(pair("=b").is_err());
    }

    #[test]
    fn moments_keep_their_order_before_1970() {
        let at: jiff::Timestamp = "1969-12-31T23:59:59.5Z".parse().unwrap();
        let sent = timestamp(at);
        assert_eq!(jiff::Timestamp::new(sent.seconds, sent.nanos).unwrap(), at);
    }
}

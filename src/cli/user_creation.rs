//! `portcullis user create`: a user in one database, or in several at once.

use std::io::{self, Read as _};

use anyhow::{Context as _, ensure};
use clap::Args;
use zeroize::Zeroizing;

use super::args::{Global, Scope};
use super::connect::{PATIENCE, Session};
use super::password;
use super::users::{named, one, pair, plain, timestamp};
use crate::wire::pb::v1::{CreateUserRequest, NewPassword, User};

const SCRAM: &str = "scram:built_in_database";
/// Longer than any keys, so that a wrong file does not fill the memory.
const MOST_KEY_BYTES: u64 = 64 << 10;

/// A new user.
#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    /// Its name: 1 to 512 bytes without control characters, compared byte by byte; in a SCRAM database prepared by SASLprep
    name: String,
    /// Make it in the SCRAM database of the chain too, with the same password: all or none. Short for `--also-in
    /// scram:built_in_database`; for that database alone give `--authenticator scram:built_in_database`
    #[arg(long)]
    scram: bool,
    /// Make it in this authenticator of the chain too, with the same password: all or none; repeat for more
    #[arg(long, value_name = "ID")]
    also_in: Vec<String>,
    /// Read the password from standard input instead of asking
    #[arg(long)]
    password_stdin: bool,
    /// Read a hash made elsewhere from standard input instead of a password
    #[arg(long, conflicts_with = "password_stdin")]
    hash_stdin: bool,
    /// Read a SCRAM user's keys from standard input: a JSON object with `salt`, `stored_key` and `server_key` in base64, and
    /// `iterations`
    #[arg(long, conflicts_with_all = ["password_stdin", "hash_stdin"])]
    keys_stdin: bool,
    /// The salt that the hash was made with
    #[arg(long, requires = "hash_stdin", default_value = "", hide_default_value = true)]
    salt: String,
    /// How the hash or the keys were made: a name or a JSON object; of SCRAM `sha256` or `sha512` [default: the authenticator's]
    #[arg(long, default_value = "", hide_default_value = true)]
    algorithm: String,
    /// May do anything
    #[arg(long)]
    superuser: bool,
    /// May not log in for now
    #[arg(long)]
    disabled: bool,
    /// May not log in from this moment on, such as 2030-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<jiff::Timestamp>,
    /// Goes to the client with each answer; repeat for more
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    #[command(flatten)]
    scope: Scope,
}

/// Makes it and shows it. The password is asked for before connecting: no deadline may run while someone types.
pub(super) async fn run(args: CreateArgs, global: &Global) -> anyhow::Result<()> {
    let mut request = args.request()?;
    let session = Session::open(global, PATIENCE).await?;
    request.request_id = session.request_id();
    session.show(&session.client.users().create(request).await?.into_inner(), one)
}

impl CreateArgs {
    fn request(self) -> anyhow::Result<CreateUserRequest> {
        let also_in = self.further();
        let password = self.password()?;
        let user = User {
            is_superuser: self.superuser,
            disabled: self.disabled,
            expires_at: self.expires_at.map(timestamp),
            attributes: self.attributes.into_iter().collect(),
            ..named(self.name, self.scope)
        };
        Ok(CreateUserRequest {
            user: Some(user),
            password: Some(password),
            also_in,
            request_id: String::new(),
        })
    }

    /// Who makes a user of the SCRAM database has said all with `--scram`.
    fn further(&self) -> Vec<String> {
        let mut also_in = self.also_in.clone();
        let is_named = self.scope.authenticator == SCRAM || also_in.iter().any(|id| id == SCRAM);
        if self.scram && !is_named {
            also_in.push(SCRAM.to_owned());
        }
        also_in
    }

    fn password(&self) -> anyhow::Result<NewPassword> {
        let new_password = if self.keys_stdin {
            keys(io::stdin().lock())?
        } else if self.hash_stdin {
            NewPassword {
                password_hash: password::obtain(true, false)?.to_string(),
                salt: self.salt.clone(),
                ..NewPassword::default()
            }
        } else {
            plain(self.password_stdin)?
        };
        Ok(NewPassword {
            algorithm: self.algorithm.clone(),
            ..new_password
        })
    }
}

/// Nothing but keys, and no part of them in an error.
fn keys(input: impl io::Read) -> anyhow::Result<NewPassword> {
    const FORM: &str = "a JSON object with `salt`, `iterations`, `stored_key` and `server_key`";
    let mut text = Zeroizing::new(String::new());
    let read = input.take(MOST_KEY_BYTES + 1).read_to_string(&mut text);
    read.context("cannot read the keys from standard input")?;
    ensure!(
        text.len() as u64 <= MOST_KEY_BYTES,
        "the keys on standard input are longer than {MOST_KEY_BYTES} bytes"
    );
    let given: NewPassword = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        anyhow::anyhow!("standard input is not {FORM}: fault in line {line}, column {column}")
    })?;
    let only_keys = NewPassword {
        salt: given.salt.clone(),
        iterations: given.iterations,
        stored_key: given.stored_key.clone(),
        server_key: given.server_key.clone(),
        ..NewPassword::default()
    };
    ensure!(given == only_keys, "standard input holds more than {FORM}");
    let is_whole = !(given.stored_key.is_empty() || given.server_key.is_empty());
    ensure!(
        is_whole,
        "standard input lacks `stored_key` or `server_key`: it is to be {FORM}"
    );
    Ok(given)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{CreateArgs, SCRAM, keys};
    use crate::cli::args::{Cli, Command};
    use crate::cli::users::UserCommand;

    fn parsed(options: &[&str]) -> Option<CreateArgs> {
        let line = ["portcullis", "user", "create", "ann"].iter().chain(options);
        match Cli::try_parse_from(line).ok()?.command {
            Command::User(UserCommand::Create(args)) => Some(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_is_made_in_the_scram_database_too_or_there_alone() {
        let further = |options: &[&str]| parsed(options).unwrap().further();
        assert_eq!(further(&[]), [""; 0]);
        assert_eq!(further(&["--scram"]), [SCRAM]);
        assert_eq!(further(&["--scram", "--also-in", "b"]), ["b", SCRAM]);
        assert_eq!(further(&["--scram", "--also-in", SCRAM]), [SCRAM]);
        assert_eq!(further(&["--authenticator", SCRAM]), [""; 0]);
        assert_eq!(further(&["--authenticator", SCRAM, "--scram"]), [""; 0]);
    }

    #[test]
    fn a_password_a_hash_and_keys_come_from_one_place() {
        assert!(parsed(&["--keys-stdin", "--algorithm", "sha512"]).is_some());
        for two in [
            ["--keys-stdin", "--hash-stdin"],
            ["--keys-stdin", "--password-stdin"],
            ["--hash-stdin", "--password-stdin"],
        ] {
            assert!(parsed(&two).is_none(), "{two:?}");
        }
    }

    #[test]
    fn keys_are_an_object_and_nothing_but_keys() {
        let whole = r#"{"salt": "c2FsdA==",
            "iterations": 4096, "stored_key": "AAAA", "serverKey": "BBBB"}"#;
        let given = keys(whole.as_bytes()).unwrap();
        assert_eq!(
            (
                given.salt.as_str(),
                given.iterations,
                given.stored_key.as_str(),
                given.server_key.as_str()
            ),
            ("c2FsdA==", 4096, "AAAA", "BBBB")
        );
        for wrong in [
            "",
            "hunter2",
            r#"{"stored_key": "hunter2"}"#,
            r#"{"salt": "", "stored_key": "hunter2", "server_key": "x", "password": "y"}"#,
            r#"{"salt": "", "stored_key": "hunter2", "server_key": "x", "hunter2": "y"}"#,
        ] {
            let error = keys(wrong.as_bytes()).unwrap_err().to_string();
            assert!(
                error.contains("a JSON object with") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}

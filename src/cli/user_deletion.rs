//! `portcullis user delete`: one user, or many by their names.

use std::io::{self, BufRead, IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::args::{Global, IfRevision, Scope};
use super::connect::{PATIENCE, Session};
use super::output::note;
use crate::wire::pb::v1::{BatchDeleteUsersRequest, BatchDeleteUsersResponse, DeleteUserRequest};

/// Names that the service takes at once.
const BATCH: usize = 1000;
/// Most names, and most bytes of them, that are read from standard input: a wrong file must not fill the memory.
const MOST_NAMES: usize = 1_000_000;
const MOST_BYTES: u64 = 256 << 20;

/// Whom to delete.
#[derive(Args, Debug)]
pub(super) struct DeleteArgs {
    /// Their names
    #[arg(value_name = "NAME", required_unless_present = "stdin")]
    names: Vec<String>,
    /// Read names from standard input, one a line
    #[arg(long, conflicts_with = "names")]
    stdin: bool,
    /// Do not ask before deleting more than one
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    condition: IfRevision,
}

/// Deletes them and says how many there were.
pub(super) async fn run(args: DeleteArgs, global: &Global) -> anyhow::Result<()> {
    let names = if args.stdin {
        read_names(io::stdin().lock())?
    } else {
        args.names
    };
    let if_revision = args.condition.if_revision;
    // One name given as such is a user that must be there; of many some may be gone.
    if let ([name], false) = (names.as_slice(), args.stdin) {
        let session = Session::open(global, PATIENCE).await?;
        return delete_one(&session, name, args.scope, if_revision).await;
    }
    ensure!(if_revision == 0, "--if-revision goes with one name");
    if !args.yes && names.len() > 1 && !confirmed(names.len())? {
        bail!("nothing is deleted");
    }
    let session = Session::open(global, PATIENCE).await?;
    let deleted = delete_many(&session, &names, &args.scope).await?;
    session.show(&deleted, |deleted| {
        format!(
            "{} users are deleted, {} were not there (revision {})",
            deleted.deleted, deleted.missing, deleted.revision
        )
    })
}

async fn delete_one(session: &Session, name: &str, scope: Scope, if_revision: u64) -> anyhow::Result<()> {
    let request = DeleteUserRequest {
        chain: scope.chain.chain,
        authenticator: scope.authenticator,
        user_id: name.to_owned(),
        if_revision,
        request_id: session.request_id(),
    };
    let deleted = session.client.users().delete(request).await?.into_inner();
    session.show(&deleted, |deleted| {
        format!("`{name}` is deleted (revision {})", deleted.revision)
    })
}

/// As many changes as there are thousands of names. Each has a request id of its own, so that repeating the command under
/// `--request-id` repeats none of them.
async fn delete_many(session: &Session, names: &[String], scope: &Scope) -> anyhow::Result<BatchDeleteUsersResponse> {
    let request_id = session.request_id();
    let mut sum = BatchDeleteUsersResponse::default();
    for (at, batch) in names.chunks(BATCH).enumerate() {
        let request = BatchDeleteUsersRequest {
            chain: scope.chain.chain.clone(),
            authenticator: scope.authenticator.clone(),
            user_ids: batch.to_vec(),
            request_id: format!("{request_id}-{at}"),
        };
        match session.client.users().batch_delete(request).await {
            Ok(answer) => {
                let BatchDeleteUsersResponse {
                    deleted,
                    missing,
                    revision,
                } = answer.into_inner();
                sum.deleted += deleted;
                sum.missing += missing;
                sum.revision = revision;
            }
            Err(status) => {
                if at > 0 {
                    let (deleted, done) = (sum.deleted, at * BATCH);
                    note(&format!(
                        "The first {done} names are done with: {deleted} users are deleted"
                    ));
                }
                return Err(status.into());
            }
        }
    }
    Ok(sum)
}

/// Asks, if there is somebody to ask.
fn confirmed(count: usize) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "Delete {count} users? [y/N] ").context("cannot ask on the terminal")?;
    terminal.flush().context("cannot ask on the terminal")?;
    let mut answer = String::new();
    let answered = io::stdin().lock().take(64).read_line(&mut answer);
    answered.context("cannot read the answer")?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

/// A name is all of its line but the line end: spaces belong to it. Empty lines are no names.
fn read_names(input: impl BufRead) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let mut left = MOST_BYTES;
    for (at, line) in input.take(MOST_BYTES + 1).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read line {} of standard input", at + 1))?;
        left = left
            .checked_sub(line.len() as u64 + 1)
            .with_context(|| format!("standard input has more than {MOST_BYTES} bytes"))?;
        let name = line.strip_suffix('\r').unwrap_or(&line);
        if !name.is_empty() {
            names.push(name.to_owned());
        }
        ensure!(
            names.len() <= MOST_NAMES,
            "standard input has more than {MOST_NAMES} names"
        );
    }
    ensure!(!names.is_empty(), "standard input has no name");
    Ok(names)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{is_yes, read_names};
    use crate::cli::args::Cli;

    #[test]
    fn a_name_is_a_line_without_its_end() {
        let names = read_names("ann\r\n\n of bob \nzoë".as_bytes()).unwrap();
        assert_eq!(names, ["ann", " of bob ", "zoë"]);
        assert!(read_names("\n\r\n".as_bytes()).is_err());
    }

    #[test]
    fn a_line_that_is_no_text_is_told_by_its_number() {
        let error = read_names(b"ann\n\xff\n".as_slice()).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn names_come_from_one_place() {
        let parse = |words: &[&str]| Cli::try_parse_from([&["portcullis", "user", "delete"], words].concat()).is_ok();
        assert!(parse(&["ann"]) && parse(&["ann", "bob", "--yes"]) && parse(&["--stdin"]));
        assert!(!parse(&[]) && !parse(&["ann", "--stdin"]));
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" YES "));
        assert!(!is_yes("\n") && !is_yes("no") && !is_yes("yesterday"));
    }
}

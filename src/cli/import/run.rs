//! The whole import: attempt after attempt, each where the last one broke off.

use std::process::ExitCode;
use std::time::Duration;

use super::args::ImportArgs;
use super::bar::Bar;
use super::exchange::{Failure, Listener, exchange};
use super::rejects::Rejects;
use super::totals::Totals;
use super::upload::Upload;
use crate::cli::args::{Global, Output};
use crate::cli::connect::Session;
use crate::cli::failure;
use crate::cli::output::{fields, note};
use crate::wire::pb::v1::{BadRow, ImportUsersHeader, ImportUsersProgress};

/// A file of a million passwords in the clear takes its time to hash.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Streams the file and says what became of it.
pub(in crate::cli) async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let header = args.header()?;
    let mut upload = Upload::open(&args.file).await?;
    let rejects = args
        .rejects
        .as_deref()
        .map(|path| Rejects::open(path, header.resume_after_row > 0))
        .transpose()?;
    let session = Session::open(global, PATIENCE).await?;
    let bar = Bar::new(global.output);
    if bar.is_shown()
        && let Some(rows) = upload.about_rows(args.format()?).await?
    {
        bar.expect(rows);
    }
    let mut import = Import {
        totals: Totals::new(&header),
        header,
        upload,
        rejects,
        bar,
        retry_for: args.retry_for,
        gave_up: false,
    };
    let ended = import.attempts(session, global).await;
    import.bar.remove();
    import.report(&args, global.output)?;
    ended.inspect_err(|_| import.advise())?;
    Ok(if import.totals.failed() > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// An import that is under way.
struct Import {
    /// Of the next attempt.
    header: ImportUsersHeader,
    upload: Upload,
    totals: Totals,
    rejects: Option<Rejects>,
    bar: Bar,
    retry_for: Duration,
    /// What broke it off may pass: the same file can be gone on with.
    gave_up: bool,
}

impl Import {
    /// Goes on until the file is in, or nothing has moved for too long.
    async fn attempts(&mut self, first: Session, global: &Global) -> anyhow::Result<()> {
        let (mut turn, mut pause) = (0, FIRST_PAUSE);
        let mut session = Ok(first);
        loop {
            let settled = self.totals.settled_rows();
            let failure = match session {
                Ok(session) => self.attempt(&session).await,
                Err(error) => Err(error),
            };
            let error = match failure {
                Ok(()) => return Ok(()),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error)) => error,
            };
            if !self.can_go_on() {
                self.gave_up = true;
                return Err(error);
            }
            self.totals.begin_next(&mut self.header);
            self.upload.rewind().await?;
            if self.totals.settled_rows() > settled {
                pause = FIRST_PAUSE;
            }
            self.say_broken(&error);
            wait(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            // Whoever broke off is asked last.
            turn += 1;
            session = Session::reopen(global, PATIENCE, turn)
                .await
                .map_err(Failure::to_connect);
        }
    }

    async fn attempt(&mut self, session: &Session) -> Result<(), Failure> {
        let listener = Listener {
            totals: &mut self.totals,
            rejects: self.rejects.as_mut(),
            bar: &self.bar,
        };
        exchange(&session.client, self.header.clone(), self.upload.reader(), listener).await
    }

    fn can_go_on(&self) -> bool {
        !self.totals.import_id().is_empty()
            && self.upload.can_be_read_again()
            && self.totals.moved().elapsed() < self.retry_for
    }

    fn say_broken(&self, error: &anyhow::Error) {
        let first_line = failure::describe(error);
        let first_line = first_line.lines().next().unwrap_or_default();
        self.bar.say(&format!(
            "broken off after {} rows ({first_line}); going on",
            self.totals.settled_rows()
        ));
    }

    /// How to resume by hand.
    fn advise(&self) {
        if !self.gave_up || self.totals.import_id().is_empty() {
            return;
        }
        note(&format!(
            "The import can be resumed: run the same command again with --import-id {} --resume-after-row {}",
            self.totals.import_id(),
            self.totals.settled_rows()
        ));
    }

    fn report(&self, args: &ImportArgs, output: Output) -> anyhow::Result<()> {
        let summary = self.totals.summary();
        if output == Output::Table {
            summary.bad_rows.iter().for_each(|row| note(&bad(row)));
            let unnamed = summary.failed.saturating_sub(summary.bad_rows.len() as u64);
            if unnamed > 0 {
                let hint = if args.rejects.is_some() {
                    ""
                } else {
                    ": --rejects FILE keeps them all"
                };
                note(&format!("… and {unnamed} more bad rows{hint}"));
            }
            summary
                .warnings
                .iter()
                .for_each(|warning| note(&format!("warning: {warning}")));
            if args.dry_run {
                note("This was a dry run: nothing was stored");
            }
        }
        crate::cli::output::show(output, &summary, table)
    }
}

fn table(summary: &ImportUsersProgress) -> String {
    let hashes: Vec<_> = summary
        .hashes
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    fields([
        ("total", summary.total.to_string()),
        ("created", summary.created.to_string()),
        ("replaced", summary.replaced.to_string()),
        ("unchanged", summary.unchanged.to_string()),
        ("skipped", summary.skipped.to_string()),
        ("failed", summary.failed.to_string()),
        ("hashes", hashes.join(", ")),
        ("revision", summary.revision.to_string()),
    ])
}

fn bad(row: &BadRow) -> String {
    // They come from the file, so they may hold anything. A row too short to have a name has none.
    let part = |text: &str, shown: String| if text.is_empty() { String::new() } else { shown };
    let name = part(&row.user_id, format!("{:?}: ", row.user_id));
    let column = part(&row.column, format!("`{}` ", row.column.escape_debug()));
    format!("line {}: {name}{column}{}", row.line, row.reason.escape_debug())
}

#[expect(
    clippy::disallowed_methods,
    reason = "backoff: a node that comes back cannot be waited for"
)]
async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::{BadRow, bad};

    #[test]
    fn a_bad_row_cannot_steer_the_terminal() {
        let row = BadRow {
            line: 7,
            column: "password".into(),
            user_id: "\u{1b}[2Jann".into(),
            reason: "is missing".into(),
        };
        assert_eq!(bad(&row), "line 7: \"\\u{1b}[2Jann\": `password` is missing");
        assert_eq!(
            bad(&BadRow {
                line: 3,
                reason: "is no row".into(),
                ..BadRow::default()
            }),
            "line 3: is no row"
        );
    }
}

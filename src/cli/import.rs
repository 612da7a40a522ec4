//! `portcullis user import`: a file of users, streamed to the node with progress back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::args::{Global, Output, Scope};
use super::connect::Session;
use super::output::{fields, note};
use crate::wire::pb::v1::import_users_header::{self as header, Format, PasswordType};
use crate::wire::pb::v1::import_users_request::Part;
use crate::wire::pb::v1::{BadRow, ImportUsersHeader, ImportUsersProgress, ImportUsersRequest};

/// A file of a million passwords in the clear takes its time to hash.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// Read and sent at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 4;

/// Which file, and how to take it.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// The file; `-` is standard input
    file: PathBuf,
    /// What it is [default: by its extension]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// Whether it holds hashes, or passwords in the clear
    #[arg(long = "type", value_enum, default_value_t = Passwords::Hash)]
    passwords: Passwords,
    /// How its hashes were made: a name or a JSON object [default: the authenticator's]
    #[arg(long, default_value = "", hide_default_value = true)]
    algorithm: String,
    /// What becomes of a user that is there already
    #[arg(long, value_enum, default_value_t = OnConflict::Replace)]
    on_conflict: OnConflict,
    /// Check every row and store none
    #[arg(long)]
    dry_run: bool,
    /// Store nothing if a single row is bad
    #[arg(long)]
    all_or_nothing: bool,
    #[command(flatten)]
    scope: Scope,
}

/// What a file of users is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FileFormat {
    /// A header line, then a line for each user.
    Csv,
    /// One array of objects.
    Json,
    /// An object in each line.
    Ndjson,
}

/// What stands in a file for a password.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Passwords {
    /// A hash and its salt.
    Hash,
    /// The password in the clear.
    Plain,
}

/// What becomes of a user that is there already.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflict {
    /// The file's takes its place.
    Replace,
    /// It stays as it is.
    Skip,
}

/// Streams the file and says what became of it.
pub(super) async fn run(args: ImportArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let header = args.header()?;
    let (file, size) = open(&args.file).await?;
    let session = Session::open(global, PATIENCE).await?;
    let bar = progress_bar(size, session.output);
    let outcome = exchange(&session, header, file, &bar).await;
    bar.finish_and_clear();
    let summary = outcome?;
    report(&session, &summary, args.dry_run)?;
    Ok(if summary.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl ImportArgs {
    fn header(&self) -> anyhow::Result<ImportUsersHeader> {
        let format = match self.format.map_or_else(|| format_of(&self.file), Ok)? {
            FileFormat::Csv => Format::Csv,
            FileFormat::Json => Format::Json,
            FileFormat::Ndjson => Format::Ndjson,
        };
        let passwords = match self.passwords {
            Passwords::Hash => PasswordType::Hash,
            Passwords::Plain => PasswordType::Plain,
        };
        let on_conflict = match self.on_conflict {
            OnConflict::Replace => header::OnConflict::Replace,
            OnConflict::Skip => header::OnConflict::Skip,
        };
        Ok(ImportUsersHeader {
            chain: self.scope.chain.chain.clone(),
            authenticator: self.scope.authenticator.clone(),
            format: format.into(),
            password_type: passwords.into(),
            on_conflict: on_conflict.into(),
            dry_run: self.dry_run,
            all_or_nothing: self.all_or_nothing,
            algorithm: self.algorithm.clone(),
            ..ImportUsersHeader::default()
        })
    }
}

/// What a file is by its name.
pub(super) fn format_of(file: &Path) -> anyhow::Result<FileFormat> {
    match file
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("csv") => Ok(FileFormat::Csv),
        Some("json") => Ok(FileFormat::Json),
        Some("ndjson" | "jsonl") => Ok(FileFormat::Ndjson),
        _ => bail!(
            "`{}` has no extension that tells its format: give --format csv, json or ndjson",
            file.display()
        ),
    }
}

/// The file and, if it is known, its size.
async fn open(file: &Path) -> anyhow::Result<(Box<dyn AsyncRead + Unpin>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(tokio::io::stdin()), None));
    }
    let opened = tokio::fs::File::open(file)
        .await
        .with_context(|| format!("cannot open `{}`", file.display()))?;
    let size = opened.metadata().await.map(|metadata| metadata.len()).ok();
    Ok((Box::new(opened), size))
}

fn progress_bar(size: Option<u64>, output: Output) -> ProgressBar {
    // Standard error, where indicatif shows nothing unless it is a terminal.
    let target = match output {
        Output::Table => ProgressDrawTarget::stderr(),
        Output::Json => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(size, target);
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// Sends the file and takes the progress at the same time; returns the last word with the bad rows of all.
async fn exchange(
    session: &Session,
    header: ImportUsersHeader,
    file: impl AsyncRead + Unpin,
    bar: &ProgressBar,
) -> anyhow::Result<ImportUsersProgress> {
    let (parts, received) = mpsc::channel(CHUNKS_AHEAD);
    // Kept until the whole file was read: if reading breaks off, the call is dropped before its stream can end, because
    // half a file must not look like a whole one.
    let mut keep_open = Some(parts.clone());
    let sending = async {
        send(header, file, parts, bar).await?;
        keep_open.take();
        Ok(())
    };
    let (summary, ()) = tokio::try_join!(receive(session, received, bar), sending)?;
    Ok(summary)
}

async fn send(
    header: ImportUsersHeader,
    mut file: impl AsyncRead + Unpin,
    parts: mpsc::Sender<ImportUsersRequest>,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let mut part = Part::Header(header);
    loop {
        // Nobody listens any more: the other half knows why.
        if parts.send(ImportUsersRequest { part: Some(part) }).await.is_err() {
            return Ok(());
        }
        let mut chunk = bytes::BytesMut::with_capacity(CHUNK_BYTES);
        if file.read_buf(&mut chunk).await.context("cannot read the file")? == 0 {
            return Ok(());
        }
        bar.inc(chunk.len() as u64);
        part = Part::Data(chunk.freeze());
    }
}

async fn receive(
    session: &Session,
    parts: mpsc::Receiver<ImportUsersRequest>,
    bar: &ProgressBar,
) -> anyhow::Result<ImportUsersProgress> {
    let mut progress = session
        .client
        .users()
        .import(ReceiverStream::new(parts))
        .await?
        .into_inner();
    let mut bad_rows = Vec::new();
    while let Some(mut news) = progress.message().await? {
        bad_rows.append(&mut news.bad_rows);
        bar.set_message(format!("{} rows, {} bad", news.total, news.failed));
        if news.done {
            news.bad_rows = bad_rows;
            return Ok(news);
        }
    }
    bail!("the node ended the import without saying that it is done: what was stored so far is not known")
}

fn report(session: &Session, summary: &ImportUsersProgress, dry_run: bool) -> anyhow::Result<()> {
    if session.output == Output::Table {
        summary.bad_rows.iter().for_each(|row| note(&bad(row)));
        let unnamed = summary.failed.saturating_sub(summary.bad_rows.len() as u64);
        if unnamed > 0 {
            note(&format!("… and {unnamed} more bad rows"));
        }
        if dry_run {
            note("This was a dry run: nothing was stored");
        }
    }
    session.show(summary, |summary| {
        fields([
            ("total", summary.total.to_string()),
            ("created", summary.created.to_string()),
            ("replaced", summary.replaced.to_string()),
            ("unchanged", summary.unchanged.to_string()),
            ("skipped", summary.skipped.to_string()),
            ("failed", summary.failed.to_string()),
            ("revision", summary.revision.to_string()),
        ])
    })
}

fn bad(row: &BadRow) -> String {
    // Both come from the file, so they may hold anything. A row too short to have a name has none.
    let name = match row.user_id.as_str() {
        "" => String::new(),
        name => format!("{name:?}: "),
    };
    format!("line {}: {name}{}", row.line, row.reason.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;

    #[test]
    fn the_extension_tells_the_format() {
        assert_eq!(format_of(Path::new("a/users.CSV")).unwrap(), FileFormat::Csv);
        assert_eq!(format_of(Path::new("users.jsonl")).unwrap(), FileFormat::Ndjson);
        assert!(format_of(Path::new("-")).is_err());
    }

    #[tokio::test]
    async fn the_header_goes_first_and_the_bytes_follow_in_order() {
        let text = "user_id,password\n".repeat(20_000);
        let (parts, mut received) = mpsc::channel(CHUNKS_AHEAD);
        let bar = ProgressBar::hidden();
        let sending = send(ImportUsersHeader::default(), text.as_bytes(), parts, &bar);
        let taking = async {
            let first = received.recv().await.and_then(|request| request.part);
            assert!(matches!(first, Some(Part::Header(_))));
            let mut all = Vec::new();
            while let Some(Part::Data(data)) = received.recv().await.and_then(|request| request.part) {
                all.extend_from_slice(&data);
            }
            all
        };
        let (sent, all) = tokio::join!(sending, taking);
        sent.unwrap();
        assert_eq!(all, text.as_bytes());
    }

    struct Broken;

    impl AsyncRead for Broken {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Err(std::io::Error::other("the disk is gone")))
        }
    }

    #[tokio::test]
    async fn a_file_that_breaks_off_is_an_error() {
        let (parts, _received) = mpsc::channel(CHUNKS_AHEAD);
        let sent = send(ImportUsersHeader::default(), Broken, parts, &ProgressBar::hidden()).await;
        assert!(format!("{:#}", sent.unwrap_err()).contains("the disk is gone"));
    }
}

//! A file of users on its way in: the header first, then its bytes; progress comes back.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Status, Streaming};

use crate::admin::{Admin, AdminError, BadRow, ImportFormat, ImportHeader, ImportProgress, OnConflict, PasswordType};
use crate::wire::pb::v1 as pb;
use crate::wire::pb::v1::import_users_header as header;
use crate::wire::pb::v1::import_users_request::Part;

/// Pieces of an uploaded file that wait to be read.
const WAITING_PIECES: usize = 4;
/// An import takes one of a few places on its node, which a caller who has gone silently must not keep.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);

/// Starts an import. The stream's messages are progress; the last one says done.
pub(super) async fn run(
    admin: &Admin,
    by: &str,
    mut stream: Streaming<pb::ImportUsersRequest>,
) -> Result<impl Stream<Item = Result<pb::ImportUsersProgress, Status>> + use<>, Status> {
    let header = match stream.message().await?.and_then(|first| first.part) {
        Some(Part::Header(header)) => header_from(header)?,
        _ => return Err(AdminError::invalid("header", "must be the first message").into()),
    };
    let (pieces, body) = mpsc::channel(WAITING_PIECES);
    let progress = admin.import_users(by, header, body).await?;
    tokio::spawn(pass_on(stream, pieces));
    Ok(ReceiverStream::new(progress).map(|progress| Ok(progress_of(progress?))))
}

/// Passes the file's pieces on until it ends, breaks off, or is no longer wanted.
async fn pass_on(mut stream: Streaming<pb::ImportUsersRequest>, pieces: mpsc::Sender<Result<Bytes, String>>) {
    loop {
        let piece = match timeout(LONGEST_SILENCE, stream.message()).await {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(message))) => match message.part {
                Some(Part::Data(data)) => Ok(data),
                Some(Part::Header(_)) => Err("a second header came".to_owned()),
                None => Ok(Bytes::new()),
            },
            Ok(Err(status)) => Err(status.message().to_owned()),
            Err(_) => Err(format!("nothing came for {LONGEST_SILENCE:?}")),
        };
        let is_last = piece.is_err();
        if pieces.send(piece).await.is_err() || is_last {
            return;
        }
    }
}

fn header_from(sent: pb::ImportUsersHeader) -> Result<ImportHeader, AdminError> {
    let format = match sent.format() {
        header::Format::Csv => ImportFormat::Csv,
        header::Format::Json => ImportFormat::Json,
        header::Format::Ndjson => ImportFormat::Ndjson,
        header::Format::Unspecified => return Err(AdminError::invalid("format", "must be CSV, JSON or NDJSON")),
    };
    let password_type = match sent.password_type() {
        header::PasswordType::Plain => PasswordType::Plain,
        header::PasswordType::Hash | header::PasswordType::Unspecified => PasswordType::Hash,
    };
    let on_conflict = match sent.on_conflict() {
        header::OnConflict::Skip => OnConflict::Skip,
        header::OnConflict::Replace | header::OnConflict::Unspecified => OnConflict::Replace,
    };
    Ok(ImportHeader {
        chain: sent.chain,
        authenticator: sent.authenticator,
        format,
        password_type,
        on_conflict,
        dry_run: sent.dry_run,
        all_or_nothing: sent.all_or_nothing,
        algorithm: sent.algorithm,
        import_id: sent.import_id,
        resume_after_row: sent.resume_after_row,
    })
}

fn progress_of(progress: ImportProgress) -> pb::ImportUsersProgress {
    let total = progress.total();
    let bad_row = |row: BadRow| pb::BadRow {
        line: row.line,
        column: row.column,
        user_id: row.user_id,
        reason: row.reason,
    };
    pb::ImportUsersProgress {
        done: progress.done,
        total,
        created: progress.created,
        replaced: progress.replaced,
        unchanged: progress.unchanged,
        skipped: progress.skipped,
        failed: progress.failed,
        bad_rows: progress.bad_rows.into_iter().map(bad_row).collect(),
        revision: progress.revision,
        import_id: progress.import_id,
        settled_rows: progress.settled_rows,
        warnings: progress.warnings,
        hashes: progress.hashes,
    }
}

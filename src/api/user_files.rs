//! Files of users that the service gives: exports and templates.

use std::pin::Pin;

use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;

use crate::admin::{Admin, AdminError, ExportPiece, ExportRequest, ImportFormat, ImportTemplate, PasswordType};
use crate::wire::pb::v1 as pb;
use crate::wire::pb::v1::import_users_header as header;

/// An export on its way.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<pb::ExportUsersResponse, Status>> + Send>>;

/// Starts an export.
pub(super) async fn export(admin: &Admin, by: &str, request: pb::ExportUsersRequest) -> Result<Pieces, AdminError> {
    let format = file_format(request.format());
    let wanted = ExportRequest {
        chain: request.chain,
        authenticator: request.authenticator,
        prefix: request.prefix,
        format,
    };
    let pieces = admin.export_users(by, wanted).await?;
    Ok(Box::pin(ReceiverStream::new(pieces).map(|piece| {
        let ExportPiece { data, users } = piece?;
        Ok(pb::ExportUsersResponse { data, users })
    })))
}

/// A file to fill in.
pub(super) fn template(request: &pb::GetImportTemplateRequest) -> Result<pb::ImportTemplate, AdminError> {
    let (format, passwords) = (file_format(request.format()), password_type(request.password_type()));
    let ImportTemplate { data, file_name } = ImportTemplate::new(format, passwords)?;
    Ok(pb::ImportTemplate {
        data: data.into(),
        file_name,
    })
}

/// What a file holds of the passwords; hashes unless it is said.
fn password_type(sent: header::PasswordType) -> PasswordType {
    match sent {
        header::PasswordType::Plain => PasswordType::Plain,
        header::PasswordType::Hash | header::PasswordType::Unspecified => PasswordType::Hash,
    }
}

fn file_format(sent: pb::UserFileFormat) -> ImportFormat {
    match sent {
        pb::UserFileFormat::Csv | pb::UserFileFormat::Unspecified => ImportFormat::Csv,
        pb::UserFileFormat::Json => ImportFormat::Json,
        pb::UserFileFormat::Ndjson => ImportFormat::Ndjson,
    }
}

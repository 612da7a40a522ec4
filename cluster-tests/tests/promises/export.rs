//! An export is for admins, few at once, and stops when its caller goes.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use cluster_tests::calls::{BUILT_IN, create_operator, export, import, reason_of, sha256_file};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::pb::v1;
use portcullis::wire::pb::v1::UserFileFormat;
use portcullis::wire::pb::v1::import_users_header::{Format, PasswordType};
use tonic::{Code, Streaming};

/// More bytes than wait in buffers on the way to a caller who reads nothing.
const USERS: usize = 24_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_takes_the_role_admin() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let created = create_operator(&cluster.client(1).await?, "editor", v1::Role::Editor).await?;
    let editor = cluster.client_with_key(1, Some(created.api_key)).await?;
    let refused = export(&editor, BUILT_IN, UserFileFormat::Csv).await;
    assert_eq!(refused.err().map(|status| status.code()), Some(Code::PermissionDenied));
    let unknown = export(&cluster.client(1).await?, "none", UserFileFormat::Csv).await;
    assert_eq!(unknown.err().map(|status| status.code()), Some(Code::NotFound));
    let (file, users) = export(&cluster.client(1).await?, "", UserFileFormat::Unspecified).await?;
    assert!(users == 0 && file.starts_with(b"user_id,"), "{file:?}");
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_exports_run_at_once_and_one_that_is_left_makes_room() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let mut file = "user_id,password_hash,salt\n".to_owned();
    for n in 0..USERS {
        file.push_str(&format!("{n:0400},{},x\n", "ab".repeat(32)));
    }
    let done = import(
        &cluster.patient_client(1).await?,
        sha256_file(Format::Csv),
        Bytes::from(file),
    )
    .await?;
    assert_eq!(done.created, USERS as u64, "{done:?}");
    // Each on its own connection: what one leaves unread must not hold the others up.
    let start = async || {
        let mut request = v1::ExportUsersRequest::default();
        request.set_format(UserFileFormat::Ndjson);
        let client = cluster.client(1).await?;
        let mut pieces: Streaming<_> = client.users().export(request).await?.into_inner();
        let first = pieces.message().await?.context("an empty file")?;
        assert!(first.data.len() <= 256 << 10);
        anyhow::Ok((client, pieces))
    };
    let (first, _second) = (start().await?, start().await?);
    let third = start().await.err().context("a third export runs")?;
    let status = third.downcast::<tonic::Status>()?;
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::ResourceExhausted, "OVERLOADED")
    );
    drop(first);
    let mut third = wait_for("the export that was left to end", PATIENCE, async || {
        Ok(Some(start().await?))
    })
    .await?;
    let mut users = 0;
    while let Some(piece) = third.1.message().await? {
        users = piece.users;
    }
    assert_eq!(users, USERS as u64);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_template_is_imported_without_a_bad_row() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 1).await?;
    let client = cluster.client(1).await?;
    for passwords in [PasswordType::Plain, PasswordType::Hash] {
        for (file_format, format) in [
            (UserFileFormat::Csv, Format::Csv),
            (UserFileFormat::Json, Format::Json),
            (UserFileFormat::Ndjson, Format::Ndjson),
        ] {
            let mut request = v1::GetImportTemplateRequest::default();
            request.set_format(file_format);
            request.set_password_type(passwords);
            let template = client.users().get_import_template(request).await?.into_inner();
            let mut header = v1::ImportUsersHeader::default();
            header.set_format(format);
            header.set_password_type(passwords);
            let done = import(&client, header, template.data).await?;
            assert_eq!((done.total, done.failed), (2, 0), "{}: {done:?}", template.file_name);
        }
    }
    cluster.passed()
}

//! What clients and operators say to a node, in the few shapes that the tests use.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The built-in authenticator of a new cluster.
pub const BUILT_IN: &str = "password_based:built_in_database";
/// Logins of one check that are under way at once.
const CONCURRENT_LOGINS: usize = 16;
/// Bytes of an imported file in one message.
const IMPORT_CHUNK: usize = 64 << 10;

/// A message from the proto's JSON mapping: the short way to write times, masks and structs.
pub fn message<T: DeserializeOwned>(json: Value) -> Result<T> {
    serde_json::from_value(json).context("not the JSON of that message")
}

/// The reason that a status carries beside its code; empty if none.
pub fn reason_of(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone())
        .unwrap_or_default()
}

/// The fields at fault that a status names, sorted.
pub fn faulty_fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice());
    let mut fields: Vec<_> = violations
        .unwrap_or_default()
        .iter()
        .map(|violation| violation.field.clone())
        .collect();
    fields.sort();
    fields
}

/// Creates the built-in authenticator with a hash that is cheap enough for thousands of users.
pub async fn create_authenticator(client: &Client) -> Result<v1::Authenticator> {
    declare(client, json!({})).await
}

/// A request to create a built-in authenticator with a cheap hash, and whatever else the JSON says of it.
pub fn built_in(more: Value) -> Result<v1::CreateAuthenticatorRequest> {
    let mut authenticator = json!({
        "mechanism": "password_based",
        "backend": "built_in_database",
        "settings": {
            "user_id_type": "username",
            "password_hash_algorithm": { "name": "sha256", "salt_position": "prefix" },
        },
    });
    if let (Some(fields), Value::Object(more)) = (authenticator.as_object_mut(), more) {
        fields.extend(more);
    }
    message(json!({ "authenticator": authenticator }))
}

/// Creates a built-in authenticator with a cheap hash, and whatever else the JSON says of it.
pub async fn declare(client: &Client, more: Value) -> Result<v1::Authenticator> {
    Ok(client.authenticators().create(built_in(more)?).await?.into_inner())
}

/// Switches an authenticator of the global chain on or off.
pub async fn set_enabled(client: &Client, id: &str, enabled: bool) -> Result<v1::Authenticator, Status> {
    let request = v1::SetEnabledRequest {
        id: id.into(),
        enabled,
        ..v1::SetEnabledRequest::default()
    };
    Ok(client.authenticators().set_enabled(request).await?.into_inner())
}

/// How an authenticator of the global chain fares on every node.
pub async fn fares(client: &Client, id: &str) -> Result<v1::AuthenticatorStatus, Status> {
    let request = v1::GetAuthenticatorStatusRequest {
        id: id.into(),
        ..v1::GetAuthenticatorStatusRequest::default()
    };
    Ok(client.authenticators().get_status(request).await?.into_inner())
}

/// What the cluster answers if nobody is there to ask.
pub async fn set_no_authenticator(client: &Client, answer: &str) -> Result<v1::ClusterSettings> {
    let request: v1::UpdateSettingsRequest = message(json!({ "settings": { "noAuthenticator": answer } }))?;
    Ok(client.nodes().update_settings(request).await?.into_inner())
}

/// Has new passwords of the built-in authenticator made by that algorithm.
pub async fn set_algorithm(client: &Client, algorithm: Value) -> Result<v1::Authenticator> {
    let request: v1::UpdateAuthenticatorRequest = message(json!({
        "authenticator": { "id": BUILT_IN, "settings": { "password_hash_algorithm": algorithm } },
        "updateMask": { "paths": ["settings"] },
    }))?;
    Ok(client.authenticators().update(request).await?.into_inner())
}

/// One user of the built-in authenticator; misses nothing that was acknowledged before.
pub async fn get_user(client: &Client, name: &str) -> Result<v1::User, Status> {
    let request = v1::GetUserRequest {
        user_id: name.into(),
        ..v1::GetUserRequest::default()
    };
    Ok(client.users().get(request).await?.into_inner())
}

/// A request to create a user of the built-in authenticator.
pub fn new_user(name: &str, password: &str, request_id: &str) -> v1::CreateUserRequest {
    v1::CreateUserRequest {
        user: Some(v1::User {
            user_id: name.into(),
            ..v1::User::default()
        }),
        password: Some(v1::NewPassword {
            password: Some(password.into()),
            ..v1::NewPassword::default()
        }),
        request_id: request_id.into(),
        ..v1::CreateUserRequest::default()
    }
}

/// Creates a user of the built-in authenticator.
pub async fn create_user(client: &Client, name: &str, password: &str) -> Result<v1::User, Status> {
    Ok(client.users().create(new_user(name, password, "")).await?.into_inner())
}

/// Creates a user of that authenticator.
pub async fn create_user_of(client: &Client, chain: &str, id: &str, name: &str, password: &str) -> Result<v1::User> {
    let mut request = new_user(name, password, "");
    let user = request.user.get_or_insert_default();
    user.chain = chain.into();
    user.authenticator = id.into();
    Ok(client.users().create(request).await?.into_inner())
}

/// Deletes a user of the built-in authenticator.
pub async fn delete_user(client: &Client, name: &str) -> Result<v1::DeleteUserResponse, Status> {
    let request = v1::DeleteUserRequest {
        user_id: name.into(),
        ..v1::DeleteUserRequest::default()
    };
    Ok(client.users().delete(request).await?.into_inner())
}

/// A login by user name and password.
pub fn credentials(name: &str, password: &str) -> v1::AuthenticateRequest {
    v1::AuthenticateRequest {
        username: name.into(),
        client_id: "test".into(),
        password: Some(Bytes::copy_from_slice(password.as_bytes())),
        ..v1::AuthenticateRequest::default()
    }
}

/// Logs in with what the node has applied.
pub async fn login(client: &Client, name: &str, password: &str) -> Result<v1::AuthenticateResponse, Status> {
    Ok(client
        .login()
        .authenticate(credentials(name, password))
        .await?
        .into_inner())
}

/// How that login is decided: the exact decision, and each authenticator's part in it.
pub async fn explain(client: &Client, request: v1::AuthenticateRequest) -> Result<v1::ExplainResponse, Status> {
    Ok(client.login().explain(request).await?.into_inner())
}

/// Logs in with nothing acknowledged before missing.
pub async fn login_linearizable(
    client: &Client,
    name: &str,
    password: &str,
) -> Result<v1::AuthenticateResponse, Status> {
    let mut request = credentials(name, password);
    request.set_consistency(v1::Consistency::Linearizable);
    Ok(client.login().authenticate(request).await?.into_inner())
}

/// Whether that login is let in. A refusal to decide is an error.
pub async fn is_allowed(client: &Client, name: &str, password: &str) -> Result<bool> {
    Ok(login(client, name, password).await?.decision() == v1::Decision::Allow)
}

/// Checks that each of these users, whose password is their name, is let in.
pub async fn all_log_in(client: &Client, names: &[String]) -> Result<()> {
    futures_util::stream::iter(names.iter().map(Ok))
        .try_for_each_concurrent(CONCURRENT_LOGINS, async |name| {
            ensure!(
                is_allowed(client, name, name).await?,
                "user `{name}` was acknowledged and is not let in"
            );
            Ok(())
        })
        .await
}

/// How old a login's answer can be.
pub fn staleness(answer: &v1::AuthenticateResponse) -> Duration {
    let Some(staleness) = answer.staleness.as_ref() else {
        return Duration::ZERO;
    };
    Duration::new(
        u64::try_from(staleness.seconds).unwrap_or(0),
        u32::try_from(staleness.nanos).unwrap_or(0),
    )
}

/// The status of the node that is asked.
pub async fn status(client: &Client) -> Result<v1::Node, Status> {
    Ok(client
        .nodes()
        .get_node_status(v1::GetNodeStatusRequest { id: 0 })
        .await?
        .into_inner())
}

/// Takes a snapshot on the node that is asked.
pub async fn take_snapshot(client: &Client) -> Result<v1::TakeSnapshotResponse, Status> {
    Ok(client
        .nodes()
        .take_snapshot(v1::TakeSnapshotRequest {})
        .await?
        .into_inner())
}

/// Sets how stale a LOCAL answer may be at most.
pub async fn set_max_staleness(client: &Client, seconds: u32) -> Result<()> {
    let request: v1::UpdateSettingsRequest = message(json!({
        "settings": { "maxStaleness": format!("{seconds}s") },
        "updateMask": ["max_staleness"],
    }))?;
    client.nodes().update_settings(request).await?;
    Ok(())
}

/// Imports a whole file; the result is the last progress, with every bad row.
pub async fn import(client: &Client, header: v1::ImportUsersHeader, file: Bytes) -> Result<v1::ImportUsersProgress> {
    let mut parts = vec![v1::import_users_request::Part::Header(header)];
    let chunks = file.chunks(IMPORT_CHUNK).map(|chunk| file.slice_ref(chunk));
    parts.extend(chunks.map(v1::import_users_request::Part::Data));
    let requests = parts
        .into_iter()
        .map(|part| v1::ImportUsersRequest { part: Some(part) });
    let mut progress = client.users().import(tokio_stream::iter(requests)).await?.into_inner();
    let mut bad_rows = Vec::new();
    while let Some(message) = progress.next().await {
        let mut message = message?;
        // Each message names only the bad rows since the last one.
        bad_rows.append(&mut message.bad_rows);
        if message.done {
            return Ok(v1::ImportUsersProgress { bad_rows, ..message });
        }
    }
    anyhow::bail!("the import ended without saying that it is done")
}

/// The header of a file of sha256 hashes with the salt in front.
pub fn sha256_file(format: v1::import_users_header::Format) -> v1::ImportUsersHeader {
    let mut header = v1::ImportUsersHeader {
        algorithm: "sha256".into(),
        ..v1::ImportUsersHeader::default()
    };
    header.set_format(format);
    header.set_password_type(v1::import_users_header::PasswordType::Hash);
    header
}

/// Every page of a list, one after the other.
pub async fn list_users(client: &Client, mut request: v1::ListUsersRequest) -> Result<Vec<v1::User>, Status> {
    let mut users = Vec::new();
    loop {
        let page = client.users().list(request.clone()).await?.into_inner();
        users.extend(page.users);
        if page.next_page_token.is_empty() {
            return Ok(users);
        }
        request.page_token = page.next_page_token;
    }
}

/// A whole file of an authenticator's users, and how many they are.
pub async fn export(client: &Client, authenticator: &str, format: v1::UserFileFormat) -> Result<(Bytes, u64), Status> {
    let mut request = v1::ExportUsersRequest {
        authenticator: authenticator.into(),
        ..v1::ExportUsersRequest::default()
    };
    request.set_format(format);
    let mut pieces = client.users().export(request).await?.into_inner();
    let (mut file, mut users) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await.transpose()? {
        file.extend_from_slice(&piece.data);
        users = piece.users;
    }
    Ok((file.into(), users))
}

/// Creates an operator and returns its key.
pub async fn create_operator(client: &Client, name: &str, role: v1::Role) -> Result<v1::CreateOperatorResponse> {
    let mut request = v1::CreateOperatorRequest {
        name: name.into(),
        ..v1::CreateOperatorRequest::default()
    };
    request.set_role(role);
    Ok(client.operators().create(request).await?.into_inner())
}

/// Makes an account that signs in at the dashboard, unless it is there already.
pub async fn ensure_account(client: &Client, name: &str, role: v1::Role, password: &str) -> Result<()> {
    let mut account = v1::Account {
        name: name.into(),
        ..v1::Account::default()
    };
    account.set_role(role);
    let request = v1::CreateAccountRequest {
        account: Some(account),
        password: password.into(),
        ..v1::CreateAccountRequest::default()
    };
    match client.operators().create_account(request).await {
        Err(status) if status.code() != Code::AlreadyExists => Err(status.into()),
        _ => Ok(()),
    }
}

//! A key may do what its role allows, and no more.

use anyhow::Result;
use cluster_tests::calls::{create_operator, create_user, login};
use cluster_tests::cluster::PATIENCE;
use cluster_tests::{Cluster, node_binary, wait_for};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use tonic::{Code, Status};

async fn list_users(client: &Client) -> Result<v1::ListUsersResponse, Status> {
    Ok(client.users().list(v1::ListUsersRequest::default()).await?.into_inner())
}

fn code<T>(answer: Result<T, Status>) -> Code {
    answer.err().map_or(Code::Ok, |status| status.code())
}

/// A client under a new key of that role, on another node than the one that made it.
async fn with_role(cluster: &Cluster, role: v1::Role) -> Result<Client> {
    let created = create_operator(&cluster.client(1).await?, role.as_str_name(), role).await?;
    cluster.agree().await?;
    cluster.client_with_key(2, Some(created.api_key)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_key_may_only_log_in() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    create_user(&cluster.client(1).await?, "ada", "lovelace").await?;
    let client = with_role(&cluster, v1::Role::Client).await?;
    assert_eq!(login(&client, "ada", "lovelace").await?.decision(), v1::Decision::Allow);
    assert_eq!(code(list_users(&client).await), Code::PermissionDenied);
    assert_eq!(
        code(create_user(&client, "grace", "hopper").await),
        Code::PermissionDenied
    );
    let explain = cluster_tests::calls::credentials("ada", "lovelace");
    assert_eq!(code(client.login().explain(explain).await), Code::PermissionDenied);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_cannot_write_and_an_editor_cannot_make_operators() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let viewer = with_role(&cluster, v1::Role::Viewer).await?;
    list_users(&viewer).await?;
    assert_eq!(
        code(create_user(&viewer, "ada", "lovelace").await),
        Code::PermissionDenied
    );

    let editor = with_role(&cluster, v1::Role::Editor).await?;
    create_user(&editor, "ada", "lovelace").await?;
    let request = v1::CreateOperatorRequest {
        name: "mallory".into(),
        role: 4,
        request_id: String::new(),
    };
    assert_eq!(code(editor.operators().create(request).await), Code::PermissionDenied);
    cluster.passed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_a_wrong_key_and_a_deleted_key_are_refused() -> Result<()> {
    let cluster = Cluster::start(node_binary!(), 3).await?;
    let nobody = cluster.client_with_key(1, None).await?;
    assert_eq!(code(list_users(&nobody).await), Code::Unauthenticated);
    let wrong = format!("{}x", cluster.api_key());
    assert_eq!(
        code(list_users(&cluster.client_with_key(1, Some(wrong)).await?).await),
        Code::Unauthenticated
    );

    let admin = cluster.client(1).await?;
    let created = create_operator(&admin, "short-lived", v1::Role::Viewer).await?;
    cluster.agree().await?;
    let short = cluster.client_with_key(2, Some(created.api_key)).await?;
    list_users(&short).await?;
    let id = created.operator.map(|operator| operator.id).unwrap_or_default();
    admin
        .operators()
        .delete(v1::DeleteOperatorRequest {
            id,
            ..v1::DeleteOperatorRequest::default()
        })
        .await?;
    wait_for("the deleted key to be refused", PATIENCE, async || {
        Ok((code(list_users(&short).await) == Code::Unauthenticated).then_some(()))
    })
    .await?;
    cluster.passed()
}

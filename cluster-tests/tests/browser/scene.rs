//! What the tests put on the stage.

use anyhow::Result;
use cluster_tests::calls::{declare, message};
use cluster_tests::decider::{Decider, Reply};
use portcullis::wire::Client;
use portcullis::wire::pb::v1;
use serde_json::{Value, json};

/// The HTTP authenticator, as the wizard calls it.
pub(crate) const HTTP: &str = "password_based:http";

/// The users of the built-in database.
pub(crate) const USERS: &str = "/authenticators/password_based:built_in_database/users";

/// Settings of an HTTP authenticator that asks there.
pub(crate) fn http_settings(url: &str) -> Value {
    json!({
        "method": "post",
        "url": url,
        "body": { "username": "${username}", "password": "${password}" },
        "connect_timeout": "500ms",
        "request_timeout": "500ms",
    })
}

/// Adds an HTTP authenticator under that id.
pub(crate) async fn add_http(client: &Client, id: &str, url: &str) -> Result<v1::Authenticator> {
    let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": {
        "id": id,
        "mechanism": "password_based",
        "backend": "http",
        "settings": http_settings(url),
    } }))?;
    Ok(client.authenticators().create(request).await?.into_inner())
}

/// Adds built-in databases under these ids, behind the one that is there.
pub(crate) async fn add_databases(client: &Client, ids: &[&str]) -> Result<()> {
    for id in ids {
        declare(client, json!({ "id": id })).await?;
    }
    Ok(())
}

/// The authenticators of the global chain, the first to be asked first.
pub(crate) async fn asked_in_order(client: &Client) -> Result<Vec<String>> {
    let request = v1::ListAuthenticatorsRequest::default();
    let listed = client.authenticators().list(request).await?.into_inner();
    Ok(listed.authenticators.into_iter().map(|one| one.id).collect())
}

/// A server that knows nobody.
pub(crate) async fn nobody() -> Result<Decider> {
    Ok(Decider::start(|_| Reply::json(json!({ "result": "ignore" }))).await?)
}

/// Adds a PostgreSQL authenticator that asks there, whether anything answers or not.
pub(crate) async fn add_postgresql(client: &Client, id: &str, server: &str) -> Result<v1::Authenticator> {
    let request: v1::CreateAuthenticatorRequest = message(json!({ "authenticator": {
        "id": id,
        "mechanism": "password_based",
        "backend": "postgresql",
        "settings": {
            "server": server,
            "database": "users",
            "username": "portcullis",
            "password": "a secret of the database",
            "query": "SELECT password_hash FROM users WHERE username = ${username} LIMIT 1",
            "connect_timeout": "500ms",
        },
    } }))?;
    Ok(client.authenticators().create(request).await?.into_inner())
}

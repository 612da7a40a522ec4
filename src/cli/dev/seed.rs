//! What a development cluster begins with: the built-in authenticator and one user.

use pbjson_types::Struct;

use crate::wire::Client;
use crate::wire::pb::v1::{
    Authenticator, CreateAuthenticatorRequest, CreateSetupTokenRequest, CreateUserRequest, GetUserRequest, NewPassword,
    User,
};

/// The user that is made.
pub(super) const DEMO_USER: &str = "demo";

const CHAIN: &str = "global";
const MECHANISM: &str = "password_based";
const BACKEND: &str = "built_in_database";
const AUTHENTICATOR: &str = "password_based:built_in_database";

/// A password nobody can guess.
pub(super) fn random_password() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Creates what is missing; returns the revision from which on the demo user can log in.
pub(super) async fn seed(client: &Client, password: &str) -> anyhow::Result<u64> {
    create_authenticator(client).await?;
    create_user(client, password).await
}

/// A token for the page that makes the first account, since an earlier one may be too old; empty if there is an account.
pub(super) async fn setup_token(client: &Client) -> anyhow::Result<String> {
    match client.operators().create_setup_token(CreateSetupTokenRequest {}).await {
        Ok(made) => Ok(made.into_inner().setup_token),
        Err(status) if status.code() == tonic::Code::FailedPrecondition => Ok(String::new()),
        Err(status) => Err(status.into()),
    }
}

async fn create_authenticator(client: &Client) -> anyhow::Result<()> {
    let authenticator = Authenticator {
        chain: CHAIN.to_owned(),
        id: AUTHENTICATOR.to_owned(),
        mechanism: MECHANISM.to_owned(),
        backend: BACKEND.to_owned(),
        enabled: Some(true),
        settings: Some(Struct::default()),
        ..Authenticator::default()
    };
    let request = CreateAuthenticatorRequest {
        authenticator: Some(authenticator),
        request_id: request_id(),
    };
    match client.authenticators().create(request).await {
        Err(status) if status.code() != tonic::Code::AlreadyExists => Err(status.into()),
        _ => Ok(()),
    }
}

async fn create_user(client: &Client, password: &str) -> anyhow::Result<u64> {
    let user = User {
        chain: CHAIN.to_owned(),
        authenticator: AUTHENTICATOR.to_owned(),
        user_id: DEMO_USER.to_owned(),
        ..User::default()
    };
    let password = NewPassword {
        password: Some(password.to_owned()),
        ..NewPassword::default()
    };
    let request = CreateUserRequest {
        user: Some(user.clone()),
        password: Some(password),
        request_id: request_id(),
        ..CreateUserRequest::default()
    };
    match client.users().create(request).await {
        Ok(created) => Ok(created.into_inner().revision),
        Err(status) if status.code() == tonic::Code::AlreadyExists => existing_user(client, user).await,
        Err(status) => Err(status.into()),
    }
}

async fn existing_user(client: &Client, user: User) -> anyhow::Result<u64> {
    let request = GetUserRequest {
        chain: user.chain,
        authenticator: user.authenticator,
        user_id: user.user_id,
    };
    Ok(client.users().get(request).await?.into_inner().revision)
}

fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

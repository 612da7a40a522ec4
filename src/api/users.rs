//! The service `Users`.

use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{caller_of, intent, known_timestamp, required, timestamp, timestamp_from};
use super::mask::Mask;
use super::{user_files, user_import};
use crate::admin::{Admin, AdminError, NewPassword, ScramKeys, User, UserDraft, UserListRequest, UserPatch};
use crate::auth::Secret;
use crate::wire::pb::v1 as pb;

const UPDATABLE: [&str; 5] = ["is_superuser", "disabled", "expires_at", "attributes", "password"];

/// Built-in users over gRPC.
pub(crate) struct UsersService {
    admin: Admin,
}

impl UsersService {
    /// Over what an operator can do.
    pub(crate) fn new(admin: Admin) -> Self {
        Self { admin }
    }
}

type Progress = std::pin::Pin<Box<dyn Stream<Item = Result<pb::ImportUsersProgress, Status>> + Send>>;

#[tonic::async_trait]
impl pb::users_server::Users for UsersService {
    async fn list(&self, request: Request<pb::ListUsersRequest>) -> Result<Response<pb::ListUsersResponse>, Status> {
        let request = request.into_inner();
        let list = self.admin.list_users(UserListRequest {
            chain: request.chain,
            authenticator: request.authenticator,
            prefix: request.prefix,
            contains: request.contains,
            is_superuser: request.is_superuser,
            page_size: request.page_size,
            page_token: request.page_token,
        });
        let list = list.await?;
        Ok(Response::new(pb::ListUsersResponse {
            users: list.users.into_iter().map(shown).collect(),
            next_page_token: list.next_page_token,
            total_size: list.total_size,
        }))
    }

    async fn get(&self, request: Request<pb::GetUserRequest>) -> Result<Response<pb::User>, Status> {
        let request = request.into_inner();
        let user = self
            .admin
            .get_user(&request.chain, &request.authenticator, &request.user_id)
            .await?;
        Ok(Response::new(shown(user)))
    }

    async fn create(&self, request: Request<pb::CreateUserRequest>) -> Result<Response<pb::User>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let user = self.admin.create_user(&intent, draft(request)?).await?;
        Ok(Response::new(shown(user)))
    }

    async fn update(&self, request: Request<pb::UpdateUserRequest>) -> Result<Response<pb::User>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let user = required(request.user, "user")?;
        let paths = request.update_mask.unwrap_or_default().paths;
        let key = (user.chain.clone(), user.authenticator.clone(), user.user_id.clone());
        let patch = patch(user, request.password, &paths)?;
        let user = self.admin.update_user(&intent, (&key.0, &key.1, &key.2), patch).await?;
        Ok(Response::new(shown(user)))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let deleted = self
            .admin
            .delete_user(&intent, &request.chain, &request.authenticator, &request.user_id);
        Ok(Response::new(pb::DeleteUserResponse {
            revision: deleted.await?,
        }))
    }

    async fn batch_delete(
        &self,
        request: Request<pb::BatchDeleteUsersRequest>,
    ) -> Result<Response<pb::BatchDeleteUsersResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let owner = (request.chain.as_str(), request.authenticator.as_str());
        let gone = self.admin.delete_users(&intent, owner, request.user_ids).await?;
        Ok(Response::new(pb::BatchDeleteUsersResponse {
            deleted: gone.deleted,
            missing: gone.missing,
            revision: gone.revision,
        }))
    }

    type ExportStream = user_files::Pieces;

    async fn export(&self, request: Request<pb::ExportUsersRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let caller = caller_of(&request)?;
        let pieces = user_files::export(&self.admin, &caller.id, request.into_inner()).await?;
        Ok(Response::new(pieces))
    }

    async fn get_import_template(
        &self,
        request: Request<pb::GetImportTemplateRequest>,
    ) -> Result<Response<pb::ImportTemplate>, Status> {
        Ok(Response::new(user_files::template(request.get_ref())?))
    }

    type ImportStream = Progress;

    async fn import(
        &self,
        request: Request<Streaming<pb::ImportUsersRequest>>,
    ) -> Result<Response<Self::ImportStream>, Status> {
        let caller = caller_of(&request)?;
        let progress = user_import::run(&self.admin, &caller.id, request.into_inner()).await?;
        Ok(Response::new(Box::pin(progress)))
    }
}

fn shown(user: User) -> pb::User {
    pb::User {
        chain: user.key.chain,
        authenticator: user.key.authenticator,
        user_id: user.key.user_id,
        is_superuser: user.is_superuser,
        disabled: user.disabled,
        expires_at: user.expires_at.map(timestamp),
        attributes: user.attributes,
        hash: user.hash,
        revision: user.revision,
        updated_at: known_timestamp(user.updated_at),
    }
}

fn draft(request: pb::CreateUserRequest) -> Result<UserDraft, AdminError> {
    let user = required(request.user, "user")?;
    let expires_at = user
        .expires_at
        .map(|at| timestamp_from(&at, "expires_at"))
        .transpose()?;
    Ok(UserDraft {
        chain: user.chain,
        authenticator: user.authenticator,
        also_in: request.also_in,
        user_id: user.user_id,
        password: new_password(request.password.unwrap_or_default()),
        is_superuser: user.is_superuser,
        disabled: user.disabled,
        expires_at,
        attributes: user.attributes,
    })
}

fn patch(user: pb::User, password: Option<pb::NewPassword>, paths: &[String]) -> Result<UserPatch, AdminError> {
    let mask = Mask::new(paths, &UPDATABLE)?;
    let expires_at = user
        .expires_at
        .map(|at| timestamp_from(&at, "expires_at"))
        .transpose()?;
    let has_attributes = !user.attributes.is_empty();
    Ok(UserPatch {
        is_superuser: mask.take("is_superuser", user.is_superuser, user.is_superuser),
        disabled: mask.take("disabled", user.disabled, user.disabled),
        expires_at: mask.take("expires_at", expires_at.is_some(), expires_at),
        attributes: mask.take("attributes", has_attributes, user.attributes),
        password: mask.take(
            "password",
            password.is_some(),
            new_password(password.unwrap_or_default()),
        ),
    })
}

fn new_password(sent: pb::NewPassword) -> NewPassword {
    let given = |text: String| Some(text).filter(|text| !text.is_empty()).map(Secret::new);
    NewPassword {
        password: sent.password.map(Secret::new),
        password_hash: given(sent.password_hash),
        keys: ScramKeys {
            iterations: Some(sent.iterations).filter(|iterations| *iterations != 0),
            stored_key: given(sent.stored_key),
            server_key: given(sent.server_key),
        },
        salt: sent.salt,
        algorithm: sent.algorithm,
    }
}

#[cfg(test)]
mod tests {
    use super::{patch, pb};

    #[test]
    fn a_masked_update_can_clear_what_is_unset() {
        let paths = ["is_superuser", "expires_at"].map(str::to_owned);
        let patch = patch(
            pb::User {
                disabled: true,
                ..Default::default()
            },
            None,
            &paths,
        )
        .unwrap();
        assert_eq!((patch.is_superuser, patch.expires_at), (Some(false), Some(None)));
        assert_eq!((patch.disabled, patch.password.is_some()), (None, false));
    }

    #[test]
    fn an_update_without_a_mask_takes_what_is_set() {
        let password = pb::NewPassword {
            password: Some("x".into()),
            ..Default::default()
        };
        let patch = patch(
            pb::User {
                disabled: true,
                ..Default::default()
            },
            Some(password),
            &[],
        )
        .unwrap();
        assert_eq!(
            (patch.disabled, patch.is_superuser, patch.expires_at),
            (Some(true), None, None)
        );
        assert!(patch.password.is_some());
    }
}

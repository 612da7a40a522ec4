//! The service `Operators`.

use tonic::{Request, Response, Status};

use super::accounts;
use super::convert::{caller_of, intent, known_timestamp, role, role_from};
use crate::admin::{Admin, OperatorRecord};
use crate::wire::pb::v1 as pb;

/// Operators over gRPC.
pub(crate) struct OperatorsService {
    admin: Admin,
}

impl OperatorsService {
    /// Over what an operator can do.
    pub(crate) fn new(admin: Admin) -> Self {
        Self { admin }
    }
}

#[tonic::async_trait]
impl pb::operators_server::Operators for OperatorsService {
    async fn list(
        &self,
        request: Request<pb::ListOperatorsRequest>,
    ) -> Result<Response<pb::ListOperatorsResponse>, Status> {
        let request = request.into_inner();
        let page = self
            .admin
            .list_operators(request.page_size, &request.page_token)
            .await?;
        Ok(Response::new(pb::ListOperatorsResponse {
            operators: page.items.iter().map(|operator| shown(operator)).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn create(
        &self,
        request: Request<pb::CreateOperatorRequest>,
    ) -> Result<Response<pb::CreateOperatorResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let created = self
            .admin
            .create_operator(&intent, &request.name, role_from(request.role)?)
            .await?;
        Ok(Response::new(pb::CreateOperatorResponse {
            operator: Some(shown(&created.operator)),
            api_key: created.api_key.reveal().to_owned(),
        }))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteOperatorRequest>,
    ) -> Result<Response<pb::DeleteOperatorResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let revision = self.admin.delete_operator(&intent, &request.id).await?;
        Ok(Response::new(pb::DeleteOperatorResponse { revision }))
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        Ok(Response::new(accounts::list(&self.admin, request.into_inner()).await?))
    }

    async fn create_account(
        &self,
        request: Request<pb::CreateAccountRequest>,
    ) -> Result<Response<pb::Account>, Status> {
        let caller = caller_of(&request)?;
        let created = accounts::create(&self.admin, caller, request.into_inner()).await?;
        Ok(Response::new(created))
    }

    async fn update_account(
        &self,
        request: Request<pb::UpdateAccountRequest>,
    ) -> Result<Response<pb::Account>, Status> {
        let caller = caller_of(&request)?;
        let updated = accounts::update(&self.admin, caller, request.into_inner()).await?;
        Ok(Response::new(updated))
    }

    async fn delete_account(
        &self,
        request: Request<pb::DeleteAccountRequest>,
    ) -> Result<Response<pb::DeleteAccountResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let revision = self.admin.delete_account(&intent, &request.name).await?;
        Ok(Response::new(pb::DeleteAccountResponse { revision }))
    }

    async fn create_setup_token(
        &self,
        request: Request<pb::CreateSetupTokenRequest>,
    ) -> Result<Response<pb::CreateSetupTokenResponse>, Status> {
        let intent = intent(caller_of(&request)?, "", 0);
        let token = self.admin.new_setup_token(&intent).await?;
        Ok(Response::new(pb::CreateSetupTokenResponse {
            setup_token: token.reveal().to_owned(),
        }))
    }
}

fn shown(operator: &OperatorRecord) -> pb::Operator {
    pb::Operator {
        id: operator.id.clone(),
        name: operator.name.clone(),
        role: role(operator.role).into(),
        revision: operator.revision,
        created_at: known_timestamp(operator.created_at),
        created_by: operator.created_by.clone(),
    }
}

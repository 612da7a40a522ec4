//! The service `Authenticators`.

use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use super::convert::{caller_of, duration_from, intent, known_timestamp, object_of, required, struct_of};
use super::mask::Mask;
use crate::admin::{
    Admin, AdminError, AuthenticatorDraft, AuthenticatorPatch, AuthenticatorStatus, BackendInfo, Joint,
    NodeAuthenticatorStatus, Position,
};
use crate::auth::{AuthenticatorRecord, Figures, OnFailure, ProviderStatus};
use crate::wire::pb::v1 as pb;
use crate::wire::pb::v1::authenticator_status::Status as WireStatus;
use crate::wire::pb::v1::move_authenticator_request::Position as WirePosition;

const UPDATABLE: [&str; 5] = ["settings", "precondition", "on_failure", "timeout", "enabled"];

/// Authenticators over gRPC.
pub(crate) struct AuthenticatorsService {
    admin: Admin,
}

impl AuthenticatorsService {
    /// Over what an operator can do.
    pub(crate) fn new(admin: Admin) -> Self {
        Self { admin }
    }
}

#[tonic::async_trait]
impl pb::authenticators_server::Authenticators for AuthenticatorsService {
    async fn list(
        &self,
        request: Request<pb::ListAuthenticatorsRequest>,
    ) -> Result<Response<pb::ListAuthenticatorsResponse>, Status> {
        let request = request.into_inner();
        let page = self
            .admin
            .list_authenticators(&request.chain, request.page_size, &request.page_token)
            .await?;
        Ok(Response::new(pb::ListAuthenticatorsResponse {
            authenticators: page.items.into_iter().map(shown).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn get(&self, request: Request<pb::GetAuthenticatorRequest>) -> Result<Response<pb::Authenticator>, Status> {
        let request = request.into_inner();
        let record = self.admin.get_authenticator(&request.chain, &request.id).await?;
        Ok(Response::new(shown(record)))
    }

    async fn create(
        &self,
        request: Request<pb::CreateAuthenticatorRequest>,
    ) -> Result<Response<pb::Authenticator>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let draft = draft(required(request.authenticator, "authenticator")?)?;
        Ok(Response::new(shown(
            self.admin.create_authenticator(&intent, draft).await?,
        )))
    }

    async fn update(
        &self,
        request: Request<pb::UpdateAuthenticatorRequest>,
    ) -> Result<Response<pb::Authenticator>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let sent = required(request.authenticator, "authenticator")?;
        let paths = request.update_mask.unwrap_or_default().paths;
        let (chain, id) = (sent.chain.clone(), sent.id.clone());
        let record = self
            .admin
            .update_authenticator(&intent, &chain, &id, patch(sent, &paths)?)
            .await?;
        Ok(Response::new(shown(record)))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteAuthenticatorRequest>,
    ) -> Result<Response<pb::DeleteAuthenticatorResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let removed = self
            .admin
            .delete_authenticator(&intent, &request.chain, &request.id)
            .await?;
        Ok(Response::new(pb::DeleteAuthenticatorResponse {
            existed: removed.existed,
            users_deleted: removed.users,
            revision: removed.revision,
        }))
    }

    async fn set_enabled(
        &self,
        request: Request<pb::SetEnabledRequest>,
    ) -> Result<Response<pb::Authenticator>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, request.if_revision);
        let switched = self
            .admin
            .set_authenticator_enabled(&intent, &request.chain, &request.id, request.enabled);
        Ok(Response::new(shown(switched.await?)))
    }

    async fn r#move(
        &self,
        request: Request<pb::MoveAuthenticatorRequest>,
    ) -> Result<Response<pb::ListAuthenticatorsResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let position = position(request.position)?;
        let chain = self
            .admin
            .move_authenticator(&intent, &request.chain, &request.id, position)
            .await?;
        Ok(Response::new(whole(chain)))
    }

    async fn reorder(
        &self,
        request: Request<pb::ReorderAuthenticatorsRequest>,
    ) -> Result<Response<pb::ListAuthenticatorsResponse>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let chain = self
            .admin
            .reorder_authenticators(&intent, &request.chain, request.ids)
            .await?;
        Ok(Response::new(whole(chain)))
    }

    async fn get_status(
        &self,
        request: Request<pb::GetAuthenticatorStatusRequest>,
    ) -> Result<Response<pb::AuthenticatorStatus>, Status> {
        let request = request.into_inner();
        let status = self.admin.authenticator_status(&request.chain, &request.id).await?;
        Ok(Response::new(status_of(status)))
    }

    async fn list_backends(
        &self,
        _request: Request<pb::ListBackendsRequest>,
    ) -> Result<Response<pb::ListBackendsResponse>, Status> {
        let backends = self.admin.list_backends().into_iter().map(backend).collect();
        Ok(Response::new(pb::ListBackendsResponse { backends }))
    }
}

fn whole(chain: Vec<AuthenticatorRecord>) -> pb::ListAuthenticatorsResponse {
    let authenticators = chain.into_iter().map(shown).collect();
    pb::ListAuthenticatorsResponse {
        authenticators,
        next_page_token: String::new(),
    }
}

fn shown(record: AuthenticatorRecord) -> pb::Authenticator {
    let settings: Map<String, Value> = serde_json::from_str(&record.settings).unwrap_or_default();
    let on_failure = match record.on_failure {
        OnFailure::Next => pb::authenticator::OnFailure::Next,
        OnFailure::Deny => pb::authenticator::OnFailure::Deny,
    };
    pb::Authenticator {
        chain: record.key.chain,
        id: record.key.id,
        mechanism: record.mechanism,
        backend: record.backend,
        enabled: record.enabled,
        settings: Some(struct_of(settings)),
        precondition: record.precondition,
        on_failure: on_failure.into(),
        timeout: Some(record.timeout.into()),
        revision: record.revision,
        updated_at: known_timestamp(record.updated_at),
        updated_by: record.updated_by,
        warnings: Vec::new(),
    }
}

fn draft(sent: pb::Authenticator) -> Result<AuthenticatorDraft, AdminError> {
    Ok(AuthenticatorDraft {
        on_failure: on_failure_from(&sent),
        chain: sent.chain,
        id: sent.id,
        mechanism: sent.mechanism,
        backend: sent.backend,
        enabled: sent.enabled,
        settings: sent.settings.map(object_of).unwrap_or_default(),
        precondition: sent.precondition,
        timeout: sent
            .timeout
            .map(|timeout| duration_from(timeout, "timeout"))
            .transpose()?,
    })
}

fn patch(sent: pb::Authenticator, paths: &[String]) -> Result<AuthenticatorPatch, AdminError> {
    let mask = Mask::new(paths, &UPDATABLE)?;
    let on_failure = on_failure_from(&sent);
    let timeout = sent
        .timeout
        .map(|timeout| duration_from(timeout, "timeout"))
        .transpose()?;
    let has_precondition = !sent.precondition.is_empty();
    Ok(AuthenticatorPatch {
        on_failure: mask.take("on_failure", sent.on_failure != 0, on_failure),
        timeout: mask
            .take("timeout", timeout.is_some(), timeout)
            .map(|timeout| required(timeout, "timeout"))
            .transpose()?,
        settings: mask.take(
            "settings",
            sent.settings.is_some(),
            sent.settings.map(object_of).unwrap_or_default(),
        ),
        precondition: mask.take("precondition", has_precondition, sent.precondition),
        enabled: mask.take("enabled", sent.enabled, sent.enabled),
    })
}

fn on_failure_from(sent: &pb::Authenticator) -> OnFailure {
    match sent.on_failure() {
        pb::authenticator::OnFailure::Next => OnFailure::Next,
        pb::authenticator::OnFailure::Deny | pb::authenticator::OnFailure::Unspecified => OnFailure::Deny,
    }
}

fn position(sent: Option<WirePosition>) -> Result<Position, AdminError> {
    match sent {
        Some(WirePosition::Front(true)) => Ok(Position::Front),
        Some(WirePosition::Rear(true)) => Ok(Position::Rear),
        Some(WirePosition::Before(id)) => Ok(Position::Before(id)),
        Some(WirePosition::After(id)) => Ok(Position::After(id)),
        Some(WirePosition::Front(false) | WirePosition::Rear(false)) | None => {
            Err(AdminError::invalid("position", "must be front, rear, before or after"))
        }
    }
}

fn status_of(status: AuthenticatorStatus) -> pb::AuthenticatorStatus {
    let joint = match status.status {
        Joint::Unknown => WireStatus::Unspecified,
        Joint::Same(status) => provider_status(status),
        Joint::Inconsistent => WireStatus::Inconsistent,
    };
    pb::AuthenticatorStatus {
        status: joint.into(),
        nodes: status.nodes.into_iter().map(node_status).collect(),
        total: Some(metrics(&status.total)),
    }
}

fn node_status(node: NodeAuthenticatorStatus) -> pb::NodeAuthenticatorStatus {
    let health = node.health.as_ref();
    let status = health.map_or(WireStatus::Unspecified, |health| provider_status(health.status));
    let error = health
        .filter(|_| node.answered)
        .map_or(node.error, |health| health.error.clone());
    pb::NodeAuthenticatorStatus {
        node: node.node.to_string(),
        status: status.into(),
        error,
        since: health.and_then(|health| known_timestamp(health.since)),
        metrics: Some(metrics(&node.figures)),
        age: node.age.map(Into::into),
        answered: node.answered,
    }
}

fn provider_status(status: ProviderStatus) -> WireStatus {
    match status {
        ProviderStatus::Connected => WireStatus::Connected,
        ProviderStatus::Connecting => WireStatus::Connecting,
        ProviderStatus::Disconnected => WireStatus::Disconnected,
        ProviderStatus::Disabled => WireStatus::Disabled,
    }
}

fn metrics(figures: &Figures) -> pb::Metrics {
    pb::Metrics {
        total: figures.total,
        success: figures.success,
        failed: figures.failed,
        nomatch: figures.nomatch,
        rate: figures.rate,
        rate_last5m: figures.rate_last5m,
        rate_max: figures.rate_max,
        latency: Some(pb::Latency {
            p50: Some(figures.p50.into()),
            p99: Some(figures.p99.into()),
            max: Some(figures.max.into()),
        }),
    }
}

fn backend(kind: BackendInfo) -> pb::Backend {
    let schema = match kind.schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    pb::Backend {
        mechanism: kind.mechanism.to_owned(),
        backend: kind.backend.to_owned(),
        title: kind.title.to_owned(),
        settings_schema: Some(struct_of(schema)),
    }
}

#[cfg(test)]
mod tests {
    use super::{AdminError, Position, WirePosition, patch, pb, position};

    #[test]
    fn a_position_must_be_meant() {
        assert_eq!(
            position(Some(WirePosition::Before("jwt".into()))),
            Ok(Position::Before("jwt".into()))
        );
        assert!(matches!(
            position(Some(WirePosition::Front(false))),
            Err(AdminError::Invalid(_))
        ));
        assert!(position(None).is_err());
    }

    #[test]
    fn a_mask_can_switch_an_authenticator_off() {
        let patch = patch(pb::Authenticator::default(), &["enabled".to_owned()]).unwrap();
        assert_eq!(
            (patch.enabled, patch.settings, patch.on_failure),
            (Some(false), None, None)
        );
    }

    #[test]
    fn the_kind_is_not_updatable() {
        assert!(patch(pb::Authenticator::default(), &["backend".to_owned()]).is_err());
    }
}

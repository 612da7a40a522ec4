//! The service `Authenticators`.

use std::time::Duration;

use serde_json::{Map, Value};
use tonic::{Request, Response, Status};

use super::authenticator_status::{every_node, status_of, test_of};
use super::convert::{caller_of, duration_from, intent, known_timestamp, object_of, required, struct_of};
use super::mask::Mask;
use crate::admin::{
    Admin, AdminError, AuthenticatorDraft, AuthenticatorPatch, AuthenticatorView, BackendInfo, Position, Violation,
};
use crate::auth::OnFailure;
use crate::wire::pb::v1 as pb;
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
        let found = self.admin.get_authenticator(&request.chain, &request.id).await?;
        Ok(Response::new(shown(found)))
    }

    async fn create(
        &self,
        request: Request<pb::CreateAuthenticatorRequest>,
    ) -> Result<Response<pb::Authenticator>, Status> {
        let caller = caller_of(&request)?;
        let request = request.into_inner();
        let intent = intent(caller, &request.request_id, 0);
        let draft = draft(required(request.authenticator, "authenticator")?);
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
        let updated = self
            .admin
            .update_authenticator(&intent, &chain, &id, patch(sent, &paths));
        Ok(Response::new(shown(updated.await?)))
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
            warnings: removed.warnings,
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

    async fn test(
        &self,
        request: Request<pb::TestAuthenticatorRequest>,
    ) -> Result<Response<pb::TestAuthenticatorResponse>, Status> {
        let draft = draft(required(request.into_inner().authenticator, "authenticator")?);
        let nodes = Box::pin(self.admin.test_authenticator(draft)).await?;
        Ok(Response::new(pb::TestAuthenticatorResponse {
            nodes: nodes.into_iter().map(test_of).collect(),
        }))
    }

    async fn reset_metrics(
        &self,
        request: Request<pb::ResetMetricsRequest>,
    ) -> Result<Response<pb::EveryNodeResponse>, Status> {
        let request = request.into_inner();
        let nodes = self.admin.reset_metrics(&request.chain, &request.id).await?;
        Ok(Response::new(every_node(nodes)))
    }

    async fn purge_cache(
        &self,
        request: Request<pb::PurgeCacheRequest>,
    ) -> Result<Response<pb::EveryNodeResponse>, Status> {
        let request = request.into_inner();
        let nodes = self.admin.purge_cache(&request.chain, &request.id).await?;
        Ok(Response::new(every_node(nodes)))
    }

    async fn get_status(
        &self,
        request: Request<pb::GetAuthenticatorStatusRequest>,
    ) -> Result<Response<pb::AuthenticatorStatus>, Status> {
        let request = request.into_inner();
        let status = self.admin.authenticator_status(&request.chain, &request.id)?;
        Ok(Response::new(status_of(status)))
    }

    async fn list_backends(
        &self,
        _request: Request<pb::ListBackendsRequest>,
    ) -> Result<Response<pb::ListBackendsResponse>, Status> {
        let backends = self.admin.list_backends().iter().map(backend).collect();
        Ok(Response::new(pb::ListBackendsResponse { backends }))
    }
}

fn whole(chain: Vec<AuthenticatorView>) -> pb::ListAuthenticatorsResponse {
    let authenticators = chain.into_iter().map(shown).collect();
    pb::ListAuthenticatorsResponse {
        authenticators,
        next_page_token: String::new(),
    }
}

fn shown(view: AuthenticatorView) -> pb::Authenticator {
    let AuthenticatorView { record, warnings, .. } = view;
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
        enabled: Some(record.enabled),
        settings: Some(struct_of(settings)),
        precondition: record.precondition,
        on_failure: on_failure.into(),
        timeout: Some(record.timeout.into()),
        revision: record.revision,
        updated_at: known_timestamp(record.updated_at),
        updated_by: record.updated_by,
        warnings,
    }
}

fn draft(sent: pb::Authenticator) -> AuthenticatorDraft {
    let mut faults = Vec::new();
    AuthenticatorDraft {
        on_failure: on_failure_from(&sent, &mut faults),
        timeout: timeout_from(sent.timeout, &mut faults),
        chain: sent.chain,
        id: sent.id,
        mechanism: sent.mechanism,
        backend: sent.backend,
        enabled: sent.enabled,
        settings: sent.settings.map(object_of).unwrap_or_default(),
        precondition: sent.precondition,
        faults,
    }
}

fn patch(sent: pb::Authenticator, paths: &[String]) -> AuthenticatorPatch {
    let mut faults = Vec::new();
    let mask = Mask::checked(paths, &UPDATABLE, &mut faults);
    let on_failure = on_failure_from(&sent, &mut faults);
    let on_failure = mask.take("on_failure", sent.on_failure != 0, on_failure);
    let precondition = mask.take("precondition", !sent.precondition.is_empty(), sent.precondition);
    // What is named must be given: without a value it would be reset to what nobody named.
    let has_timeout = sent.timeout.is_some();
    let timeout = mask.take("timeout", has_timeout, timeout_from(sent.timeout, &mut faults));
    let settings = mask.take("settings", sent.settings.is_some(), sent.settings.map(object_of));
    let enabled = mask.take("enabled", sent.enabled.is_some(), sent.enabled);
    for (field, is_missing) in [
        ("timeout", timeout.is_some() && !has_timeout),
        ("settings", settings == Some(None)),
        ("enabled", enabled == Some(None)),
    ] {
        if is_missing {
            faults.push(fault(field, "is named by the mask and must be given"));
        }
    }
    AuthenticatorPatch {
        mechanism: sent.mechanism,
        backend: sent.backend,
        settings: settings.flatten(),
        precondition,
        on_failure,
        timeout: timeout.flatten(),
        enabled: enabled.flatten(),
        faults,
    }
}

fn fault(field: &str, why: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        why: why.to_owned(),
    }
}

fn on_failure_from(sent: &pb::Authenticator, faults: &mut Vec<Violation>) -> OnFailure {
    match pb::authenticator::OnFailure::try_from(sent.on_failure) {
        Ok(pb::authenticator::OnFailure::Next) => OnFailure::Next,
        Ok(pb::authenticator::OnFailure::Deny | pb::authenticator::OnFailure::Unspecified) => OnFailure::Deny,
        Err(_) => {
            faults.push(fault("on_failure", "must be NEXT or DENY"));
            OnFailure::Deny
        }
    }
}

/// `None` also if it is no duration, which is then noted.
fn timeout_from(sent: Option<pbjson_types::Duration>, faults: &mut Vec<Violation>) -> Option<Duration> {
    match duration_from(sent?, "timeout") {
        Ok(timeout) => Some(timeout),
        Err(fault) => {
            faults.push(fault);
            None
        }
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

fn backend(kind: &BackendInfo) -> pb::Backend {
    let schema = match &kind.schema {
        Value::Object(schema) => schema.clone(),
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
    use super::{AdminError, AuthenticatorPatch, Position, Violation, WirePosition, draft, patch, pb, position};

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

    fn named(sent: pb::Authenticator, paths: &[&str]) -> AuthenticatorPatch {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        patch(sent, &paths)
    }

    fn fields(faults: &[Violation]) -> Vec<&str> {
        faults.iter().map(|fault| fault.field.as_str()).collect()
    }

    #[test]
    fn an_authenticator_is_switched_off_with_a_mask_and_without() {
        let off = pb::Authenticator {
            enabled: Some(false),
            ..Default::default()
        };
        for paths in [&["enabled"][..], &[]] {
            let patch = named(off.clone(), paths);
            assert_eq!(
                (patch.enabled, patch.settings, patch.on_failure),
                (Some(false), None, None)
            );
        }
    }

    #[test]
    fn what_cannot_change_is_not_named() {
        let patch = named(
            pb::Authenticator::default(),
            &["id", "chain", "mechanism", "backend", "revision"],
        );
        assert_eq!(fields(&patch.faults), ["update_mask"; 5]);
    }

    #[test]
    fn what_is_named_must_be_given() {
        let patch = named(pb::Authenticator::default(), &["timeout", "settings", "enabled"]);
        assert_eq!(fields(&patch.faults), ["timeout", "settings", "enabled"]);
        assert_eq!((patch.timeout, patch.settings, patch.enabled), (None, None, None));
    }

    #[test]
    fn everything_wrong_with_a_message_is_noted_at_once() {
        let wrong = pb::Authenticator {
            on_failure: 7,
            timeout: Some(pbjson_types::Duration { seconds: -1, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(fields(&draft(wrong.clone()).faults), ["on_failure", "timeout"]);
        let patch = named(wrong, &["timeout", "on_failure", "setings"]);
        assert_eq!(fields(&patch.faults), ["update_mask", "on_failure", "timeout"]);
    }
}

//! The proof that every node answers: a right and a wrong login on each of them.

use super::formation;
use super::layout::Layout;
use super::seed::DEMO_USER;
use crate::cli::{failure, login, nodes};
use crate::wire::Client;
use crate::wire::pb::v1::{AuthenticateRequest, AuthenticateResponse, Decision, Reason};

/// What one node answered.
#[derive(Debug, Default)]
pub(super) struct Check {
    pub(super) id: u64,
    pub(super) address: String,
    pub(super) role: String,
    pub(super) right: String,
    pub(super) wrong: String,
    pub(super) revision: u64,
    pub(super) staleness: Option<pbjson_types::Duration>,
    pub(super) passed: bool,
}

/// Logs in twice on every node; `revision` is where the demo user is known.
pub(super) async fn check_all(layout: &Layout, api_key: &str, password: &str, revision: u64) -> Vec<Check> {
    let mut checks = Vec::new();
    for place in &layout.nodes {
        let mut check = Check {
            id: place.id,
            address: place.grpc.clone(),
            ..Check::default()
        };
        if let Err(error) = check.run(place, api_key, password, revision).await {
            check.right = failure::describe(&error);
        }
        checks.push(check);
    }
    checks
}

impl Check {
    async fn run(
        &mut self,
        place: &super::layout::Place,
        api_key: &str,
        password: &str,
        revision: u64,
    ) -> anyhow::Result<()> {
        self.role = nodes::role(&formation::status(place, api_key).await?);
        let client = formation::client(place, Some(api_key)).await?;
        let right = log_in(&client, password, revision).await?;
        let wrong = log_in(&client, &format!("not {password}"), revision).await?;
        self.right = said(&right);
        self.wrong = said(&wrong);
        self.revision = wrong.revision;
        self.staleness = wrong.staleness;
        self.passed = passed(&right, &wrong);
        Ok(())
    }
}

async fn log_in(client: &Client, password: &str, min_revision: u64) -> anyhow::Result<AuthenticateResponse> {
    let request = AuthenticateRequest {
        username: DEMO_USER.to_owned(),
        client_id: "portcullis-dev".to_owned(),
        password: Some(bytes::Bytes::copy_from_slice(password.as_bytes())),
        min_revision,
        ..AuthenticateRequest::default()
    };
    Ok(client.login().authenticate(request).await?.into_inner())
}

/// A denial counts only for the right reason: a broken backend denies as well.
fn passed(right: &AuthenticateResponse, wrong: &AuthenticateResponse) -> bool {
    right.decision() == Decision::Allow
        && wrong.decision() == Decision::Deny
        && wrong.reason() == Reason::BadUsernameOrPassword
}

fn said(answer: &AuthenticateResponse) -> String {
    format!("{} {}", answer.decision().as_str_name(), login::reason(answer.reason()))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_for_another_reason_does_not_pass() {
        let allow = AuthenticateResponse {
            decision: Decision::Allow.into(),
            ..Default::default()
        };
        let deny = |reason: Reason| AuthenticateResponse {
            decision: Decision::Deny.into(),
            reason: reason.into(),
            ..Default::default()
        };
        assert!(passed(&allow, &deny(Reason::BadUsernameOrPassword)));
        assert!(!passed(&allow, &deny(Reason::BackendUnavailable)));
        assert!(!passed(&allow, &allow));
        assert_eq!(said(&deny(Reason::NotAuthorized)), "DENY NOT_AUTHORIZED");
    }
}

//! A decision as the client, or the operator who asks for an explanation, gets to see it.

use crate::auth::{AclRule, Decision, Identity, Outcome, Reason, Step, StepVerdict, Timestamp};
use crate::cluster::Freshness;
use crate::wire::pb::v1;

/// Who answers, and from what.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The node's id as text.
    pub(super) node: &'a str,
    /// What it had applied, and how old that can be.
    pub(super) freshness: Freshness,
}

/// The answer to a client. Without `detailed`, nothing in it tells an unknown user from a wrong password.
pub(super) fn response(id: u64, decision: Decision, detailed: bool, origin: Origin<'_>) -> v1::AuthenticateResponse {
    let mut response = v1::AuthenticateResponse {
        id,
        node: origin.node.to_owned(),
        revision: origin.freshness.revision,
        staleness: origin.freshness.staleness.map(Into::into),
        ..Default::default()
    };
    match decision.outcome {
        Outcome::Allow(identity) => {
            response.decision = v1::Decision::Allow.into();
            response.authenticator = decision.authenticator;
            with_identity(&mut response, *identity);
        }
        Outcome::Continue(challenge) => {
            response.decision = v1::Decision::Continue.into();
            response.authenticator = decision.authenticator;
            response.auth_data = challenge.auth_data.into();
            response.exchange = challenge.exchange.into();
        }
        Outcome::Deny(exact) => {
            response.decision = v1::Decision::Deny.into();
            response.auth_data = decision.last_message.into();
            let told = if detailed { exact } else { exact.coarse() };
            response.reason = reason(told).into();
            // Who refused says where the user was found, so it goes with the exact reason only.
            if detailed || told != Reason::BadUsernameOrPassword {
                response.authenticator = decision.authenticator;
            }
        }
    }
    response
}

fn with_identity(response: &mut v1::AuthenticateResponse, identity: Identity) {
    response.is_superuser = identity.is_superuser;
    response.client_attrs = identity.client_attrs;
    response.expire_at = identity.expire_at.map(timestamp);
    response.client_id_override = identity.client_id_override;
    response.acl = identity.acl.into_iter().map(acl_rule).collect();
    response.auth_data = identity.auth_data.into();
}

/// A step with its exact reason.
pub(super) fn step(step: Step) -> v1::Step {
    v1::Step {
        authenticator: step.authenticator,
        verdict: verdict(step.verdict).into(),
        reason: step.reason.map_or(v1::Reason::Unspecified, reason).into(),
        detail: step.detail,
        took: Some(step.took.into()),
    }
}

/// Both lists follow the order of the contract; the proto's has its zero in front.
pub(super) fn reason(reason: Reason) -> v1::Reason {
    v1::Reason::try_from(reason as i32 + 1).unwrap_or(v1::Reason::Unspecified)
}

fn verdict(verdict: StepVerdict) -> v1::Verdict {
    match verdict {
        StepVerdict::Allowed => v1::Verdict::Allowed,
        StepVerdict::Denied => v1::Verdict::Denied,
        StepVerdict::NotFound => v1::Verdict::NotFound,
        StepVerdict::Skipped => v1::Verdict::Skipped,
        StepVerdict::Failed => v1::Verdict::Failed,
        StepVerdict::Continues => v1::Verdict::Continues,
        StepVerdict::NotReached => v1::Verdict::NotReached,
    }
}

fn acl_rule(rule: AclRule) -> v1::AclRule {
    v1::AclRule {
        permission: rule.permission,
        action: rule.action,
        topic: rule.topic,
        qos: rule.qos,
        retain: rule.retain,
    }
}

fn timestamp(at: Timestamp) -> pbjson_types::Timestamp {
    pbjson_types::Timestamp {
        seconds: i64::try_from(at.0 / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(at.0 % 1000 * 1_000_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FRESHNESS: Freshness = Freshness {
        revision: 42,
        staleness: Some(Duration::from_millis(1500)),
    };
    const ORIGIN: Origin<'static> = Origin {
        node: "3",
        freshness: FRESHNESS,
    };

    fn denied(exact: Reason, by: &str) -> Decision {
        Decision {
            outcome: Outcome::Deny(exact),
            authenticator: by.into(),
            last_message: Vec::new(),
            steps: vec![],
        }
    }

    #[test]
    fn every_reason_has_the_same_name_on_the_wire() {
        for known in Reason::ALL {
            assert_eq!(reason(*known).as_str_name(), known.name());
        }
    }

    #[test]
    fn every_verdict_has_the_same_name_on_the_wire() {
        for known in [
            StepVerdict::Allowed,
            StepVerdict::Denied,
            StepVerdict::NotFound,
            StepVerdict::Skipped,
            StepVerdict::Failed,
            StepVerdict::Continues,
            StepVerdict::NotReached,
        ] {
            assert_eq!(verdict(known).as_str_name(), known.name());
        }
    }

    #[test]
    fn an_unknown_user_and_a_wrong_password_get_the_same_answer() {
        let wrong = response(1, denied(Reason::BadUsernameOrPassword, "users"), false, ORIGIN);
        let at_the_end = response(1, denied(Reason::UnknownUser, ""), false, ORIGIN);
        let by_itself = response(1, denied(Reason::UserDisabled, "users"), false, ORIGIN);
        assert_eq!(wrong, at_the_end);
        assert_eq!(wrong, by_itself);
        assert_eq!(wrong.reason(), v1::Reason::BadUsernameOrPassword);
    }

    #[test]
    fn what_only_operators_are_told_reaches_no_client() {
        let told = Step {
            authenticator: "tokens".into(),
            verdict: StepVerdict::Denied,
            reason: Some(Reason::TokenClaimMismatch),
            detail: "claim `aud`".into(),
            took: Duration::ZERO,
        };
        let decision = Decision {
            steps: vec![told.clone()],
            ..denied(Reason::TokenClaimMismatch, "tokens")
        };
        for detailed in [false, true] {
            let answer = response(1, decision.clone(), detailed, ORIGIN);
            assert!(!format!("{answer:?}").contains("aud"), "{answer:?}");
        }
        assert_eq!(step(told).detail, "claim `aud`");
    }

    #[test]
    fn detailed_reasons_name_the_reason_and_who_decided() {
        let answer = response(1, denied(Reason::UserDisabled, "users"), true, ORIGIN);
        assert_eq!(answer.reason(), v1::Reason::UserDisabled);
        assert_eq!(answer.authenticator, "users");
    }

    #[test]
    fn an_answer_says_which_node_gave_it_and_how_old_it_can_be() {
        let identity = Identity {
            is_superuser: true,
            expire_at: Some(Timestamp(61_500)),
            ..Default::default()
        };
        let allowed = Decision {
            outcome: Outcome::Allow(Box::new(identity)),
            authenticator: "users".into(),
            last_message: Vec::new(),
            steps: vec![],
        };
        let answer = response(9, allowed, false, ORIGIN);
        assert_eq!((answer.id, answer.node.as_str(), answer.revision), (9, "3", 42));
        assert_eq!(answer.staleness.unwrap().nanos, 500_000_000);
        assert_eq!(answer.expire_at.unwrap().seconds, 61);
        assert!(answer.is_superuser);
    }
}

//! Authenticators as tables for people.

use serde_json::Value;

use super::output::{fields, moment, settle, span, table, yes};
use crate::wire::pb::v1::authenticator_status::Status;
use crate::wire::pb::v1::{
    Authenticator, AuthenticatorStatus, Backend, ListAuthenticatorsResponse, ListBackendsResponse, Metrics,
};

/// A table of authenticators.
pub(super) fn listed(found: &ListAuthenticatorsResponse) -> String {
    let rows = found.authenticators.iter().map(|one| {
        [
            one.chain.clone(),
            one.id.clone(),
            yes(one.enabled()),
            on_failure(one),
            span(one.timeout.as_ref()),
            one.precondition.clone(),
            one.revision.to_string(),
        ]
    });
    table(
        [
            "CHAIN",
            "ID",
            "ENABLED",
            "ON FAILURE",
            "TIMEOUT",
            "PRECONDITION",
            "REVISION",
        ],
        rows,
    )
}

/// One authenticator with its settings.
pub(super) fn one(one: &Authenticator) -> String {
    let mut settings = serde_json::to_value(one.settings.clone().unwrap_or_default()).unwrap_or_default();
    settle(&mut settings);
    let text = fields([
        ("id", one.id.clone()),
        ("chain", one.chain.clone()),
        ("mechanism", one.mechanism.clone()),
        ("backend", one.backend.clone()),
        ("enabled", yes(one.enabled())),
        ("precondition", one.precondition.clone()),
        ("on failure", on_failure(one)),
        ("timeout", span(one.timeout.as_ref())),
        ("revision", one.revision.to_string()),
        ("updated", moment(one.updated_at.as_ref())),
        ("updated by", one.updated_by.clone()),
    ]);
    format!("{text}\nsettings {settings:#}")
}

fn on_failure(one: &Authenticator) -> String {
    one.on_failure()
        .as_str_name()
        .to_ascii_lowercase()
        .replace("on_failure_unspecified", "deny")
}

/// How one fares, node by node.
pub(super) fn fared(status: &AuthenticatorStatus) -> String {
    let mut rows: Vec<_> = status
        .nodes
        .iter()
        .map(|node| {
            let heard = if node.answered {
                String::new()
            } else {
                format!("silent for {}", span(node.age.as_ref()))
            };
            let remark = if node.error.is_empty() {
                heard
            } else {
                node.error.clone()
            };
            row(node.node.clone(), node.status(), node.metrics.as_ref(), remark)
        })
        .collect();
    rows.push(row(
        "all".to_owned(),
        status.status(),
        status.total.as_ref(),
        heard(status),
    ));
    table(
        [
            "NODE", "STATUS", "TOTAL", "SUCCESS", "FAILED", "NOMATCH", "FAILURES", "RATE/S", "P50", "P99", "REMARK",
        ],
        rows,
    )
}

/// Of how many nodes the sum is, unless it is of all.
fn heard(status: &AuthenticatorStatus) -> String {
    let (answered, all) = (
        status.nodes.iter().filter(|node| node.answered).count(),
        status.nodes.len(),
    );
    if answered == all {
        String::new()
    } else {
        format!("{answered} of {all} nodes answer")
    }
}

fn row(node: String, status: Status, metrics: Option<&Metrics>, remark: String) -> [String; 11] {
    let metrics = metrics.cloned().unwrap_or_default();
    let latency = metrics.latency.unwrap_or_default();
    [
        node,
        status.as_str_name().to_owned(),
        metrics.total.to_string(),
        metrics.success.to_string(),
        metrics.failed.to_string(),
        metrics.nomatch.to_string(),
        metrics.failures.to_string(),
        format!("{:.1}", metrics.rate),
        span(latency.p50.as_ref()),
        span(latency.p99.as_ref()),
        remark,
    ]
}

/// The kinds there are.
pub(super) fn kinds(found: &ListBackendsResponse) -> String {
    let rows = found
        .backends
        .iter()
        .map(|kind| [name_of_kind(kind), kind.title.clone(), settings_of(kind)]);
    table(["KIND", "TITLE", "SETTINGS"], rows)
}

/// The names of its settings, those marked that are secret.
fn settings_of(kind: &Backend) -> String {
    let schema = serde_json::to_value(&kind.settings_schema).unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return String::new();
    };
    let mut names: Vec<_> = properties
        .iter()
        .map(|(name, field)| match field.get("x-secret") {
            Some(Value::Bool(true)) => format!("{name} (secret)"),
            _ => name.clone(),
        })
        .collect();
    names.sort();
    names.join(", ")
}

/// As in the ids of authenticators.
pub(super) fn name_of_kind(backend: &Backend) -> String {
    if backend.backend.is_empty() {
        backend.mechanism.clone()
    } else {
        format!("{}:{}", backend.mechanism, backend.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::NodeAuthenticatorStatus;

    #[test]
    fn a_table_of_kinds_says_which_settings_are_secret() {
        let schema = serde_json::json!({"properties": {"server": {}, "password": {"x-secret": true}}});
        let kind = Backend {
            mechanism: "jwt".into(),
            settings_schema: serde_json::from_value(schema).ok(),
            ..Backend::default()
        };
        let shown = kinds(&ListBackendsResponse { backends: vec![kind] });
        assert!(shown.contains("password (secret), server"), "{shown}");
    }

    #[test]
    fn a_sum_says_of_how_many_nodes_it_is_unless_all_answer() {
        let node = |answered| NodeAuthenticatorStatus {
            answered,
            ..NodeAuthenticatorStatus::default()
        };
        let of = |answers: &[bool]| {
            fared(&AuthenticatorStatus {
                nodes: answers.iter().map(|answered| node(*answered)).collect(),
                ..AuthenticatorStatus::default()
            })
        };
        assert!(of(&[true, true, false]).contains("2 of 3 nodes answer"));
        assert!(!of(&[true, true]).contains("nodes answer"));
    }

    #[test]
    fn an_unspecified_failure_means_deny() {
        assert_eq!(on_failure(&Authenticator::default()), "deny");
        assert_eq!(
            on_failure(&Authenticator {
                on_failure: 1,
                ..Authenticator::default()
            }),
            "next"
        );
    }
}

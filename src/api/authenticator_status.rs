//! How authenticators fare, as it is said over gRPC.

use super::convert::known_timestamp;
use crate::admin::{AuthenticatorStatus, Joint, NodeAuthenticatorStatus, NodeOutcome, NodeTest};
use crate::auth::{Figures, ProviderStatus};
use crate::wire::pb::v1 as pb;
use crate::wire::pb::v1::authenticator_status::Status as WireStatus;

pub(super) fn status_of(status: AuthenticatorStatus) -> pb::AuthenticatorStatus {
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
        last_success: health.and_then(|health| health.last_success).and_then(known_timestamp),
        probed_at: health.and_then(|health| health.probed_at).and_then(known_timestamp),
        asking: node.usage.asking,
        waiting: node.usage.waiting,
        cache: node.usage.cache.map(|cache| pb::Cache {
            entries: cache.entries,
            hits: cache.hits,
            misses: cache.misses,
        }),
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
        failures: figures.failures,
        rate: figures.rate,
        rate_last5m: figures.rate_last5m,
        rate_max: figures.rate_max,
        latency: Some(pb::Latency {
            p50: Some(figures.p50.into()),
            p99: Some(figures.p99.into()),
            max: Some(figures.max.into()),
        }),
        reasons: figures
            .reasons
            .iter()
            .map(|(reason, count)| (reason.name().to_owned(), *count))
            .collect(),
    }
}

/// What came of trying a backend on one node.
pub(super) fn test_of(test: NodeTest) -> pb::NodeTest {
    let node = test.node.to_string();
    match test.tried {
        Ok((health, took)) => pb::NodeTest {
            node,
            answered: true,
            status: provider_status(health.status).into(),
            error: health.error,
            took: Some(took.into()),
        },
        Err(error) => pb::NodeTest {
            node,
            error,
            ..pb::NodeTest::default()
        },
    }
}

/// What came of an errand, node by node.
pub(super) fn every_node(nodes: Vec<NodeOutcome>) -> pb::EveryNodeResponse {
    let shown = |NodeOutcome { node, outcome }| pb::NodeOutcome {
        node: node.to_string(),
        done: outcome.is_ok(),
        error: outcome.err().unwrap_or_default(),
    };
    pb::EveryNodeResponse {
        nodes: nodes.into_iter().map(shown).collect(),
    }
}

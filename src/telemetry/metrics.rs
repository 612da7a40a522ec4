//! `/metrics`: what a node counts, for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use super::exposition::{Exposition, Label};
use super::process;
use crate::auth::{AuthenticatorKey, AuthenticatorReport, Instant, ProviderStatus, Tally};
use crate::cluster::{Cluster, Hashing, NodeReport, Role};

/// Bounds of the histograms of times: from a lookup in memory to the longest backend.
const BOUNDS: [Duration; 12] = [
    Duration::from_micros(100),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// The counters of every authenticator on this node.
pub type TalliesNow = Arc<dyn Fn() -> Vec<(AuthenticatorKey, Arc<Tally>)> + Send + Sync>;

/// What a scrape is made of.
#[derive(Clone)]
pub struct Sources {
    /// This node and what it knows of itself.
    pub cluster: Cluster,
    /// Whole logins.
    pub decisions: Arc<Tally>,
    /// Each authenticator's share.
    pub tallies: TalliesNow,
    /// What time it is.
    pub now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

impl Sources {
    /// The text of one scrape and its media type.
    pub(super) fn scrape(&self) -> Result<(String, String), prometheus::Error> {
        let mut exposition = Exposition::default();
        let report = self.cluster.report();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        exposition.gauge("portcullis_build_info", "The program's version.", &version, 1.0);
        self.decisions(&mut exposition);
        for authenticator in &report.authenticators {
            backend(&mut exposition, authenticator);
        }
        for (key, tally) in (self.tallies)() {
            let labels = [("chain", key.chain.as_str()), ("authenticator", key.id.as_str())];
            durations(
                &mut exposition,
                "portcullis_authenticator_duration_seconds",
                "How long authenticators took for their answers.",
                &labels,
                (&tally, tally.figures((self.now)()).total),
            );
        }
        hashing(&mut exposition, &report.hashing);
        consensus(&mut exposition, &report);
        process::describe(&mut exposition);
        exposition.text()
    }

    /// Logins as their callers saw them.
    fn decisions(&self, exposition: &mut Exposition) {
        let figures = self.decisions.figures((self.now)());
        let denied: Vec<_> = figures
            .reasons
            .iter()
            .map(|(reason, count)| (reason.name(), *count))
            .collect();
        let mut count = |decision: &str, reason: &str, count: u64| {
            exposition.counter(
                "portcullis_decisions_total",
                "Logins by decision and exact reason; an exchange counts once, when it ends.",
                &[("decision", decision), ("reason", reason)],
                number(count),
            );
        };
        count("allow", "", figures.success);
        for (reason, times) in denied {
            count("deny", reason, times);
        }
        durations(
            exposition,
            "portcullis_decision_duration_seconds",
            "How long logins took to be decided.",
            &[],
            (&self.decisions, figures.total),
        );
    }
}

fn durations(
    exposition: &mut Exposition,
    name: &'static str,
    help: &str,
    labels: &[Label<'_>],
    (tally, count): (&Tally, u64),
) {
    let (within, sum) = tally.durations(&BOUNDS);
    let within: Vec<_> = BOUNDS.iter().map(Duration::as_secs_f64).zip(within).collect();
    exposition.histogram(name, help, labels, &within, (count, sum.as_secs_f64()));
}

/// One authenticator on this node.
fn backend(exposition: &mut Exposition, authenticator: &AuthenticatorReport) {
    let AuthenticatorReport {
        key,
        health,
        figures,
        usage,
    } = authenticator;
    let (chain, id) = (key.chain.as_str(), key.id.as_str());
    let labels = [("chain", chain), ("authenticator", id)];
    for (result, count) in [
        ("success", figures.success),
        ("failed", figures.failed),
        ("nomatch", figures.nomatch),
        ("failure", figures.failures),
    ] {
        exposition.counter(
            "portcullis_authenticator_results_total",
            "What authenticators said: allowed, denied, do not know the client, could not decide.",
            &[("chain", chain), ("authenticator", id), ("result", result)],
            number(count),
        );
    }
    for (reason, count) in &figures.reasons {
        exposition.counter(
            "portcullis_authenticator_reasons_total",
            "Why authenticators denied or could not decide.",
            &[("chain", chain), ("authenticator", id), ("reason", reason.name())],
            number(*count),
        );
    }
    let is_up = health.status == ProviderStatus::Connected;
    let help = "Whether the backend of an authenticator works on this node.";
    exposition.gauge("portcullis_backend_up", help, &labels, f64::from(u8::from(is_up)));
    for (state, count) in [("asking", usage.asking), ("waiting", usage.waiting)] {
        exposition.gauge(
            "portcullis_backend_logins",
            "Logins that a backend is being asked about, and those that wait for their turn.",
            &[("chain", chain), ("authenticator", id), ("state", state)],
            number(count),
        );
    }
    if let Some(cache) = usage.cache {
        let help = "Answers of a backend that are remembered, about.";
        exposition.gauge("portcullis_cache_entries", help, &labels, number(cache.entries));
        for (result, count) in [("hit", cache.hits), ("miss", cache.misses)] {
            exposition.counter(
                "portcullis_cache_lookups_total",
                "Questions that were answered from memory, and those that were not.",
                &[("chain", chain), ("authenticator", id), ("result", result)],
                number(count),
            );
        }
    }
}

fn hashing(exposition: &mut Exposition, hashing: &Hashing) {
    for (state, count) in [("running", hashing.running), ("waiting", hashing.waiting)] {
        let help = "Passwords that are being hashed, and those that wait for a thread.";
        exposition.gauge("portcullis_hash_jobs", help, &[("state", state)], count.into());
    }
    for (result, count) in [("done", hashing.done), ("refused", hashing.refused)] {
        exposition.counter(
            "portcullis_hash_jobs_total",
            "Passwords that were hashed or checked, and those that were refused as too much work.",
            &[("result", result)],
            number(count),
        );
    }
    for (result, count) in [("done", hashing.rehashed), ("dropped", hashing.rehash_dropped)] {
        exposition.counter(
            "portcullis_rehashes_total",
            "Records that were made anew behind a login, and those given up until the next one.",
            &[("result", result)],
            number(count),
        );
    }
}

fn consensus(exposition: &mut Exposition, report: &NodeReport) {
    for (name, help, value) in [
        ("portcullis_ready", "Whether this node serves.", u64::from(report.ready)),
        (
            "portcullis_raft_leader",
            "Whether this node leads.",
            u64::from(report.role == Role::Leader),
        ),
        ("portcullis_raft_term", "Raft's term.", report.term),
        (
            "portcullis_raft_last_log_index",
            "Index of the last entry in this node's log.",
            report.last_log_index,
        ),
        (
            "portcullis_raft_applied_index",
            "Index of the last entry that this node has applied.",
            report.applied_index,
        ),
        (
            "portcullis_raft_snapshot_index",
            "Index at which the last snapshot stands.",
            report.snapshot_index,
        ),
        ("portcullis_users", "Users that this node holds.", report.users),
        (
            "portcullis_disk_bytes",
            "Bytes of state and journal on the disk.",
            report.disk_bytes,
        ),
    ] {
        exposition.gauge(name, help, &[], number(value));
    }
    if let Some(bytes) = report.disk_free_bytes {
        let help = "Bytes left on the disk that this node writes to.";
        exposition.gauge("portcullis_disk_free_bytes", help, &[], number(bytes));
    }
    if let Some(millis) = report.staleness_ms {
        let help = "How old this node's knowledge can be, in seconds.";
        exposition.gauge("portcullis_staleness_seconds", help, &[], number(millis) / 1000.0);
    }
    let help = "How long this node has run, in seconds.";
    exposition.gauge(
        "portcullis_uptime_seconds",
        help,
        &[],
        number(report.uptime_ms) / 1000.0,
    );
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn number(count: u64) -> f64 {
    count as f64
}

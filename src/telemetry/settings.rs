//! What can be set of the log and of traces.

use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;
use serde::{Deserialize, Serialize};

/// Longest time that may be set here, an hour.
const LONGEST_MS: u64 = 3_600_000;
/// Most spans that may wait; each takes about a kilobyte.
const LONGEST_QUEUE: usize = 1 << 20;

/// What is logged, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A level, or directives as in `RUST_LOG`.
    pub log: String,
    /// `text` or `json`.
    pub format: String,
    /// Traces of logins.
    pub traces: TraceSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: "info".into(),
            format: "text".into(),
            traces: TraceSettings::default(),
        }
    }
}

/// Which logins are traced, and where the traces go.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceSettings {
    /// The collector, `http://host:port` or `https://host:port`; empty: nothing is traced.
    pub otlp_endpoint: String,
    /// Share of the logins that are traced, 0 to 1, where the caller has not decided by its own trace.
    pub sample_ratio: f64,
    /// A file of `name: value` lines that go to the collector as headers; empty: none.
    pub headers_file: PathBuf,
    /// Authority of the collector's certificate, PEM; empty: the system's.
    pub ca: PathBuf,
    /// How long handing spans over may take, in milliseconds.
    pub timeout_ms: u64,
    /// Spans are handed over at least so often, in milliseconds.
    pub interval_ms: u64,
    /// Spans that may wait; further ones are lost.
    pub queue: usize,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            otlp_endpoint: String::new(),
            sample_ratio: 0.01,
            headers_file: PathBuf::new(),
            ca: PathBuf::new(),
            timeout_ms: 5000,
            interval_ms: 5000,
            queue: 2048,
        }
    }
}

/// Which key of the settings cannot be used, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`telemetry.{key}`: {why}")]
pub struct SettingsError {
    /// Which key, below `telemetry`.
    pub key: &'static str,
    /// Why.
    pub why: String,
}

impl SettingsError {
    pub(super) fn new(key: &'static str, why: impl ToString) -> Self {
        Self {
            key,
            why: why.to_string(),
        }
    }
}

impl TraceSettings {
    /// Everything that can never work; files are read later.
    pub(super) fn problems(&self) -> Vec<SettingsError> {
        let mut found = Vec::new();
        let mut unless = |holds: bool, key, why: &str| {
            if !holds {
                found.push(SettingsError::new(key, why));
            }
        };
        unless(
            self.otlp_endpoint.is_empty() || is_collector(&self.otlp_endpoint),
            "traces.otlp_endpoint",
            "must be http://host:port or https://host:port, and nothing else: keys belong into `headers_file`",
        );
        unless(
            (0.0..=1.0).contains(&self.sample_ratio),
            "traces.sample_ratio",
            "must be between 0 and 1",
        );
        let sound = 1..=LONGEST_MS;
        let why = "must be between 1 and 3600000";
        unless(sound.contains(&self.timeout_ms), "traces.timeout_ms", why);
        unless(sound.contains(&self.interval_ms), "traces.interval_ms", why);
        unless(
            (1..=LONGEST_QUEUE).contains(&self.queue),
            "traces.queue",
            "must be between 1 and 1048576",
        );
        found
    }

    /// Whether what `headers_file` keeps could be read on the way.
    pub(super) fn shows_headers(&self) -> bool {
        let uri = self.otlp_endpoint.parse::<Uri>().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        !self.headers_file.as_os_str().is_empty() && !self.is_https() && !is_here
    }

    /// Whether the way to the collector is encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.otlp_endpoint.starts_with("https://")
    }
}

/// The scheme in lower case, a host, a port, and neither a path nor anything secret.
fn is_collector(endpoint: &str) -> bool {
    let Ok(uri) = endpoint.parse::<Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let scheme = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    scheme
        && !host.is_empty()
        && uri.port_u16().is_some()
        && !authority.contains('@')
        && uri.path() == "/"
        && uri.query().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_scheme_host_and_port() {
        for sound in [
            "http://127.0.0.1:4317",
            "https://collector.example:4317",
            "http://[::1]:4317/",
        ] {
            assert!(is_collector(sound), "{sound}");
        }
        for broken in [
            "collector:4317",
            "http://collector",
            "grpc://collector:4317",
            "http://key@collector:4317",
            "http://collector:4317/v1/traces",
            "http://collector:4317?key=1",
            "http://:4317",
        ] {
            assert!(!is_collector(broken), "{broken}");
        }
    }

    #[test]
    fn headers_can_be_read_on_the_way_only_beyond_this_machine_and_without_tls() {
        let shows = |endpoint: &str, headers_file: &str| {
            let settings = TraceSettings {
                otlp_endpoint: endpoint.into(),
                headers_file: headers_file.into(),
                ..TraceSettings::default()
            };
            settings.shows_headers()
        };
        assert!(shows("http://collector:4317", "key"));
        assert!(!shows("http://collector:4317", ""));
        for kept in ["https://collector:4317", "http://localhost:4317", "http://[::1]:4317"] {
            assert!(!shows(kept, "key"), "{kept}");
        }
    }

    #[test]
    fn what_can_never_work_is_told_at_once_by_key() {
        assert_eq!(TraceSettings::default().problems(), []);
        let broken = TraceSettings {
            otlp_endpoint: "here".into(),
            sample_ratio: f64::NAN,
            timeout_ms: 0,
            interval_ms: 0,
            queue: 0,
            ..TraceSettings::default()
        };
        let keys: Vec<_> = broken.problems().into_iter().map(|problem| problem.key).collect();
        let expected = ["otlp_endpoint", "sample_ratio", "timeout_ms", "interval_ms", "queue"];
        assert_eq!(keys, expected.map(|key| format!("traces.{key}")));
    }
}

//! The way to the collector: OTLP over gRPC, with headers that are nobody else's business, and a log line when it fails.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use super::settings::{SettingsError, TraceSettings};
use crate::net::{deepest_cause, trusting_client};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A collector that answers no ping within interval and timeout is called anew.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Headers, all together.
const HEADERS_BYTES: usize = 16 << 10;
/// That spans are lost is said so often at most.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// The exporter to the collector that the settings name. It connects when there is something to send. Needs a Tokio runtime.
pub(super) fn exporter(settings: &TraceSettings) -> Result<Reported<opentelemetry_otlp::SpanExporter>, SettingsError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_channel(channel(settings)?)
        .with_metadata(headers(&settings.headers_file)?)
        .with_timeout(Duration::from_millis(settings.timeout_ms))
        .build()
        .map_err(|e| SettingsError::new("traces", e))?;
    Ok(Reported::new(exporter))
}

fn channel(settings: &TraceSettings) -> Result<Channel, SettingsError> {
    let unusable = |e: tonic::transport::Error| SettingsError::new("traces.otlp_endpoint", deepest_cause(&e));
    let timeout = Duration::from_millis(settings.timeout_ms);
    let endpoint = Endpoint::from_shared(settings.otlp_endpoint.clone())
        .map_err(unusable)?
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    let endpoint = if settings.is_https() {
        let tls = trusting_client(&settings.ca).map_err(|e| SettingsError::new("traces.ca", e))?;
        endpoint.tls_config(tls).map_err(unusable)?
    } else {
        endpoint
    };
    Ok(endpoint.connect_lazy())
}

fn headers(file: &Path) -> Result<MetadataMap, SettingsError> {
    if file.as_os_str().is_empty() {
        return Ok(MetadataMap::new());
    }
    let unusable = |why: String| SettingsError::new("traces.headers_file", format!("`{}`: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|e| unusable(e.to_string()))?;
    parse_headers(&text).map_err(unusable)
}

/// One `name: value` a line; empty lines and those that begin with `#` do not count. No error repeats a value.
fn parse_headers(text: &str) -> Result<MetadataMap, String> {
    if text.len() > HEADERS_BYTES {
        return Err(format!("has more than {HEADERS_BYTES} bytes"));
    }
    let mut headers = MetadataMap::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("line {number} is not `name: value`"))?;
        let name: MetadataKey<Ascii> = name
            .trim()
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| format!("line {number} begins with no name of a header"))?;
        let mut value: MetadataValue<Ascii> = value
            .trim()
            .parse()
            .map_err(|_| format!("the value in line {number} holds characters that no header can have"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// An exporter whose failures are logged, now and then, and are nobody's affair beyond that.
#[derive(Debug)]
pub(super) struct Reported<E> {
    inner: E,
    lost: Mutex<Lost>,
}

/// What was lost since it was last said.
#[derive(Debug, Default)]
struct Lost {
    spans: usize,
    said: Option<Instant>,
}

impl<E> Reported<E> {
    pub(super) fn new(inner: E) -> Self {
        Self {
            inner,
            lost: Mutex::default(),
        }
    }

    /// How many spans were lost, if it is time to say so.
    fn lose(&self, spans: usize) -> Option<usize> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.spans += spans;
        if lost.said.is_some_and(|said| said.elapsed() < SAID_EVERY) {
            return None;
        }
        lost.said = Some(Instant::now());
        Some(std::mem::take(&mut lost.spans))
    }
}

impl<E: SpanExporter> SpanExporter for Reported<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        if let Err(why) = self.inner.export(batch).await
            && let Some(lost) = self.lose(spans)
        {
            tracing::warn!(%why, lost, "traces cannot be handed to the collector; logins go on");
        }
        // It has been said: the library would say it each time.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_line_by_line_and_cannot_be_printed() {
        let headers = parse_headers("# the key\n\nX-Api-Key:  s3cret:x \nx-tenant: a\n").unwrap();
        assert_eq!(headers.get("x-api-key").unwrap().to_str().unwrap(), "s3cret:x");
        assert_eq!(headers.len(), 2);
        assert!(!format!("{headers:?}").contains("s3cret"), "{headers:?}");
    }

    #[test]
    fn a_line_that_is_no_header_is_named_without_what_is_in_it() {
        for broken in [
            "s3cret",
            "s3cret x: y",
            "a: s3cret\u{7f}",
            ": s3cret",
            "key-bin: s3cret",
        ] {
            let why = parse_headers(&format!("ok: x\n{broken}\n")).unwrap_err();
            assert!(why.contains("line 2") && !why.contains("s3cret"), "{why}");
        }
        assert!(parse_headers(&"a: b\n".repeat(HEADERS_BYTES)).is_err());
    }

    #[test]
    fn losses_are_added_up_until_they_are_said() {
        let reported = Reported::new(());
        assert_eq!(reported.lose(3), Some(3));
        assert_eq!(reported.lose(4), None);
        assert_eq!(reported.lost.lock().unwrap().spans, 4);
    }
}

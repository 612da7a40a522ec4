//! OpenTelemetry traces: a span for each login, and below it one for each authenticator that was asked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanExporter,
};

use super::collector::exporter;
use super::settings::{SettingsError, TraceSettings};
use crate::auth::{Reason, Step, StepVerdict, TracedLogin};

/// Most spans in one message to the collector.
const BATCH: usize = 512;
const SERVICE: &str = "portcullis.v1.Login";

/// The traces of this node.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// `None` if no collector is named. Needs a Tokio runtime, on which the exporter's connection lives.
    pub fn start(settings: &TraceSettings, node: u64) -> Result<Option<Self>, SettingsError> {
        if settings.otlp_endpoint.is_empty() {
            return Ok(None);
        }
        let traces = Self::over(exporter(settings)?, settings, node);
        let (collector, sample_ratio) = (&*settings.otlp_endpoint, settings.sample_ratio);
        tracing::info!(collector, sample_ratio, "logins are traced");
        if settings.shows_headers() {
            tracing::warn!(
                "the headers for the collector are sent in plain text: let `otlp_endpoint` begin with https://"
            );
        }
        Ok(Some(traces))
    }

    fn over(exporter: impl SpanExporter + 'static, settings: &TraceSettings, node: u64) -> Self {
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(settings.queue)
            .with_max_export_batch_size(BATCH.min(settings.queue))
            .with_scheduled_delay(Duration::from_millis(settings.interval_ms))
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder_empty()
            .with_service_name("portcullis")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", node.to_string()));
        let of_new_traces = Sampler::TraceIdRatioBased(settings.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Sampler::ParentBased(Box::new(of_new_traces)))
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("portcullis");
        Self { provider, tracer }
    }

    /// Makes the spans of a login that has ended, if it is among those that are traced. Waits for nothing: when the queue is full,
    /// they are lost.
    pub fn record(&self, login: &TracedLogin<'_>) {
        let caller =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(login.traceparent));
        let began = UNIX_EPOCH + login.began;
        let builder = SpanBuilder::from_name(format!("{SERVICE}/{}", login.method))
            .with_kind(SpanKind::Server)
            .with_start_time(began);
        let mut span = self.tracer.build_with_context(builder, &caller);
        if !span.is_recording() {
            return;
        }
        span.set_attributes(attributes(login));
        if let Some(reason) = login.reason.filter(|reason| reason.is_failure()) {
            span.set_status(Status::error(reason.name()));
        }
        let within = Context::new().with_remote_span_context(span.span_context().clone());
        let mut asked = began + login.before_chain;
        for step in login.steps.iter().filter(|step| step.verdict.was_asked()) {
            asked = self.record_step(step, asked, &within);
        }
        span.end_with_timestamp(began + login.took);
    }

    /// Steps follow one another; what little lies between them is not measured. Returns when this one ended.
    fn record_step(&self, step: &Step, asked: SystemTime, within: &Context) -> SystemTime {
        let answered = asked + step.took;
        let mut attributes = vec![
            KeyValue::new("portcullis.authenticator", step.authenticator.clone()),
            KeyValue::new("portcullis.verdict", step.verdict.name()),
        ];
        attributes.extend(step.reason.map(reason));
        let builder = SpanBuilder::from_name(format!("authenticator {}", step.authenticator))
            .with_kind(SpanKind::Internal)
            .with_start_time(asked)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, within);
        if step.verdict == StepVerdict::Failed {
            span.set_status(Status::error(step.reason.map_or("", Reason::name)));
        }
        span.end_with_timestamp(answered);
        answered
    }

    /// Hands over what still waits, in so long at most, and ends. It blocks the thread.
    pub fn stop(&self, limit: Duration) {
        if let Err(why) = self.provider.shutdown_with_timeout(limit) {
            tracing::warn!(%why, "the last traces may be lost");
        }
    }
}

fn attributes(login: &TracedLogin<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", SERVICE),
        KeyValue::new("rpc.method", login.method),
        KeyValue::new("portcullis.decision", login.decision),
    ];
    attributes.extend(login.reason.map(reason));
    if !login.authenticator.is_empty() {
        attributes.push(KeyValue::new(
            "portcullis.authenticator",
            login.authenticator.to_owned(),
        ));
    }
    attributes
}

fn reason(reason: Reason) -> KeyValue {
    KeyValue::new("portcullis.reason", reason.name())
}

/// The one header of the caller that counts. Its `tracestate` is left alone: other systems keep there what they like.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == "traceparent").then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
mod tests;

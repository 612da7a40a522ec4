//! Families of figures in Prometheus's text format.

use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder as _, TextEncoder};

/// A label and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// The figures of one scrape, family by family.
#[derive(Default)]
pub(super) struct Exposition(BTreeMap<&'static str, MetricFamily>);

impl Exposition {
    /// A figure that only grows; its name ends in `_total`.
    pub(super) fn counter(&mut self, name: &'static str, help: &str, labels: &[Label<'_>], value: f64) {
        let mut counter = Counter::default();
        counter.set_value(value);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_counter(counter);
        self.family(name, help, MetricType::COUNTER).push(metric);
    }

    /// A figure that goes up and down.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str, labels: &[Label<'_>], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_gauge(gauge);
        self.family(name, help, MetricType::GAUGE).push(metric);
    }

    /// Times in seconds: for each bound how many were no longer, how many there were, and their sum.
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &str,
        labels: &[Label<'_>],
        within: &[(f64, u64)],
        (count, sum): (u64, f64),
    ) {
        let bucket = |(bound, below): &(f64, u64)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*below);
            bucket
        };
        let mut histogram = Histogram::default();
        histogram.set_bucket(within.iter().map(bucket).collect());
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let mut metric = Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.family(name, help, MetricType::HISTOGRAM).push(metric);
    }

    /// The text, and its media type.
    pub(super) fn text(self) -> Result<(String, String), prometheus::Error> {
        let encoder = TextEncoder::new();
        let families: Vec<_> = self.0.into_values().collect();
        let text = encoder.encode_to_string(&families)?;
        Ok((text, encoder.format_type().to_owned()))
    }

    fn family(&mut self, name: &'static str, help: &str, kind: MetricType) -> &mut Vec<Metric> {
        let family = self.0.entry(name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            family
        });
        family.mut_metric()
    }
}

fn pairs(labels: &[Label<'_>]) -> Vec<LabelPair> {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

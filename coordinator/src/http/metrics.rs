//! `/metrics`, as OpenMetrics has it: counters and gauges of the moment from the coordinator's own numbers.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use super::Shown;
use crate::house::{Latencies, Snapshot};

/// The form of the answer.
const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

type Answer = Result<([(header::HeaderName, HeaderValue); 1], String), (StatusCode, String)>;

/// Everything in numbers.
pub(super) async fn all(State(Shown { pages, .. }): State<Shown>) -> Answer {
    let snapshot = pages.coordinator.snapshot().await;
    let unavailable = |error: &dyn std::fmt::Display| (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"));
    let snapshot = snapshot.map_err(|error| unavailable(&error))?;
    let mut registry = Registry::with_prefix("kindred");
    pages.requests.register(&mut registry);
    register(&mut registry, snapshot);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| unavailable(&error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfClass {
    class: &'static str,
}

fn register(registry: &mut Registry, snapshot: Snapshot) {
    let submissions = Family::<InState, Gauge>::default();
    for (status, count) in &snapshot.submissions {
        submissions.get_or_create(&InState { state: status.as_str() }).set(signed(*count));
    }
    registry.register("submissions", "Submissions by state", submissions);
    let runs = Family::<OfKind, Gauge>::default();
    for ((kind, status), count) in &snapshot.runs {
        runs.get_or_create(&OfKind { kind: kind.as_str(), state: status.as_str() }).set(signed(*count));
    }
    registry.register("runs", "Runs that this coordinator carries, by kind and state", runs);
    register_work(registry, &snapshot);
    let failures = Family::<OfClass, Counter>::default();
    for (class, count) in &snapshot.failed_attempts {
        failures.get_or_create(&OfClass { class: class.as_str() }).inc_by(*count);
    }
    registry.register("failed_attempts", "Tries at units of work that failed, by class", failures);
    registry.register_with_unit(
        "grant_duration",
        "From a worker's request for work to its answer",
        Unit::Seconds,
        Timed(snapshot.grants),
    );
    registry.register_with_unit(
        "log_append_duration",
        "From an event to its entry in a run's log",
        Unit::Seconds,
        Timed(snapshot.log_appends),
    );
}

fn register_work(registry: &mut Registry, snapshot: &Snapshot) {
    for (name, help, value) in [
        ("leadership", "Which coordinator of its workspace this is", snapshot.leadership),
        ("units", "Units of work of the stages that are being carried", snapshot.units.total),
        ("units_finished", "Of those, the ones that are done", snapshot.units.done),
        ("processes", "Worker processes", snapshot.processes),
        ("leases", "Units of work that processes hold", snapshot.leases),
        ("watchers", "Streams that watch a run", snapshot.watchers),
    ] {
        registry.register(name, help, ConstGauge::new(signed(value)));
    }
    for (name, help, value) in [
        ("units_done", "Units of work done since the coordinator started", snapshot.units_done),
        ("rows", "Rows that workers have done since the coordinator started", snapshot.rows_done),
        ("missed_notices", "Live events that watchers were too slow for", snapshot.missed_notices),
    ] {
        registry.register(name, help, ConstCounter::new(value));
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Latencies as a histogram.
#[derive(Debug)]
struct Timed(Latencies);

impl TypedMetric for Timed {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Timed {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(latencies) = self;
        let bounded = latencies.buckets.iter().map(|(bound, count)| (bound.as_secs_f64(), *count));
        let buckets: Vec<(f64, u64)> = bounded.chain([(f64::INFINITY, latencies.beyond)]).collect();
        encoder.encode_histogram::<NoLabelSet>(latencies.sum.as_secs_f64(), latencies.count(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

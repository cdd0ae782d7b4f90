//! Requests in numbers.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

/// Upper bounds in seconds: from a look into memory to a slow store.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// How many requests there were and how long their answers took, by method. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Requests {
    counts: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
    unknown: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
}

impl Default for Requests {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            counts: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            unknown: Counter::default(),
        }
    }
}

impl Requests {
    /// One more; of a stream, its beginning.
    pub(super) fn count(&self, method: &'static str, code: Code, took: Duration) {
        self.counts.get_or_create(&Answered { method, code: word(code) }).inc();
        self.seconds.get_or_create(&Asked { method }).observe(took.as_secs_f64());
    }

    /// One more for a method that there is not; its path is the client's invention and no label.
    pub(super) fn count_unknown(&self) {
        self.unknown.inc();
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Requests by method and gRPC code; of a stream, its beginning",
            self.counts.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "From a request's arrival to its answer; of a stream, to its beginning",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register("unknown_requests", "Requests for methods that there are not", self.unknown.clone());
    }
}

/// The names that gRPC's own documents use.
fn word(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_and_code() {
        let requests = Requests::default();
        requests.count("/a/B", Code::Ok, Duration::from_millis(3));
        requests.count("/a/B", Code::NotFound, Duration::from_millis(3));
        requests.count("/a/B", Code::NotFound, Duration::from_secs(99));
        requests.count_unknown();
        let mut registry = Registry::with_prefix("kindred");
        requests.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"kindred_requests_total{method="/a/B",code="OK"} 1"#,
            r#"kindred_requests_total{method="/a/B",code="NOT_FOUND"} 2"#,
            r#"kindred_request_duration_seconds_bucket{le="0.005",method="/a/B"} 2"#,
            r#"kindred_request_duration_seconds_count{method="/a/B"} 3"#,
            "kindred_unknown_requests_total 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}

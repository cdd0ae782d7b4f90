//! What a coordinator counts and measures of itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proto::FailureClass;

use crate::house::Latencies;

/// Counters that only grow, from every run at once.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// How long workers waited for an answer when they asked for work.
    pub(crate) grants: Histogram,
    /// How long entries of run logs took to be written.
    pub(crate) log_appends: Histogram,
    pub(crate) units_done: Counter,
    pub(crate) rows_done: Counter,
    pub(crate) missed_notices: Counter,
    failed: [Counter; FailureClass::ALL.len()],
}

impl Figures {
    pub(crate) fn count_failure(&self, class: FailureClass) {
        let counters = FailureClass::ALL.iter().zip(&self.failed);
        counters.filter(|(known, _)| **known == class).for_each(|(_, counter)| counter.add(1));
    }

    pub(crate) fn failures(&self) -> BTreeMap<FailureClass, u64> {
        FailureClass::ALL.into_iter().zip(&self.failed).map(|(class, counter)| (class, counter.value())).collect()
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds in milliseconds: from an answer out of memory to a store that has to be asked again and again.
const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000, 120_000];

/// How often something took how long.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS_MS.len()],
    beyond: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let place = BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        let count = place.and_then(|place| self.counts.get(place)).unwrap_or(&self.beyond);
        count.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Latencies {
        let bounds = BOUNDS_MS.iter().map(|bound| Duration::from_millis(*bound));
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Latencies {
            buckets: bounds.zip(counts).collect(),
            beyond: self.beyond.load(Ordering::Relaxed),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_once_under_the_first_bound_that_holds_it() {
        let histogram = Histogram::default();
        for milliseconds in [0, 1, 2, 3, 121_000] {
            histogram.record(Duration::from_millis(milliseconds));
        }
        let read = histogram.read();
        let counts: Vec<u64> = read.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..4], [2, 1, 1, 0]);
        assert_eq!((read.beyond, read.count()), (1, 5));
        assert_eq!(read.sum, Duration::from_millis(121_006));
    }

    #[test]
    fn failures_are_counted_by_class() {
        let figures = Figures::default();
        figures.count_failure(FailureClass::Storage);
        figures.count_failure(FailureClass::Storage);
        assert_eq!(figures.failures()[&FailureClass::Storage], 2);
        assert_eq!(figures.failures().values().sum::<u64>(), 2);
    }
}

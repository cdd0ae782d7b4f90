//! Differences and their intervals agree with numpy, scipy and scikit-learn (`fixtures/generate_paired.py`), to 1e-6.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Interval, PairedMeasures, TaskKind};

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Case {
    kind: TaskKind,
    model: Vec<f32>,
    other: Vec<f32>,
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// Difference, and both ends of its interval.
    expected: BTreeMap<String, [f64; 3]>,
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(include_str!("../fixtures/paired.json")).unwrap()
}

fn accumulate(case: &Case) -> PairedMeasures {
    let mut measures = PairedMeasures::new(case.kind);
    for row in 0..case.labels.len() {
        measures.push(case.model[row], case.other[row], case.labels[row], case.weights[row]);
    }
    measures
}

#[test]
fn differences_and_intervals_are_those_of_the_oracle() {
    for (name, case) in cases() {
        let metrics = accumulate(&case).finish().unwrap();
        assert_eq!((metrics.rows, metrics.all_rows), (case.labels.len() as u64, case.labels.len() as u64));
        for (measure, [difference, low, high]) in &case.expected {
            let found = metrics.measures[measure];
            let interval = found.interval.unwrap_or_else(|| panic!("{name} {measure} has no interval"));
            let pairs = [(found.difference.unwrap(), difference), (interval.low, low), (interval.high, high)];
            for (found, expected) in pairs {
                let tolerance = TOLERANCE * expected.abs().max(1.0);
                assert!((found - expected).abs() <= tolerance, "{name} {measure}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn exchanged_models_have_the_mirrored_interval() {
    for (name, case) in cases() {
        let metrics = accumulate(&case).finish().unwrap();
        let exchanged = Case { model: case.other, other: case.model, ..case };
        let exchanged = accumulate(&exchanged).finish().unwrap();
        for (measure, found) in &metrics.measures {
            let Some(Interval { low, high }) = found.interval else { continue };
            let mirrored = exchanged.measures[measure].interval.unwrap();
            assert!((mirrored.low + high).abs() < 1e-9 && (mirrored.high + low).abs() < 1e-9, "{name} {measure}");
        }
    }
}

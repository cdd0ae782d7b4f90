//! Measures agree with numpy, scipy and scikit-learn on fixed samples (`fixtures/generate.py`), to 1e-6: sums of a few
//! hundred f64 terms differ by rounding alone, the oracle's included.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{BinaryMeasures, PartMetrics, TaskKind, ValueMeasures};

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct BinaryCase {
    scores: Vec<f32>,
    labels: Vec<f32>,
    weights: Option<Vec<f32>>,
    expected: BTreeMap<String, f64>,
    auc_interval: Option<[f64; 2]>,
    gains: Vec<f64>,
    calibration: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct ValueCase {
    predicted: Vec<f32>,
    labels: Vec<f32>,
    weights: Option<Vec<f32>>,
    expected: BTreeMap<String, f64>,
    decile_actual: Vec<f64>,
    decile_predicted: Vec<f64>,
}

fn assert_near(actual: Option<f64>, expected: f64, what: &str) {
    let actual = actual.unwrap_or_else(|| panic!("{what} is absent"));
    assert!((actual - expected).abs() <= TOLERANCE * expected.abs().max(1.0), "{what}: {actual}, expected {expected}");
}

fn binary_cases() -> BTreeMap<String, BinaryCase> {
    serde_json::from_str(include_str!("fixtures/binary.json")).unwrap()
}

fn weight_of(weights: Option<&Vec<f32>>, row: usize) -> f32 {
    weights.map_or(1.0, |weights| weights[row])
}

fn accumulate(case: &BinaryCase, rows: impl Iterator<Item = usize>) -> BinaryMeasures {
    let mut measures = BinaryMeasures::default();
    for row in rows {
        measures.push(case.scores[row], case.labels[row], weight_of(case.weights.as_ref(), row)).unwrap();
    }
    measures
}

#[test]
fn probabilities_measure_as_scikit_learn_does() {
    for (name, case) in binary_cases() {
        let metrics = accumulate(&case, 0..case.scores.len()).finish();
        let part = PartMetrics::from(metrics.clone());
        for (measure, expected) in &case.expected {
            assert_near(part.measure(measure), *expected, &format!("{name} {measure}"));
        }
        assert_eq!(case.expected.len(), TaskKind::Binary.measures().len());
        assert!(metrics.rounding.is_empty());
    }
}

#[test]
fn auc_intervals_are_delongs() {
    for (name, case) in binary_cases() {
        let metrics = accumulate(&case, 0..case.scores.len()).finish();
        let interval = metrics.auc_interval.unwrap();
        if let Some([low, high]) = case.auc_interval {
            assert_near(Some(interval.low), low, &format!("{name} low"));
            assert_near(Some(interval.high), high, &format!("{name} high"));
        }
        assert!(interval.low < metrics.auc.unwrap() && metrics.auc.unwrap() < interval.high);
    }
}

#[test]
fn deciles_and_calibration_tables_agree() {
    for (name, case) in binary_cases() {
        let metrics = accumulate(&case, 0..case.scores.len()).finish();
        for (decile, gain) in metrics.deciles.iter().zip(&case.gains) {
            assert_near(Some(decile.gain), *gain, &format!("{name} gain at {}", decile.share));
            assert_near(Some(decile.lift), gain / decile.share, &format!("{name} lift at {}", decile.share));
        }
        assert_eq!(metrics.deciles.len(), 10);
        assert_eq!(metrics.calibration.len(), case.calibration.len());
        for (bin, [weight, predicted, actual]) in metrics.calibration.iter().zip(&case.calibration) {
            assert_near(Some(bin.weight), *weight, &format!("{name} weight"));
            assert_near(Some(bin.predicted), *predicted, &format!("{name} predicted"));
            assert_near(Some(bin.actual), *actual, &format!("{name} actual"));
        }
    }
}

#[test]
fn order_and_merging_change_nothing() {
    for (name, case) in binary_cases() {
        let rows = case.scores.len();
        let whole = accumulate(&case, 0..rows).finish();
        let mut merged = accumulate(&case, (rows / 3..rows).rev());
        merged.merge(accumulate(&case, 0..rows / 3));
        let merged = merged.finish();
        for measure in TaskKind::Binary.measures() {
            assert_near(merged.get(*measure), whole.get(*measure).unwrap(), &format!("{name} {measure}"));
        }
        assert_eq!((merged.rows, merged.positives), (whole.rows, whole.positives));
    }
}

#[test]
fn values_measure_as_scipy_does() {
    let cases: BTreeMap<String, ValueCase> = serde_json::from_str(include_str!("fixtures/value.json")).unwrap();
    for (name, case) in cases {
        let mut measures = ValueMeasures::default();
        for row in 0..case.labels.len() {
            let weight = weight_of(case.weights.as_ref(), row);
            measures.push(case.predicted[row], case.labels[row], weight).unwrap();
        }
        let metrics = measures.finish();
        let part = PartMetrics::from(metrics.clone());
        for (measure, expected) in &case.expected {
            assert_near(part.measure(measure), *expected, &format!("{name} {measure}"));
        }
        assert_eq!(case.expected.len(), TaskKind::Value.measures().len());
        for (index, decile) in metrics.deciles.iter().enumerate() {
            assert_near(Some(decile.actual), case.decile_actual[index], &format!("{name} decile {index}"));
            assert_near(Some(decile.predicted), case.decile_predicted[index], &format!("{name} decile {index}"));
        }
        assert_eq!(metrics.deciles.len(), 10);
        assert_near(metrics.deciles[9].gain, 1.0, &name);
    }
}

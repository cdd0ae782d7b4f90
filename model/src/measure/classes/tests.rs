use super::*;
use crate::measure::Measure;

const NAMES: [&str; 3] = ["tea", "milk", "bread"];

/// Classes of six rows, `3` being none of its own, with probabilities and weights. The expected figures are scikit-learn
/// 1.7's: log_loss, accuracy_score, top_k_accuracy_score (labels 0..3, sample_weight), and 1 over the place by hand.
const ROWS: [([f32; 4], usize, f32); 6] = [
    ([0.5, 0.3, 0.1, 0.1], 0, 1.0),
    ([0.2, 0.25, 0.5, 0.05], 1, 2.0),
    ([0.1, 0.2, 0.6, 0.1], 2, 1.0),
    ([0.4, 0.4, 0.1, 0.1], 1, 1.0),
    ([0.3, 0.3, 0.3, 0.1], 3, 0.5),
    ([0.6, 0.2, 0.1, 0.1], 2, 1.5),
];

fn measures(rows: &[([f32; 4], usize, f32)]) -> ClassMeasures {
    let mut measures = ClassMeasures::new(NAMES.map(str::to_owned).to_vec());
    rows.iter().for_each(|(probabilities, class, weight)| measures.push(probabilities, *class, *weight).unwrap());
    measures
}

fn assert_near(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-6), "{found:?} is not {expected}");
}

#[test]
fn measures_are_means_over_rows() {
    let metrics = measures(&ROWS).metrics();
    assert_eq!((metrics.rows, metrics.weight, metrics.classes), (6, 7.0, 3));
    // -(ln .5 + 2 ln .25 + ln .6 + ln .4 + .5 ln .1 + 1.5 ln .1) / 7
    let losses = [0.5f64.ln(), 2.0 * 0.25f64.ln(), 0.6f64.ln(), 0.4f64.ln(), 2.0 * 0.1f64.ln()];
    assert_near(metrics.log_loss, -losses.iter().sum::<f64>() / 7.0);
    // Right first: rows 0 and 2; row 3 is second behind its equal. Row 4 is of no class and never right.
    assert_near(metrics.accuracy, 2.0 / 7.0);
    assert_near(metrics.top_3_accuracy, 6.5 / 7.0);
    assert_near(metrics.top_5_accuracy, 6.5 / 7.0);
    assert_near(metrics.mrr, (1.0 + 2.0 * 0.5 + 1.0 + 0.5 + 0.0 + 1.5 / 3.0) / 7.0);
    assert_near(metrics.other_rate, 0.5 / 7.0);
    let shares = [1.0, 3.0, 2.5, 0.5].map(|weight: f64| weight / 7.0);
    let entropy: f64 = shares.iter().map(|share| -share * share.ln()).sum();
    assert_near(metrics.normalized_entropy, metrics.log_loss.unwrap() / entropy);
    assert_near(metrics.majority.log_loss, entropy);
    assert_near(metrics.majority.accuracy, 1.0 / 7.0);
    assert_near(metrics.majority.mrr, (1.0 + 0.5 * 3.0 + 2.5 / 3.0) / 7.0);
    assert_eq!(metrics.get(Measure::Auc), None);
}

#[test]
fn each_frequent_class_has_its_figures() {
    let lines = measures(&ROWS).metrics().most_frequent;
    let bread = &lines[2];
    assert_eq!((bread.class.as_str(), bread.rows), ("bread", 2));
    assert_near(bread.rate, 2.5 / 7.0);
    assert_near(bread.recall, 1.0 / 2.5);
    assert_near(bread.recall_at_3, 1.0);
    // The most probable class of rows 1 (weight 2) and 2.
    assert_near(bread.precision, 1.0 / 3.0);
    let sum = 0.1 + 2.0 * 0.5 + 0.6 + 0.1 + 0.5 * 0.3 + 1.5 * 0.1;
    assert_near(bread.mean_probability, f64::from(sum as f32) / 7.0);
}

/// With equal weights the interval of a share p of n rows is p ± 1.96·√(p(1-p)/(n-1)).
#[test]
fn intervals_are_those_of_means() {
    let rows: Vec<_> = ROWS.iter().map(|(probabilities, class, _)| (*probabilities, *class, 1.0)).collect();
    let metrics = measures(&rows).metrics();
    let (p, half) = (2.0 / 6.0, 1.959_963_984_540_054 * (2.0f64 / 6.0 * (4.0 / 6.0) / 5.0).sqrt());
    let interval = metrics.accuracy_interval.unwrap();
    assert_near(Some(interval.low), p - half);
    assert_near(Some(interval.high), p + half);
}

#[test]
fn rows_may_come_in_parts_and_weigh_nothing() {
    let whole = measures(&ROWS);
    let mut parts = measures(&ROWS[..2]);
    parts.merge(measures(&ROWS[2..]));
    parts.push(&[0.9, 0.1, 0.0, 0.0], 2, 0.0).unwrap();
    let (whole, parts) = (whole.metrics(), parts.metrics());
    for measure in [Measure::LogLoss, Measure::Accuracy, Measure::Mrr, Measure::Ece] {
        assert_near(parts.get(measure), whole.get(measure).unwrap());
    }
    assert_eq!(whole.rows, parts.rows);
}

#[test]
fn what_is_no_probability_or_class_is_refused_and_nothing_is_counted() {
    let mut measures = measures(&[]);
    for (probabilities, class, weight) in [
        (&[0.5f32, 0.5, 0.0][..], 0, 1.0f32),
        (&[0.5, 0.5, 0.0, 0.0], 4, 1.0),
        (&[f32::NAN, 0.5, 0.0, 0.0], 0, 1.0),
        (&[1.5, 0.0, 0.0, 0.0], 0, 1.0),
    ] {
        assert_eq!(measures.push(probabilities, class, weight), Err(MeasureError::Classes));
    }
    assert!(measures.push(&[1.0, 0.0, 0.0, 0.0], 0, -1.0).is_err());
    let metrics = measures.metrics();
    assert_eq!(
        (metrics.rows, metrics.log_loss, metrics.accuracy_interval, metrics.normalized_entropy),
        (0, None, None, None)
    );
}

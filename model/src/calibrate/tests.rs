use serde::Deserialize;
use spec::training::Calibration;

use super::{Calibrator, Fallback, ModelCalibration, TaskCalibration, pool_adjacent_violators};
use crate::measure::BinaryMeasures;

#[derive(Deserialize)]
struct Fixtures {
    pav: Vec<PavCase>,
    platt: PlattCase,
}

#[derive(Deserialize)]
struct PavCase {
    values: Vec<f64>,
    weights: Vec<f64>,
    fitted: Vec<f64>,
}

#[derive(Deserialize)]
struct PlattCase {
    scores: Vec<f32>,
    labels: Vec<f32>,
    slope: f64,
    intercept: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../measure/fixtures/calibration.json")).unwrap()
}

/// Rows whose true rate is the square of the score: a confident model that is wrong in the middle.
fn squared(rows: u32) -> BinaryMeasures {
    let mut measures = BinaryMeasures::default();
    let mut state = 1_u64;
    for row in 0..rows {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 40) as f32 / (1 << 24) as f32;
        let score = (row as f32 + 0.5) / rows as f32;
        measures.push(score, f32::from(u8::from(uniform < score * score)), 1.0).unwrap();
    }
    measures
}

fn curve_of(calibration: &TaskCalibration) -> Vec<f32> {
    let mut scores: Vec<f32> = (0_u16..=10_000).map(|step| f32::from(step) / 10_000.0).collect();
    calibration.calibrator.apply(&mut scores, 1);
    scores
}

/// scikit-learn's isotonic regression and ours solve the same least-squares problem exactly.
#[test]
fn pooling_agrees_with_scikit_learn() {
    for case in fixtures().pav {
        let blocks = pool_adjacent_violators(case.values.iter().copied().zip(case.weights.iter().copied()));
        let fitted: Vec<f64> = blocks.iter().flat_map(|block| std::iter::repeat_n(block.mean, block.values)).collect();
        assert_eq!(fitted.len(), case.fitted.len());
        for (ours, theirs) in fitted.iter().zip(&case.fitted) {
            assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
        }
        assert!(blocks.windows(2).all(|pair| pair[0].mean < pair[1].mean));
    }
}

/// 1e-6: the oracle is a general optimizer stopped at a gradient of 1e-9.
#[test]
fn platt_agrees_with_a_general_optimizer() {
    let case = fixtures().platt;
    let mut measures = BinaryMeasures::default();
    case.scores.iter().zip(&case.labels).for_each(|(score, label)| measures.push(*score, *label, 1.0).unwrap());
    let fitted = TaskCalibration::fit(Calibration::Platt, &measures);
    let Calibrator::Platt(platt) = fitted.calibrator else { panic!("{fitted:?}") };
    assert!((platt.slope - case.slope).abs() < 1e-6, "{platt:?} {}", case.slope);
    assert!((platt.intercept - case.intercept).abs() < 1e-6, "{platt:?} {}", case.intercept);
}

#[test]
fn calibration_mends_what_is_wrong() {
    for (requested, most) in [(Calibration::Isotonic, 0.02), (Calibration::Platt, 0.03)] {
        let fitted = TaskCalibration::fit(requested, &squared(20_000));
        assert!(fitted.ece_before.unwrap() > 0.1, "{fitted:?}");
        assert!(fitted.ece_after.unwrap() < most, "{requested:?} {:?}", fitted.ece_after);
        assert_eq!((fitted.rows, fitted.fallback), (20_000, None));
    }
}

#[test]
fn calibration_keeps_the_order_and_never_says_certain() {
    for requested in [Calibration::Isotonic, Calibration::Platt] {
        for rows in [200, 4000, 50_000] {
            let fitted = TaskCalibration::fit(requested, &squared(rows));
            let curve = curve_of(&fitted);
            let is_strict = matches!(fitted.calibrator, Calibrator::Isotonic(_));
            let rises = |pair: &[f32]| if is_strict { pair[0] < pair[1] } else { pair[0] <= pair[1] };
            assert!(curve.windows(2).all(rises), "{requested:?} {rows}");
            assert!(curve[0] > 0.0 && curve[10_000] < 1.0, "{requested:?} {rows}");
        }
    }
}

#[test]
fn a_true_step_stays_a_step() {
    let mut measures = BinaryMeasures::default();
    for row in 0_u16..20_000 {
        let is_positive = if row < 10_000 { row % 20 == 0 } else { row % 5 != 0 };
        measures.push(f32::from(row) / 20_000.0, f32::from(u8::from(is_positive)), 1.0).unwrap();
    }
    let calibrator = TaskCalibration::fit(Calibration::Isotonic, &measures).calibrator;
    for (score, rate) in [(0.1, 0.05), (0.45, 0.05), (0.55, 0.8), (0.9, 0.8)] {
        assert!((calibrator.probability(score) - rate).abs() < 0.01, "{score} {}", calibrator.probability(score));
    }
}

#[test]
fn isotonic_calibration_hardly_moves_the_auc() {
    let raw = squared(20_000);
    let calibration = TaskCalibration::fit(Calibration::Isotonic, &raw);
    let mut calibrated = BinaryMeasures::default();
    for level in raw.levels() {
        let mut score = [level.score as f32];
        calibration.calibrator.apply(&mut score, 1);
        for (label, weight) in [(1.0, level.positive), (0.0, level.negative)] {
            calibrated.push(score[0], label, weight as f32).unwrap();
        }
    }
    let (before, after) = (raw.finish().auc.unwrap(), calibrated.finish().auc.unwrap());
    assert!((before - after).abs() < 1e-6, "{before} {after}");
}

#[test]
fn separable_rows_stay_short_of_certainty() {
    let mut measures = BinaryMeasures::default();
    for row in 0_u16..4000 {
        measures.push(f32::from(row) / 4000.0, f32::from(u8::from(row >= 2000)), 1.0).unwrap();
    }
    for requested in [Calibration::Isotonic, Calibration::Platt] {
        let fitted = TaskCalibration::fit(requested, &measures);
        let curve = curve_of(&fitted);
        assert!(curve[0] > 0.0 && curve[0] < 0.02, "{requested:?} {}", curve[0]);
        assert!(curve[10_000] < 1.0 && curve[10_000] > 0.98, "{requested:?} {}", curve[10_000]);
    }
}

#[test]
fn too_little_to_learn_from_calibrates_nothing_and_says_so() {
    let mut one_class = BinaryMeasures::default();
    let mut few = BinaryMeasures::default();
    let mut turned = BinaryMeasures::default();
    let mut constant = BinaryMeasures::default();
    for row in 0_u16..400 {
        let score = f32::from(row) / 400.0;
        one_class.push(score, 0.0, 1.0).unwrap();
        few.push(score, f32::from(u8::from(row < 19)), 1.0).unwrap();
        turned.push(score, f32::from(u8::from(row < 200)), 1.0).unwrap();
        constant.push(0.25, f32::from(u8::from(row < 200)), 1.0).unwrap();
    }
    let empty = BinaryMeasures::default();
    for (measures, requested, expected) in [
        (&empty, Calibration::Isotonic, Fallback::SingleClass),
        (&one_class, Calibration::Isotonic, Fallback::SingleClass),
        (&few, Calibration::Isotonic, Fallback::TooFewRows { of_each_class: 20 }),
        (&few, Calibration::Platt, Fallback::TooFewRows { of_each_class: 20 }),
        (&turned, Calibration::Platt, Fallback::NotIncreasing),
        (&constant, Calibration::Isotonic, Fallback::NotIncreasing),
        (&constant, Calibration::Platt, Fallback::NotIncreasing),
    ] {
        let fitted = TaskCalibration::fit(requested, measures);
        assert_eq!(fitted.calibrator, Calibrator::None);
        assert_eq!(fitted.fallback, Some(expected));
        assert_eq!(fitted.ece_after, fitted.ece_before);
    }
    assert_eq!(TaskCalibration::fit(Calibration::None, &turned).fallback, None);
}

#[test]
fn isotonic_calibration_of_few_rows_is_platts() {
    let of = |requested, rows| TaskCalibration::fit(requested, &squared(rows)).calibrator;
    assert_eq!(of(Calibration::Isotonic, 2000), of(Calibration::Platt, 2000), "some 670 positives");
    assert!(matches!(of(Calibration::Isotonic, 5000), Calibrator::Isotonic(_)), "some 1670 positives");
    assert!(matches!(of(Calibration::Platt, 5000), Calibrator::Platt(_)));
}

#[test]
fn weights_count_as_rows_do() {
    let mut weighted = BinaryMeasures::default();
    let mut plain = BinaryMeasures::default();
    for level in squared(5000).levels() {
        let label = f32::from(u8::from(level.positive > 0.0));
        weighted.push(level.score as f32, label, 4.0).unwrap();
        plain.push(level.score as f32, label, 1.0).unwrap();
    }
    for requested in [Calibration::Isotonic, Calibration::Platt] {
        let [a, b] = [&weighted, &plain].map(|measures| curve_of(&TaskCalibration::fit(requested, measures)));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6), "{requested:?}");
    }
}

#[test]
fn calibration_json_round_trips_and_refuses_damage() {
    let mut calibration = ModelCalibration::default();
    calibration.tasks.insert("buy".parse().unwrap(), TaskCalibration::fit(Calibration::Isotonic, &squared(5000)));
    calibration.tasks.insert("repeat".parse().unwrap(), TaskCalibration::fit(Calibration::Platt, &squared(2000)));
    calibration.tasks.insert("spend".parse().unwrap(), TaskCalibration::none());
    let json = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<ModelCalibration>(&json).unwrap(), calibration);
    assert!(json.contains(r#""calibrator":{"kind":"isotonic","scores":[0.0,"#), "{json}");
    for damaged in [
        r#"{"kind":"isotonic","scores":[0.0,1.0],"probabilities":[0.5]}"#,
        r#"{"kind":"isotonic","scores":[0.0,0.9],"probabilities":[0.1,0.5]}"#,
        r#"{"kind":"isotonic","scores":[0.0,1.0],"probabilities":[0.5,0.1]}"#,
        r#"{"kind":"isotonic","scores":[0.0,1.0],"probabilities":[0.5,1.5]}"#,
        r#"{"kind":"isotonic","scores":[],"probabilities":[]}"#,
    ] {
        assert!(serde_json::from_str::<Calibrator>(damaged).is_err(), "{damaged}");
    }
}

#[test]
fn nan_stays_nan() {
    for requested in [Calibration::Isotonic, Calibration::Platt, Calibration::None] {
        let mut scores = [f32::NAN];
        TaskCalibration::fit(requested, &squared(2000)).calibrator.apply(&mut scores, 1);
        assert!(scores[0].is_nan(), "{requested:?}");
    }
}

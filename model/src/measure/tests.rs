use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::{
    BinaryMeasures, BinaryMetrics, EXACT_ROWS, Measure, MeasureError, ModelMetrics, Part, TaskKind, TaskMetrics,
    TopShare, ValueMeasures, categorical_auc, numeric_auc, numeric_spearman,
};

fn metrics_of(rows: &[(f32, f32, f32)]) -> BinaryMetrics {
    let mut measures = BinaryMeasures::default();
    rows.iter().for_each(|(score, label, weight)| measures.push(*score, *label, *weight).unwrap());
    measures.finish()
}

/// Numbers in 0..1 that look random and are the same everywhere.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn measures_by_hand() {
    let metrics = metrics_of(&[(0.1, 0.0, 1.0), (0.4, 1.0, 1.0), (0.4, 0.0, 1.0), (0.8, 1.0, 1.0)]);
    assert_eq!(metrics.auc, Some(3.5 / 4.0));
    assert_eq!(metrics.ks, Some(0.5));
    assert_eq!(metrics.rate, Some(0.5));
    assert_eq!(metrics.lift_top_decile, Some(2.0));
    assert!((metrics.pr_auc.unwrap() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
}

#[test]
fn precision_and_recall_of_the_top_rows_by_hand() {
    let scores = (0..200_u16).map(|row| f32::from(row) / 200.0);
    let is_positive = |row: usize| [199, 195, 190, 100, 50].contains(&row);
    let rows: Vec<_> =
        scores.enumerate().map(|(row, score)| (score, f32::from(u8::from(is_positive(row))), 1.0)).collect();
    let metrics = metrics_of(&rows);
    let near = |value: Option<f64>, expected: f64| assert!((value.unwrap() - expected).abs() < 1e-12, "{value:?}");
    near(metrics.precision_at_1_percent, 1.0 / 2.0);
    near(metrics.precision_at_5_percent, 3.0 / 10.0);
    near(metrics.precision_at_10_percent, 3.0 / 20.0);
    near(metrics.recall_at_1_percent, 1.0 / 5.0);
    near(metrics.recall_at_5_percent, 3.0 / 5.0);
    near(metrics.recall_at_10_percent, 3.0 / 5.0);
    near(metrics.precision_at_20_percent, 3.0 / 40.0);
    near(metrics.recall_at_20_percent, 3.0 / 5.0);

    // scipy.stats.binomtest(3, 5).proportion_ci(method="wilson")
    let interval = metrics.recall_interval(TopShare::Percent10);
    near(interval.map(|interval| interval.low), 0.230_724_281_276_012_97);
    near(interval.map(|interval| interval.high), 0.882_379_225_767_352_1);

    let equal = metrics_of(&rows.iter().map(|(_, label, weight)| (0.5, *label, *weight)).collect::<Vec<_>>());
    near(equal.precision_at_1_percent, 5.0 / 200.0);
    near(equal.recall_at_1_percent, 0.01);
}

#[test]
fn one_class_has_no_ranking_measures() {
    for label in [0.0, 1.0] {
        let metrics = metrics_of(&[(0.2, label, 1.0), (0.7, label, 1.0)]);
        let ranking = [
            Measure::Auc,
            Measure::PrAuc,
            Measure::NormalizedEntropy,
            Measure::Ks,
            Measure::Gini,
            Measure::LiftTopDecile,
            Measure::PrecisionAt(TopShare::Percent1),
            Measure::RecallAt(TopShare::Percent10),
        ];
        for measure in ranking {
            assert_eq!(metrics.get(measure), None, "{measure} of label {label}");
        }
        assert_eq!(metrics.auc_interval, None);
        assert!(metrics.deciles.is_empty() && metrics.roc.is_empty());
        assert!(metrics.log_loss.is_some() && metrics.brier.is_some() && metrics.ece.is_some());
        assert_eq!(metrics.rate, Some(f64::from(label)));
    }
}

#[test]
fn no_rows_have_no_measures() {
    let binary = metrics_of(&[(0.5, 1.0, 0.0)]);
    assert_eq!(binary, BinaryMetrics::default());
    assert!(TaskKind::Binary.measures().iter().all(|measure| binary.get(*measure).is_none()));
    let value = ValueMeasures::default().finish();
    assert!(TaskKind::Value.measures().iter().all(|measure| value.get(*measure).is_none()));
    assert!(value.deciles.is_empty());
}

#[test]
fn one_row_of_a_class_has_no_interval() {
    let metrics = metrics_of(&[(0.9, 1.0, 1.0), (0.2, 0.0, 1.0), (0.3, 0.0, 1.0)]);
    assert_eq!(metrics.auc, Some(1.0));
    assert_eq!(metrics.auc_interval, None);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let mut binary = BinaryMeasures::default();
    for score in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
        assert!(matches!(binary.push(score, 1.0, 1.0), Err(MeasureError::Score { .. })));
    }
    for label in [f32::NAN, 0.5, 2.0] {
        assert!(matches!(binary.push(0.5, label, 1.0), Err(MeasureError::Label { .. })));
    }
    for weight in [f32::NAN, -1.0, f32::INFINITY] {
        assert!(matches!(binary.push(0.5, 1.0, weight), Err(MeasureError::Weight { .. })));
    }
    let mut value = ValueMeasures::default();
    assert!(matches!(value.push(f32::INFINITY, 1.0, 1.0), Err(MeasureError::Prediction { .. })));
    assert!(matches!(value.push(1.0, f32::NAN, 1.0), Err(MeasureError::Actual { .. })));
    assert!(matches!(value.push(1.0, 1.0, -1.0), Err(MeasureError::Weight { .. })));
    assert_eq!((binary.rows(), value.rows()), (0, 0));
}

#[test]
fn constant_values_have_no_ranking() {
    let mut constant_label = ValueMeasures::default();
    let mut constant_prediction = ValueMeasures::default();
    for row in 0_u8..20 {
        constant_label.push(f32::from(row), 3.0, 1.0).unwrap();
        constant_prediction.push(3.0, f32::from(row), 1.0).unwrap();
    }
    let constant_label = constant_label.finish();
    assert_eq!((constant_label.spearman, constant_label.normalized_gini), (None, None));
    let constant_prediction = constant_prediction.finish();
    assert_eq!(constant_prediction.spearman, None);
    assert!(constant_prediction.normalized_gini.unwrap().abs() < 1e-12);
    assert!(constant_prediction.rmse.unwrap() > 0.0);
}

#[test]
fn negative_labels_have_no_gini() {
    let mut measures = ValueMeasures::default();
    for row in 0_u8..20 {
        measures.push(f32::from(row), f32::from(row) - 5.0, 1.0).unwrap();
    }
    let metrics = measures.finish();
    assert_eq!(metrics.normalized_gini, None);
    assert!((metrics.spearman.unwrap() - 1.0).abs() < 1e-12);
}

/// A quarter more than the exact rows, so that cells are folded and coarsened; the oracle sorts all rows.
#[test]
fn many_probabilities_stay_within_the_stated_error() {
    let mut next = noise(1);
    let rows = EXACT_ROWS * 5 / 4;
    let mut all: Vec<(f32, bool)> = Vec::with_capacity(rows);
    let mut measures = [BinaryMeasures::default(), BinaryMeasures::default()];
    for row in 0..rows {
        let score = next() as f32;
        let label = next() < f64::from(score) * 0.3;
        all.push((score, label));
        measures[row % 2].push(score, f32::from(u8::from(label)), 1.0).unwrap();
    }
    let [mut whole, other] = measures;
    whole.merge(other);
    let metrics = whole.finish();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = all.iter().filter(|(_, label)| *label).count() as f64;
    let negatives = rows as f64 - positives;
    let (mut won, mut below) = (0.0, 0.0);
    for tie in all.chunk_by(|a, b| a.0 == b.0) {
        let hits = tie.iter().filter(|(_, label)| *label).count() as f64;
        won += hits * (below + 0.5 * (tie.len() as f64 - hits));
        below += tie.len() as f64 - hits;
    }
    let auc = won / (positives * negatives);
    let stated = metrics.rounding[Measure::Auc.name()];
    assert!(stated > 0.0 && stated < 1e-4, "{stated}");
    assert!((metrics.auc.unwrap() - auc).abs() <= stated, "{:?} {auc} {stated}", metrics.auc);
    let best = all.iter().rev().take(rows / 10).filter(|(_, label)| *label).count() as f64;
    let lift = best / positives * 10.0;
    let stated = metrics.rounding.get("lift_top_decile").copied().unwrap_or_default();
    assert!((metrics.lift_top_decile.unwrap() - lift).abs() <= stated + 1e-9);
    assert!(stated < 1e-3);
    assert_eq!(metrics.rows, rows as u64);
    assert!(metrics.rounding.values().all(|error| *error < 1e-3), "{:?}", metrics.rounding);
}

#[test]
fn many_values_stay_within_the_stated_error() {
    let mut next = noise(2);
    let rows = EXACT_ROWS * 9 / 8;
    let mut pairs: Vec<(f32, f32)> = Vec::with_capacity(rows);
    let mut measures = ValueMeasures::default();
    for _ in 0..rows {
        let predicted = (3.0 * next()).exp() as f32;
        let actual = if next() < 0.6 { 0.0 } else { predicted * (2.0 * next()).exp() as f32 };
        pairs.push((predicted, actual));
        measures.push(predicted, actual, 1.0).unwrap();
    }
    let metrics = measures.finish();
    let values: Vec<Option<f64>> = pairs.iter().map(|(predicted, _)| Some(f64::from(*predicted))).collect();
    let amounts: Vec<f64> = pairs.iter().map(|(_, actual)| f64::from(*actual)).collect();
    let exact = numeric_spearman(&values, &amounts).unwrap();
    let stated = metrics.rounding[Measure::Spearman.name()];
    assert!((metrics.spearman.unwrap() - exact).abs() <= stated, "{:?} {exact} {stated}", metrics.spearman);
    assert!(stated < 0.02, "{stated}");
    let exact = exact_gini(&pairs, |pair| pair.0) / exact_gini(&pairs, |pair| pair.1);
    let stated = metrics.rounding[Measure::NormalizedGini.name()];
    assert!((metrics.normalized_gini.unwrap() - exact).abs() <= stated, "{exact} {stated} {metrics:?}");
    assert!(stated < 0.02, "{stated}");
}

/// Kaggle's formula: order-dependent only where keys tie, and here only zeros do, which add nothing.
fn exact_gini(pairs: &[(f32, f32)], key: fn(&(f32, f32)) -> f32) -> f64 {
    let mut pairs = pairs.to_vec();
    pairs.sort_by(|a, b| key(b).total_cmp(&key(a)));
    let (mut gained, mut area) = (0.0, 0.0);
    for (_, actual) in &pairs {
        gained += f64::from(*actual);
        area += gained;
    }
    let rows = pairs.len() as f64;
    (area / gained - (rows + 1.0) / 2.0) / rows
}

#[test]
fn few_distinct_scores_stay_exact_at_any_number_of_rows() {
    let mut measures = BinaryMeasures::default();
    for row in 0..EXACT_ROWS + 1000 {
        let score = (row % 64) as f32 / 64.0;
        measures.push(score, f32::from(u8::from(row % 3 == 0)), 1.0).unwrap();
    }
    let metrics = measures.finish();
    assert!(metrics.rounding.is_empty());
    assert!(metrics.auc.is_some());
}

/// The mean over 200 samples of true predictions, 10 %: the bins are small, and the formula is of large ones.
#[test]
fn true_predictions_are_off_by_what_chance_gives() {
    let mut next = noise(4);
    let (mut actual, mut stated) = (0.0, 0.0);
    for _ in 0..200 {
        let mut measures = BinaryMeasures::default();
        for _ in 0..1000 {
            let rate = 0.1 + 0.8 * next();
            measures.push(rate as f32, f32::from(u8::from(next() < rate)), 1.0).unwrap();
        }
        let metrics = measures.finish();
        actual += metrics.ece.unwrap();
        stated += metrics.ece_by_chance.unwrap();
    }
    assert!((actual / stated - 1.0).abs() < 0.1, "{actual} {stated}");
}

#[test]
fn model_metrics_answer_by_name_and_round_trip() {
    let mut task = TaskMetrics::new(TaskKind::Binary);
    task.set(Part::Test, metrics_of(&[(0.1, 0.0, 1.0), (0.4, 1.0, 1.0), (0.3, 0.0, 1.0)]).into());
    let mut value = TaskMetrics::new(TaskKind::Value);
    let mut measures = ValueMeasures::default();
    measures.push(1.0, 2.0, 1.0).unwrap();
    value.set(Part::Test, measures.finish().into());
    let (buy, spend): (spec::TaskName, spec::TaskName) = ("buy".parse().unwrap(), "spend".parse().unwrap());
    let mut metrics = ModelMetrics::default();
    metrics.tasks.insert(buy.clone(), task);
    metrics.tasks.insert(spend.clone(), value);
    assert_eq!(metrics.measure(&buy, Part::Test, "auc"), Some(1.0));
    assert_eq!(metrics.measure(&buy, Part::Train, "auc"), None);
    assert_eq!(metrics.measure(&buy, Part::Test, "rmse"), None);
    assert_eq!(metrics.measure(&buy, Part::Test, "nonsense"), None);
    assert_eq!(metrics.measure(&spend, Part::Test, "rmse"), Some(1.0));
    let read: ModelMetrics = serde_json::from_str(&serde_json::to_string(&metrics).unwrap()).unwrap();
    assert_eq!(read.tasks.keys().collect::<Vec<_>>(), [&buy, &spend]);
    for (task, name) in [(&buy, "auc"), (&buy, "brier"), (&spend, "mae")] {
        let (read, written) = (read.measure(task, Part::Test, name), metrics.measure(task, Part::Test, name));
        assert!((read.unwrap() - written.unwrap()).abs() < 1e-15, "{name}");
    }
}

#[test]
fn every_measure_that_documents_can_name_is_taken() {
    let tasks = [
        (TaskKind::Binary, r#"{"kind":"binary","label":"bought"}"#),
        (TaskKind::Lookalike, r#"{"kind":"lookalike","seeds":{"table":"best"}}"#),
        (TaskKind::Value, r#"{"kind":"value","label":"spend"}"#),
        (TaskKind::Regression, r#"{"kind":"regression","label":"income"}"#),
        (TaskKind::Multiclass, r#"{"kind":"multiclass","label":"next"}"#),
    ];
    for (kind, json) in tasks {
        let task: spec::Task = serde_json::from_str(json).unwrap();
        assert_eq!(TaskKind::from(&task), kind);
        // The loss is the learner's, and a grouped AUC is taken where the task has groups.
        let is_of_rows = |measure: &&Measure| !matches!(measure, Measure::Loss | Measure::GroupedAuc);
        for measure in Measure::of(&task).iter().filter(is_of_rows) {
            assert!(kind.measures().contains(measure), "{measure} of {}", kind.name());
        }
    }
}

#[test]
fn a_column_that_leaks_is_found() {
    let labels: Vec<bool> = (0..1000).map(|row| row % 7 == 0).collect();
    let mut next = noise(3);
    let leak: Vec<Option<f64>> = labels.iter().map(|label| (!label).then(&mut next)).collect();
    assert_eq!(numeric_auc(&leak, &labels), Some(1.0));
    let nothing: Vec<Option<f64>> = labels.iter().map(|_| Some(next())).collect();
    assert!(numeric_auc(&nothing, &labels).unwrap() < 0.6);
    assert_eq!(numeric_auc(&nothing, &vec![true; 1000]), None);
    assert_eq!(numeric_auc(&vec![None; 1000], &labels), Some(0.5));

    let keys: Vec<u64> = (0..1000).collect();
    let levels: Vec<u64> =
        labels.iter().enumerate().map(|(row, label)| u64::from(*label) * 10 + row as u64 % 3).collect();
    assert!(categorical_auc(&levels, &keys, &labels).unwrap() > 0.999);
    assert_eq!(categorical_auc(&vec![4; 1000], &keys, &labels), Some(0.5));
    let unique = keys.clone();
    assert_eq!(categorical_auc(&unique, &keys, &labels), Some(0.5));
    assert_eq!(categorical_auc(&levels, &keys, &vec![false; 1000]), None);
}

fn rows() -> impl Strategy<Value = Vec<(f32, f32, f32)>> {
    let score = (0_u16..40).prop_map(|step| f32::from(step) / 39.0);
    let label = any::<bool>().prop_map(|label| f32::from(u8::from(label)));
    let weight = (0_u8..5).prop_map(|quarters| f32::from(quarters) / 4.0);
    prop::collection::vec((score, label, weight), 1..200)
}

proptest! {
    #[test]
    fn a_weight_of_two_is_the_row_twice(rows in rows()) {
        let doubled: Vec<_> = rows.iter().map(|(score, label, weight)| (*score, *label, 2.0 * weight)).collect();
        let twice: Vec<_> = rows.iter().flat_map(|row| [*row, *row]).collect();
        let (doubled, twice) = (metrics_of(&doubled), metrics_of(&twice));
        for measure in TaskKind::Binary.measures() {
            match (doubled.get(*measure), twice.get(*measure)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9, "{} {} {}", measure, a, b),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn auc_of_turned_labels_is_one_minus_auc(rows in rows()) {
        let turned: Vec<_> = rows.iter().map(|(score, label, weight)| (*score, 1.0 - label, *weight)).collect();
        let (auc, turned) = (metrics_of(&rows).auc, metrics_of(&turned).auc);
        prop_assert_eq!(auc.is_some(), turned.is_some());
        if let (Some(auc), Some(turned)) = (auc, turned) {
            prop_assert!((auc + turned - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn gains_rise_to_one_and_deciles_hold_all_rows(rows in rows()) {
        let metrics = metrics_of(&rows);
        for pair in metrics.deciles.windows(2) {
            prop_assert!(pair[0].gain <= pair[1].gain + 1e-12);
            prop_assert!(pair[0].threshold >= pair[1].threshold);
        }
        if let Some(last) = metrics.deciles.last() {
            prop_assert!((last.gain - 1.0).abs() < 1e-9);
            prop_assert!((last.lift - 1.0).abs() < 1e-9);
        }
        let share: f64 = metrics.calibration.iter().map(|bin| bin.weight).sum();
        prop_assert!(metrics.rows == 0 || (share - 1.0).abs() < 1e-9);
    }

    #[test]
    fn roc_curves_rise_and_hold_the_auc(rows in rows()) {
        let metrics = metrics_of(&rows);
        if let Some(auc) = metrics.auc {
            let area: f64 = metrics.roc.windows(2).map(|pair| {
                (pair[1].false_positive_rate - pair[0].false_positive_rate)
                    * 0.5 * (pair[1].true_positive_rate + pair[0].true_positive_rate)
            }).sum();
            prop_assert!((area - auc).abs() < 0.01, "{} {}", area, auc);
            prop_assert!(metrics.roc.len() <= 210);
        }
    }
}

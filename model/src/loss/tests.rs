use proptest::prelude::{prop_assert, proptest};
use spec::Task;
use spec::training::TaskWeightRule;

use super::binary::{Classes, cross_entropy, sigmoid, softplus};
use super::targets::{TargetStatistics, check};
use super::weighting::{Weighting, uncertainty_gradient};
use super::ziln::{Head, MAX_EXPONENT, expectation, negative_log_likelihood, raw_scale};
use super::{Column, Known, LossSums, Objective, Rows};
use crate::error::Error;
use crate::fixtures::{document, targets};
use crate::input::Targets;

fn slope(f: impl Fn(f64) -> f64, at: f64) -> f64 {
    (f(at + 1e-5) - f(at - 1e-5)) / 2e-5
}

proptest! {
    #[test]
    fn cross_entropy_is_its_definition_and_its_derivative_its_slope(z in -20.0..20.0f64, weight in 0.1..9.0f64) {
        for positive in [false, true] {
            let p = 1.0 / (1.0 + (-z).exp());
            let expected = if positive { -weight * p.ln() } else { -(1.0 / (1.0 + z.exp())).ln() };
            let (loss, derivative) = cross_entropy(z, positive, weight);
            prop_assert!((loss - expected).abs() < 1e-9 * (1.0 + expected.abs()));
            let slope = slope(|z| cross_entropy(z, positive, weight).0, z);
            prop_assert!((derivative - slope).abs() < 1e-6 * weight);
        }
    }

    #[test]
    fn ziln_derivatives_are_its_slopes(
        logit in -6.0..6.0f64, location in -3.0..8.0f64, raw in -2.0..4.0f64, value in 0.0..2000.0f64,
    ) {
        let head = Head { logit, location, raw_scale: raw };
        let value = if value < 500.0 { 0.0 } else { value };
        let (_, found) = negative_log_likelihood(head, value);
        let at = |head| negative_log_likelihood(head, value).0;
        let expected = [
            slope(|logit| at(Head { logit, ..head }), logit),
            slope(|location| at(Head { location, ..head }), location),
            slope(|raw_scale| at(Head { raw_scale, ..head }), raw),
        ];
        for (found, expected) in found.iter().zip(expected) {
            prop_assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{found} is not {expected}");
        }
    }
}

#[test]
fn extreme_logits_have_finite_losses() {
    for z in [-1e4, -100.0, 0.0, 100.0, 1e4] {
        for positive in [false, true] {
            let (loss, derivative) = cross_entropy(z, positive, 1.0);
            assert!(loss.is_finite() && derivative.is_finite() && loss >= 0.0);
        }
    }
    assert_eq!(softplus(-1e4), 0.0);
    assert_eq!((sigmoid(-1e4), sigmoid(1e4)), (0.0, 1.0));
}

#[test]
fn ziln_is_wangs_formula() {
    // p = 1/2, μ = 1, σ = softplus(0) = ln 2; y = e: -ln ½ + ln y + ln σ + ½ ln 2π + 0.
    let head = Head { logit: 0.0, location: 1.0, raw_scale: 0.0 };
    let deviation = 2.0f64.ln();
    let (loss, _) = negative_log_likelihood(head, 1.0f64.exp());
    let expected = deviation + 1.0 + deviation.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln();
    assert!((loss - expected).abs() < 1e-12, "{loss}");
    assert!((negative_log_likelihood(head, 0.0).0 - deviation).abs() < 1e-12);
    let expected = 0.5 * (1.0 + deviation * deviation / 2.0).exp();
    assert!((expectation(head) - expected).abs() < 1e-12);
}

#[test]
fn an_expected_value_is_bounded_and_its_scale_comes_back() {
    let wild = Head { logit: 50.0, location: 500.0, raw_scale: 300.0 };
    assert!((expectation(wild) / MAX_EXPONENT.exp() - 1.0).abs() < 1e-9);
    for deviation in [0.2, 1.0, 3.5] {
        assert!((softplus(raw_scale(deviation)) - deviation).abs() < 1e-9);
    }
}

/// Kiryo's risk of four seeds and rest rows, in plain arithmetic.
#[test]
fn nnpu_descends_the_risk_and_ascends_where_the_negative_risk_is_below_zero() {
    let prior = 0.4;
    let targets = Targets { labels: vec![1.0, 0.0, 1.0, 0.0, 0.0], observed: vec![1.0; 5], weights: None };
    let rows = Rows::new(&targets, 0, 5, 0..5);
    for (logits, expect_ascent) in [([0.5f32, -0.2, 1.5, 0.8, -1.0], false), ([4.0, -3.0, 5.0, -4.0, -5.0], true)] {
        let plus = |z: f32| softplus(-f64::from(z));
        let minus = |z: f32| softplus(f64::from(z));
        let positive = |z: &[f32; 5]| prior * (plus(z[0]) + plus(z[2])) / 2.0;
        let negative =
            |z: &[f32; 5]| (minus(z[1]) + minus(z[3]) + minus(z[4])) / 3.0 - prior * (minus(z[0]) + minus(z[2])) / 2.0;
        assert_eq!(negative(&logits) < 0.0, expect_ascent);
        let objective = Objective::Nnpu { prior };
        let head = Column { numbers: &logits[..], stride: 1, column: 0 };
        let sums = rows.sums(objective, &head);
        assert!((sums.value(objective) - (positive(&logits) + negative(&logits).max(0.0))).abs() < 1e-12);
        let mut found = [0.0f32; 5];
        let mut gradient = Column { numbers: &mut found[..], stride: 1, column: 0 };
        rows.gradient(objective, &sums, 2.0, &head, &mut gradient);
        for row in 0..5 {
            let at = |moved: f64| {
                let mut logits = logits;
                logits[row] += moved as f32;
                if expect_ascent { -negative(&logits) } else { positive(&logits) + negative(&logits) }
            };
            let expected = 2.0 * (at(1e-3) - at(-1e-3)) / 2e-3;
            assert!((f64::from(found[row]) - expected).abs() < 1e-4, "row {row}: {} is not {expected}", found[row]);
        }
    }
}

#[test]
fn rows_count_by_weight_and_not_at_all_where_unobserved() {
    let targets = Targets {
        labels: vec![1.0, 0.0, 1.0, 0.0],
        observed: vec![1.0, 1.0, 0.0, 1.0],
        weights: Some(vec![2.0, 1.0, 50.0, 0.0]),
    };
    let rows = Rows::new(&targets, 0, 4, 0..4);
    assert_eq!(rows.weight(), 3.0);
    let objective = Objective::Binary(Classes::cross_entropy(3.0));
    let logits = [0.3f32, -0.4, 9.0, 7.0];
    let head = Column { numbers: &logits[..], stride: 1, column: 0 };
    let expected = (2.0 * 3.0 * softplus(-f64::from(0.3f32)) + softplus(f64::from(-0.4f32))) / 3.0;
    assert!((rows.sums(objective, &head).value(objective) - expected).abs() < 1e-12);
    let mut found = [f32::NAN; 4];
    let mut gradient = Column { numbers: &mut found[..], stride: 1, column: 0 };
    let sums = rows.gradient(objective, &LossSums::of_weight(3.0), 1.0, &head, &mut gradient);
    assert_eq!(sums, rows.sums(objective, &head));
    assert_eq!(found[2..], [0.0, 0.0]);
    assert!((f64::from(found[0]) + 2.0 * sigmoid(-f64::from(0.3f32))).abs() < 1e-6);
    assert!((f64::from(found[1]) - sigmoid(f64::from(-0.4f32)) / 3.0).abs() < 1e-6);
}

#[test]
fn a_lookalike_task_that_leaves_people_out_predicts_as_among_all_and_nnpu_needs_no_put_back() {
    let task = |loss: &str| -> Task {
        let task = serde_json::json!({
            "kind": "lookalike", "seeds": {"table": "best"}, "negative_rate": 0.1, "loss": loss, "prior": 0.2
        });
        serde_json::from_value(task).unwrap()
    };
    let labels = super::regression::LabelMoments { mean: 0.5, deviation: 0.5 };
    let predict = |loss: &str, labels| {
        let mut prediction = [0.0f32];
        let known = Known { prior: None, labels, classes: None };
        Objective::of(&task(loss), known).unwrap().predict(&[0.7], &mut prediction);
        prediction[0]
    };
    let near = |value: f32, expected: f64| assert!((f64::from(value) - expected).abs() < 1e-6, "{value}, {expected}");
    let p = sigmoid(f64::from(0.7f32));
    near(predict("plain", Some(labels)), p / (p + (1.0 - p) / 0.1));
    near(predict("plain", None), p);
    near(predict("nnpu", Some(labels)), p);
}

/// A head of 0.3 that saw a tenth of the negatives: p = σ(0.3) = 0.574 among those, 0.119 among all.
#[test]
fn the_probability_among_all_rows_is_put_back_where_negatives_were_left_out() {
    let task = serde_json::json!({"label": "bought", "negative_rate": 0.1});
    let objective = Objective::Binary(Classes::for_training(&serde_json::from_value(task).unwrap()));
    let p = sigmoid(f64::from(0.3f32));
    let expected = p / (p + (1.0 - p) / 0.1);
    let [predicted] = {
        let mut prediction = [0.0f32];
        objective.predict(&[0.3], &mut prediction);
        prediction
    };
    assert!((f64::from(predicted) - expected).abs() < 1e-7);
    let targets = Targets { labels: vec![0.0], observed: vec![1.0], weights: None };
    let rows = Rows::new(&targets, 0, 1, 0..1);
    let numbers = [0.3f32];
    let head = Column { numbers: &numbers[..], stride: 1, column: 0 };
    // Measured on all rows, learned from the share.
    assert!((rows.sums(objective, &head).value(objective) + (1.0 - expected).ln()).abs() < 1e-7);
    let mut found = [0.0f32];
    let mut gradient = Column { numbers: &mut found[..], stride: 1, column: 0 };
    let sums = rows.gradient(objective, &LossSums::of_weight(1.0), 1.0, &head, &mut gradient);
    assert!((sums.value(objective) + (1.0 - p).ln()).abs() < 1e-7 && (f64::from(found[0]) - p).abs() < 1e-7);
    let (mut weight, mut bias) = ([0.25f32, -1.0], [0.3f32]);
    objective.publish_weight(&mut weight);
    objective.publish_bias(&mut bias);
    assert_eq!(weight, [0.25, -1.0]);
    assert!((sigmoid(f64::from(bias[0])) - expected).abs() < 1e-7);
}

#[test]
fn a_task_without_observed_rows_has_no_loss_and_no_gradient() {
    let targets = Targets { labels: vec![0.0; 3], observed: vec![0.0; 3], weights: None };
    let rows = Rows::new(&targets, 0, 3, 0..3);
    let numbers = [0.5f32; 9];
    for objective in [Objective::Binary(Classes::cross_entropy(1.0)), Objective::Value, Objective::Nnpu { prior: 0.2 }]
    {
        let head = Column { numbers: &numbers[..], stride: 3, column: 0 };
        let mut found = [1.0f32; 9];
        let mut gradient = Column { numbers: &mut found[..], stride: 3, column: 0 };
        let sums = rows.gradient(objective, &LossSums::default(), 1.0, &head, &mut gradient);
        assert_eq!(sums.value(objective), 0.0);
        let units = if objective == Objective::Value { 3 } else { 1 };
        assert!(found.chunks(3).all(|row| row[..units].iter().all(|&number| number == 0.0)));
    }
}

#[test]
fn uncertainty_weights_are_kendalls() {
    let weighting = Weighting::Rule(TaskWeightRule::Uncertainty);
    assert!((weighting.factor(0, 0.7) - (-0.7f64).exp()).abs() < 1e-7);
    let loss = |w: f64| (-w).exp() * 2.5 + w;
    assert!((weighting.loss(0, 0.7, 2.5) - loss(0.7)).abs() < 1e-6);
    assert!((uncertainty_gradient(0.7, 2.5) - slope(loss, 0.7)).abs() < 1e-6);
    let fixed = Weighting::Fixed(vec![1.0, 0.2]);
    assert_eq!((fixed.factor(1, 9.0), fixed.loss(1, 9.0, 5.0)), (0.2, 1.0));
    for rule in [TaskWeightRule::Gradnorm, TaskWeightRule::Dwa] {
        let learned = Weighting::Rule(rule);
        assert_eq!((learned.start(), learned.factor(0, 0.5), learned.loss(0, 0.5, 3.0)), (1.0, 0.5, 1.5));
    }
    let alike = Weighting::Rule(TaskWeightRule::Pcgrad);
    assert_eq!((alike.factor(0, 0.5), alike.loss(0, 0.5, 3.0)), (1.0, 3.0));
}

fn tasks() -> Vec<(spec::TaskName, Task)> {
    let spec = document(serde_json::json!({"kind": "linear"}), serde_json::json!({}));
    spec.tasks.into_iter().collect()
}

#[test]
fn targets_without_meaning_are_refused() {
    let tasks = tasks();
    let good = targets(10, 1);
    assert!(check(&tasks, &good, 10).is_ok());
    type Change = fn(&mut Targets);
    let changes: [(Change, usize); 6] = [
        (|targets| targets.labels[3] = 0.5, 3),
        (|targets| targets.labels[14] = -1.0, 4),
        (|targets| targets.labels[15] = f32::NAN, 5),
        (|targets| targets.labels[22] = 2.0, 2),
        (|targets| targets.observed[27] = -0.5, 27),
        (|targets| targets.weights.as_mut().unwrap()[6] = -0.1, 6),
    ];
    for (change, at) in changes {
        let mut targets = good.clone();
        change(&mut targets);
        assert!(matches!(check(&tasks, &targets, 10), Err(Error::Value { row, .. }) if row == at), "row {at}");
    }
    assert!(matches!(check(&tasks, &good, 9), Err(Error::BatchShape { rows: 9, .. })));
}

#[test]
fn statistics_give_biases_that_predict_the_averages() {
    let targets = Targets {
        labels: [vec![1.0, 0.0, 0.0, 0.0], vec![0.0, 1.0f32.exp(), 3.0f32.exp(), 0.0], vec![0.0; 4]].concat(),
        observed: vec![1.0; 12],
        weights: None,
    };
    let mut statistics = TargetStatistics::default();
    statistics.push(&targets, 4);
    let mut twice = statistics.clone();
    twice.merge(&statistics);
    let tasks = tasks();
    for statistics in [statistics, twice] {
        let bias = |task: usize, prior| statistics.bias(task, &tasks[task].0, &tasks[task].1, prior);
        // Positive rows count twice in the document's first task.
        assert!((bias(0, None)[0] - (2.0f32 / 3.0).ln()).abs() < 1e-6);
        let value = bias(1, None);
        assert!(value[0].abs() < 1e-6 && (value[1] - 2.0).abs() < 1e-6);
        assert!((softplus(f64::from(value[2])) - 1.0).abs() < 1e-6);
        assert!((bias(2, Some(0.3))[0] - (0.3f32 / 0.7).ln()).abs() < 1e-6);
        assert_eq!(statistics.positive_share(2), Some(0.0));
    }
    assert_eq!(TargetStatistics::default().bias(1, &tasks[1].0, &tasks[1].1, None)[0], 0.0);
}

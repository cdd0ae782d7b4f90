use proptest::prelude::{prop_assert, proptest};
use spec::task::{HuberLoss, PoissonLoss, RegressionLoss, SquaredLoss, TweedieLoss};

use super::{LabelMoments, Regression};
use crate::input::Targets;
use crate::loss::targets::TargetStatistics;

const SQUARED: RegressionLoss = RegressionLoss::Squared(SquaredLoss {});
const POISSON: RegressionLoss = RegressionLoss::Poisson(PoissonLoss {});

fn huber(delta: f64) -> RegressionLoss {
    RegressionLoss::Huber(HuberLoss { delta })
}

fn tweedie(power: f64) -> RegressionLoss {
    RegressionLoss::Tweedie(TweedieLoss { power })
}

fn of(loss: RegressionLoss, mean: f64, deviation: f64) -> Regression {
    Regression::for_training(loss, LabelMoments { mean, deviation })
}

proptest! {
    #[test]
    fn derivatives_are_slopes(head in -4.0..4.0f64, label in 0.0..30.0f64, power in 1.05..1.95f64) {
        let label = if label < 6.0 { 0.0 } else { label };
        for loss in [SQUARED, huber(0.7), POISSON, tweedie(power)] {
            let regression = of(loss, 6.5, 3.0);
            let at = |head: f64| regression.loss(head, label).0;
            let slope = (at(head + 1e-5) - at(head - 1e-5)) / 2e-5;
            let (_, derivative) = regression.loss(head, label);
            prop_assert!((derivative - slope).abs() < 1e-5 * (1.0 + slope.abs()), "{}", loss.kind());
        }
    }

    #[test]
    fn a_right_prediction_has_no_loss_and_every_other_has_some(label in 0.1..50.0f64, off in 0.05..2.0f64) {
        for loss in [SQUARED, huber(1.5), POISSON, tweedie(1.4)] {
            let regression = of(loss, 12.0, 7.0);
            let scaled = regression.scaled(label);
            let right = if loss.takes_negative() { scaled } else { scaled.ln() };
            prop_assert!(regression.loss(right, label).0.abs() < 1e-9);
            prop_assert!((regression.predict(right) - label).abs() < 1e-9 * label);
            prop_assert!(regression.loss(right + off, label).0 > 1e-6);
            prop_assert!(regression.loss(right - off, label).0 > 1e-6);
        }
    }
}

/// `mean_poisson_deviance` and `mean_tweedie_deviance` of scikit-learn 1.7, halved, of labels and predictions over 2.5.
#[test]
fn deviances_are_scikit_learns() {
    let cases = [
        (0.0, 0.5, [0.2, 0.463_044_741_912_217_9, 0.894_427_190_999_915_9]),
        (1.5, 2.0, [0.027_390_756_528_931_415, 0.030_126_883_713_117_447, 0.032_108_491_533_771_93]),
        (4.0, 3.0, [0.060_291_315_922_849_53, 0.055_437_552_870_856_39, 0.052_432_947_112_143_41]),
    ];
    for (label, predicted, expected) in cases {
        for (loss, expected) in [POISSON, tweedie(1.3), tweedie(1.5)].into_iter().zip(expected) {
            let head = f64::ln(predicted / 2.5);
            let (found, _) = of(loss, 2.5, 9.0).loss(head, label);
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }
}

#[test]
fn squared_and_hubers_losses_are_in_deviations_of_the_label() {
    // mean 10, deviation 4: a label of 18 is 2, a head of 0.5 is 1.5 below it.
    assert_eq!(of(SQUARED, 10.0, 4.0).loss(0.5, 18.0), (1.125, -1.5));
    assert_eq!(of(huber(2.0), 10.0, 4.0).loss(0.5, 18.0), (1.125, -1.5));
    assert_eq!(of(huber(1.0), 10.0, 4.0).loss(0.5, 18.0), (1.0, -1.0));
    assert_eq!(of(huber(1.0), 10.0, 4.0).loss(0.5, 6.0), (1.0, 1.0));
    assert_eq!(of(SQUARED, 10.0, 4.0).predict(0.5), 12.0);
}

#[test]
fn a_published_head_says_the_prediction_itself() {
    for loss in [SQUARED, huber(1.0), POISSON, tweedie(1.5)] {
        let regression = of(loss, 3.5, 2.0);
        let (mut weight, mut bias) = ([0.25f32, -1.5], [0.125f32]);
        let head = |weight: &[f32; 2], bias: &[f32; 1]| f64::from(weight[0] * 2.0 + weight[1] * 0.5 + bias[0]);
        let expected = regression.predict(head(&weight, &bias));
        regression.publish_weight(&mut weight);
        regression.publish_bias(&mut bias);
        let found = Regression::published(loss).predict(head(&weight, &bias));
        assert!((found - expected).abs() < 1e-6, "{}: {found} is not {expected}", loss.kind());
    }
}

#[test]
fn a_wild_amount_stays_a_number() {
    assert_eq!(of(POISSON, 2.0, 1.0).predict(1e4), 30.0f64.exp());
    assert_eq!(of(SQUARED, 2.0, 0.0).predict(1.0), 3.0);
}

#[test]
fn moments_are_those_of_weighted_observed_labels_in_any_parts() {
    let labels = [1_000_000.5f32, 1_000_003.0, 1_000_001.0, 77.0, 1_000_007.5, 1_000_000.0];
    let (observed, weights) = ([1.0f32, 1.0, 1.0, 0.0, 1.0, 1.0], [1.0f32, 2.0, 0.5, 3.0, 1.0, 0.0]);
    let part = |rows: std::ops::Range<usize>| Targets {
        labels: labels[rows.clone()].to_vec(),
        observed: observed[rows.clone()].to_vec(),
        weights: Some(weights[rows].to_vec()),
    };
    let mut parts = TargetStatistics::default();
    parts.push(&part(0..2), 2);
    let mut others = TargetStatistics::default();
    others.push(&part(2..6), 4);
    parts.merge(&others);
    let total = 4.5;
    let sum = |f: &dyn Fn(f64) -> f64| {
        (0..6).map(|row| f64::from(observed[row] * weights[row]) * f(f64::from(labels[row]))).sum::<f64>() / total
    };
    let mean = sum(&|label| label);
    let deviation = sum(&|label| (label - mean).powi(2)).sqrt();
    let found = parts.moments(0);
    assert!((found.mean - mean).abs() < 1e-9 && (found.deviation - deviation).abs() < 1e-9, "{found:?}");
    assert_eq!(TargetStatistics::default().moments(0), LabelMoments { mean: 0.0, deviation: 0.0 });
}

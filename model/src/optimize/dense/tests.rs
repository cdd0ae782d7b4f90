use spec::training::{Optimizer, OptimizerKind};

use super::{DenseOptimizer, Step, clip_scale};
use crate::fixtures::Dice;
use crate::kernel::memory::Aligned;
use crate::network::Parameters;

fn parameters() -> Parameters {
    let mut parameters = Parameters::default();
    parameters.block(300, 90, true);
    parameters.block(1, 90, false);
    parameters
}

fn numbers(len: usize, seed: u64) -> Aligned {
    let mut dice = Dice::new(seed);
    Aligned::copy_of(&(0..len).map(|_| dice.number()).collect::<Vec<_>>())
}

/// The papers' formulas for one weight, in f64.
#[derive(Clone, Copy)]
struct Scalar {
    weight: f64,
    first: f64,
    second: f64,
}

impl Scalar {
    fn adamw(&mut self, gradient: f64, t: i32, rate: f64, decay: f64) {
        self.first = 0.9 * self.first + 0.1 * gradient;
        self.second = 0.999 * self.second + 0.001 * gradient * gradient;
        let (first, second) = (self.first / (1.0 - 0.9f64.powi(t)), self.second / (1.0 - 0.999f64.powi(t)));
        self.weight -= rate * (first / (second.sqrt() + 1e-8) + decay * self.weight);
    }

    fn adam(&mut self, gradient: f64, t: i32, rate: f64, decay: f64) {
        self.adamw(gradient + decay * self.weight, t, rate, 0.0);
    }

    fn sgd(&mut self, gradient: f64, rate: f64, decay: f64) {
        self.weight -= rate * (gradient + decay * self.weight);
    }

    fn adagrad(&mut self, gradient: f64, rate: f64, decay: f64) {
        self.second += gradient * gradient;
        self.weight -= rate * (gradient / (self.second.sqrt() + 1e-10) + decay * self.weight);
    }
}

#[test]
fn steps_follow_the_papers_and_biases_do_not_decay() {
    let parameters = parameters();
    let len = parameters.len();
    for kind in [OptimizerKind::Adamw, OptimizerKind::Adam, OptimizerKind::Adagrad, OptimizerKind::Sgd] {
        let settings = Optimizer { kind, learning_rate: 0.02, weight_decay: 0.3 };
        let mut optimizer = DenseOptimizer::new(&settings, &parameters.blocks);
        let mut weights = numbers(len, 1);
        let mut expected: Vec<Scalar> =
            weights.iter().map(|&weight| Scalar { weight: f64::from(weight), first: 0.0, second: 0.0 }).collect();
        for t in 1..=5 {
            let gradient = numbers(len, 100 + t);
            let step = Step { index: t - 1, rate_factor: 0.5, gradient_scale: 0.25 };
            optimizer.step(&mut weights, &gradient, step);
            for (index, (scalar, &gradient)) in expected.iter_mut().zip(gradient.iter()).enumerate() {
                let decay = if index < parameters.blocks[0].end() { 0.3 } else { 0.0 };
                let gradient = f64::from(gradient) * 0.25;
                match kind {
                    OptimizerKind::Adamw => scalar.adamw(gradient, t as i32, 0.01, decay),
                    OptimizerKind::Adam => scalar.adam(gradient, t as i32, 0.01, decay),
                    OptimizerKind::Adagrad => scalar.adagrad(gradient, 0.01, decay),
                    OptimizerKind::Sgd => scalar.sgd(gradient, 0.01, decay),
                }
            }
        }
        for (found, expected) in weights.iter().zip(&expected) {
            // Five steps in f32: a few units in the last place of numbers up to 1.
            assert!((f64::from(*found) - expected.weight).abs() < 2e-6, "{found} is not {}", expected.weight);
        }
    }
}

#[test]
fn lanes_are_summed_in_order_with_the_norm_of_their_sum() {
    let parameters = parameters();
    let settings = Optimizer::default();
    let optimizer = DenseOptimizer::new(&settings, &parameters.blocks);
    let mut lanes: Vec<Aligned> = (0..5).map(|lane| numbers(parameters.len(), lane)).collect();
    let original = lanes.clone();
    let squares = optimizer.sum_lanes(&mut lanes);
    let mut expected_squares = 0.0;
    for index in 0..parameters.len() {
        let sum = original[1..].iter().fold(original[0][index], |sum, lane| sum + lane[index]);
        assert_eq!(lanes[0][index], sum, "weight {index}");
        expected_squares += f64::from(sum) * f64::from(sum);
    }
    assert!((squares / expected_squares - 1.0).abs() < 1e-12);
}

#[test]
fn a_gradient_longer_than_the_limit_is_scaled_to_it() {
    assert!((f64::from(clip_scale(Some(2.0), 8.0)) - 0.25).abs() < 1e-6);
    assert_eq!(clip_scale(Some(2.0), 1.0), 1.0);
    assert_eq!(clip_scale(Some(2.0), 0.0), 1.0);
    assert_eq!(clip_scale(None, 1e9), 1.0);
}

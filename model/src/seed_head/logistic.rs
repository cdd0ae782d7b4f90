//! A logistic regression with a ridge: `Σ_i a_i·ln(1 + e^{∓(w·x_i + b)}) + ½·ρ·|w|²`, `a_i` the weights of the examples, minimized by
//! L-BFGS (Nocedal 1980) with backtracking. Sums are taken in order, so the same examples give the same bits.

use serde::{Deserialize, Serialize};

/// ρ
const RIDGE: f64 = 10.0;

/// Steps that are remembered.
const MEMORY: usize = 8;

/// Steps at the most.
const MOST_STEPS: usize = 300;

/// A gradient of this size for each unit of weight is none.
const FLAT: f64 = 1e-7;

/// The share of the promised decrease that a step must keep (Armijo).
const KEPT: f64 = 1e-4;

/// A row to learn from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example<'a> {
    pub(super) x: &'a [f64],
    pub(super) is_seed: bool,
    pub(super) weight: f64,
}

/// A fitted classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Logistic {
    weights: Vec<f32>,
    bias: f32,
}

impl Logistic {
    /// The best one for some examples of `width` numbers.
    pub(super) fn fit(examples: &[Example<'_>], width: usize) -> Self {
        let mut point = vec![0.0; width + 1];
        let (mut loss, mut gradient) = risk(examples, &point);
        let total: f64 = examples.iter().map(|example| example.weight).sum();
        let mut steps: Vec<Step> = Vec::new();
        for _ in 0..MOST_STEPS {
            if gradient.iter().all(|slope| slope.abs() <= FLAT * total) {
                break;
            }
            let direction = descent(&steps, &gradient);
            let Some((next, next_loss, next_gradient)) = search(examples, &point, loss, &gradient, &direction) else {
                break;
            };
            let step = Step::between((&point, &gradient), (&next, &next_gradient));
            (point, loss, gradient) = (next, next_loss, next_gradient);
            if step.curvature > 0.0 {
                steps.push(step);
                steps.drain(..steps.len().saturating_sub(MEMORY));
            }
        }
        let bias = point.pop().unwrap_or_default() as f32;
        Self { weights: super::stored(&point), bias }
    }

    /// σ(w·x + b)
    pub(super) fn probability(&self, x: &[f64]) -> f64 {
        crate::loss::binary::sigmoid(super::product(x, &self.weights) + f64::from(self.bias))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The risk at weights with the bias behind them, and its gradient.
fn risk(examples: &[Example<'_>], point: &[f64]) -> (f64, Vec<f64>) {
    let (weights, bias) = point.split_at(point.len() - 1);
    let mut gradient: Vec<f64> = weights.iter().map(|weight| RIDGE * weight).chain([0.0]).collect();
    let mut loss = 0.5 * RIDGE * dot(weights, weights);
    for example in examples {
        let z = dot(weights, example.x) + bias[0];
        let (of_row, slope) = crate::loss::binary::cross_entropy(z, example.is_seed, 1.0);
        loss += example.weight * of_row;
        let slope = example.weight * slope;
        gradient.iter_mut().zip(example.x).for_each(|(gradient, number)| *gradient += slope * number);
        gradient[weights.len()] += slope;
    }
    (loss, gradient)
}

/// What a step changed.
struct Step {
    moved: Vec<f64>,
    bent: Vec<f64>,
    /// moved·bent
    curvature: f64,
}

impl Step {
    fn between((from, before): (&[f64], &[f64]), (to, after): (&[f64], &[f64])) -> Self {
        let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let (moved, bent) = (less(to, from), less(after, before));
        let curvature = dot(&moved, &bent);
        Self { moved, bent, curvature }
    }
}

/// Down from a gradient, with the curvature that the last steps showed.
fn descent(steps: &[Step], gradient: &[f64]) -> Vec<f64> {
    let add =
        |to: &mut Vec<f64>, factor: f64, of: &[f64]| to.iter_mut().zip(of).for_each(|(to, of)| *to += factor * of);
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let share = dot(&step.moved, &direction) / step.curvature;
        add(&mut direction, -share, &step.bent);
        shares.push(share);
    }
    let scale = match steps.last() {
        Some(last) => last.curvature / dot(&last.bent, &last.bent),
        None => 1.0 / dot(gradient, gradient).sqrt().max(1.0),
    };
    direction.iter_mut().for_each(|number| *number *= scale);
    for (step, share) in steps.iter().zip(shares.into_iter().rev()) {
        let back = dot(&step.bent, &direction) / step.curvature;
        add(&mut direction, share - back, &step.moved);
    }
    direction
}

type Found = (Vec<f64>, f64, Vec<f64>);

/// The first of steps half as long each that goes down enough.
fn search(examples: &[Example<'_>], point: &[f64], loss: f64, gradient: &[f64], direction: &[f64]) -> Option<Found> {
    let promised = dot(gradient, direction);
    let mut length = 1.0;
    for _ in 0..40 {
        let next: Vec<f64> = point.iter().zip(direction).map(|(at, way)| at + length * way).collect();
        let (next_loss, next_gradient) = risk(examples, &next);
        if next_loss <= loss + KEPT * length * promised {
            return Some((next, next_loss, next_gradient));
        }
        length /= 2.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_scikit_learns() {
        // sklearn.linear_model.LogisticRegression(C=0.1, tol=1e-12, max_iter=10000).fit(x, y, sample_weight=weight), x and y
        // as here, weight 1 for seeds and 0.5 for others.
        let xs: Vec<[f64; 3]> = (0..60)
            .map(|i| {
                let i = f64::from(i);
                [(i * 0.7).sin() + 0.02 * i, (i * 1.3).cos(), ((i * 7.0) % 5.0) - 2.0]
            })
            .collect();
        let is_seed = |i: usize| (i * i + 3 * i) % 7 < 2 || i > 45;
        let weight = |i: usize| if is_seed(i) { 1.0 } else { 0.5 };
        let examples = xs.iter().enumerate().map(|(i, x)| Example { x, is_seed: is_seed(i), weight: weight(i) });
        let examples: Vec<Example<'_>> = examples.collect();
        let fitted = Logistic::fit(&examples, 3);
        let expected = [0.212_215_819_25, 0.049_259_916_43, 0.070_079_768_93, 0.347_259_057_48];
        for (found, expected) in fitted.weights.iter().chain([&fitted.bias]).zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }

    #[test]
    fn without_examples_everybody_is_as_likely_as_not() {
        assert_eq!(Logistic::fit(&[], 2).probability(&[1.0, -3.0]), 0.5);
    }
}

//! Platt calibration: a logistic regression on the raw score's log-odds (Platt 1999, fitted as in Lin, Lin, Weng 2007).

use serde::{Deserialize, Serialize};

use super::settled;
use crate::measure::Level;

/// Raw scores are kept this far from 0 and 1 before their log-odds are taken.
pub(crate) const SMALLEST_SCORE: f64 = f32::EPSILON as f64;

/// The smallest normal f32.
pub(crate) const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// The largest f32 below 1.
pub(crate) const MOST: f64 = 1.0 - f32::EPSILON as f64 / 2.0;

const MOST_STEPS: usize = 100;

/// σ(slope·logit(score) + intercept), the score kept within 2^-23 of 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Above 0.
    pub slope: f64,
    /// Added to the log-odds.
    pub intercept: f64,
}

impl Platt {
    /// The calibrated probability, an f32's least step away from 0 and 1.
    pub fn probability(&self, score: f64) -> f64 {
        logistic(self.slope * logit(score) + self.intercept).clamp(LEAST, MOST)
    }
}

/// Rows of one score: its log-odds, the classes' weights.
struct Point {
    logit: f64,
    positive: f64,
    negative: f64,
}

/// Labels moved inwards, so that a separable sample does not ask for an infinite slope.
struct Targets {
    positive: f64,
    negative: f64,
}

/// Fits by Newton's method with step halving; None if the slope is not above 0.
pub(super) fn fit(levels: &[Level]) -> Option<Platt> {
    let point = |level: &Level| Point { logit: logit(level.score), positive: level.positive, negative: level.negative };
    let points: Vec<Point> = levels.iter().map(point).collect();
    let effective = |weight: fn(&Level) -> f64, squared: fn(&Level) -> f64| {
        let weight: f64 = levels.iter().map(weight).sum();
        weight * weight / levels.iter().map(squared).sum::<f64>()
    };
    let positives = effective(|level| level.positive, |level| level.positive_squared);
    let negatives = effective(|level| level.negative, |level| level.negative_squared);
    let targets = Targets { positive: (positives + 1.0) / (positives + 2.0), negative: 1.0 / (negatives + 2.0) };
    let start = Platt { slope: 1.0, intercept: 0.0 };
    let fitted = newton(&points, &targets, start)?;
    let settled = Platt { slope: settled(fitted.slope), intercept: settled(fitted.intercept) };
    (settled.slope > 0.0 && settled.intercept.is_finite()).then_some(settled)
}

fn newton(points: &[Point], targets: &Targets, start: Platt) -> Option<Platt> {
    let weight: f64 = points.iter().map(|point| point.positive + point.negative).sum();
    let mut at = start;
    let mut loss = loss_of(points, targets, &at);
    for _ in 0..MOST_STEPS {
        let slope = Derivatives::at(points, targets, &at);
        if slope.gradient.0.abs().max(slope.gradient.1.abs()) < 1e-12 * weight {
            break;
        }
        let (along_slope, along_intercept) = slope.newton_step()?;
        let step_of = |share: f64| Platt {
            slope: at.slope - share * along_slope,
            intercept: at.intercept - share * along_intercept,
        };
        let shares = (0..30).map(|halvings| 0.5_f64.powi(halvings));
        let tried = shares.map(|share| (step_of(share), loss_of(points, targets, &step_of(share))));
        let Some((next, next_loss)) = { tried }.find(|(_, tried)| *tried < loss) else { break };
        (at, loss) = (next, next_loss);
    }
    Some(at)
}

/// Σ cross-entropy between the targets and the probabilities.
fn loss_of(points: &[Point], targets: &Targets, at: &Platt) -> f64 {
    let of_point = |point: &Point| {
        let logit = at.slope * point.logit + at.intercept;
        let weight = point.positive + point.negative;
        let target = point.positive * targets.positive + point.negative * targets.negative;
        weight * softplus(logit) - target * logit
    };
    points.iter().map(of_point).sum()
}

/// ln(1 + e^x) without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[derive(Default)]
struct Derivatives {
    gradient: (f64, f64),
    slope_slope: f64,
    slope_intercept: f64,
    intercept_intercept: f64,
}

impl Derivatives {
    fn at(points: &[Point], targets: &Targets, at: &Platt) -> Self {
        let mut sums = Self::default();
        for point in points {
            let weight = point.positive + point.negative;
            let probability = logistic(at.slope * point.logit + at.intercept);
            let target = point.positive * targets.positive + point.negative * targets.negative;
            let residual = weight * probability - target;
            let curvature = weight * probability * (1.0 - probability);
            sums.gradient.0 += residual * point.logit;
            sums.gradient.1 += residual;
            sums.slope_slope += curvature * point.logit * point.logit;
            sums.slope_intercept += curvature * point.logit;
            sums.intercept_intercept += curvature;
        }
        sums
    }

    /// Inverse Hessian times gradient; None where the scores are all equal.
    fn newton_step(&self) -> Option<(f64, f64)> {
        let determinant = self.slope_slope * self.intercept_intercept - self.slope_intercept.powi(2);
        if determinant.is_nan() || determinant <= 1e-12 * self.slope_slope * self.intercept_intercept {
            return None;
        }
        let (g, h) = self.gradient;
        Some((
            (self.intercept_intercept * g - self.slope_intercept * h) / determinant,
            (self.slope_slope * h - self.slope_intercept * g) / determinant,
        ))
    }
}

fn logit(probability: f64) -> f64 {
    // `clamp` passes NaN on.
    let inside = probability.clamp(SMALLEST_SCORE, 1.0 - SMALLEST_SCORE);
    (inside / (1.0 - inside)).ln()
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

//! Losses of numbers. A head says one number `h`; `η = location + scale·h` is the prediction itself or, for the losses
//! of amounts, its logarithm: `ŷ = exp(min(η, 30))`.
//!
//! In training `location` and `scale` come from the labels, so that a head starts at 0, says numbers about as large as 1
//! whatever the label's unit, and losses of tasks are of one size. A package's weights have them in them
//! ([`Regression::publish`]): there they are 0 and 1.
//!
//! | loss | `u` | `ℓ` |
//! |---|---|---|
//! | squared | `(y - mean) / deviation` | `½(h - u)²` |
//! | Huber | the same | `½(h - u)²` up to `|h - u| = δ`, then `δ(|h - u| - ½δ)` |
//! | Poisson | `y / mean` | `e^h - u + u·(ln u - h)` |
//! | Tweedie, `1 < p < 2` | `y / mean` | `e^{(2-p)h}/(2-p) - u·e^{(1-p)h}/(1-p) + u^{2-p}/((1-p)(2-p))` |
//!
//! The last two are half the deviance (Jørgensen, Exponential Dispersion Models, 1987): 0 where the prediction is right.

use spec::task::RegressionLoss;

use super::ziln::MAX_EXPONENT;

/// What labels of training rows are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LabelMoments {
    /// Weighted mean.
    pub(crate) mean: f64,
    /// Weighted standard deviation, ≥ 0.
    pub(crate) deviation: f64,
}

/// A regression task's loss and link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Regression {
    pub(crate) loss: RegressionLoss,
    pub(crate) location: f64,
    pub(crate) scale: f64,
}

impl Regression {
    /// For training on labels of these moments.
    pub(crate) fn for_training(loss: RegressionLoss, labels: LabelMoments) -> Self {
        let LabelMoments { mean, deviation } = labels;
        let (location, scale) = match loss.takes_negative() {
            true => (mean, if deviation > 0.0 { deviation } else { 1.0 }),
            false => (if mean > 0.0 { mean.ln() } else { 0.0 }, 1.0),
        };
        Self { loss, location, scale }
    }

    /// For weights as a package has them.
    pub(crate) fn published(loss: RegressionLoss) -> Self {
        Self { loss, location: 0.0, scale: 1.0 }
    }

    /// Whether what is predicted is the exponential of the head.
    pub(crate) fn is_exponential(self) -> bool {
        !self.loss.takes_negative()
    }

    /// The prediction from a row's head.
    pub(crate) fn predict(self, head: f64) -> f64 {
        let linked = self.location + self.scale * head;
        if self.is_exponential() { linked.min(MAX_EXPONENT).exp() } else { linked }
    }

    /// A label in the unit that the head learns in: `u`.
    pub(crate) fn scaled(self, label: f64) -> f64 {
        if self.loss.takes_negative() { (label - self.location) / self.scale } else { label * (-self.location).exp() }
    }

    /// Loss and its derivative by the head.
    pub(crate) fn loss(self, head: f64, label: f64) -> (f64, f64) {
        let label = self.scaled(label);
        let distance = head - label;
        match self.loss {
            RegressionLoss::Squared(_) => (0.5 * distance * distance, distance),
            RegressionLoss::Huber(huber) if distance.abs() <= huber.delta => (0.5 * distance * distance, distance),
            RegressionLoss::Huber(huber) => {
                (huber.delta * (distance.abs() - 0.5 * huber.delta), huber.delta * distance.signum())
            }
            RegressionLoss::Poisson(_) => {
                let (predicted, surprise) = (head.exp(), if label > 0.0 { label * (label.ln() - head) } else { 0.0 });
                (predicted - label + surprise, predicted - label)
            }
            RegressionLoss::Tweedie(tweedie) => {
                let (one, two) = (1.0 - tweedie.power, 2.0 - tweedie.power);
                let (by_one, by_two) = (label * (one * head).exp(), (two * head).exp());
                (by_two / two - by_one / one + label.powf(two) / (one * two), by_two - by_one)
            }
        }
    }

    /// Puts location and scale into a head's last layer: what the head says is `η` then.
    pub(crate) fn publish_weight(self, weight: &mut [f32]) {
        weight.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * self.scale) as f32);
    }

    /// The same of its bias.
    pub(crate) fn publish_bias(self, bias: &mut [f32]) {
        bias.iter_mut().for_each(|bias| *bias = (f64::from(*bias) * self.scale + self.location) as f32);
    }
}

#[cfg(test)]
mod tests;

//! The zero-inflated log-normal of values that are often zero (Wang, A Deep Probabilistic Model for Customer Lifetime
//! Value Prediction, 2019).
//!
//! A head is `a, μ, s`: `p = σ(a)` that the value is positive, `σ = max(softplus(s), σ_min)`.
//!
//! - Loss: `CE(a, y > 0) + 1[y > 0]·(ln y + ln σ + ½ ln 2π + (ln y - μ)² / 2σ²)`.
//! - Prediction: `p · exp(min(μ + σ²/2, 30))`: the bound, e³⁰ ≈ 10¹³, keeps a wild row a number.

use std::f64::consts::PI;

use super::binary::{cross_entropy, sigmoid, softplus};

/// √ of f32's machine epsilon, as in the paper's code.
pub(crate) const MIN_SCALE: f64 = 3.452_669_830_012_439e-4;

/// The largest exponent of a prediction.
pub(crate) const MAX_EXPONENT: f64 = 30.0;

/// A row's head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Head {
    /// Logit of a positive value.
    pub(crate) logit: f64,
    /// Mean of the logarithm of positive values.
    pub(crate) location: f64,
    /// Its standard deviation before the softplus.
    pub(crate) raw_scale: f64,
}

impl Head {
    pub(crate) fn of(numbers: &[f32]) -> Self {
        let [logit, location, raw_scale] = [0, 1, 2].map(|index| f64::from(numbers[index]));
        Self { logit, location, raw_scale }
    }

    fn scale(self) -> f64 {
        softplus(self.raw_scale).max(MIN_SCALE)
    }
}

/// The expected value.
pub(crate) fn expectation(head: Head) -> f64 {
    let scale = head.scale();
    sigmoid(head.logit) * (head.location + scale * scale / 2.0).min(MAX_EXPONENT).exp()
}

/// Loss and its derivatives by the head's numbers.
pub(crate) fn negative_log_likelihood(head: Head, value: f64) -> (f64, [f64; 3]) {
    let (loss, by_logit) = cross_entropy(head.logit, value > 0.0, 1.0);
    if value <= 0.0 {
        return (loss, [by_logit, 0.0, 0.0]);
    }
    let (log_value, scale) = (value.ln(), head.scale());
    let distance = (log_value - head.location) / scale;
    let density = log_value + scale.ln() + 0.5 * (2.0 * PI).ln() + 0.5 * distance * distance;
    let by_scale = (1.0 - distance * distance) / scale;
    let by_raw_scale = if softplus(head.raw_scale) > MIN_SCALE { by_scale * sigmoid(head.raw_scale) } else { 0.0 };
    (loss + density, [by_logit, -distance / scale, by_raw_scale])
}

/// The raw scale of a standard deviation: softplus backwards.
pub(crate) fn raw_scale(deviation: f64) -> f64 {
    deviation.max(MIN_SCALE).exp_m1().ln()
}

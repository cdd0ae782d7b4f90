//! Learning from seeds and unlabeled rows: the non-negative PU risk (Kiryo, Positive-Unlabeled Learning with
//! Non-Negative Risk Estimator, NeurIPS 2017), with the logistic loss `ℓ±(z) = ln(1 + e^∓z)` so that σ(z) is a
//! probability.
//!
//! `R = π·E_seeds[ℓ₊] + max(0, N)`, `N = E_rest[ℓ₋] - π·E_seeds[ℓ₋]`, π the share of positives among the rest.
//!
//! `N` estimates a risk, which is never negative; where a batch makes it so, the network has begun to learn the
//! unlabeled rows by heart, and the step goes up `N` instead of down `R` (the paper's algorithm with β = 0, γ = 1).

use super::binary::cross_entropy;
use super::{LossSums, mean};

/// The risk over all rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Risk {
    prior: f64,
    positive: f64,
    negative: f64,
    seeds: f64,
    rest: f64,
}

impl Risk {
    pub(crate) fn of(sums: &LossSums, prior: f64) -> Self {
        let positive = prior * mean(sums.loss, sums.weight);
        let negative = mean(sums.rest_loss, sums.rest_weight) - prior * mean(sums.as_negative, sums.weight);
        Self { prior, positive, negative, seeds: sums.weight, rest: sums.rest_weight }
    }

    /// The risk `R`.
    pub(crate) fn value(&self) -> f64 {
        self.positive + self.negative.max(0.0)
    }

    /// The derivative of what the step goes down by the logit of a row of weight 1.
    pub(crate) fn derivative(&self, logit: f64, is_seed: bool) -> f64 {
        let (by_positive, by_negative) = self.factors(is_seed);
        by_positive * cross_entropy(logit, true, 1.0).1 + by_negative * cross_entropy(logit, false, 1.0).1
    }

    /// What a row's `ℓ₊` and `ℓ₋` count in it.
    fn factors(&self, is_seed: bool) -> (f64, f64) {
        let by_seeds = if self.seeds > 0.0 { self.prior / self.seeds } else { 0.0 };
        let by_rest = if self.rest > 0.0 { 1.0 / self.rest } else { 0.0 };
        match (self.negative < 0.0, is_seed) {
            (false, true) => (by_seeds, -by_seeds),
            (false, false) => (0.0, by_rest),
            (true, true) => (0.0, by_seeds),
            (true, false) => (0.0, -by_rest),
        }
    }
}

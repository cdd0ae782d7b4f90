//! A weighted mean with its interval.

use super::super::metrics::Interval;
use super::super::ranking::{NORMAL_975, mean_variance};

/// Sums of a weighted mean and its variance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    weight: f64,
    weight_squares: f64,
    sum: f64,
    /// Σ w²x
    squared_sum: f64,
    /// Σ w²x²
    squared_squares: f64,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        let squared = weight * weight;
        self.weight += weight;
        self.weight_squares += squared;
        self.sum += weight * value;
        self.squared_sum += squared * value;
        self.squared_squares += squared * value * value;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.weight += other.weight;
        self.weight_squares += other.weight_squares;
        self.sum += other.sum;
        self.squared_sum += other.squared_sum;
        self.squared_squares += other.squared_squares;
    }

    /// None without rows.
    pub(super) fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }

    /// 95 %, normal; none with less than two rows' worth of weight.
    pub(super) fn interval(&self) -> Option<Interval> {
        let mean = self.value()?;
        let spread = self.squared_squares - 2.0 * mean * self.squared_sum + mean * mean * self.weight_squares;
        let half = NORMAL_975 * mean_variance(spread.max(0.0), self.weight_squares, self.weight)?.sqrt();
        Some(Interval { low: mean - half, high: mean + half })
    }
}

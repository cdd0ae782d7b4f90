//! Temperature scaling of class probabilities (Guo, On Calibration of Modern Neural Networks, ICML 2017):
//! `softmax(z / T)`, one `T` for all classes, of the least log loss on validation rows. The order of a row's classes
//! stays.

use serde::{Deserialize, Serialize};

use super::settled;
use crate::measure::Sample;

/// Numbers of the sample that a temperature is fitted to, 8 MiB: one number is learned, and a few thousand rows tell it.
const MOST_NUMBERS: usize = 1 << 21;

/// Temperatures lie between this and one over it.
const COLDEST: f64 = 0.05;

const MOST_STEPS: usize = 100;

/// `p_c^{1/T}` over the sum of all of a row's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// `T`, above 0: above 1 makes a row's probabilities more alike.
    pub temperature: f64,
}

impl Temperature {
    /// Calibrates a row's probabilities in place.
    pub(super) fn apply(self, probabilities: &mut [f32]) {
        let most = f64::from(probabilities.iter().copied().fold(f32::MIN_POSITIVE, f32::max)).ln();
        let power = |probability: f32| ((logarithm(probability) - most) / self.temperature).exp();
        let sum: f64 = probabilities.iter().copied().map(power).sum();
        probabilities.iter_mut().for_each(|probability| *probability = (power(*probability) / sum) as f32);
    }
}

/// Of a probability that is at least the smallest normal f32.
fn logarithm(probability: f32) -> f64 {
    f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// A validation row.
#[derive(Debug, Clone)]
struct Row {
    probabilities: Box<[f32]>,
    class: usize,
    weight: f32,
}

/// Collects the class probabilities of validation rows; of many rows a uniform sample.
#[derive(Debug, Clone)]
pub struct TemperatureFit {
    rows: Sample<Row>,
}

impl TemperatureFit {
    /// One without rows, for tasks of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { rows: Sample::new(MOST_NUMBERS / classes.max(1)) }
    }

    /// Adds a row of positive weight: the raw probability of each class, the place of its own.
    pub fn push(&mut self, probabilities: &[f32], class: usize, weight: f32) {
        self.rows.push(Row { probabilities: probabilities.into(), class, weight });
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows.seen()
    }

    /// The temperature of the least log loss.
    pub(super) fn finish(self) -> Temperature {
        let rows = self.rows.into_rows();
        let logarithms: Vec<Vec<f64>> =
            rows.iter().map(|row| row.probabilities.iter().copied().map(logarithm).collect()).collect();
        let (mut low, mut high) = (COLDEST, 1.0 / COLDEST);
        let mut at = 1.0;
        for _ in 0..MOST_STEPS {
            let Slope { slope, bend } = Slope::at(&rows, &logarithms, at);
            if slope > 0.0 {
                high = at
            } else {
                low = at
            }
            let step = at - slope / bend;
            // The loss is convex in 1/T: Newton's step where it stays between the bounds, else the middle.
            let next = if step > low && step < high { step } else { 0.5 * (low + high) };
            if (next - at).abs() < 1e-10 * at {
                break;
            }
            at = next;
        }
        Temperature { temperature: settled(1.0 / at) }
    }
}

/// The derivatives of the log loss by `1/T`.
struct Slope {
    slope: f64,
    bend: f64,
}

impl Slope {
    /// `Σ w·(E[ln p] - ln p_y)` and `Σ w·Var[ln p]`, expectations under the scaled probabilities.
    fn at(rows: &[Row], logarithms: &[Vec<f64>], inverse: f64) -> Self {
        let mut sums = Self { slope: 0.0, bend: 0.0 };
        for (row, logarithms) in rows.iter().zip(logarithms) {
            let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (mut whole, mut first, mut second) = (0.0, 0.0, 0.0);
            for logarithm in logarithms {
                let (share, beyond) = (((logarithm - most) * inverse).exp(), logarithm - most);
                whole += share;
                first += share * beyond;
                second += share * beyond * beyond;
            }
            let (mean, weight) = (first / whole, f64::from(row.weight));
            sums.slope += weight * (mean - (logarithms[row.class] - most));
            sums.bend += weight * (second / whole - mean * mean);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels drawn from probabilities that a model made sharper by a power of 2: `T` is 2.
    fn fitted(power: f64) -> Temperature {
        let truth = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.4, 0.35, 0.25]];
        let mut fit = TemperatureFit::new(3);
        for shares in truth {
            let sum: f64 = shares.iter().map(|share: &f64| share.powf(power)).sum();
            let sharp = shares.map(|share| (share.powf(power) / sum) as f32);
            for (class, share) in shares.iter().enumerate() {
                fit.push(&sharp, class, (100.0 * share) as f32);
            }
        }
        assert_eq!(fit.rows(), 12);
        fit.finish()
    }

    #[test]
    fn the_temperature_of_probabilities_that_are_too_sure_or_not_sure_enough_is_found() {
        for power in [0.4, 1.0, 2.0, 3.5] {
            let Temperature { temperature } = fitted(power);
            assert!((temperature - power).abs() < 1e-5, "{temperature} is not {power}");
        }
    }

    #[test]
    fn probabilities_are_put_right_and_keep_their_order() {
        let mut probabilities = [0.64f32, 0.32, 0.04, 0.0];
        Temperature { temperature: 2.0 }.apply(&mut probabilities);
        let roots: f64 = [0.64, 0.32, 0.04].map(f64::sqrt).iter().sum();
        for (found, raw) in probabilities.iter().zip([0.64f64, 0.32, 0.04]) {
            assert!((f64::from(*found) - raw.sqrt() / roots).abs() < 1e-6);
        }
        assert!(probabilities[3] < 1e-18);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn rows_that_a_model_never_gets_wrong_do_not_freeze_it() {
        let mut fit = TemperatureFit::new(2);
        (0..50).for_each(|_| fit.push(&[0.9, 0.1], 0, 1.0));
        let Temperature { temperature } = fit.finish();
        assert!((temperature - COLDEST).abs() < 1e-3, "{temperature}");
    }
}

//! The statistics of lift: intervals and tests for two independent groups, each a pure function of counts and sums.
//!
//! | figure | method |
//! |---|---|
//! | a rate's interval | score interval (Wilson 1927) |
//! | difference of rates | hybrid score interval (Newcombe 1998, method 10) |
//! | ratio of rates | normal on the logarithm (Katz et al. 1978) |
//! | test of rates | pooled two-proportion z test; Fisher's exact test where an expected count is below 5 (Cochran 1954) |
//! | difference of means | t with unequal variances (Welch 1947) |
//! | ratio of means | delta method on the logarithm |
//! | smallest effect found | normal approximation of power (Bloom 1995) |
//! | several tests | Holm 1979 |

mod distributions;
mod means;
mod proportions;

use serde::{Deserialize, Serialize};

pub use distributions::{normal_isf, normal_sf, student_isf, student_sf};
pub use means::{Sample, difference_of_means, minimum_detectable_mean, ratio_of_means, welch_p_value};
pub use proportions::{
    Count, RateTest, difference, minimum_detectable_rate, rate_interval, ratio, sample_ratio_p_value, test_of_rates,
};

/// The share of true effects of the minimum detectable size that a comparison finds.
pub const POWER: f64 = 0.8;

/// A figure and the interval that holds the truth with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// The same of so many people.
    pub fn times(self, people: f64) -> Self {
        Self { estimate: self.estimate * people, low: self.low * people, high: self.high * people }
    }

    /// The same counted from another zero.
    pub fn less(self, zero: f64) -> Self {
        Self { estimate: self.estimate - zero, low: self.low - zero, high: self.high - zero }
    }
}

/// What a comparison of p-values in common is: each as it counts when all of them are looked at (Holm 1979), in the same
/// order. At most a share of α of such reviews names an effect where there is none.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (place, index) in order.into_iter().enumerate() {
        let tests = (p_values.len() - place) as f64;
        largest = largest.max(p_values[index] * tests).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests;

//! Rates of two groups.

use serde::{Deserialize, Serialize};

use super::distributions::{normal_isf, normal_sf};
use super::{Estimate, POWER};

/// Expected counts below this ask for the exact test (Cochran 1954).
const FEW: f64 = 5.0;
/// Weights that differ by less are the same but for rounding.
const SAME: f64 = 1e-7;

/// People, and how many of them converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// People who converted, at most `people`.
    pub converted: u64,
    /// All people.
    pub people: u64,
}

impl Count {
    /// The share that converted, 0..1; `None` of nobody.
    pub fn rate(self) -> Option<f64> {
        (self.people > 0).then(|| self.converted as f64 / self.people as f64)
    }
}

/// Which test a p-value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateTest {
    /// The two-proportion z test with a pooled rate.
    PooledZ,
    /// Fisher's exact test.
    FisherExact,
}

/// A rate with its score interval (Wilson 1927), within 0..1; `None` of nobody.
pub fn rate_interval(count: Count, confidence: f64) -> Option<Estimate> {
    let (n, p) = (count.people as f64, count.rate()?);
    let z = normal_isf((1.0 - confidence) / 2.0);
    let center = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let low = if count.converted == 0 { 0.0 } else { (center - half).max(0.0) };
    let high = if count.converted == count.people { 1.0 } else { (center + half).min(1.0) };
    Some(Estimate { estimate: p, low, high })
}

/// Treated less holdout: the hybrid score interval (Newcombe 1998, method 10), within -1..1.
pub fn difference(treated: Count, holdout: Count, confidence: f64) -> Option<Estimate> {
    let (t, h) = (rate_interval(treated, confidence)?, rate_interval(holdout, confidence)?);
    let estimate = t.estimate - h.estimate;
    let low = estimate - (t.estimate - t.low).hypot(h.high - h.estimate);
    let high = estimate + (t.high - t.estimate).hypot(h.estimate - h.low);
    Some(Estimate { estimate, low, high })
}

/// Treated over holdout: normal on the logarithm (Katz et al. 1978); `None` where nobody of a group converted.
pub fn ratio(treated: Count, holdout: Count, confidence: f64) -> Option<Estimate> {
    if treated.converted == 0 || holdout.converted == 0 {
        return None;
    }
    let estimate = treated.rate()? / holdout.rate()?;
    let part = |count: Count| 1.0 / count.converted as f64 - 1.0 / count.people as f64;
    let half = normal_isf((1.0 - confidence) / 2.0) * (part(treated) + part(holdout)).sqrt();
    Some(Estimate { estimate, low: estimate * (-half).exp(), high: estimate * half.exp() })
}

/// The two-sided p-value of equal rates; exact where an expected count is small. `None` where a group is empty.
pub fn test_of_rates(treated: Count, holdout: Count) -> Option<(RateTest, f64)> {
    let (p_t, p_h) = (treated.rate()?, holdout.rate()?);
    let (n_t, n_h) = (treated.people as f64, holdout.people as f64);
    let pooled = (treated.converted + holdout.converted) as f64 / (n_t + n_h);
    let smallest_expected = n_t.min(n_h) * pooled.min(1.0 - pooled);
    if smallest_expected < FEW {
        return Some((RateTest::FisherExact, fisher(treated, holdout)));
    }
    let z = (p_t - p_h) / (pooled * (1.0 - pooled) * (1.0 / n_t + 1.0 / n_h)).sqrt();
    Some((RateTest::PooledZ, (2.0 * normal_sf(z.abs())).min(1.0)))
}

/// Fisher's exact test, two-sided: the chance, the margins given, of a table that is no likelier than the one found.
///
/// Weights of the hypergeometric distribution are taken relative to its mode, so that nothing over- or underflows and no
/// factorial is needed; work grows with the smaller margin.
fn fisher(treated: Count, holdout: Count) -> f64 {
    let (n_t, n_h, converted) = (treated.people, holdout.people, treated.converted + holdout.converted);
    let (least, most) = (converted.saturating_sub(n_h), converted.min(n_t));
    let mode = (u128::from(converted) + 1) * (u128::from(n_t) + 1) / (u128::from(n_t) + u128::from(n_h) + 2);
    let mode = u64::try_from(mode).unwrap_or(most).clamp(least, most);
    // The weight of x + 1 over that of x.
    let step = |x: u64| {
        let above = (converted - x) as f64 * (n_t - x) as f64;
        above / ((x + 1) as f64 * (n_h + x + 1 - converted) as f64)
    };
    let mut up = Vec::new();
    let mut weight = 1.0;
    for x in mode..most {
        weight *= step(x);
        up.push(weight);
    }
    let mut down = Vec::new();
    weight = 1.0;
    for x in (least..mode).rev() {
        weight /= step(x);
        down.push(weight);
    }
    let found = match treated.converted.cmp(&mode) {
        std::cmp::Ordering::Equal => 1.0,
        std::cmp::Ordering::Greater => up[(treated.converted - mode - 1) as usize],
        std::cmp::Ordering::Less => down[(mode - treated.converted - 1) as usize],
    };
    // Smallest first, so that small ones are not lost.
    let mut weights: Vec<f64> = up.into_iter().chain(down).chain([1.0]).collect();
    weights.sort_by(f64::total_cmp);
    let limit = found * (1.0 + SAME);
    let unlikely: f64 = weights.iter().take_while(|weight| **weight <= limit).sum();
    (unlikely / weights.iter().sum::<f64>()).min(1.0)
}

/// The smallest true difference of rates that groups of these sizes find with 80 % power, two-sided, where the holdout's
/// rate is `base` (Bloom 1995); `None` where the rate says nothing or a group is empty.
pub fn minimum_detectable_rate(base: f64, treated: u64, holdout: u64, confidence: f64) -> Option<f64> {
    let spread = base * (1.0 - base) * (1.0 / treated as f64 + 1.0 / holdout as f64);
    (spread > 0.0 && spread.is_finite()).then(|| multiplier(confidence) * spread.sqrt())
}

/// How many standard errors an effect must be to be found with 80 % power.
pub(super) fn multiplier(confidence: f64) -> f64 {
    normal_isf((1.0 - confidence) / 2.0) + normal_isf(1.0 - POWER)
}

/// The p-value of a group being of its intended share: chi-squared with one degree of freedom. `None` where nothing can be
/// expected.
pub fn sample_ratio_p_value(group: u64, people: u64, share: f64) -> Option<f64> {
    let (n, found) = (people as f64, group as f64);
    let (expected, rest) = (n * share, n * (1.0 - share));
    if expected <= 0.0 || rest <= 0.0 {
        return None;
    }
    let statistic = (found - expected).powi(2) / expected + (n - found - rest).powi(2) / rest;
    Some((2.0 * normal_sf(statistic.sqrt())).min(1.0))
}

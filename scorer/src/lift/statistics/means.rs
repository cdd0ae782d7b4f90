//! Means of two groups.

use super::Estimate;
use super::distributions::{normal_isf, student_isf, student_sf};
use super::proportions::multiplier;

/// A group's values, as far as statistics need them; those who have none count with 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// All people.
    pub people: u64,
    /// The sum of their values.
    pub sum: f64,
    /// The sum of their values' squared distances from `center`.
    pub squares: f64,
    /// What squares are taken from: near the mean, so that no digits are lost.
    pub center: f64,
}

impl Sample {
    /// The group of these values and of people without any.
    pub fn of(values: &[f64], people: u64) -> Self {
        let sum: f64 = values.iter().sum();
        let center = if people == 0 { 0.0 } else { sum / people as f64 };
        let without = people.saturating_sub(values.len() as u64) as f64;
        let squares = values.iter().map(|value| (value - center).powi(2)).sum::<f64>() + without * center * center;
        Self { people, sum, squares, center }
    }

    /// The mean; `None` of nobody.
    pub fn mean(&self) -> Option<f64> {
        (self.people > 0).then(|| self.sum / self.people as f64)
    }

    /// The variance of the mean, with n - 1 degrees of freedom; `None` of fewer than two people.
    fn variance_of_mean(&self) -> Option<f64> {
        let n = self.people as f64;
        (self.people > 1)
            .then(|| (self.squares - n * (self.mean().unwrap_or(0.0) - self.center).powi(2)) / (n - 1.0) / n)
    }
}

/// The standard error of the difference, and its degrees of freedom (Welch 1947, Satterthwaite 1946); `None` where values
/// do not vary or a group has fewer than two people.
fn welch(treated: &Sample, holdout: &Sample) -> Option<(f64, f64)> {
    let (v_t, v_h) = (treated.variance_of_mean()?, holdout.variance_of_mean()?);
    let variance = v_t + v_h;
    let parts = v_t * v_t / (treated.people as f64 - 1.0) + v_h * v_h / (holdout.people as f64 - 1.0);
    (variance > 0.0).then(|| (variance.sqrt(), variance * variance / parts))
}

/// Treated less holdout, a person, with Welch's interval.
pub fn difference_of_means(treated: &Sample, holdout: &Sample, confidence: f64) -> Option<Estimate> {
    let estimate = treated.mean()? - holdout.mean()?;
    let (error, df) = welch(treated, holdout)?;
    let half = student_isf((1.0 - confidence) / 2.0, df) * error;
    Some(Estimate { estimate, low: estimate - half, high: estimate + half })
}

/// The two-sided p-value of equal means (Welch 1947).
pub fn welch_p_value(treated: &Sample, holdout: &Sample) -> Option<f64> {
    let difference = treated.mean()? - holdout.mean()?;
    let (error, df) = welch(treated, holdout)?;
    Some((2.0 * student_sf((difference / error).abs(), df)).min(1.0))
}

/// Treated over holdout, by the delta method on the logarithm; `None` unless both means are above 0.
pub fn ratio_of_means(treated: &Sample, holdout: &Sample, confidence: f64) -> Option<Estimate> {
    let (m_t, m_h) = (treated.mean()?, holdout.mean()?);
    if m_t <= 0.0 || m_h <= 0.0 {
        return None;
    }
    let variance = treated.variance_of_mean()? / (m_t * m_t) + holdout.variance_of_mean()? / (m_h * m_h);
    let (estimate, half) = (m_t / m_h, normal_isf((1.0 - confidence) / 2.0) * variance.sqrt());
    Some(Estimate { estimate, low: estimate * (-half).exp(), high: estimate * half.exp() })
}

/// The smallest true difference of means that groups like these find with 80 % power, two-sided (Bloom 1995).
pub fn minimum_detectable_mean(treated: &Sample, holdout: &Sample, confidence: f64) -> Option<f64> {
    let (error, _) = welch(treated, holdout)?;
    Some(multiplier(confidence) * error)
}

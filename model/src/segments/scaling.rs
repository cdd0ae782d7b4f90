//! From people's numbers to comparable ones: outliers clipped, every number in deviations from the mean, missing ones in the
//! middle.

use serde::{Deserialize, Serialize};

use super::Points;

/// The share of a column's values that is clipped at either end.
const CLIPPED: f64 = 0.005;

/// What makes columns comparable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    columns: Vec<ColumnScaling>,
}

/// That of one column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ColumnScaling {
    /// Lower values count as this: the quantile 0.005 of the sample.
    low: f32,
    /// Higher values count as this: the quantile 0.995.
    high: f32,
    /// The mean of the clipped values.
    mean: f32,
    /// One over their standard deviation; 0 where all are equal.
    scale: f32,
}

impl Scaling {
    /// Learns it from a sample; NaN and infinite numbers are not learned from.
    pub fn fit(sample: Points<'_>) -> Self {
        let column = |column: usize| {
            let values = sample.rows().map(|row| row[column]).filter(|value| value.is_finite());
            ColumnScaling::fit(values.collect())
        };
        Self { columns: (0..sample.width).map(column).collect() }
    }

    /// Scales rows in place. NaN becomes 0, an infinite number the end that it lies beyond.
    pub fn apply(&self, numbers: &mut [f32]) {
        for row in numbers.chunks_exact_mut(self.columns.len()) {
            row.iter_mut().zip(&self.columns).for_each(|(number, column)| *number = column.apply(*number));
        }
    }
}

impl ColumnScaling {
    fn fit(mut values: Vec<f32>) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let (Some(least), Some(most)) = (values.first(), values.last()) else {
            return Self { low: 0.0, high: 0.0, mean: 0.0, scale: 0.0 };
        };
        let end = (CLIPPED * (values.len() - 1) as f64).floor() as usize;
        // A value that nearly all have must not hide the others.
        let (low, high) = match (values[end], values[values.len() - 1 - end]) {
            (low, high) if low < high => (low, high),
            (_, _) => (*least, *most),
        };
        let clipped = || values.iter().map(|value| f64::from(value.clamp(low, high)));
        let count = values.len() as f64;
        let mean = clipped().sum::<f64>() / count;
        let variance = clipped().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let scale = if low < high { variance.sqrt().recip() as f32 } else { 0.0 };
        Self { low, high, mean: mean as f32, scale: if scale.is_finite() { scale } else { 0.0 } }
    }

    fn apply(&self, number: f32) -> f32 {
        if number.is_nan() { 0.0 } else { (number.clamp(self.low, self.high) - self.mean) * self.scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(sample: &[f32], mut numbers: Vec<f32>) -> Vec<f32> {
        Scaling::fit(Points { numbers: sample, width: 1 }).apply(&mut numbers);
        numbers
    }

    #[test]
    fn numbers_are_in_deviations_and_missing_ones_in_the_middle() {
        let found = scaled(&[1.0, 3.0, f32::NAN, 1.0, 3.0], vec![1.0, 3.0, 2.0, f32::NAN]);
        assert_eq!(found, [-1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn outliers_count_as_the_ends() {
        // Of 0..=1000 the quantiles are 5 and 995.
        let sample: Vec<f32> = (0..=1000u16).map(f32::from).collect();
        let found = scaled(&sample, vec![995.0, 1e30, f32::INFINITY, 5.0, 0.0, f32::NEG_INFINITY]);
        assert_eq!(found[1..3], [found[0]; 2]);
        assert_eq!(found[4..6], [found[3]; 2]);
        assert!((found[0] + found[3]).abs() < 1e-6 && (found[0] - 1.722).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_rare_value_is_kept_and_a_constant_tells_nothing() {
        let mut sample = vec![0.0; 999];
        sample.push(1.0);
        let found = scaled(&sample, vec![0.0, 1.0]);
        assert!(found[1] > 30.0 && found[0].abs() < 0.1, "{found:?}");
        assert_eq!(scaled(&[7.0; 20], vec![7.0, 9.0, f32::NAN]), [0.0; 3]);
        assert_eq!(scaled(&[f32::NAN; 20], vec![7.0]), [0.0]);
    }
}

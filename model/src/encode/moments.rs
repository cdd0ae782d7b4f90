//! Count, mean, variance and extremes, mergeable.

/// Moments of the numbers seen. Blocks are summed in two passes and merged as Chan, Golub and LeVeque (1979) do, so that the
/// relative error of the variance stays near 1e-12 however many rows there are and however far they lie from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self { count: 0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Moments {
    /// Adds finite numbers.
    pub(super) fn add(&mut self, values: &[f64]) {
        for block in values.chunks(4096) {
            self.merge(&Self::of(block));
        }
    }

    fn of(block: &[f64]) -> Self {
        let count = block.len() as u64;
        let mean = block.iter().sum::<f64>() / count as f64;
        let squares = block.iter().map(|value| (value - mean) * (value - mean)).sum();
        let min = block.iter().copied().fold(f64::INFINITY, f64::min);
        let max = block.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { count, mean, squares, min, max }
    }

    /// Adds the numbers that another has seen.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let (left, right) = (self.count as f64, other.count as f64);
        let (total, distance) = (left + right, other.mean - self.mean);
        self.squares += other.squares + distance * distance * (left * right / total);
        self.mean = if self.count == 0 { other.mean } else { self.mean + distance * (right / total) };
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Their mean; 0 where there are none.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// Their standard deviation (of a population: divided by n); 0 where all are equal.
    pub(super) fn deviation(&self) -> f64 {
        if self.count == 0 || self.min == self.max {
            return 0.0;
        }
        (self.squares / self.count as f64).sqrt()
    }

    /// The smallest and the largest; 0 and 0 where there are none.
    pub(super) fn range(&self) -> (f64, f64) {
        if self.count == 0 { (0.0, 0.0) } else { (self.min, self.max) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Moments {
        let mut moments = Moments::default();
        moments.add(values);
        moments
    }

    #[test]
    fn variance_survives_a_large_offset() {
        let values: Vec<f64> = (0..100_000).map(|row| 1e9 + f64::from(row % 10)).collect();
        let moments = of(&values);
        assert!((moments.mean() - (1e9 + 4.5)).abs() < 1e-6);
        assert!((moments.deviation() - 8.25f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_constant_has_no_deviation_and_nothing_has_no_mean() {
        assert_eq!(of(&[0.1; 1000]).deviation(), 0.0);
        assert_eq!((of(&[]).mean(), of(&[]).deviation(), of(&[]).range()), (0.0, 0.0, (0.0, 0.0)));
    }

    proptest! {
        #[test]
        fn merged_moments_are_those_of_all_numbers(values in prop::collection::vec(-1e6..1e6f64, 1..300), cut in 0usize..300) {
            let cut = cut.min(values.len());
            let (mut merged, whole) = (of(&values[..cut]), of(&values));
            merged.merge(&of(&values[cut..]));
            prop_assert!((merged.mean() - whole.mean()).abs() < 1e-6);
            prop_assert!((merged.deviation() - whole.deviation()).abs() < 1e-6 * (1.0 + whole.deviation()));
            prop_assert_eq!(merged.range(), whole.range());
        }
    }
}

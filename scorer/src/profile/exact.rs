//! Sums that do not depend on the order in which they are added up, so that shards, processes and threads change no digit of them.

/// Numbers are rounded to this many binary digits behind the point, about 1e-12.
const FRACTION: i32 = 40;

/// Numbers beyond count as this one.
const LARGEST: f64 = (1_u64 << 60) as f64;

/// A sum of numbers, those that are none left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ExactSum(i128);

impl ExactSum {
    pub(super) fn add(&mut self, number: f32) {
        let number = f64::from(number);
        if !number.is_nan() {
            self.0 += (number.clamp(-LARGEST, LARGEST) * 2_f64.powi(FRACTION)).round() as i128;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0 += other.0;
    }

    pub(super) fn number(self) -> f64 {
        self.0 as f64 / 2_f64.powi(FRACTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_and_any_parts_make_the_same_sum() {
        let numbers: Vec<f32> =
            (0..10_000).map(|at| ((at * 7919) % 10_007) as f32 * 1.7e-5 + 1e6 * (at % 3) as f32).collect();
        let sum = |numbers: &mut dyn Iterator<Item = &f32>| {
            let mut sum = ExactSum::default();
            numbers.for_each(|number| sum.add(*number));
            sum
        };
        let whole = sum(&mut numbers.iter());
        let mut parts = sum(&mut numbers[7000..].iter().rev());
        parts.merge(sum(&mut numbers[..7000].iter()));
        assert_eq!(parts, whole);
        let plain: f64 = numbers.iter().map(|number| f64::from(*number)).sum();
        assert!((whole.number() - plain).abs() < 1e-3, "{} {plain}", whole.number());
    }

    #[test]
    fn what_is_no_number_is_left_out_and_what_is_beyond_is_cut() {
        let mut sum = ExactSum::default();
        [0.25, f32::NAN, -0.125].into_iter().for_each(|number| sum.add(number));
        assert_eq!(sum.number(), 0.125);
        sum.add(f32::INFINITY);
        assert_eq!(sum.number(), LARGEST);
    }
}

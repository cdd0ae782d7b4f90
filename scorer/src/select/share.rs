//! Shares as the decimal numbers that people write, so that `0.145` of 100 people is not 14 by an accident of binary.

/// A non-negative decimal number, exact to 18 places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Share {
    billionths_of_billionths: u128,
}

const ONE: u128 = 1_000_000_000_000_000_000;

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { billionths_of_billionths: ONE };

    /// The shortest decimal that reads as this number; `None` when it is negative, not finite or above 10¹⁸.
    pub fn of(number: f64) -> Option<Self> {
        if !(0.0..=1e18).contains(&number) {
            return None;
        }
        let text = format!("{number}");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(18).collect();
        let billionths_of_billionths = whole.parse::<u128>().ok()? * ONE + fraction.parse::<u128>().ok()?;
        Some(Self { billionths_of_billionths })
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { billionths_of_billionths: self.billionths_of_billionths.saturating_add(other.billionths_of_billionths) }
    }

    /// In percent, for people to read.
    pub fn percent(self) -> f64 {
        self.billionths_of_billionths as f64 / (ONE / 100) as f64
    }

    /// This share of `rows`, rounded to the nearest row, half up.
    pub fn of_rows(self, rows: u64) -> u64 {
        let exact = self.billionths_of_billionths.saturating_mul(u128::from(rows));
        u64::try_from(exact.saturating_add(ONE / 2) / ONE).unwrap_or(u64::MAX)
    }

    /// Whether `part` is more than this share of `rows`.
    pub fn is_exceeded(self, part: u64, rows: u64) -> bool {
        u128::from(part).saturating_mul(ONE) > self.billionths_of_billionths.saturating_mul(u128::from(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(share: f64, of: u64) -> u64 {
        Share::of(share).expect("a share").of_rows(of)
    }

    #[test]
    fn rounding_is_decimal_and_half_up() {
        assert_eq!(rows(0.145, 100), 15);
        assert_eq!(rows(0.1, 5), 1);
        assert_eq!(rows(0.1, 4), 0);
        assert_eq!(rows(0.3, 1_000_000_000_000), 300_000_000_000);
        assert_eq!(rows(1.0, u64::MAX), u64::MAX);
        assert_eq!(rows(0.0, 7), 0);
        assert_eq!(rows(1e-12, 500_000_000_000), 1);
    }

    #[test]
    fn tenths_add_up_to_the_whole() {
        let tenth = Share::of(0.1).expect("a share");
        let whole = (0..10).fold(Share::default(), |sum, _| sum.plus(tenth));
        assert_eq!(whole, Share::WHOLE);
    }

    #[test]
    fn the_limit_itself_is_not_exceeded() {
        let limit = Share::of(0.3).expect("a share");
        assert!(!limit.is_exceeded(300, 1000));
        assert!(limit.is_exceeded(301, 1000));
        assert!(limit.is_exceeded(1, 0));
        assert!(!limit.is_exceeded(0, 0));
    }

    #[test]
    fn what_is_no_share_is_none() {
        assert_eq!(Share::of(-0.1), None);
        assert_eq!(Share::of(f64::NAN), None);
        assert_eq!(Share::of(f64::INFINITY), None);
    }
}

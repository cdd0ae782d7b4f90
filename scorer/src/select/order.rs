//! The one total order of people in an audience: rank first, then the hash of the key, then the row's position.

use std::cmp::Reverse;

use artifacts::keys::seed_of;

/// The bits of a rank such that comparing them as integers compares the ranks; `None` for NaN, which no order has.
///
/// Negative zero counts as zero. Infinities are ranks like any other, above and below all numbers.
pub fn rank_bits(rank: f64) -> Option<u64> {
    if rank.is_nan() {
        return None;
    }
    let bits = (rank + 0.0).to_bits();
    Some(if bits >> 63 == 1 { !bits } else { bits | (1 << 63) })
}

/// The rank that has these bits: the inverse of [`rank_bits`].
pub fn rank_of(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

/// Seeds the hash of keys that orders people of one rank.
pub fn tie_seed() -> u64 {
    seed_of("tie", "")
}

/// Where a row stands among all rows; a greater place is a better one, and no two rows share a place.
///
/// Equal ranks are ordered by the hash of the key, greatest first, so that who is taken does not depend on how the
/// population is stored. Only rows with one key (a fault that publishing refuses) are told apart by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// [`rank_bits`] of the rank.
    pub rank: u64,
    /// The hash of the key.
    pub key: u128,
    /// The row's index in the population, in the order of the shard plan.
    pub position: Reverse<u64>,
}

/// How many [`Place::digit`]s there are.
pub const DIGITS: usize = 16;

/// The first digit that needs the hash of the key.
pub const FIRST_KEY_DIGIT: usize = 4;

/// The first digit that needs the position alone.
const FIRST_POSITION_DIGIT: usize = 12;

impl Place {
    /// A place of a row.
    pub fn new(rank: u64, key: u128, position: u64) -> Self {
        Self { rank, key, position: Reverse(position) }
    }

    /// The last place that a rank can have: every row of at least this rank stands at or above it.
    pub fn last_of_rank(rank: u64) -> Self {
        Self::new(rank, 0, u64::MAX)
    }

    /// The `index`-th group of 16 bits, most significant first: comparing digits in turn compares places.
    pub fn digit(&self, index: usize) -> u16 {
        if index < FIRST_KEY_DIGIT {
            (self.rank >> (48 - 16 * index)) as u16
        } else if index < FIRST_POSITION_DIGIT {
            (self.key >> (112 - 16 * (index - FIRST_KEY_DIGIT))) as u16
        } else {
            (!self.position.0 >> (48 - 16 * (index - FIRST_POSITION_DIGIT))) as u16
        }
    }

    /// Whether the first `digits` digits are the same as the other's.
    pub fn shares_prefix(&self, other: &Self, digits: usize) -> bool {
        if digits <= FIRST_KEY_DIGIT {
            return (self.rank ^ other.rank).checked_shr(64 - 16 * digits as u32).unwrap_or(0) == 0;
        }
        let key_digits = digits.min(FIRST_POSITION_DIGIT) - FIRST_KEY_DIGIT;
        self.rank == other.rank
            && (self.key ^ other.key) >> (128 - 16 * key_digits) == 0
            && (FIRST_POSITION_DIGIT..digits).all(|index| self.digit(index) == other.digit(index))
    }

    /// This place with one digit replaced.
    pub fn with_digit(mut self, index: usize, digit: u16) -> Self {
        if index < FIRST_KEY_DIGIT {
            let shift = 48 - 16 * index;
            self.rank = (self.rank & !(0xffff << shift)) | (u64::from(digit) << shift);
        } else if index < FIRST_POSITION_DIGIT {
            let shift = 112 - 16 * (index - FIRST_KEY_DIGIT);
            self.key = (self.key & !(0xffff << shift)) | (u128::from(digit) << shift);
        } else {
            let shift = 48 - 16 * (index - FIRST_POSITION_DIGIT);
            let inverted = (!self.position.0 & !(0xffff << shift)) | (u64::from(digit) << shift);
            self.position = Reverse(!inverted);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_order_as_ranks_do(a in any::<f64>(), b in any::<f64>()) {
            let (Some(a_bits), Some(b_bits)) = (rank_bits(a), rank_bits(b)) else {
                prop_assert!(a.is_nan() || b.is_nan());
                return Ok(());
            };
            prop_assert_eq!(a.partial_cmp(&b), Some(a_bits.cmp(&b_bits)));
            prop_assert_eq!(rank_of(a_bits), a);
        }

        #[test]
        fn digits_order_as_places_do(
            a in (0_u64..3, 0_u128..3, 0_u64..3),
            b in (any::<u64>(), any::<u128>(), any::<u64>()),
            small in any::<bool>(),
            other in (0_u64..3, 0_u128..3, 0_u64..3),
        ) {
            let a = Place::new(a.0, a.1, a.2);
            let b = if small { Place::new(other.0, other.1, other.2) } else { Place::new(b.0, b.1, b.2) };
            let digits = |place: &Place| (0..DIGITS).map(|index| place.digit(index)).collect::<Vec<_>>();
            prop_assert_eq!(digits(&a).cmp(&digits(&b)), a.cmp(&b));
            for length in 0..=DIGITS {
                prop_assert_eq!(a.shares_prefix(&b, length), digits(&a)[..length] == digits(&b)[..length]);
            }
        }

        #[test]
        fn a_place_is_its_digits(rank in any::<u64>(), key in any::<u128>(), position in any::<u64>()) {
            let place = Place::new(rank, key, position);
            let rebuilt = (0..DIGITS).fold(Place::new(0, 0, 0), |built, i| built.with_digit(i, place.digit(i)));
            prop_assert_eq!(rebuilt, place);
            prop_assert!(place.shares_prefix(&rebuilt, DIGITS));
        }
    }

    #[test]
    fn special_values_have_their_place() {
        assert_eq!(rank_bits(f64::NAN), None);
        assert_eq!(rank_bits(-0.0), rank_bits(0.0));
        assert!(rank_bits(f64::INFINITY) > rank_bits(f64::MAX));
        assert!(rank_bits(f64::NEG_INFINITY) < rank_bits(f64::MIN));
        assert!(rank_bits(f64::MIN_POSITIVE) > rank_bits(0.0));
        assert!(rank_bits(-f64::MIN_POSITIVE) < rank_bits(0.0));
    }

    #[test]
    fn earlier_rows_of_one_key_stand_higher() {
        assert!(Place::new(5, 7, 1) > Place::new(5, 7, 2));
        assert!(Place::new(5, 8, 2) > Place::new(5, 7, 1));
        assert!(Place::last_of_rank(5) <= Place::new(5, 0, u64::MAX - 1));
        assert!(Place::last_of_rank(5) > Place::new(4, u128::MAX, 0));
    }
}

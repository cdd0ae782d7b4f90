//! Brings equal ids together: a stable radix sort of (id, occurrence) pairs.

/// Reusable memory of a sort.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// `id << 32 | occurrence`
    pairs: Vec<u64>,
    spare: Vec<u64>,
}

/// Bits a pass; 2048 counters stay in the first-level cache.
const DIGIT: u32 = 11;

impl Groups {
    /// Sorts ids `0..bound` with their positions: by id, equal ids in the order in which they came.
    pub(crate) fn sort(&mut self, ids: impl Iterator<Item = u32>, bound: u32) -> &[u64] {
        self.pairs.clear();
        self.pairs.extend(ids.zip(0u64..).map(|(id, occurrence)| u64::from(id) << 32 | occurrence));
        self.spare.resize(self.pairs.len(), 0);
        let bits = u32::BITS - bound.saturating_sub(1).leading_zeros();
        let passes = bits.div_ceil(DIGIT);
        // Equal shares of the bits: 17 bits are two passes over 512 counters, not one over 2048 and one over 64.
        let digit = bits.checked_div(passes).map_or(0, |_| bits.div_ceil(passes));
        for pass in 0..passes {
            scatter(&self.pairs, &mut self.spare, 32 + pass * digit, digit);
            std::mem::swap(&mut self.pairs, &mut self.spare);
        }
        &self.pairs
    }
}

fn scatter(from: &[u64], to: &mut [u64], shift: u32, digit: u32) {
    let mask = (1u64 << digit) - 1;
    let mut ends = [0u32; 1 << DIGIT];
    let ends = &mut ends[..1 << digit];
    from.iter().for_each(|pair| ends[(pair >> shift & mask) as usize] += 1);
    let mut start = 0;
    for end in &mut *ends {
        start += std::mem::replace(end, start);
    }
    for &pair in from {
        let place = &mut ends[(pair >> shift & mask) as usize];
        to[*place as usize] = pair;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};

    use super::Groups;

    proptest! {
        #[test]
        fn equal_ids_come_together_in_the_order_in_which_they_came(
            (bound, ids) in (1u32..3_000_000).prop_flat_map(|bound| (
                proptest::strategy::Just(bound),
                proptest::collection::vec(0..bound, 0..300),
            ))
        ) {
            let mut expected: Vec<u64> =
                ids.iter().zip(0u64..).map(|(&id, occurrence)| u64::from(id) << 32 | occurrence).collect();
            expected.sort_unstable();
            let mut groups = Groups::default();
            prop_assert_eq!(groups.sort(ids.into_iter(), bound), &expected);
        }
    }
}

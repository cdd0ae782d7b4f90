//! Orders of rows: pure functions of a seed, the same on every machine and for any number of threads.

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they are in the files. A batch never has rows of two row groups.
    Sequential,
    /// Row groups shuffled, then rows within a window of consecutive ones.
    Shuffled {
        /// Everything random comes from it.
        seed: u64,
        /// Another one, another order.
        epoch: u64,
        /// Rows that are shuffled among each other, in memory at once.
        window_rows: usize,
    },
}

/// What a random sequence is for, so that two uses of a seed are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    RowGroups,
    Window(u64),
}

/// Random numbers: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of a seed and a named purpose.
    pub fn of(seed: u64, purpose: &str) -> Self {
        Self { state: xxhash_rust::xxh3::xxh3_64_with_seed(purpose.as_bytes(), seed) }
    }

    /// The sequence of a seed, an epoch and a use.
    pub(crate) fn new(seed: u64, epoch: u64, purpose: Use) -> Self {
        let (kind, number) = match purpose {
            Use::RowGroups => (1, 0),
            Use::Window(number) => (2, number),
        };
        let mut random = Self { state: seed };
        for part in [epoch, kind, number] {
            random.state = random.next() ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03);
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, from the upper half of a product; its bias is below `limit`/2⁶⁴.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// Whether the next of `left` items is among the `wanted` that are drawn from them: asked of one item after the other,
    /// exactly as many are drawn, each set of them as likely (selection sampling, Knuth 3.4.2, algorithm S).
    pub fn draws(&mut self, wanted: u64, left: u64) -> bool {
        self.below(left as usize) < wanted as usize
    }

    /// Puts items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(seed: u64, epoch: u64, purpose: Use) -> Vec<usize> {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(seed, epoch, purpose).shuffle(&mut items);
        items
    }

    #[test]
    fn an_order_is_a_permutation_that_seed_epoch_and_use_decide() {
        let order = shuffled(7, 1, Use::Window(3));
        assert_eq!(order, shuffled(7, 1, Use::Window(3)));
        for other in [
            shuffled(8, 1, Use::Window(3)),
            shuffled(7, 2, Use::Window(3)),
            shuffled(7, 1, Use::Window(4)),
            shuffled(7, 1, Use::RowGroups),
        ] {
            assert_ne!(order, other);
        }
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn as_many_items_are_drawn_as_are_wanted_each_as_often() {
        let mut counts = [0u32; 5];
        for seed in 0..5000 {
            let (mut random, mut wanted) = (Random::of(seed, "draws"), 2);
            for item in 0..5 {
                if random.draws(wanted, 5 - item) {
                    wanted -= 1;
                    counts[item as usize] += 1;
                }
            }
            assert_eq!(wanted, 0);
        }
        // 2000 expected each, standard deviation 35: five of them.
        assert!(counts.iter().all(|&count| count.abs_diff(2000) < 175), "{counts:?}");
        assert_ne!(Random::of(7, "draws").next(), Random::of(7, "other").next());
    }

    #[test]
    fn every_item_gets_everywhere_equally_often() {
        let mut counts = [[0u32; 4]; 4];
        for epoch in 0..8000 {
            let mut items = [0, 1, 2, 3];
            Random::new(5, epoch, Use::RowGroups).shuffle(&mut items);
            items.iter().enumerate().for_each(|(place, &item)| counts[item][place] += 1);
        }
        // 2000 expected each, standard deviation 39: five of them.
        assert!(counts.iter().flatten().all(|&count| count.abs_diff(2000) < 195), "{counts:?}");
    }
}

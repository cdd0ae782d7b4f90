//! Finds keys that more than one row has, exactly and in bounded memory.
//!
//! Keys are looked at in ranges of their hash, as many as it takes to hold one range's in memory. A pass keeps 64 bits of
//! each key's hash and finds those that come twice; only if there are any, one more pass counts them by all 128 bits, so
//! that two different keys are never taken for one (128 equal bits among 10⁹ keys: one chance in 10²⁰).

use std::collections::{HashMap, HashSet};

use super::guards::Duplicates;

/// Keys that one pass holds: 128 MiB, and as much again while it sorts them out.
pub const KEYS_PER_PASS: u64 = 1 << 24;

/// Repeated hashes that are kept before the search stops; so many are no accident.
pub const MOST_REPEATED: usize = 1 << 20;

/// A part of all hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashRange {
    index: u64,
    ranges: u64,
}

impl HashRange {
    /// As many ranges as hold at most `per_pass` of `rows` keys each, on average.
    pub fn of_rows(rows: u64, per_pass: u64) -> impl Iterator<Item = Self> {
        let ranges = rows.div_ceil(per_pass).max(1);
        (0..ranges).map(move |index| Self { index, ranges })
    }

    /// Whether a hash is in this range; the ranges have every hash once.
    pub fn contains(&self, hash: u64) -> bool {
        ((u128::from(hash) * u128::from(self.ranges)) >> 64) as u64 == self.index
    }
}

/// The part of a key's hash that a pass keeps.
pub fn short(hash: u128) -> u64 {
    (hash >> 64) as u64
}

/// The hashes of one range seen so far.
#[derive(Debug)]
pub struct Seen {
    hashes: Vec<u64>,
    repeated: Vec<u64>,
    compact_at: usize,
}

impl Seen {
    /// Nothing, with room for a pass.
    pub fn new(per_pass: u64) -> Self {
        Self { hashes: Vec::new(), repeated: Vec::new(), compact_at: 2 * per_pass as usize }
    }

    /// Takes in hashes, in any order.
    pub fn extend(&mut self, hashes: &[u64]) {
        self.hashes.extend_from_slice(hashes);
        if self.hashes.len() > self.compact_at {
            self.compact();
            self.compact_at = self.compact_at.max(2 * self.hashes.len());
        }
    }

    /// The hashes that came more than once, ascending.
    pub fn into_repeated(mut self) -> Vec<u64> {
        self.compact();
        self.repeated
    }

    fn compact(&mut self) {
        use rayon::slice::ParallelSliceMut;
        self.hashes.par_sort_unstable();
        let again = self.hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        self.repeated.extend(again);
        self.repeated.sort_unstable();
        self.repeated.dedup();
        self.hashes.dedup();
    }
}

/// Counts the rows of keys whose short hashes were repeated.
#[derive(Debug)]
pub struct Count {
    suspected: HashSet<u64>,
    rows: HashMap<u128, u64>,
    at_least: bool,
}

impl Count {
    /// Counts these; `at_least` says that there may be others.
    pub fn new(repeated: &[u64], at_least: bool) -> Self {
        Self { suspected: repeated.iter().copied().collect(), rows: HashMap::new(), at_least }
    }

    /// The short hashes of keys that are worth counting.
    pub fn suspected(&self) -> &HashSet<u64> {
        &self.suspected
    }

    /// Takes in keys that are suspected.
    pub fn extend(&mut self, hashes: &[u128]) {
        for hash in hashes {
            *self.rows.entry(*hash).or_insert(0) += 1;
        }
    }

    /// The keys that are on more than one row.
    pub fn finish(&self) -> Duplicates {
        let repeated = || self.rows.values().filter(|rows| **rows > 1);
        Duplicates { keys: repeated().count() as u64, rows: repeated().sum(), at_least: self.at_least }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duplicates(hashes: &[u128], per_pass: u64) -> Duplicates {
        let mut repeated = Vec::new();
        for range in HashRange::of_rows(hashes.len() as u64, per_pass) {
            let mut seen = Seen::new(per_pass);
            for chunk in hashes.chunks(3) {
                let inside: Vec<_> =
                    chunk.iter().map(|hash| short(*hash)).filter(|hash| range.contains(*hash)).collect();
                seen.extend(&inside);
            }
            repeated.extend(seen.into_repeated());
        }
        let mut count = Count::new(&repeated, false);
        let suspected: Vec<_> =
            hashes.iter().copied().filter(|hash| count.suspected().contains(&short(*hash))).collect();
        count.extend(&suspected);
        count.finish()
    }

    proptest! {
        #[test]
        fn repeated_keys_are_counted_exactly(keys in prop::collection::vec(0_u64..60, 0..120), per_pass in 1_u64..50) {
            let hashes: Vec<_> = keys.iter().map(|key| xxhash_rust::xxh3::xxh3_128(&key.to_le_bytes())).collect();
            let on_rows = |key: u64| keys.iter().filter(|other| **other == key).count() as u64;
            let repeated: Vec<_> = (0..60).map(on_rows).filter(|rows| *rows > 1).collect();
            let expected =
                Duplicates { keys: repeated.len() as u64, rows: repeated.iter().sum(), at_least: false };
            prop_assert_eq!(duplicates(&hashes, per_pass), expected);
        }

        #[test]
        fn every_hash_is_in_one_range(hash in any::<u64>(), rows in 0_u64..1000, per_pass in 1_u64..100) {
            prop_assert_eq!(HashRange::of_rows(rows, per_pass).filter(|range| range.contains(hash)).count(), 1);
        }
    }

    #[test]
    fn equal_halves_of_a_hash_are_not_equal_keys() {
        assert_eq!(duplicates(&[7 << 64, (7 << 64) | 1], 10), Duplicates::default());
        assert_eq!(duplicates(&[7 << 64, 7 << 64], 10).keys, 1);
    }

    #[test]
    fn one_key_on_every_row_stays_small() {
        let mut seen = Seen::new(8);
        for _ in 0..1000 {
            seen.extend(&[5; 7]);
            assert!(seen.hashes.len() <= 16 + 7);
        }
        assert_eq!(seen.into_repeated(), [5]);
    }
}

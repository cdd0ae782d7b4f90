//! How many rows fall in each cell of the rank's order: what a shard's commit tells about its ranks.

use serde::{Deserialize, Serialize};

/// Rows counted by the top 16 bits of [`rank_bits`](super::order::rank_bits): 65 536 cells, sixteen to each power of two.
///
/// Kept sparse, in ascending order of cells, because it travels in commit manifests.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RankHistogram {
    cells: Vec<(u16, u64)>,
}

/// The cell of a rank.
pub fn cell_of(rank_bits: u64) -> u16 {
    (rank_bits >> 48) as u16
}

impl RankHistogram {
    /// The sparse form of counts by cell; `counts` has 65 536 entries.
    pub fn from_counts(counts: &[u64]) -> Self {
        let occupied = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        Self { cells: occupied.map(|(cell, count)| (cell as u16, *count)).collect() }
    }

    /// The cells that hold rows, ascending.
    pub fn cells(&self) -> &[(u16, u64)] {
        &self.cells
    }

    /// All rows counted.
    pub fn total(&self) -> u64 {
        self.cells.iter().map(|(_, count)| count).sum()
    }

    /// The histogram of both sets of rows together.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.cells.len().max(other.cells.len()));
        let (mut left, mut right) = (self.cells.iter().peekable(), other.cells.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let cell = a.0.min(b.0);
            let from_left = left.next_if(|entry| entry.0 == cell).map_or(0, |entry| entry.1);
            let from_right = right.next_if(|entry| entry.0 == cell).map_or(0, |entry| entry.1);
            merged.push((cell, from_left + from_right));
        }
        merged.extend(left.chain(right));
        self.cells = merged;
    }

    /// Rows in cells above this one, and in it.
    pub fn above_and_in(&self, cell: u16) -> (u64, u64) {
        let above = self.cells.iter().filter(|entry| entry.0 > cell).map(|entry| entry.1).sum();
        let inside = self.cells.iter().find(|entry| entry.0 == cell).map_or(0, |entry| entry.1);
        (above, inside)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dense(entries: &[(u16, u64)]) -> Vec<u64> {
        let mut counts = vec![0; 1 << 16];
        for (cell, count) in entries {
            counts[usize::from(*cell)] += count;
        }
        counts
    }

    proptest! {
        #[test]
        fn merging_adds_cell_by_cell(
            a in prop::collection::vec((any::<u16>(), 0_u64..9), 0..40),
            b in prop::collection::vec((0_u16..50, 0_u64..9), 0..40),
        ) {
            let mut merged = RankHistogram::from_counts(&dense(&a));
            merged.merge(&RankHistogram::from_counts(&dense(&b)));
            let both: Vec<_> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(merged, RankHistogram::from_counts(&dense(&both)));
        }
    }

    #[test]
    fn counts_above_a_cell_leave_it_out() {
        let histogram = RankHistogram::from_counts(&dense(&[(3, 5), (9, 2), (10, 1)]));
        assert_eq!(histogram.above_and_in(9), (1, 2));
        assert_eq!(histogram.above_and_in(4), (3, 0));
        assert_eq!(histogram.total(), 8);
    }

    #[test]
    fn travels_as_pairs() {
        let histogram = RankHistogram::from_counts(&dense(&[(3, 5), (9, 2)]));
        let json = serde_json::to_string(&histogram).expect("serializes");
        assert_eq!(json, "[[3,5],[9,2]]");
        assert_eq!(serde_json::from_str::<RankHistogram>(&json).expect("reads"), histogram);
    }
}

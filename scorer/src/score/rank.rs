//! Who of a batch is in the running for an audience, and with which rank.

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};

use crate::select::histogram::{RankHistogram, cell_of};
use crate::select::order::rank_bits;
use crate::select::sketch::{Mark, Sketch};
use crate::select::waterfall::AudienceCounts;

/// The ranks of a batch's rows, and how many rows each step left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The rank of everyone eligible; null for the others.
    pub ranks: Float64Array,
    /// Rows for which `where` is false or null.
    pub outside: u64,
    /// Rows that each table's step left out and no earlier step had.
    pub excluded: Vec<u64>,
    /// Rows left whose rank is null or NaN.
    pub unranked: u64,
    /// Rows left without a key.
    pub keyless: u64,
}

impl Ranked {
    /// Leaves out rows that are nobody's.
    #[must_use]
    pub fn with_keys(self, keys: &ArrayRef) -> Self {
        let Some(nulls) = keys.logical_nulls().filter(|nulls| nulls.null_count() > 0) else { return self };
        let (_, values, before) = self.ranks.into_parts();
        let left = match &before {
            Some(before) => before.inner() & nulls.inner(),
            None => nulls.inner().clone(),
        };
        let eligible = before.map_or(values.len(), |before| before.len() - before.null_count());
        let keyless = (eligible - left.count_set_bits()) as u64;
        Self { ranks: Float64Array::new(values, Some(NullBuffer::new(left))), keyless, ..self }
    }
}

/// Applies `where`, then the steps by tables, each as whom it leaves out, then the rank; null counts as false for the first and
/// as no rank for the last.
pub fn rank_rows(filter: Option<&BooleanArray>, steps: &[BooleanArray], ranks: &Float64Array) -> Ranked {
    let rows = ranks.len();
    let mut left = filter.map_or_else(|| BooleanBuffer::new_set(rows), is_true);
    let mut remaining = left.count_set_bits();
    let outside = (rows - remaining) as u64;
    let mut keep = |left: &mut BooleanBuffer, kept: &BooleanBuffer| {
        *left = &*left & kept;
        let before = std::mem::replace(&mut remaining, left.count_set_bits());
        (before - remaining) as u64
    };
    let excluded = steps.iter().map(|leaves_out| keep(&mut left, &!&is_true(leaves_out))).collect();
    let unranked = keep(&mut left, &is_number(ranks));
    // Adding zero makes a negative zero positive, so that no published score reads `-0`.
    let values = ranks.values().iter().map(|rank| rank + 0.0).collect();
    Ranked { ranks: Float64Array::new(values, Some(NullBuffer::new(left))), outside, excluded, unranked, keyless: 0 }
}

fn is_true(values: &BooleanArray) -> BooleanBuffer {
    match values.nulls() {
        Some(nulls) => values.values() & nulls.inner(),
        None => values.values().clone(),
    }
}

fn is_number(ranks: &Float64Array) -> BooleanBuffer {
    let values = ranks.values();
    let numbers = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
    match ranks.nulls() {
        Some(nulls) => &numbers & nulls.inner(),
        None => numbers,
    }
}

/// Adds up the batches of a shard, in the order of its rows.
#[derive(Debug)]
pub struct ShardCounts {
    counts: AudienceCounts,
    cells: Vec<u64>,
    places: Sketch,
}

impl ShardCounts {
    /// Nothing counted, for an audience with so many steps by tables; people of at least the `thresholds` are counted too.
    pub fn new(steps: usize, thresholds: impl IntoIterator<Item = f64>) -> Self {
        let at_least = thresholds.into_iter().filter_map(rank_bits).map(|rank| (rank, 0)).collect();
        let counts = AudienceCounts { at_least, ..AudienceCounts::new(steps) };
        Self { counts, cells: vec![0; 1 << 16], places: Sketch::default() }
    }

    /// Counts a batch; `ties` are the top 64 bits of its keys' hashes, by which people of one rank are ordered.
    pub fn add(&mut self, batch: &Ranked, ties: &[u64]) {
        self.counts.outside += batch.outside;
        self.counts.excluded.iter_mut().zip(&batch.excluded).for_each(|(sum, more)| *sum += more);
        self.counts.unranked += batch.unranked;
        self.counts.keyless += batch.keyless;
        for (rank, tie) in batch.ranks.iter().zip(ties) {
            let Some(bits) = rank.and_then(rank_bits) else { continue };
            self.cells[usize::from(cell_of(bits))] += 1;
            self.counts.at_least.iter_mut().for_each(|(least, rows)| *rows += u64::from(bits >= *least));
            self.places.add(Mark(bits, *tie));
        }
    }

    /// What the shard's commit says.
    pub fn finish(mut self) -> AudienceCounts {
        self.counts.ranks = RankHistogram::from_counts(&self.cells);
        self.counts.places = vec![self.places.finish()];
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_left_out_by_its_first_reason() {
        let filter = BooleanArray::from(vec![Some(true), Some(false), None, Some(true), Some(true), Some(true)]);
        let buyers = BooleanArray::from(vec![false, true, true, true, false, false]);
        let fraud = BooleanArray::from(vec![false, false, false, true, false, false]);
        let ranks = Float64Array::from(vec![Some(-0.0), Some(1.0), Some(1.0), Some(1.0), Some(f64::NAN), None]);
        let ranked = rank_rows(Some(&filter), &[buyers, fraud], &ranks);
        assert_eq!((ranked.outside, ranked.excluded.as_slice(), ranked.unranked), (2, &[1, 0][..], 2));
        assert_eq!(ranked.ranks, Float64Array::from(vec![Some(0.0), None, None, None, None, None]));
        assert!(ranked.ranks.value(0).is_sign_positive());
    }

    #[test]
    fn a_row_that_is_nobody_s_is_left_out_last() {
        let ranks = Float64Array::from(vec![Some(0.3), None, Some(0.7), Some(0.9)]);
        let keys: ArrayRef =
            std::sync::Arc::new(arrow::array::StringArray::from(vec![Some("a"), None, None, Some("d")]));
        let ranked = rank_rows(None, &[], &ranks).with_keys(&keys);
        assert_eq!((ranked.unranked, ranked.keyless), (1, 1), "the first reason counts");
        assert_eq!(ranked.ranks, Float64Array::from(vec![Some(0.3), None, None, Some(0.9)]));
        let mut shard = ShardCounts::new(0, []);
        shard.add(&ranked, &[1, 2, 3, 4]);
        assert_eq!(shard.finish().rows(), 4);
    }

    #[test]
    fn without_conditions_every_number_is_eligible() {
        let ranks = Float64Array::from(vec![f64::INFINITY, 0.1, -3.0]);
        let ranked = rank_rows(None, &[], &ranks);
        assert_eq!((ranked.outside, ranked.unranked, ranked.ranks.null_count()), (0, 0, 0));
    }

    #[test]
    fn a_shard_counts_every_row_once() {
        let mut shard = ShardCounts::new(1, [0.5, 0.2]);
        let excluded = BooleanArray::from(vec![true, false, false]);
        for _ in 0..4 {
            let ranks = Float64Array::from(vec![Some(0.3), Some(0.7), None]);
            shard.add(&rank_rows(None, std::slice::from_ref(&excluded), &ranks), &[1, 2, 3]);
        }
        let counts = shard.finish();
        assert_eq!((counts.rows(), counts.excluded[0], counts.unranked, counts.ranks.total()), (12, 4, 4, 4));
        let at_least: Vec<u64> = counts.at_least.iter().map(|(_, rows)| *rows).collect();
        assert_eq!((at_least, counts.places[0].rows()), (vec![4, 4], 4));
    }

    #[test]
    fn slices_of_arrays_are_read_from_their_offset() {
        let filter = BooleanArray::from(vec![false, true, false, true]).slice(1, 3);
        let ranks = Float64Array::from(vec![Some(9.0), None, Some(5.0), Some(6.0)]).slice(1, 3);
        let ranked = rank_rows(Some(&filter), &[], &ranks);
        assert_eq!(ranked.ranks, Float64Array::from(vec![None, None, Some(6.0)]));
        assert_eq!((ranked.outside, ranked.unranked), (1, 1));
    }
}

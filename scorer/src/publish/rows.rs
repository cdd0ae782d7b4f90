//! Rows of a score table as the passes over it see them: ranks, keys, positions.

use std::cmp::Reverse;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{nullif, take};
use arrow::datatypes::Float64Type;
use artifacts::keys::hash_nullable_keys;

use crate::error::{Result, ScorerError};
use crate::select::cut::{ByRank, Cuts};
use crate::select::histogram::cell_of;
use crate::select::holdout::{Draws, draw};
use crate::select::order::{Place, rank_bits, tie_seed};
use crate::select::search::{Observed, Pass};

/// A batch of a score table.
#[derive(Debug, Clone)]
pub(crate) struct ScoredRows<'a> {
    ranks: Float64Array,
    keys: Option<&'a ArrayRef>,
    first_position: u64,
}

impl<'a> ScoredRows<'a> {
    /// Reads a batch by its columns: the rank, and the key where a pass needs it.
    pub(crate) fn of(batch: &'a RecordBatch, rank: usize, key: Option<usize>, first_position: u64) -> Self {
        let ranks = batch.column(rank).as_primitive::<Float64Type>().clone();
        Self { ranks, keys: key.map(|key| batch.column(key)), first_position }
    }

    /// All rows, those without a rank too.
    pub(crate) fn len(&self) -> usize {
        self.ranks.len()
    }

    /// The same without some rows, and how many with a rank those were.
    ///
    /// # Errors
    ///
    /// None in practice: the rows are as many.
    pub(crate) fn without(&self, rows: &BooleanBuffer) -> Result<(Self, u64)> {
        let ranks = nullif(&self.ranks, &BooleanArray::from(rows.clone())).map_err(ScorerError::rows)?;
        let ranks = ranks.as_primitive::<Float64Type>().clone();
        let lost = (ranks.null_count() - self.ranks.null_count()) as u64;
        Ok((Self { ranks, ..self.clone() }, lost))
    }

    /// Counts rows by the cell of their rank; `cells` has one for each.
    pub(crate) fn count_cells(&self, cells: &mut [u64]) {
        self.bits().for_each(|(_, bits)| cells[usize::from(cell_of(bits))] += 1);
    }

    /// Counts rows of at least this rank.
    pub(crate) fn at_least(&self, rank: u64) -> u64 {
        self.bits().filter(|(_, bits)| *bits >= rank).count() as u64
    }

    /// Shows a search's pass the rows that can matter to it.
    ///
    /// # Errors
    ///
    /// Keys of a type that has no hash.
    pub(crate) fn observe(&self, pass: &Pass, observed: &mut Observed) -> Result<()> {
        let wanted: Vec<_> = self.bits().filter(|(_, bits)| pass.wants_rank(*bits)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let rows: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
        let keys = if pass.needs_keys() { self.hash(&rows, tie_seed())? } else { vec![0; rows.len()] };
        for ((row, bits), key) in wanted.into_iter().zip(keys) {
            pass.observe(Place::new(bits, key, self.position(row)), observed);
        }
        Ok(())
    }

    /// The rows of each tier, in order.
    ///
    /// # Errors
    ///
    /// Keys of a type that has no hash.
    pub(crate) fn tiers(&self, cuts: &Cuts, tiers: usize) -> Result<Vec<Vec<u32>>> {
        let mut members = vec![Vec::new(); tiers];
        let mut tied = Vec::new();
        for (row, bits) in self.bits() {
            match cuts.by_rank(bits) {
                ByRank::Tier(tier) => members[tier].push(row),
                ByRank::Tied => tied.push((row, bits)),
                ByRank::Below => {}
            }
        }
        if tied.is_empty() {
            return Ok(members);
        }
        let rows: Vec<u32> = tied.iter().map(|(row, _)| *row).collect();
        for ((row, bits), key) in tied.into_iter().zip(self.hash(&rows, tie_seed())?) {
            if let Some(tier) = cuts.tier_of(&Place { rank: bits, key, position: Reverse(self.position(row)) }) {
                members[tier].push(row);
            }
        }
        members.iter_mut().for_each(|rows| rows.sort_unstable());
        Ok(members)
    }

    /// Where these rows stand in the draw of a holdout.
    ///
    /// # Errors
    ///
    /// Keys of a type that has no hash.
    pub(crate) fn draws(&self, rows: &[u32], salt_seed: u64) -> Result<Vec<Place>> {
        let salted = self.hash(rows, salt_seed)?;
        Ok(rows.iter().zip(salted).map(|(row, hash)| draw(hash, self.position(*row))).collect())
    }

    /// Divides a tier's rows into those published and those held out.
    ///
    /// # Errors
    ///
    /// Keys of a type that has no hash.
    pub(crate) fn hold_out(
        &self,
        tier: usize,
        rows: Vec<u32>,
        draws: &Draws,
        salt_seed: u64,
    ) -> Result<(Vec<u32>, Vec<u32>)> {
        if draws.lasts.get(tier).copied().flatten().is_none() {
            return Ok((rows, Vec::new()));
        }
        let (mut published, mut held) = (Vec::new(), Vec::new());
        for (row, draw) in rows.iter().zip(self.draws(&rows, salt_seed)?) {
            if draws.holds_out(tier, &draw) { held.push(*row) } else { published.push(*row) }
        }
        Ok((published, held))
    }

    fn position(&self, row: u32) -> u64 {
        self.first_position + u64::from(row)
    }

    pub(crate) fn bits(&self) -> impl Iterator<Item = (u32, u64)> {
        let bits = self.ranks.iter().enumerate();
        bits.filter_map(|(row, rank)| Some((row as u32, rank_bits(rank?)?)))
    }

    fn hash(&self, rows: &[u32], seed: u64) -> Result<Vec<u128>> {
        let Some(keys) = self.keys else { return Ok(vec![0; rows.len()]) };
        let hashes = if rows.len() == keys.len() {
            hash_nullable_keys(keys, seed)
        } else {
            hash_nullable_keys(&take(keys, &UInt32Array::from(rows.to_vec()), None).map_err(ScorerError::rows)?, seed)
        };
        // Who has no key holds every audience back, so it does not matter where they stand.
        let hashes = hashes.map_err(ScorerError::StoredKey)?;
        Ok(hashes.into_iter().map(Option::unwrap_or_default).collect())
    }
}

//! How many people of the population, of each tier and of the seeds have each value: one pass over the population beside the marks.
//!
//! Memory is a number for each group of values, tier and thread, however many rows there are.

use std::sync::Arc;

use super::marks::{Marks, is_seed, tier_of};
use super::values::{Grouped, column_of, reading};
use crate::error::Result;
use crate::publish::{RowGroup, ScoreTable};

/// People of a column by group of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnCounts {
    /// Of the population.
    pub(super) population: Vec<u64>,
    /// Of each tier.
    pub(super) tiers: Vec<Vec<u64>>,
    /// Of the seeds.
    pub(super) seeds: Vec<u64>,
}

impl ColumnCounts {
    fn none(groups: usize, tiers: usize) -> Self {
        let groups = vec![0; groups];
        Self { population: groups.clone(), tiers: vec![groups.clone(); tiers], seeds: groups }
    }

    fn merge(&mut self, other: &Self) {
        add(&mut self.population, &other.population);
        self.tiers.iter_mut().zip(&other.tiers).for_each(|(tier, more)| add(tier, more));
        add(&mut self.seeds, &other.seeds);
    }

    fn add(&mut self, group: usize, mark: u16) {
        self.population[group] += 1;
        if let Some(tier) = tier_of(mark) {
            self.tiers[tier][group] += 1;
        }
        if is_seed(mark) {
            self.seeds[group] += 1;
        }
    }
}

fn add(counts: &mut [u64], more: &[u64]) {
    counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
}

/// Counts people by column, in the columns' order.
///
/// # Errors
///
/// Tables that cannot be read.
pub(super) async fn count(
    population: &ScoreTable,
    columns: Arc<Vec<Grouped>>,
    tiers: usize,
    marks: &mut Marks,
) -> Result<Vec<ColumnCounts>> {
    let none = move |columns: &[Grouped]| -> Vec<ColumnCounts> {
        columns.iter().map(|column| ColumnCounts::none(column.groups.count(), tiers)).collect()
    };
    let (start, read) = (none(&columns), reading(columns.iter().map(|column| &column.column)));
    let look = move |group: RowGroup, marks: Vec<u16>| {
        let (mut counts, mut place) = (none(&columns), 0);
        for batch in group.batches()? {
            let (_, batch) = batch?;
            let of_batch = &marks[place..place + batch.num_rows()];
            place += batch.num_rows();
            for (column, counts) in columns.iter().zip(&mut counts) {
                let values = column_of(&batch, &column.column.column)?;
                column.each(values, |row, group| counts.add(group, of_batch[row]))?;
            }
        }
        Ok(counts)
    };
    let merge = |all: &mut Vec<ColumnCounts>, more: Vec<ColumnCounts>| {
        all.iter_mut().zip(&more).for_each(|(all, more)| all.merge(more));
    };
    population.fold_beside("count values", &read, marks, start, look, merge).await
}

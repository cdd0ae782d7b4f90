//! Which groups a column's values make: a pass over the population takes a sample of its numbers and the most frequent of its texts.
//!
//! Memory does not depend on the rows: four million numbers, and [`CAPACITY`](super::frequent::CAPACITY) texts a column of texts, for
//! each thread.

use arrow::array::RecordBatch;
use artifacts::keys::{hash_text, seed_of, unit_interval};
use indexmap::IndexMap;
use spec::ids::ColumnName;

use super::frequent::Frequent;
use super::marks::{Marks, tier_of};
use super::plan::{ColumnValues, ProfiledColumn};
use super::values::{Grouped, Texts, column_of, reading};
use crate::error::{Result, ScorerError};
use crate::publish::{RowGroup, ScoreTable};
use crate::segments::column_numbers;
use crate::segments::groups::Groups;

/// Numbers that are sampled in all, and rows at the most.
const SAMPLED_NUMBERS: u64 = 4_000_000;
const SAMPLED_ROWS: u64 = 50_000;

/// What a pass over the population found of some columns.
#[derive(Debug)]
pub(crate) struct Survey {
    found: IndexMap<ColumnName, Found>,
}

#[derive(Debug, Clone)]
enum Found {
    /// A sample's numbers.
    Numbers(Vec<f64>),
    /// The most frequent texts.
    Texts(Frequent),
}

impl Survey {
    /// Surveys columns of a population.
    ///
    /// # Errors
    ///
    /// A population that cannot be read or is not what was planned.
    pub(crate) async fn of(population: &ScoreTable, columns: Vec<ProfiledColumn>) -> Result<Self> {
        let found = columns.iter().map(|column| (column.column.clone(), Found::none(column.values)));
        let start = Self { found: found.collect() };
        if columns.is_empty() {
            return Ok(start);
        }
        let read = reading(columns.iter());
        let numbers = columns.iter().filter(|column| column.values == ColumnValues::Numbers).count().max(1);
        let rows = (SAMPLED_NUMBERS / numbers as u64).min(SAMPLED_ROWS);
        let sample = Sample { seed: seed_of("profile", ""), rate: rows as f64 / population.rows().max(1) as f64 };
        let look = move |group: RowGroup| look(group, &columns, sample);
        population.fold("survey columns", &read, start, look, Self::merge).await
    }

    /// The groups of a column's values: numbers in so many bins.
    pub(super) fn grouped(&self, column: &ProfiledColumn, bins: u32, more: Option<Frequent>) -> Result<Grouped> {
        let found = self.found.get(&column.column).ok_or(ScorerError::Broken)?.clone();
        let groups = match found {
            Found::Numbers(numbers) => Groups::of_values(numbers, bins as usize),
            Found::Texts(frequent) => {
                let mut texts = frequent.into_texts();
                let more = more.map_or_else(Vec::new, Frequent::into_texts);
                let known: std::collections::HashSet<String> = texts.iter().cloned().collect();
                texts.extend(more.into_iter().filter(|text| !known.contains(text)));
                Groups::Texts(texts)
            }
        };
        Ok(Grouped::new(column.clone(), groups))
    }

    /// The rows that a text must have more of to be surely there; 0 where all are.
    pub(super) fn surely_above(&self, column: &ColumnName) -> u64 {
        match self.found.get(column) {
            Some(Found::Texts(frequent)) => frequent.surely_above(),
            Some(Found::Numbers(_)) | None => 0,
        }
    }

    fn merge(&mut self, other: Self) {
        for (found, more) in self.found.values_mut().zip(other.found.into_values()) {
            match (found, more) {
                (Found::Numbers(numbers), Found::Numbers(more)) => numbers.extend(more),
                (Found::Texts(texts), Found::Texts(more)) => texts.merge(&more),
                (Found::Numbers(_) | Found::Texts(_), _) => {}
            }
        }
    }
}

impl Found {
    fn none(values: ColumnValues) -> Self {
        match values {
            ColumnValues::Numbers => Self::Numbers(Vec::new()),
            ColumnValues::Texts | ColumnValues::Days => Self::Texts(Frequent::default()),
        }
    }
}

/// Rows drawn by a hash of their place in the population.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seed: u64,
    rate: f64,
}

impl Sample {
    fn has(&self, position: u64) -> bool {
        self.rate >= 1.0 || unit_interval(hash_text(&position.to_le_bytes(), self.seed)) < self.rate
    }
}

fn look(group: RowGroup, columns: &[ProfiledColumn], sample: Sample) -> Result<Survey> {
    let mut found: Vec<Found> = columns.iter().map(|column| Found::none(column.values)).collect();
    for batch in group.batches()? {
        let (first, batch) = batch?;
        for (column, found) in columns.iter().zip(&mut found) {
            let values = column_of(&batch, &column.column)?;
            match found {
                Found::Numbers(numbers) => {
                    let drawn = column_numbers(values)?.into_iter().zip(first..);
                    numbers.extend(drawn.filter(|(_, position)| sample.has(*position)).map(|(number, _)| number));
                }
                Found::Texts(frequent) => add_texts(frequent, column, &batch, |_| true)?,
            }
        }
    }
    Ok(Survey { found: columns.iter().map(|column| column.column.clone()).zip(found).collect() })
}

fn add_texts(
    frequent: &mut Frequent,
    column: &ProfiledColumn,
    batch: &RecordBatch,
    is_wanted: impl Fn(usize) -> bool,
) -> Result<()> {
    let texts = Texts::of(column, column_of(batch, &column.column)?)?;
    texts.count(is_wanted).for_each(|(text, rows)| frequent.add(text, rows));
    frequent.prune();
    Ok(())
}

/// The most frequent texts of those who are selected, for columns of which the population has too many texts to know all.
///
/// # Errors
///
/// A population that cannot be read.
pub(super) async fn texts_of_selected(
    population: &ScoreTable,
    columns: Vec<ProfiledColumn>,
    marks: &mut Marks,
) -> Result<Vec<Frequent>> {
    let read = reading(columns.iter());
    let start = vec![Frequent::default(); columns.len()];
    let look = move |group: RowGroup, marks: Vec<u16>| {
        let mut found = vec![Frequent::default(); columns.len()];
        let mut place = 0;
        for batch in group.batches()? {
            let (_, batch) = batch?;
            let of_batch = &marks[place..place + batch.num_rows()];
            place += batch.num_rows();
            for (column, frequent) in columns.iter().zip(&mut found) {
                add_texts(frequent, column, &batch, |row| tier_of(of_batch[row]).is_some())?;
            }
        }
        Ok(found)
    };
    let merge = |all: &mut Vec<Frequent>, more: Vec<Frequent>| {
        all.iter_mut().zip(&more).for_each(|(all, more)| all.merge(more));
    };
    population.fold_beside("survey the selected", &read, marks, start, look, merge).await
}

//! Who of the population is in which tier, row by row from the score table, and what the score table says of them on the way.
//!
//! The two tables have the same rows in the same order, so that they are read side by side: marks wait for the population's next row
//! group, two bytes each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Float32Type;
use artifacts::ArtifactsError;
use artifacts::rows::Columns;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use query::KeySet;
use spec::ids::{ColumnName, TaskName};

use super::exact::ExactSum;
use crate::error::{Result, ScorerError};
use crate::publish::{Claims, RowGroup, ScoreTable, ScoredRows, Settled};
use crate::select::histogram::cell_of;

/// Marks a seed; the other bits are the tier, from 1.
const SEED: u16 = 1 << 15;

/// The tier of a mark.
pub(super) fn tier_of(mark: u16) -> Option<usize> {
    usize::from(mark & !SEED).checked_sub(1)
}

/// Whether a mark is that of a seed.
pub(super) fn is_seed(mark: u16) -> bool {
    mark & SEED != 0
}

/// Whom to mark.
#[derive(Debug, Clone)]
pub(crate) struct Marked<'a> {
    /// The score table's key.
    pub(crate) key: &'a ColumnName,
    /// Who is in the audience.
    pub(crate) settled: &'a Settled,
    /// The audience, and those that take people before it.
    pub(crate) claims: &'a Claims,
    /// Who is a seed.
    pub(crate) seeds: Option<Arc<KeySet>>,
    /// Outputs that are added up.
    pub(crate) tasks: Vec<TaskName>,
}

/// Marks in the order of the rows.
pub(crate) struct Marks {
    groups: BoxStream<'static, Result<(Vec<u16>, ScoreCounts)>>,
    waiting: VecDeque<u16>,
    counts: ScoreCounts,
    rows: u64,
}

/// What the score table says of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ScoreCounts {
    /// Sums of each task's outputs over the population.
    pub(super) population: Vec<ExactSum>,
    /// Over those of each tier who are addressed.
    pub(super) addressed: Vec<Vec<ExactSum>>,
    /// Over those of each tier who are held out.
    pub(super) held_out: Vec<Vec<ExactSum>>,
    /// Who is eligible, by cell of the rank.
    pub(super) cells: BTreeMap<u16, CellCounts>,
    /// Seeds in the population.
    pub(super) seeds: u64,
    /// Seeds who are selected.
    pub(super) selected_seeds: u64,
}

/// People of a cell of the rank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CellCounts {
    pub(super) eligible: u64,
    pub(super) tiers: Vec<u64>,
    pub(super) seeds: u64,
}

impl Marks {
    /// Starts a pass over the score table.
    pub(crate) fn of(table: &ScoreTable, marked: &Marked<'_>) -> Self {
        let claimed = marked.claims.columns(Some(marked.key.as_str()));
        let tasks = marked.tasks.iter().map(TaskName::to_string);
        let columns = Columns::new(claimed.names().iter().cloned().chain(tasks));
        let (settled, claims, seeds) = (marked.settled.clone(), marked.claims.clone(), marked.seeds.clone());
        let tasks = marked.tasks.len();
        let counts = ScoreCounts::none(settled.tiers.len(), tasks);
        // The pass beside it tells how far both are.
        let groups = table
            .unwatched()
            .scan("mark", &columns, move |group| mark(group, (&settled, &claims), seeds.as_deref(), tasks));
        Self { groups, waiting: VecDeque::new(), counts, rows: table.rows() }
    }

    /// The marks of the next rows.
    pub(crate) async fn next(&mut self, rows: u64) -> Result<Vec<u16>> {
        let wanted = usize::try_from(rows).map_err(|_| ScorerError::Broken)?;
        while self.waiting.len() < wanted {
            match self.groups.try_next().await? {
                Some((marks, counts)) => {
                    self.waiting.extend(marks);
                    self.counts.merge(counts);
                }
                None => {
                    let what = "the score table beside the population".to_owned();
                    return Err(
                        ArtifactsError::RowsDiffer { what, found: self.rows, expected: self.rows + rows }.into()
                    );
                }
            }
        }
        Ok(self.waiting.drain(..wanted).collect())
    }

    /// What was counted over the whole score table.
    pub(super) async fn finish(mut self) -> Result<ScoreCounts> {
        while let Some((_, counts)) = self.groups.try_next().await? {
            self.counts.merge(counts);
        }
        Ok(self.counts)
    }
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Marks").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl ScoreCounts {
    fn none(tiers: usize, tasks: usize) -> Self {
        let sums = vec![ExactSum::default(); tasks];
        let of_tiers = vec![sums.clone(); tiers];
        Self {
            population: sums,
            addressed: of_tiers.clone(),
            held_out: of_tiers,
            cells: BTreeMap::new(),
            seeds: 0,
            selected_seeds: 0,
        }
    }

    fn merge(&mut self, other: Self) {
        add_sums(&mut self.population, &other.population);
        self.addressed.iter_mut().zip(&other.addressed).for_each(|(sums, more)| add_sums(sums, more));
        self.held_out.iter_mut().zip(&other.held_out).for_each(|(sums, more)| add_sums(sums, more));
        for (cell, more) in other.cells {
            let counts = self.cells.entry(cell).or_default();
            counts.eligible += more.eligible;
            counts.seeds += more.seeds;
            counts.tiers.resize(more.tiers.len(), 0);
            counts.tiers.iter_mut().zip(more.tiers).for_each(|(count, more)| *count += more);
        }
        self.seeds += other.seeds;
        self.selected_seeds += other.selected_seeds;
    }

    /// Adds up the tasks' outputs, which are the columns from `first` on.
    fn add_outputs(&mut self, batch: &RecordBatch, first: usize, members: &[(Vec<u32>, Vec<u32>)]) -> Result<()> {
        for (task, total) in self.population.iter_mut().enumerate() {
            let outputs = batch.column(first + task);
            let outputs = outputs.as_primitive_opt::<Float32Type>().ok_or(ScorerError::Broken)?;
            outputs.values().iter().for_each(|output| total.add(*output));
            let add =
                |sum: &mut ExactSum, rows: &[u32]| rows.iter().for_each(|row| sum.add(outputs.value(*row as usize)));
            for (tier, (addressed, held_out)) in members.iter().enumerate() {
                add(&mut self.addressed[tier][task], addressed);
                add(&mut self.held_out[tier][task], held_out);
            }
        }
        Ok(())
    }

    fn add_ranks(&mut self, rows: &ScoredRows<'_>, marks: &[u16], tiers: usize) {
        for mark in marks {
            self.seeds += u64::from(is_seed(*mark));
            self.selected_seeds += u64::from(is_seed(*mark) && tier_of(*mark).is_some());
        }
        for (row, bits) in rows.bits() {
            let mark = &marks[row as usize];
            let cell = self.cells.entry(cell_of(bits)).or_default();
            cell.tiers.resize(tiers, 0);
            cell.eligible += 1;
            cell.seeds += u64::from(is_seed(*mark));
            if let Some(tier) = tier_of(*mark) {
                cell.tiers[tier] += 1;
            }
        }
    }
}

fn add_sums(sums: &mut [ExactSum], more: &[ExactSum]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| sum.merge(*more));
}

/// The marks of a row group's rows.
fn mark(
    group: RowGroup,
    (settled, claims): (&Settled, &Claims),
    seeds: Option<&KeySet>,
    tasks: usize,
) -> Result<(Vec<u16>, ScoreCounts)> {
    // The tasks' columns are behind the key's, which is behind the ranks'.
    let (key, first_task) = (claims.len(), claims.len() + 1);
    let tiers = settled.tiers.len();
    let (mut marks, mut counts) = (Vec::new(), ScoreCounts::none(tiers, tasks));
    for batch in group.batches()? {
        let (first, batch) = batch?;
        let claimed = claims.of(&batch, first)?.pop().ok_or(ScorerError::Broken)?;
        let rows = claimed.rows;
        let mut of_batch = vec![0_u16; batch.num_rows()];
        let mut members = Vec::with_capacity(tiers);
        for (tier, selected) in claimed.tiers.into_iter().enumerate() {
            selected.iter().for_each(|row| of_batch[*row as usize] = tier as u16 + 1);
            members.push(rows.hold_out(tier, selected, &settled.draws, settled.salt_seed)?);
        }
        if let Some(seeds) = seeds {
            let is_seed = seeds.contains_column(batch.column(key)).map_err(ScorerError::StoredKey)?;
            of_batch
                .iter_mut()
                .zip(is_seed.values())
                .filter(|(_, is_seed)| *is_seed)
                .for_each(|(mark, _)| *mark |= SEED);
        }
        counts.add_outputs(&batch, first_task, &members)?;
        counts.add_ranks(&rows, &of_batch, tiers);
        marks.extend(of_batch);
    }
    Ok((marks, counts))
}

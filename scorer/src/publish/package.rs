//! Writes an audience's files: one pass over the score table, rows to the files of their tier or its holdout.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Float64Type, SchemaRef};
use artifacts::Workspace;
use artifacts::audience::{AudienceFile, TierSummary, package_file};
use artifacts::rows::Columns;
use futures::TryStreamExt;
use indexmap::IndexMap;
use spec::FileFormat;
use spec::ids::{AudienceName, ColumnName, TierName, Version};

use super::parts::{Parts, PartsSink, published_schema};
use super::rows::ScoredRows;
use super::settle::Settled;
use super::table::{RowGroup, ScoreTable};
use crate::columns::rank_column;
use crate::error::{Result, ScorerError};
use crate::score::ids::{IdRecipe, published};
use crate::score::layout::{PublishedId, published_columns};

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package<'a> {
    /// The workspace.
    pub(crate) workspace: &'a Workspace,
    /// The audience.
    pub(crate) audience: &'a AudienceName,
    /// The version that the run claimed.
    pub(crate) version: Version,
    /// How files are written.
    pub(crate) format: &'a FileFormat,
    /// The published ids.
    pub(crate) ids: &'a [PublishedId],
    /// The score table's key column.
    pub(crate) key: &'a ColumnName,
    /// Who is in it.
    pub(crate) settled: &'a Settled,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Written {
    /// The tiers, from the top down.
    pub(crate) tiers: IndexMap<TierName, TierSummary>,
    /// The files, by tier, each tier's holdout behind its own.
    pub(crate) files: Vec<AudienceFile>,
    /// For each published id, how many people have none.
    pub(crate) missing_ids: IndexMap<String, u64>,
}

/// Rows of one row group by slot: a tier's own at twice its index, its holdout's behind.
#[derive(Debug)]
struct Divided {
    slots: Vec<Option<RecordBatch>>,
    ranges: Vec<Range>,
    missing_ids: Vec<u64>,
}

/// The lowest and highest rank of a tier.
#[derive(Debug, Clone, Copy, Default)]
struct Range(Option<(f64, f64)>);

impl Range {
    fn widen(&mut self, other: Self) {
        self.0 = match (self.0, other.0) {
            (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
            (one, other) => one.or(other),
        };
    }

    fn of(batch: &RecordBatch) -> Self {
        let scores = batch.column(batch.num_columns() - 1).as_primitive::<Float64Type>();
        let mut range = Self::default();
        scores.values().iter().for_each(|score| range.widen(Self(Some((*score, *score)))));
        range
    }
}

impl Package<'_> {
    /// Writes all files; none of them is part of anything that a reader sees yet.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(crate) async fn write(&self, table: &ScoreTable) -> Result<Written> {
        let divider = self.divider(table)?;
        let sinks = self.open_sinks(&divider.schema);
        let tiers = self.settled.tiers.len();
        let (mut ranges, mut missing) = (vec![Range::default(); tiers], vec![0; divider.ids.len()]);
        let phase = format!("write {}", self.audience);
        let mut groups = table.scan(&phase, &divider.columns.clone(), move |group| divider.divide(group));
        while let Some(divided) = groups.try_next().await? {
            ranges.iter_mut().zip(divided.ranges).for_each(|(range, more)| range.widen(more));
            missing.iter_mut().zip(divided.missing_ids).for_each(|(sum, more)| *sum += more);
            let full = divided.slots.into_iter().enumerate().filter_map(|(slot, rows)| Some((slot, rows?)));
            let mut has_stopped = false;
            for (slot, rows) in full {
                has_stopped |= sinks[slot].send(rows).await.is_err();
            }
            if has_stopped {
                break;
            }
        }
        self.finish(sinks, &ranges, &missing).await
    }

    fn open_sinks(&self, schema: &SchemaRef) -> Vec<PartsSink> {
        let slots = self.settled.tiers.iter().flat_map(|tier| [(tier, false), (tier, true)]);
        let open = |(tier, is_holdout): (&crate::select::cut::TierRows, bool)| {
            let parts = Parts {
                workspace: self.workspace.clone(),
                audience: self.audience.clone(),
                version: self.version,
                tier: tier.tier.clone(),
                is_holdout,
                format: self.format.clone(),
                schema: Arc::clone(schema),
            };
            parts.open()
        };
        slots.map(open).collect()
    }

    async fn finish(&self, sinks: Vec<PartsSink>, ranges: &[Range], missing: &[u64]) -> Result<Written> {
        let mut written = Written::default();
        for (slot, sink) in sinks.into_iter().enumerate() {
            let (tier, is_holdout) = (&self.settled.tiers[slot / 2].tier, slot % 2 == 1);
            for record in sink.finish().await? {
                written.files.push(package_file(self.audience, self.version, tier, is_holdout, &record));
            }
        }
        for ((tier, held), range) in self.settled.tiers.iter().zip(&self.settled.held_out).zip(ranges) {
            let (lowest, highest) = range.0.unzip();
            let summary = TierSummary { people: tier.rows - held, holdout: *held, highest, lowest };
            written.tiers.insert(tier.tier.clone(), summary);
        }
        let names = self.ids.iter().map(|(name, _)| name.clone());
        written.missing_ids = names.zip(missing.iter().copied()).collect();
        Ok(written)
    }

    fn divider(&self, table: &ScoreTable) -> Result<Divider> {
        let rank = rank_column(self.audience);
        let stored = self.ids.iter().map(|(_, recipe)| match recipe.column == *self.key {
            true => self.key.to_string(),
            false => recipe.stored_name(),
        });
        let names: Vec<String> = [rank, self.key.to_string()].into_iter().chain(stored).collect();
        let columns = Columns::new(&names);
        let place = |name: &String| columns.names().iter().position(|other| other == name).unwrap_or(RANK);
        let ids = self.ids.iter().zip(&names[2..]).map(|((_, recipe), name)| IdSource {
            column: place(name),
            recipe: (recipe.column == *self.key).then(|| recipe.clone()),
        });
        let types = match table.sample() {
            Some(file) => published_columns(self.ids, self.key, file.schema())?,
            None => Vec::new(),
        };
        let (ids, settled) = (ids.collect(), self.settled.clone());
        Ok(Divider { ids, settled, schema: published_schema(types), columns })
    }
}

/// Where the rank and the key are in the batches of this pass.
const RANK: usize = 0;
const KEY: usize = 1;

/// Divides row groups; moved to the threads that decode.
#[derive(Debug)]
struct Divider {
    columns: Columns,
    ids: Vec<IdSource>,
    settled: Settled,
    schema: SchemaRef,
}

/// One published id: a column of the batch, and a recipe where it is made only now, of the key.
#[derive(Debug)]
struct IdSource {
    column: usize,
    recipe: Option<IdRecipe>,
}

impl Divider {
    fn divide(&self, group: RowGroup) -> Result<Divided> {
        let tiers = self.settled.tiers.len();
        let mut slots = vec![Vec::new(); 2 * tiers];
        for batch in group.batches()? {
            let (first, batch) = batch?;
            let rows = ScoredRows::of(&batch, RANK, Some(KEY), first);
            for (tier, members) in rows.tiers(&self.settled.cuts, tiers)?.into_iter().enumerate() {
                let (draws, salt_seed) = (&self.settled.draws, self.settled.salt_seed);
                let (people, held) = rows.hold_out(tier, members, draws, salt_seed)?;
                for (slot, rows) in [(2 * tier, people), (2 * tier + 1, held)] {
                    if !rows.is_empty() {
                        slots[slot].push(self.publish(&batch, rows)?);
                    }
                }
            }
        }
        let join = |batches: Vec<RecordBatch>| match batches.as_slice() {
            [] => Ok(None),
            batches => concat_batches(&self.schema, batches).map(Some).map_err(ScorerError::rows),
        };
        let slots = slots.into_iter().map(join).collect::<Result<Vec<_>>>()?;
        Ok(Divided { ranges: self.ranges(&slots), missing_ids: self.missing_ids(&slots), slots })
    }

    fn publish(&self, batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
        let rows = UInt32Array::from(rows);
        let column = |index: usize| take(batch.column(index), &rows, None).map_err(ScorerError::rows);
        let ids = self.ids.iter().map(|id| {
            let stored: ArrayRef = match &id.recipe {
                Some(recipe) => recipe.derive(&column(id.column)?)?,
                None => column(id.column)?,
            };
            Ok(published(&stored))
        });
        let mut columns = ids.collect::<Result<Vec<_>>>()?;
        columns.push(column(RANK)?);
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(ScorerError::rows)
    }

    fn ranges(&self, slots: &[Option<RecordBatch>]) -> Vec<Range> {
        let mut ranges = vec![Range::default(); self.settled.tiers.len()];
        for (slot, rows) in slots.iter().enumerate() {
            ranges[slot / 2].widen(rows.as_ref().map_or_else(Range::default, Range::of));
        }
        ranges
    }

    fn missing_ids(&self, slots: &[Option<RecordBatch>]) -> Vec<u64> {
        let missing = |id| slots.iter().flatten().map(|rows| rows.column(id).null_count() as u64).sum();
        (0..self.ids.len()).map(missing).collect()
    }
}

//! Writes an audience's files: one pass over the score table, rows to the files of their tier or its holdout.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Float64Type, SchemaRef};
use artifacts::audience::{AudienceFile, DescriptionFile, TierRows, TierSummary, package_file};
use artifacts::rows::Columns;
use artifacts::{ArtifactsError, Workspace};
use futures::TryStreamExt;
use indexmap::IndexMap;
use spec::FileFormat;
use spec::ids::{AudienceName, ColumnName, TierName, Version};

use super::claims::Claims;
use super::parts::{Parts, PartsSink, published_schema};
use super::settle::Settled;
use super::table::{RowGroup, ScoreTable};
use crate::error::{Result, ScorerError};
use crate::score::ids::{Derived, IdRecipe, exploded, list_item, published};
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
    /// The audience, and those that take people before it.
    pub(crate) claims: &'a Claims,
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
    /// For each published id that can be invalid, how many people have a value that is.
    pub(crate) invalid_ids: IndexMap<String, u64>,
    /// For each published id that is made with a secret key, the key's id.
    pub(crate) id_keys: IndexMap<String, String>,
    /// Rows of each tier's files where people have several.
    pub(crate) rows: IndexMap<TierName, TierRows>,
    /// What describes its people.
    pub(crate) descriptions: Vec<DescriptionFile>,
}

/// Rows of one row group by slot: a tier's own at twice its index, its holdout's behind.
#[derive(Debug)]
struct Divided {
    slots: Vec<Option<RecordBatch>>,
    ranges: Vec<Range>,
    /// People of each slot, whatever rows they have.
    people: Vec<u64>,
    missing_ids: Vec<u64>,
    invalid_ids: Vec<u64>,
}

/// What is summed up over row groups.
#[derive(Debug, Clone)]
struct Sums {
    ranges: Vec<Range>,
    people: Vec<u64>,
    missing_ids: Vec<u64>,
    invalid_ids: Vec<u64>,
}

impl Sums {
    fn new(tiers: usize, ids: usize) -> Self {
        let (ranges, people) = (vec![Range::default(); tiers], vec![0; 2 * tiers]);
        Self { ranges, people, missing_ids: vec![0; ids], invalid_ids: vec![0; ids] }
    }

    fn add(&mut self, divided: &Divided) {
        self.ranges.iter_mut().zip(&divided.ranges).for_each(|(range, more)| range.widen(*more));
        let sums = [
            (&mut self.people, &divided.people),
            (&mut self.missing_ids, &divided.missing_ids),
            (&mut self.invalid_ids, &divided.invalid_ids),
        ];
        for (sums, more) in sums {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    }
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
        let mut sums = Sums::new(tiers, divider.ids.len());
        let phase = format!("write {}", self.audience);
        let mut groups = table.scan(&phase, &divider.columns.clone(), move |group| divider.divide(group));
        while let Some(divided) = groups.try_next().await? {
            sums.add(&divided);
            let full = divided.slots.into_iter().enumerate().filter_map(|(slot, rows)| Some((slot, rows?)));
            let mut has_stopped = false;
            for (slot, rows) in full {
                has_stopped |= sinks[slot].send(rows).await.is_err();
            }
            if has_stopped {
                break;
            }
        }
        self.finish(sinks, &sums).await
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

    async fn finish(&self, sinks: Vec<PartsSink>, sums: &Sums) -> Result<Written> {
        let mut written = Written::default();
        let mut rows = vec![0; sinks.len()];
        for (slot, sink) in sinks.into_iter().enumerate() {
            let (tier, is_holdout) = (&self.settled.tiers[slot / 2].tier, slot % 2 == 1);
            for record in sink.finish().await? {
                rows[slot] += record.rows;
                written.files.push(package_file(self.audience, self.version, tier, is_holdout, &record));
            }
        }
        for ((tier, held), range) in self.settled.tiers.iter().zip(&self.settled.held_out).zip(&sums.ranges) {
            let (lowest, highest) = range.0.unzip();
            let summary = TierSummary { people: tier.rows - held, holdout: *held, highest, lowest };
            written.tiers.insert(tier.tier.clone(), summary);
        }
        if self.ids.iter().any(|id| id.explode) {
            self.check_people(&written.tiers, &sums.people)?;
            let of_tiers = rows.chunks(2).map(|rows| TierRows { people: rows[0], holdout: rows[1] });
            written.rows = written.tiers.keys().cloned().zip(of_tiers).collect();
        }
        for ((id, missing), invalid) in self.ids.iter().zip(&sums.missing_ids).zip(&sums.invalid_ids) {
            written.missing_ids.insert(id.name.clone(), *missing);
            if id.recipe.normalizer.can_refuse() {
                written.invalid_ids.insert(id.name.clone(), *invalid);
            }
            if let Some(key) = id.recipe.key_id() {
                written.id_keys.insert(id.name.clone(), key.to_owned());
            }
        }
        Ok(written)
    }

    /// The people of each tier are those that were settled; where rows are ids, their files do not say it.
    fn check_people(&self, tiers: &IndexMap<TierName, TierSummary>, found: &[u64]) -> Result<()> {
        let settled = tiers.values().flat_map(|tier| [tier.people, tier.holdout]);
        for ((slot, expected), found) in settled.enumerate().zip(found) {
            if *found != expected {
                let tier = &self.settled.tiers[slot / 2].tier;
                let what = format!("the people of tier `{tier}` of audience `{}`", self.audience);
                return Err(ArtifactsError::RowsDiffer { what, found: *found, expected }.into());
            }
        }
        Ok(())
    }

    fn divider(&self, table: &ScoreTable) -> Result<Divider> {
        let ranks = self.claims.columns(Some(self.key.as_str())).names().to_vec();
        let rank = self.claims.len() - 1;
        let is_key = |id: &PublishedId| id.recipe.column == *self.key;
        let stored = |id: &PublishedId| if is_key(id) { self.key.to_string() } else { id.recipe.stored_name() };
        let marked = |id: &PublishedId| id.recipe.invalid_name().filter(|_| !is_key(id));
        let ids_and_marks = self.ids.iter().flat_map(|id| std::iter::once(stored(id)).chain(marked(id)));
        let columns = Columns::new(ranks.into_iter().chain(ids_and_marks));
        let place = |name: &String| columns.names().iter().position(|other| other == name).unwrap_or(rank);
        let source = |id: &PublishedId| IdSource {
            column: place(&stored(id)),
            invalid: marked(id).as_ref().map(place),
            recipe: is_key(id).then(|| id.recipe.clone()),
        };
        let ids = self.ids.iter().map(source).collect();
        let types = match table.sample() {
            Some(file) => published_columns(self.ids, self.key, file.schema())?,
            None => Vec::new(),
        };
        let exploded = self.ids.iter().position(|id| id.explode).filter(|_| !types.is_empty());
        let people = published_schema(types.clone());
        let schema = match exploded {
            None => Arc::clone(&people),
            Some(list) => published_schema(types.into_iter().enumerate().map(|(index, (name, data_type))| {
                let item = list_item(&data_type).filter(|_| index == list).cloned();
                (name, item.unwrap_or(data_type))
            })),
        };
        let (claims, settled) = (self.claims.clone(), self.settled.clone());
        Ok(Divider { claims, rank, ids, settled, people, exploded, schema, columns })
    }
}

/// Divides row groups; moved to the threads that decode.
#[derive(Debug)]
struct Divider {
    claims: Claims,
    /// Where the audience's own rank is in the batches of this pass: behind those of whoever takes people before it.
    rank: usize,
    columns: Columns,
    ids: Vec<IdSource>,
    settled: Settled,
    /// The columns of a row for each person.
    people: SchemaRef,
    /// The published column with a row for each of its ids.
    exploded: Option<usize>,
    /// The columns of the files.
    schema: SchemaRef,
}

/// One published id: a column of the batch, with the one that marks who has a value that is no id, and a recipe where it is
/// made only now, of the key.
#[derive(Debug)]
struct IdSource {
    column: usize,
    invalid: Option<usize>,
    recipe: Option<IdRecipe>,
}

impl Divider {
    fn divide(&self, group: RowGroup) -> Result<Divided> {
        let tiers = self.settled.tiers.len();
        let mut slots = vec![Vec::new(); 2 * tiers];
        let mut invalid_ids = vec![0; self.ids.len()];
        for batch in group.batches()? {
            let (first, batch) = batch?;
            let Some(claimed) = self.claims.of(&batch, first)?.pop() else { continue };
            let rows = &claimed.rows;
            for (tier, members) in claimed.tiers.into_iter().enumerate() {
                let (draws, salt_seed) = (&self.settled.draws, self.settled.salt_seed);
                let (people, held) = rows.hold_out(tier, members, draws, salt_seed)?;
                for (slot, rows) in [(2 * tier, people), (2 * tier + 1, held)] {
                    if !rows.is_empty() {
                        slots[slot].push(self.publish(&batch, rows, &mut invalid_ids)?);
                    }
                }
            }
        }
        let join = |batches: Vec<RecordBatch>| match batches.as_slice() {
            [] => Ok(None),
            batches => concat_batches(&self.people, batches).map(Some).map_err(ScorerError::rows),
        };
        let slots = slots.into_iter().map(join).collect::<Result<Vec<_>>>()?;
        let (ranges, missing_ids) = (self.ranges(&slots), self.missing_ids(&slots));
        let people = slots.iter().map(|rows| rows.as_ref().map_or(0, RecordBatch::num_rows) as u64).collect();
        let slots = match self.exploded {
            None => slots,
            Some(list) => {
                let rows_of =
                    |rows: Option<RecordBatch>| rows.map(|rows| exploded(&rows, list, &self.schema)).transpose();
                slots.into_iter().map(rows_of).collect::<Result<_>>()?
            }
        };
        Ok(Divided { ranges, people, missing_ids, invalid_ids, slots })
    }

    /// A row for each person; people who have an invalid id are counted.
    fn publish(&self, batch: &RecordBatch, rows: Vec<u32>, invalid_ids: &mut [u64]) -> Result<RecordBatch> {
        let rows = UInt32Array::from(rows);
        let column = |index: usize| take(batch.column(index), &rows, None).map_err(ScorerError::rows);
        let mut columns = Vec::with_capacity(self.ids.len() + 1);
        for (id, invalid_ids) in self.ids.iter().zip(invalid_ids) {
            let stored = column(id.column)?;
            let made = match (&id.recipe, id.invalid) {
                (Some(recipe), _) => recipe.derive(&stored)?,
                (None, None) => Derived { ids: stored, invalid: None },
                (None, Some(mark)) => Derived { ids: stored, invalid: Some(column(mark)?.as_boolean().clone()) },
            };
            *invalid_ids += made.invalid.map_or(0, |invalid| invalid.true_count() as u64);
            columns.push(published(&made.ids));
        }
        columns.push(column(self.rank)?);
        RecordBatch::try_new(Arc::clone(&self.people), columns).map_err(ScorerError::rows)
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

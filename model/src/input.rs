//! Encoded rows: what encoders write, what a feed carries and what a network reads. Plain buffers, no tensors.
//!
//! A network sees a row as `x = [numeric | table 0's slots | table 1's slots | …]`, [`InputLayout::width`] numbers:
//! embedding tables of one width are one merged matrix, so that a batch needs one gather a width. Ids are rows of
//! that matrix: a slot's `first_row` is already added.

mod deal;
mod pooling;
pub(crate) mod single;

use std::collections::BTreeMap;
use std::ops::Range;

use spec::{EmbeddingTableName, FeatureName};

pub use self::pooling::{Attended, AttentionKind, Pooling};

/// Where each feature lies in the encoded batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InputLayout {
    /// Parts of the numeric buffer, in order.
    pub numeric: Vec<NumericSlot>,
    /// Merged embedding tables, one a width, ascending.
    pub tables: Vec<TableLayout>,
    /// What is pooled by attention, in the document's order.
    pub attended: Vec<Attended>,
}

/// A feature's part of the numeric buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumericSlot {
    /// The feature.
    pub feature: FeatureName,
    /// How many numbers of each row it has.
    pub width: usize,
}

/// All embedding tables of one width, as one matrix of `rows` × `width`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableLayout {
    /// Numbers an embedding.
    pub width: usize,
    /// Rows of the merged matrix, below 2³¹.
    pub rows: usize,
    /// Its features: those with one id a row first, then bags; each group in the document's order.
    pub slots: Vec<Slot>,
}

/// A feature's part of a merged table.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The feature.
    pub feature: FeatureName,
    /// The table that it shares with others, if it shares one.
    pub table: Option<EmbeddingTableName>,
    /// The first row of the merged matrix that is the feature's; those of one table have the same rows.
    pub first_row: u32,
    /// How many rows are.
    pub rows: u32,
    /// How the embeddings of a bag are pooled; none where there is one id a row.
    pub pool: Option<Pooling>,
}

impl InputLayout {
    /// Numbers of a row in [`Inputs::numeric`].
    pub fn numeric_width(&self) -> usize {
        self.numeric.iter().map(|slot| slot.width).sum()
    }

    /// Numbers of a row as a network sees it.
    pub fn width(&self) -> usize {
        self.numeric_width() + self.tables.iter().map(TableLayout::output_width).sum::<usize>()
    }

    /// Ids of a row in [`Inputs::ids`].
    pub fn single_slots(&self) -> usize {
        self.tables.iter().map(TableLayout::single_slots).sum()
    }

    /// Bags of a row: the length of [`Inputs::bags`].
    pub fn bag_slots(&self) -> usize {
        self.tables.iter().map(|table| table.bags().len()).sum()
    }

    /// Where a table's ids begin in [`Inputs::ids`], counted in ids of one row: times `rows` it is the index.
    pub fn slots_before(&self, table: usize) -> usize {
        self.tables[..table].iter().map(TableLayout::single_slots).sum()
    }
}

impl TableLayout {
    /// How many of its slots have one id a row; they come first.
    pub fn single_slots(&self) -> usize {
        self.slots.iter().take_while(|slot| slot.pool.is_none()).count()
    }

    /// Its slots with one id a row.
    pub fn singles(&self) -> &[Slot] {
        &self.slots[..self.single_slots()]
    }

    /// Its slots with a list of ids a row.
    pub fn bags(&self) -> &[Slot] {
        &self.slots[self.single_slots()..]
    }

    /// Numbers of a row in `x` that come from this table.
    pub fn output_width(&self) -> usize {
        self.width * self.slots.len()
    }

    /// The first row of a table that features share, once one of them has its slot.
    pub fn first_row_of(&self, table: &EmbeddingTableName) -> Option<u32> {
        self.slots.iter().find(|slot| slot.table.as_ref() == Some(table)).map(|slot| slot.first_row)
    }

    /// Its runs of rows, ascending: each a feature's own, or those of a table that features share.
    pub fn sections(&self) -> Vec<Section<'_>> {
        let mut sections: Vec<Section<'_>> = Vec::with_capacity(self.slots.len());
        let mut shared: BTreeMap<&EmbeddingTableName, usize> = BTreeMap::new();
        for (place, slot) in self.slots.iter().enumerate() {
            match slot.table.as_ref().and_then(|table| shared.get(table)) {
                Some(&section) => sections[section].slots.push(place),
                None => {
                    shared.extend(slot.table.as_ref().map(|table| (table, sections.len())));
                    sections.push(Section { first: slot, slots: vec![place] });
                }
            }
        }
        sections
    }
}

/// A run of a merged table's rows that is one embedding table.
#[derive(Debug, Clone, PartialEq)]
pub struct Section<'a> {
    /// The first slot that has it; its rows are the section's.
    pub first: &'a Slot,
    /// The places of all slots that have it, ascending.
    pub slots: Vec<usize>,
}

/// One encoded batch. Reusable: an encoder clears and refills it without giving memory back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inputs {
    /// How many rows.
    pub rows: usize,
    /// Rows of the merged tables, for each table in order: `[rows, single slots]`, row-major.
    pub ids: Vec<i32>,
    /// `[rows, numeric_width]`, row-major, always finite.
    pub numeric: Vec<f32>,
    /// One a bag slot, tables in order.
    pub bags: Vec<Bag>,
}

/// The ids of one bag slot: row `r` has `ids[offsets[r]..offsets[r + 1]]`, and the weights at the same places.
#[derive(Debug, Clone, PartialEq)]
pub struct Bag {
    /// `[rows + 1]`, starting with 0.
    pub offsets: Vec<i32>,
    /// Rows of the slot's merged table.
    pub ids: Vec<i32>,
    /// What each id's embedding is multiplied by where the slot is pooled by weights; else nothing.
    pub weights: Vec<f32>,
}

impl Default for Bag {
    fn default() -> Self {
        Self { offsets: vec![0], ids: Vec::new(), weights: Vec::new() }
    }
}

impl Bag {
    /// The ids of one row.
    pub fn row(&self, row: usize) -> &[i32] {
        &self.ids[self.places(row)]
    }

    /// The weights of one row's ids; nothing where the bag has none.
    pub fn row_weights(&self, row: usize) -> &[f32] {
        self.weights.get(self.places(row)).unwrap_or_default()
    }

    fn places(&self, row: usize) -> Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// Appends a row; where the bag has weights, the caller appends them.
    pub fn push(&mut self, ids: &[i32]) {
        self.ids.extend_from_slice(ids);
        self.offsets.push(self.ids.len() as i32);
    }

    /// Appends a row of another bag, with its weights.
    pub fn push_row(&mut self, from: &Self, row: usize) {
        self.weights.extend_from_slice(from.row_weights(row));
        self.push(from.row(row));
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.offsets.push(0);
        self.ids.clear();
        self.weights.clear();
    }
}

impl Inputs {
    /// Makes room for `rows` rows: singles and numbers are there to be overwritten, bags are empty.
    pub fn reset(&mut self, layout: &InputLayout, rows: usize) {
        self.rows = rows;
        self.ids.resize(rows * layout.single_slots(), 0);
        self.numeric.resize(rows * layout.numeric_width(), 0.0);
        self.bags.resize_with(layout.bag_slots(), Bag::default);
        self.bags.iter_mut().for_each(Bag::clear);
    }

    /// The ids of some rows of one table, `[rows, single slots]`.
    pub fn table_ids(&self, layout: &InputLayout, table: usize, rows: Range<usize>) -> &[i32] {
        let slots = layout.tables[table].single_slots();
        let first = layout.slots_before(table) * self.rows;
        &self.ids[first + rows.start * slots..first + rows.end * slots]
    }

    /// The numbers of some rows, `[rows, numeric_width]`.
    pub fn numeric_rows(&self, layout: &InputLayout, rows: Range<usize>) -> &[f32] {
        let width = layout.numeric_width();
        &self.numeric[rows.start * width..rows.end * width]
    }

    /// Refills `self` with the given rows of other batches of the same layout: (batch, row) pairs, in that order.
    pub fn gather(&mut self, layout: &InputLayout, batches: &[&Inputs], rows: &[(u32, u32)]) {
        self.reset(layout, rows.len());
        let width = layout.numeric_width();
        copy_rows(&mut self.numeric, width, rows, |batch| &batches[batch].numeric);
        let mut rest = self.ids.as_mut_slice();
        for (index, table) in layout.tables.iter().enumerate() {
            let slots = table.single_slots();
            let (ids, others) = rest.split_at_mut(rows.len() * slots);
            rest = others;
            let before = layout.slots_before(index);
            copy_rows(ids, slots, rows, |batch| &batches[batch].ids[before * batches[batch].rows..]);
        }
        for (index, bag) in self.bags.iter_mut().enumerate() {
            rows.iter().for_each(|&(batch, row)| bag.push_row(&batches[batch as usize].bags[index], row as usize));
        }
    }

    /// Bytes that the rows take.
    pub fn size_bytes(&self) -> usize {
        let bags = self.bags.iter().map(|bag| bag.offsets.len() + bag.ids.len() + bag.weights.len()).sum::<usize>();
        (self.ids.len() + self.numeric.len() + bags) * 4
    }
}

fn copy_rows<'a, T: Copy + 'a>(to: &mut [T], width: usize, rows: &[(u32, u32)], from: impl Fn(usize) -> &'a [T]) {
    if width == 0 {
        return;
    }
    for (to, &(batch, row)) in to.chunks_exact_mut(width).zip(rows) {
        let first = row as usize * width;
        to.copy_from_slice(&from(batch as usize)[first..first + width]);
    }
}

/// What the rows of a batch teach.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Targets {
    /// `[tasks, rows]`: 0 or 1 for binary and lookalike tasks, an amount for value tasks, a number for
    /// regression tasks, the place of the class for multiclass tasks (that of no class of its own behind the last), 0
    /// where not observed.
    pub labels: Vec<f32>,
    /// `[tasks, rows]`, non-negative and finite: what a row counts for a task. 0 where its label was not observed or the
    /// task does not learn from the row, else the task's own weight of it, 1 where it has none.
    pub observed: Vec<f32>,
    /// `[rows]`, non-negative and finite: what a row counts for all tasks; none where every row counts 1.
    pub weights: Option<Vec<f32>>,
}

impl Targets {
    /// The rows, of `rows`, that count for a task: each with its label and with what it counts in measures.
    pub fn counting(&self, task: usize, rows: usize) -> impl Iterator<Item = (usize, f32, f32)> {
        let of_task = task * rows..(task + 1) * rows;
        let labelled = self.labels[of_task.clone()].iter().zip(&self.observed[of_task]).enumerate();
        let weight = |row: usize| self.weights.as_ref().map_or(1.0, |weights| weights[row]);
        labelled
            .filter(|(_, (_, observed))| **observed > 0.0)
            .map(move |(row, (label, observed))| (row, *label, *observed * weight(row)))
    }

    /// Refills `self` with the given rows of other batches with as many tasks: (batch, row) pairs, in that order.
    pub fn gather(&mut self, tasks: usize, batches: &[&Targets], rows: &[(u32, u32)]) {
        self.labels.clear();
        self.observed.clear();
        for task in 0..tasks {
            pick(&mut self.labels, tasks, task, rows, |batch| &batches[batch].labels);
            pick(&mut self.observed, tasks, task, rows, |batch| &batches[batch].observed);
        }
        let weighted = batches.iter().all(|batch| batch.weights.is_some()) && !batches.is_empty();
        self.weights = weighted.then(|| {
            let mut weights = self.weights.take().unwrap_or_default();
            weights.clear();
            pick(&mut weights, 1, 0, rows, |batch| batches[batch].weights.as_deref().unwrap_or_default());
            weights
        });
    }
}

fn pick<'a>(to: &mut Vec<f32>, parts: usize, part: usize, rows: &[(u32, u32)], from: impl Fn(usize) -> &'a [f32]) {
    to.extend(rows.iter().map(|&(batch, row)| {
        let values = from(batch as usize);
        values[part * (values.len() / parts) + row as usize]
    }));
}

/// One encoded batch with its targets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// What the network reads.
    pub inputs: Inputs,
    /// What it learns to predict.
    pub targets: Targets,
}

#[cfg(test)]
mod tests;

//! The hot path: batches of rows to ids and numbers.
//!
//! A column is looked up for a few thousand rows at a time, so that its table stays in the cache, into a scratch buffer of columns;
//! blocks of those are then turned into rows. An entry of a dictionary is looked up once for as long as batches share it.

mod numeric;
mod single;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use self::numeric::NumericColumn;
use self::single::{Caches, SingleColumn};
use super::bag::BagWriter;
use super::bind::Columns;
use super::encoders::{Encoders, Encoding, FittedFeature};
use super::error::EncodeError;
use super::transpose::transpose;
use super::vector::ProjectedWriter;
use crate::input::{Bag, InputLayout, Inputs, Slot};

/// Most rows that are looked up before they are turned.
const CHUNK: usize = 4096;

/// Numbers or ids that such a chunk has at most, so that it stays in a core's second-level cache; at least [`LINE`] rows.
const CHUNK_NUMBERS: usize = 1 << 17;

/// Numbers of a cache line. Columns of a chunk lie one line more than their length apart: at a power of two, all of them
/// would compete for the same few lines of the cache.
const LINE: usize = 16;

/// Encodes batches of one schema. A clone shares the tables and has caches of its own: one a thread.
#[derive(Debug)]
pub struct Encoder {
    plan: Arc<Plan>,
    caches: Vec<Caches>,
    scratch: Scratch,
}

impl Clone for Encoder {
    fn clone(&self) -> Self {
        Self::with_plan(self.plan.clone())
    }
}

#[derive(Debug)]
struct Plan {
    layout: InputLayout,
    numeric: Vec<NumericColumn>,
    /// For each table, its slots of one id a row.
    singles: Vec<Vec<SingleColumn>>,
    bags: Vec<BagColumn>,
}

#[derive(Debug)]
enum BagColumn {
    List(BagWriter),
    Vector(ProjectedWriter),
}

#[derive(Debug, Default)]
struct Scratch {
    ids: Vec<i32>,
    numeric: Vec<f32>,
    values: Values,
}

/// Values of a column on their way to numbers or ids.
#[derive(Debug, Default)]
struct Values {
    numbers: Vec<f64>,
    hashes: Vec<u64>,
}

impl BagColumn {
    fn bind(
        encoders: &Encoders,
        feature: &FittedFeature,
        first_row: u32,
        table: &Columns<'_>,
    ) -> Result<Self, EncodeError> {
        match feature.encoding {
            Encoding::Vector(_) => ProjectedWriter::bind(feature, first_row, table).map(Self::Vector),
            _ => BagWriter::bind(encoders, feature, first_row, table).map(Self::List),
        }
    }

    /// Appends the rows of a batch to an empty bag.
    fn write(
        &self,
        batch: &RecordBatch,
        caches: &mut Caches,
        scratch: &mut Scratch,
        out: &mut Bag,
    ) -> Result<(), EncodeError> {
        match self {
            Self::List(writer) => writer.write(batch, &mut caches.ids, &mut scratch.ids, out),
            Self::Vector(writer) => writer.write(batch, &mut scratch.values.numbers, out),
        }
    }
}

impl Encoder {
    /// Binds encoders to a schema.
    pub(super) fn new(encoders: &Encoders, schema: &Schema) -> Result<Self, EncodeError> {
        let (layout, table) = (encoders.layout(), Columns::of(schema));
        let named: HashMap<_, _> = encoders.features().iter().map(|feature| (&feature.name, feature)).collect();
        let numeric = layout.numeric.iter().map(|slot| NumericColumn::bind(named[&slot.feature], &table));
        let numeric = numeric.collect::<Result<_, _>>()?;
        let (mut singles, mut bags) = (Vec::new(), Vec::new());
        for merged in &layout.tables {
            let bind = |slot: &Slot| SingleColumn::bind(encoders, named[&slot.feature], slot.first_row, &table);
            singles.push(merged.singles().iter().map(bind).collect::<Result<Vec<_>, _>>()?);
            for slot in merged.bags() {
                bags.push(BagColumn::bind(encoders, named[&slot.feature], slot.first_row, &table)?);
            }
        }
        Ok(Self::with_plan(Arc::new(Plan { layout, numeric, singles, bags })))
    }

    fn with_plan(plan: Arc<Plan>) -> Self {
        let slots = plan.layout.single_slots() + plan.bags.len();
        let mut caches = Vec::new();
        caches.resize_with(slots, Caches::default);
        Self { plan, caches, scratch: Scratch::default() }
    }

    /// Where each feature lies in what is encoded.
    pub fn layout(&self) -> &InputLayout {
        &self.plan.layout
    }

    /// Refills `out` with the batch's rows.
    ///
    /// # Errors
    ///
    /// A batch that is not of the schema that the encoder was bound to; more elements of a bag than fit in one batch; a row whose
    /// value is none for its feature.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut Inputs) -> Result<(), EncodeError> {
        let plan = self.plan.clone();
        out.reset(&plan.layout, batch.num_rows());
        self.write_numeric(&plan, batch, &mut out.numeric)?;
        let (mut ids, mut caches) = (out.ids.as_mut_slice(), self.caches.as_mut_slice());
        for columns in &plan.singles {
            let (table_ids, other_ids) = ids.split_at_mut(columns.len() * batch.num_rows());
            let (table_caches, other_caches) = caches.split_at_mut(columns.len());
            write_table(columns, batch, table_caches, &mut self.scratch, table_ids)?;
            (ids, caches) = (other_ids, other_caches);
        }
        for ((writer, caches), bag) in plan.bags.iter().zip(caches).zip(&mut out.bags) {
            writer.write(batch, caches, &mut self.scratch, bag)?;
        }
        Ok(())
    }

    fn write_numeric(&mut self, plan: &Plan, batch: &RecordBatch, out: &mut [f32]) -> Result<(), EncodeError> {
        let width = plan.layout.numeric_width();
        for rows in chunks(batch.num_rows(), width) {
            let mut columns = columns_of_scratch(&mut self.scratch.numeric, width, rows.len());
            let mut rest = columns.as_mut_slice();
            for column in &plan.numeric {
                let (own, others) = rest.split_at_mut(column.width());
                column.write(batch, rows.clone(), &mut self.scratch.values.numbers, own)?;
                rest = others;
            }
            transpose(
                &self.scratch.numeric,
                rows.len() + LINE,
                rows.len(),
                &mut out[rows.start * width..rows.end * width],
            );
        }
        Ok(())
    }
}

fn write_table(
    columns: &[SingleColumn],
    batch: &RecordBatch,
    caches: &mut [Caches],
    scratch: &mut Scratch,
    out: &mut [i32],
) -> Result<(), EncodeError> {
    let arrays = columns.iter().map(|column| column.arrays(batch)).collect::<Result<Vec<_>, _>>()?;
    let width = columns.len();
    for rows in chunks(batch.num_rows(), width) {
        let Scratch { ids, values, .. } = scratch;
        let outs = columns_of_scratch(ids, width, rows.len());
        for (((column, arrays), caches), out) in columns.iter().zip(&arrays).zip(&mut *caches).zip(outs) {
            column.write(arrays, rows.clone(), caches, values, out);
        }
        transpose(ids, rows.len() + LINE, rows.len(), &mut out[rows.start * width..rows.end * width]);
    }
    Ok(())
}

/// Ranges of rows that are looked up one after the other; none where there is no column.
fn chunks(rows: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let chunk = (CHUNK_NUMBERS / width.max(1)).next_multiple_of(LINE).clamp(LINE, CHUNK);
    let rows = if width == 0 { 0 } else { rows };
    (0..rows).step_by(chunk).map(move |first| first..rows.min(first + chunk))
}

fn columns_of_scratch<T: Copy + Default>(scratch: &mut Vec<T>, width: usize, rows: usize) -> Vec<&mut [T]> {
    let stride = rows + LINE;
    scratch.resize(width * stride, T::default());
    scratch.chunks_exact_mut(stride).map(|column| &mut column[..rows]).collect()
}

#[cfg(test)]
mod tests;

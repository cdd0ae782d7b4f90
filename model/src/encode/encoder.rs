//! The hot path: batches of rows to ids and numbers.
//!
//! A column is looked up for a few thousand rows at a time, so that its table stays in the cache, into a scratch buffer of columns;
//! blocks of those are then turned into rows. An entry of a dictionary is looked up once for as long as batches share it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bag::BagWriter;
use super::bind::{BoundColumn, Columns, Reads};
use super::column::read_numbers;
use super::encoders::{CrossEncoding, Encoders, Encoding, FittedFeature};
use super::error::EncodeError;
use super::hash::bucket;
use super::lookup::{HashLookup, IdLookup};
use super::scale::NumericWriter;
use super::timestamp::{TimestampEncoding, write_timestamps};
use super::transpose::transpose;
use super::values::{DictionaryCodes, encode_values};
use crate::input::{InputLayout, Inputs, Slot};

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
    bags: Vec<BagWriter>,
}

#[derive(Debug)]
enum NumericColumn {
    Numeric(BoundColumn, NumericWriter, usize),
    Timestamp(BoundColumn, TimestampEncoding),
}

#[derive(Debug)]
enum SingleColumn {
    Categorical(BoundColumn, IdLookup),
    Cross { columns: Vec<BoundColumn>, cross: CrossEncoding, first_row: u32 },
}

/// Codes of the dictionaries that a slot's columns came with last.
#[derive(Debug, Default)]
struct Caches {
    ids: DictionaryCodes<i32>,
    hashes: Vec<DictionaryCodes<u64>>,
}

#[derive(Debug, Default)]
struct Scratch {
    ids: Vec<i32>,
    numeric: Vec<f32>,
    numbers: Vec<f64>,
    hashes: Vec<u64>,
}

fn bind_column(feature: &FittedFeature, reads: Reads, table: &Columns<'_>) -> Result<BoundColumn, EncodeError> {
    BoundColumn::find(&feature.name, &feature.columns[0], reads, table)
}

impl NumericColumn {
    fn bind(feature: &FittedFeature, table: &Columns<'_>) -> Result<Self, EncodeError> {
        match &feature.encoding {
            Encoding::Numeric(encoding) => {
                let column = bind_column(feature, Reads::Numbers, table)?;
                Ok(Self::Numeric(column, NumericWriter::new(encoding), encoding.width()))
            }
            Encoding::Timestamp(encoding) => {
                Ok(Self::Timestamp(bind_column(feature, Reads::Times, table)?, encoding.clone()))
            }
            Encoding::Categorical(_) | Encoding::Cross(_) | Encoding::Bag(_) => unreachable!("a numeric slot"),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Numeric(_, _, width) => *width,
            Self::Timestamp(_, encoding) => encoding.width(),
        }
    }
}

impl SingleColumn {
    fn bind(feature: &FittedFeature, first_row: u32, table: &Columns<'_>) -> Result<Self, EncodeError> {
        match &feature.encoding {
            Encoding::Categorical(encoding) => {
                let column = bind_column(feature, Reads::Categories, table)?;
                let value_type = match column.data_type() {
                    DataType::Dictionary(_, values) => values.as_ref(),
                    other => other,
                };
                let lookup = IdLookup::new(&encoding.ids, value_type, first_row, first_row as i32);
                Ok(Self::Categorical(column, lookup))
            }
            Encoding::Cross(cross) => {
                let bind = |column| BoundColumn::find(&feature.name, column, Reads::Categories, table);
                let columns = feature.columns.iter().map(bind).collect::<Result<_, _>>()?;
                Ok(Self::Cross { columns, cross: cross.clone(), first_row })
            }
            Encoding::Numeric(_) | Encoding::Timestamp(_) | Encoding::Bag(_) => unreachable!("a slot of one id"),
        }
    }

    /// The arrays of a batch that the slot reads.
    fn arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, EncodeError> {
        match self {
            Self::Categorical(column, _) => Ok(vec![column.of(batch)?.clone()]),
            Self::Cross { columns, .. } => columns.iter().map(|column| column.of(batch).cloned()).collect(),
        }
    }

    fn write(
        &self,
        arrays: &[ArrayRef],
        rows: Range<usize>,
        caches: &mut Caches,
        hashes: &mut Vec<u64>,
        out: &mut [i32],
    ) {
        match self {
            Self::Categorical(_, lookup) => {
                let array = arrays[0].slice(rows.start, rows.len());
                encode_values(&array, lookup, &mut caches.ids, out);
            }
            Self::Cross { cross, first_row, .. } => {
                let width = arrays.len();
                hashes.resize(width * rows.len(), 0);
                caches.hashes.resize_with(width, DictionaryCodes::default);
                for (column, array) in arrays.iter().enumerate() {
                    let part = &mut hashes[column * rows.len()..(column + 1) * rows.len()];
                    let array = array.slice(rows.start, rows.len());
                    encode_values(&array, &HashLookup { seed: cross.seed }, &mut caches.hashes[column], part);
                }
                write_cross(cross, *first_row, hashes, out);
            }
        }
    }
}

/// Ids of crossed hashes, a column of them after the other.
fn write_cross(cross: &CrossEncoding, first_row: u32, hashes: &[u64], out: &mut [i32]) {
    let (rows, first) = (out.len(), first_row as i32);
    let mut bytes = Vec::with_capacity(64);
    for (row, out) in out.iter_mut().enumerate() {
        bytes.clear();
        let parts = hashes[row..].iter().step_by(rows);
        parts.clone().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
        let all_null = parts.clone().all(|&hash| hash == 0);
        let id = bucket(xxh3_64_with_seed(&bytes, cross.seed), cross.buckets) as i32;
        *out = if all_null { first } else { first + 1 + id };
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
            let bind = |slot: &Slot| SingleColumn::bind(named[&slot.feature], slot.first_row, &table);
            singles.push(merged.singles().iter().map(bind).collect::<Result<Vec<_>, _>>()?);
            for slot in merged.bags() {
                bags.push(BagWriter::bind(named[&slot.feature], slot.first_row, &table)?);
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
    /// A batch that is not of the schema that the encoder was bound to; more elements of a bag than fit in one batch.
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
            writer.write(batch, &mut caches.ids, &mut self.scratch.ids, bag)?;
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
                match column {
                    NumericColumn::Numeric(bound, writer, _) => {
                        let array = bound.of(batch)?.slice(rows.start, rows.len());
                        read_numbers(&array, &mut self.scratch.numbers);
                        writer.write(&mut self.scratch.numbers, own);
                    }
                    NumericColumn::Timestamp(bound, encoding) => {
                        write_timestamps(encoding, &bound.of(batch)?.slice(rows.start, rows.len()), own);
                    }
                }
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
        let Scratch { ids, hashes, .. } = scratch;
        let outs = columns_of_scratch(ids, width, rows.len());
        for (((column, arrays), caches), out) in columns.iter().zip(&arrays).zip(&mut *caches).zip(outs) {
            column.write(arrays, rows.clone(), caches, hashes, out);
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

//! Columns whose values become one id a row.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use spec::ColumnName;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Values;
use crate::encode::bind::{BoundColumn, Columns, Reads};
use crate::encode::buckets::BucketEncoding;
use crate::encode::column::read_numbers;
use crate::encode::encoders::{CrossEncoding, Encoders, Encoding, FittedFeature};
use crate::encode::error::EncodeError;
use crate::encode::hash::bucket;
use crate::encode::lookup::{HashLookup, IdLookup};
use crate::encode::values::{DictionaryCodes, encode_values};

/// A feature of one id a row, ready to write.
#[derive(Debug)]
pub(super) enum SingleColumn {
    Categorical(BoundColumn, IdLookup),
    Cross { columns: Vec<BoundColumn>, cross: CrossEncoding, first_row: u32 },
    Buckets { column: BoundColumn, buckets: BucketEncoding, first_row: u32 },
}

/// Codes of the dictionaries that a slot's columns came with last.
#[derive(Debug, Default)]
pub(super) struct Caches {
    pub(super) ids: DictionaryCodes<i32>,
    hashes: Vec<DictionaryCodes<u64>>,
}

impl SingleColumn {
    pub(super) fn bind(
        encoders: &Encoders,
        feature: &FittedFeature,
        first_row: u32,
        table: &Columns<'_>,
    ) -> Result<Self, EncodeError> {
        let bind = |column: &ColumnName, reads| BoundColumn::find(&feature.name, column, reads, table);
        match &feature.encoding {
            Encoding::Categorical(encoding) => {
                let column = bind(&feature.columns[0], Reads::Categories)?;
                let value_type = match column.data_type() {
                    DataType::Dictionary(_, values) => values.as_ref(),
                    other => other,
                };
                let lookup = IdLookup::new(encoders.ids(&encoding.ids), value_type, first_row, first_row as i32);
                Ok(Self::Categorical(column, lookup))
            }
            Encoding::Cross(cross) => {
                let columns = feature.columns.iter().map(|column| bind(column, Reads::Categories));
                Ok(Self::Cross { columns: columns.collect::<Result<_, _>>()?, cross: cross.clone(), first_row })
            }
            Encoding::Buckets(buckets) => {
                let column = bind(&feature.columns[0], Reads::Numbers)?;
                Ok(Self::Buckets { column, buckets: buckets.clone(), first_row })
            }
            Encoding::Numeric(_)
            | Encoding::Timestamp(_)
            | Encoding::Vector(_)
            | Encoding::Bag(_)
            | Encoding::Sequence(_) => unreachable!("a slot of one id"),
        }
    }

    /// The arrays of a batch that the slot reads.
    pub(super) fn arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, EncodeError> {
        match self {
            Self::Categorical(column, _) | Self::Buckets { column, .. } => Ok(vec![column.of(batch)?.clone()]),
            Self::Cross { columns, .. } => columns.iter().map(|column| column.of(batch).cloned()).collect(),
        }
    }

    pub(super) fn write(
        &self,
        arrays: &[ArrayRef],
        rows: Range<usize>,
        caches: &mut Caches,
        values: &mut Values,
        out: &mut [i32],
    ) {
        match self {
            Self::Buckets { buckets, first_row, .. } => {
                read_numbers(&arrays[0].slice(rows.start, rows.len()), &mut values.numbers);
                buckets.write(&values.numbers, *first_row, out);
            }
            Self::Categorical(_, lookup) => {
                let array = arrays[0].slice(rows.start, rows.len());
                encode_values(&array, lookup, &mut caches.ids, out);
            }
            Self::Cross { cross, first_row, .. } => {
                let (width, hashes) = (arrays.len(), &mut values.hashes);
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

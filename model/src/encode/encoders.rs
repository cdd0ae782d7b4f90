//! Fitted encoders: everything that turning rows into ids and numbers needs, as a package keeps it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};
use spec::feature::Pool;
use spec::{ColumnName, FeatureName};

use super::encoder::Encoder;
use super::error::{EncodeError, InvalidEncoders};
use super::ids::{Ids, Vocabulary};
use super::numeric::NumericEncoding;
use super::timestamp::TimestampEncoding;
use crate::input::{InputLayout, NumericSlot, Slot, TableLayout};

/// The format of `encoders.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Fitted encoders; their JSON is a package's `encoders.json`, described in `docs/model-package.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Encoders {
    format: u32,
    rows: u64,
    features: Vec<FittedFeature>,
    #[serde(skip)]
    bound: LastBound,
}

/// The encoder of the schema that was bound last: every epoch and every shard binds the same one. No two encoders differ
/// by it.
#[derive(Debug, Default)]
struct LastBound(Mutex<Option<(Schema, Encoder)>>);

impl Clone for LastBound {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for LastBound {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One fitted feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeature {
    /// Its name.
    pub name: FeatureName,
    /// The columns that it reads: one, or those of a cross.
    pub columns: Vec<ColumnName>,
    /// Training rows without a value (null; for numbers also NaN and infinities); absent for a cross.
    pub missing: Option<u64>,
    /// What it learned.
    pub encoding: Encoding,
}

/// What a feature learned, by its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoding {
    /// Numbers of a number.
    Numeric(NumericEncoding),
    /// Numbers of a point in time.
    Timestamp(TimestampEncoding),
    /// An id of a value.
    Categorical(CategoricalEncoding),
    /// An id of several values together.
    Cross(CrossEncoding),
    /// Ids of a list.
    Bag(BagEncoding),
}

/// A fitted categorical feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How values become rows of the table.
    pub ids: Ids,
}

/// A cross: row 0 where all columns are null, else row 1 + the upper 64 bits of `h · buckets`, h being xxh3_64 with `seed` over
/// the columns' hashes one after the other, each 8 bytes, little-endian: xxh3_64 with `seed` of the value's text, 0 for null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How many buckets.
    pub buckets: u32,
    /// Both hashes' seed.
    pub seed: u64,
}

/// A fitted bag: the ids of a row's first `max_length` elements, nulls among them left out. A null list has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BagEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How elements become rows of the table.
    pub ids: Ids,
    /// How a row's embeddings become one.
    pub pool: Pool,
    /// How many elements of a row are read, from the front.
    pub max_length: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    format: u32,
    rows: u64,
    features: Vec<FittedFeature>,
}

impl TryFrom<Unchecked> for Encoders {
    type Error = InvalidEncoders;

    fn try_from(unchecked: Unchecked) -> Result<Self, InvalidEncoders> {
        let Unchecked { format, rows, features } = unchecked;
        if format != FORMAT {
            return Err(InvalidEncoders::Format { found: format, known: FORMAT });
        }
        Self::new(rows, features)
    }
}

impl Encoders {
    /// Encoders of these features, fitted on `rows` rows, if they make sense together.
    pub(super) fn new(rows: u64, features: Vec<FittedFeature>) -> Result<Self, InvalidEncoders> {
        let mut names = BTreeSet::new();
        for feature in &features {
            if !names.insert(&feature.name) {
                return Err(InvalidEncoders::Twice { feature: feature.name.clone() });
            }
            if let Some(problem) = feature.problem() {
                return Err(InvalidEncoders::Feature { feature: feature.name.clone(), problem });
            }
        }
        let mut widths: BTreeMap<usize, u64> = BTreeMap::new();
        for (width, rows) in features.iter().filter_map(FittedFeature::table) {
            *widths.entry(width).or_insert(0) += rows;
        }
        if let Some((width, rows)) = widths.into_iter().find(|&(_, rows)| rows > i32::MAX as u64) {
            return Err(InvalidEncoders::TooManyRows { width, rows });
        }
        Ok(Self { format: FORMAT, rows, features, bound: LastBound::default() })
    }

    /// An encoder for tables of this schema; at once for the schema that was bound last.
    ///
    /// # Errors
    ///
    /// A column that is missing or of a type that its feature does not read.
    pub fn bind(&self, schema: &Schema) -> Result<Encoder, EncodeError> {
        let mut bound = self.bound.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoder)) = bound.as_ref().filter(|(known, _)| known == schema) {
            return Ok(encoder.clone());
        }
        let encoder = Encoder::new(self, schema)?;
        *bound = Some((schema.clone(), encoder.clone()));
        Ok(encoder)
    }

    /// How many rows they were fitted on.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The features, in the document's order.
    pub fn features(&self) -> &[FittedFeature] {
        &self.features
    }

    /// The columns that they read, each once, in the order of the features.
    pub fn columns(&self) -> Vec<&ColumnName> {
        let mut seen = BTreeSet::new();
        let columns = self.features.iter().flat_map(|feature| &feature.columns);
        columns.filter(|column| seen.insert(*column)).collect()
    }

    /// Where each feature lies in an encoded batch. Tables by ascending width; in a table first the features of one id a row,
    /// then bags, each in the document's order; their rows follow each other in that order.
    pub fn layout(&self) -> InputLayout {
        let numeric = self.features.iter().filter_map(|feature| {
            let width = feature.encoding.numeric_width()?;
            Some(NumericSlot { feature: feature.name.clone(), width })
        });
        let mut tables: BTreeMap<usize, TableLayout> = BTreeMap::new();
        for bags in [false, true] {
            for feature in &self.features {
                let Some((width, rows)) = feature.table().filter(|_| feature.pool().is_some() == bags) else {
                    continue;
                };
                let table = tables.entry(width).or_insert_with(|| TableLayout { width, rows: 0, slots: Vec::new() });
                let (first_row, rows) = (table.rows as u32, rows as u32);
                table.slots.push(Slot { feature: feature.name.clone(), first_row, rows, pool: feature.pool() });
                table.rows += rows as usize;
            }
        }
        InputLayout { numeric: numeric.collect(), tables: tables.into_values().collect() }
    }
}

impl FittedFeature {
    /// The width and rows of its embedding table, if it has one.
    fn table(&self) -> Option<(usize, u64)> {
        match &self.encoding {
            Encoding::Numeric(_) | Encoding::Timestamp(_) => None,
            Encoding::Categorical(categorical) => Some((usize::from(categorical.width), categorical.ids.rows())),
            Encoding::Cross(cross) => Some((usize::from(cross.width), u64::from(cross.buckets) + 1)),
            Encoding::Bag(bag) => Some((usize::from(bag.width), bag.ids.rows())),
        }
    }

    fn pool(&self) -> Option<Pool> {
        match &self.encoding {
            Encoding::Bag(bag) => Some(bag.pool),
            Encoding::Numeric(_) | Encoding::Timestamp(_) | Encoding::Categorical(_) | Encoding::Cross(_) => None,
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let one_column = (self.columns.len() != 1).then_some("it reads one column");
        match &self.encoding {
            Encoding::Numeric(numeric) => one_column.or_else(|| numeric.problem()),
            Encoding::Timestamp(timestamp) => one_column.or_else(|| timestamp.problem()),
            Encoding::Categorical(categorical) => {
                one_column.or_else(|| table_problem(categorical.width, &categorical.ids))
            }
            Encoding::Bag(bag) => one_column.or_else(|| table_problem(bag.width, &bag.ids)),
            Encoding::Cross(cross) if self.columns.is_empty() => Some("a cross of no columns"),
            Encoding::Cross(cross) if cross.width == 0 => Some("a table of width 0"),
            Encoding::Cross(cross) => (cross.buckets == 0).then_some("no buckets"),
        }
    }
}

fn table_problem(width: u16, ids: &Ids) -> Option<&'static str> {
    match ids {
        _ if width == 0 => Some("a table of width 0"),
        Ids::Hash { buckets: 0, .. } => Some("no buckets"),
        Ids::Hash { .. } => None,
        Ids::Vocabulary(vocabulary) => has_repeats(vocabulary).then_some("a value appears twice in the vocabulary"),
    }
}

fn has_repeats(vocabulary: &Vocabulary) -> bool {
    fn repeats<T: Hash + Eq>(values: &[T]) -> bool {
        let mut seen = HashSet::with_capacity(values.len());
        !values.iter().all(|value| seen.insert(value))
    }
    match vocabulary {
        Vocabulary::Integers(values) => repeats(values),
        Vocabulary::Texts(values) => repeats(values),
    }
}

impl Encoding {
    fn numeric_width(&self) -> Option<usize> {
        match self {
            Self::Numeric(numeric) => Some(numeric.width()),
            Self::Timestamp(timestamp) => Some(timestamp.width()),
            Self::Categorical(_) | Self::Cross(_) | Self::Bag(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;

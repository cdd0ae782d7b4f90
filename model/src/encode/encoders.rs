//! Fitted encoders: everything that turning rows into ids and numbers needs, as a package keeps it.

mod check;
mod encoding;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use arrow::datatypes::Schema;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::{ColumnName, EmbeddingTableName, FeatureName, TaskName};

pub use self::encoding::{BagEncoding, CategoricalEncoding, CrossEncoding, Encoding, SequenceEncoding};
use super::classes::Classes;
use super::encoder::Encoder;
use super::error::{EncodeError, InvalidEncoders};
use super::ids::{FeatureIds, Ids};
use crate::input::{InputLayout, NumericSlot, Slot, TableLayout};
use crate::outputs::ClassCounts;

/// The format of `encoders.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Fitted encoders; their JSON is a package's `encoders.json`, described in `docs/model-package.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Encoders {
    format: u32,
    rows: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<FittedTable>,
    features: Vec<FittedFeature>,
    /// Of the multiclass tasks, in the document's order.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    classes: IndexMap<TaskName, Classes>,
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

/// An embedding table that features share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTable {
    /// Its name.
    pub name: EmbeddingTableName,
    /// The embeddings' width.
    pub width: u16,
    /// How values become rows of it.
    pub ids: Ids,
}

/// One fitted feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFeature {
    /// Its name.
    pub name: FeatureName,
    /// The columns that it reads: one, or those of a cross; of a bag with weights its ids' and its weights'.
    pub columns: Vec<ColumnName>,
    /// Training rows without a value (null; for numbers also NaN and infinities); absent for a cross.
    pub missing: Option<u64>,
    /// What it learned.
    pub encoding: Encoding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    format: u32,
    rows: u64,
    #[serde(default)]
    tables: Vec<FittedTable>,
    features: Vec<FittedFeature>,
    #[serde(default)]
    classes: IndexMap<TaskName, Classes>,
}

impl TryFrom<Unchecked> for Encoders {
    type Error = InvalidEncoders;

    fn try_from(unchecked: Unchecked) -> Result<Self, InvalidEncoders> {
        let Unchecked { format, rows, tables, features, classes } = unchecked;
        if format != FORMAT {
            return Err(InvalidEncoders::Format { found: format, known: FORMAT });
        }
        check::check_classes(&classes)?;
        Ok(Self::new(rows, tables, features)?.with_classes(classes))
    }
}

impl Encoders {
    /// Encoders of these features and shared tables, fitted on `rows` rows, if they make sense together.
    pub(super) fn new(
        rows: u64,
        tables: Vec<FittedTable>,
        features: Vec<FittedFeature>,
    ) -> Result<Self, InvalidEncoders> {
        check::check(&tables, &features)?;
        let classes = IndexMap::new();
        let encoders = Self { format: FORMAT, rows, tables, features, classes, bound: LastBound::default() };
        encoders.check_rows()?;
        Ok(encoders)
    }

    /// The same with the classes of the multiclass tasks.
    pub fn with_classes(mut self, classes: IndexMap<TaskName, Classes>) -> Self {
        self.classes = classes;
        self
    }

    /// The classes of each multiclass task, in the document's order.
    pub fn classes(&self) -> &IndexMap<TaskName, Classes> {
        &self.classes
    }

    /// Training rows of the classes of each multiclass task, those of no class of their own last.
    pub fn class_counts(&self) -> ClassCounts {
        self.classes.iter().map(|(task, classes)| (task.clone(), classes.rows.clone())).collect()
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

    /// The embedding tables that features share, in the order in which features name them first.
    pub fn tables(&self) -> &[FittedTable] {
        &self.tables
    }

    /// The ids that a feature has.
    pub fn ids<'a>(&'a self, ids: &'a FeatureIds) -> &'a Ids {
        match ids {
            FeatureIds::Own(ids) => ids,
            FeatureIds::Table(name) => &self.shared(name).ids,
        }
    }

    fn shared(&self, name: &EmbeddingTableName) -> &FittedTable {
        self.tables
            .iter()
            .find(|table| table.name == *name)
            .expect("checked encoders have the tables that features name")
    }

    /// The width and rows of a feature's embedding table, if it has one.
    fn embedding(&self, feature: &FittedFeature) -> Option<(usize, u64)> {
        match &feature.encoding {
            Encoding::Numeric(_) | Encoding::Timestamp(_) => None,
            Encoding::Vector(vector) => Some((usize::from(vector.projected?), vector.width() as u64)),
            Encoding::Buckets(buckets) => Some((usize::from(buckets.width), buckets.rows())),
            Encoding::Categorical(categorical) => {
                Some((usize::from(categorical.width), self.ids(&categorical.ids).rows()))
            }
            Encoding::Cross(cross) => Some((usize::from(cross.width), u64::from(cross.buckets) + 1)),
            Encoding::Bag(bag) => Some((usize::from(bag.width), self.ids(&bag.ids).rows())),
            Encoding::Sequence(sequence) => Some((usize::from(sequence.width), self.ids(&sequence.ids).rows())),
        }
    }

    /// Refuses tables of one width that have more rows together than ids can tell.
    fn check_rows(&self) -> Result<(), InvalidEncoders> {
        let (mut seen, mut widths) = (BTreeSet::new(), BTreeMap::new());
        for feature in &self.features {
            let is_counted = feature.encoding.table().is_some_and(|table| !seen.insert(table));
            let Some((width, rows)) = self.embedding(feature).filter(|_| !is_counted) else { continue };
            *widths.entry(width).or_insert(0) += rows;
        }
        match widths.into_iter().find(|&(_, rows)| rows > i32::MAX as u64) {
            Some((width, rows)) => Err(InvalidEncoders::TooManyRows { width, rows }),
            None => Ok(()),
        }
    }

    /// Where each feature lies in an encoded batch. Tables by ascending width; in a table first the features of one id a row,
    /// then bags, each in the document's order; their rows follow each other in that order, those that features share where
    /// the first of them is.
    pub fn layout(&self) -> InputLayout {
        let numeric = self.features.iter().filter_map(|feature| {
            let width = feature.encoding.numeric_width()?;
            Some(NumericSlot { feature: feature.name.clone(), width })
        });
        let mut tables: BTreeMap<usize, TableLayout> = BTreeMap::new();
        for bags in [false, true] {
            for feature in self.features.iter().filter(|feature| feature.encoding.pool().is_some() == bags) {
                let Some((width, rows)) = self.embedding(feature) else { continue };
                let merged = tables.entry(width).or_insert_with(|| TableLayout { width, rows: 0, slots: Vec::new() });
                let table = feature.encoding.table().cloned();
                let first_row = table.as_ref().and_then(|table| merged.first_row_of(table));
                let first_row = first_row.unwrap_or(merged.rows as u32);
                merged.rows = merged.rows.max(first_row as usize + rows as usize);
                let (feature, pool) = (feature.name.clone(), feature.encoding.pool());
                merged.slots.push(Slot { feature, table, first_row, rows: rows as u32, pool });
            }
        }
        let attended = self.features.iter().filter_map(|feature| match &feature.encoding {
            Encoding::Sequence(sequence) => sequence.attended(&feature.name),
            _ => None,
        });
        InputLayout { numeric: numeric.collect(), tables: tables.into_values().collect(), attended: attended.collect() }
    }
}

#[cfg(test)]
mod tests;

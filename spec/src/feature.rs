//! Features: which columns a model reads and how each becomes ids and numbers.

mod ids;
mod numeric;
mod sequence;
mod table;
mod timestamp;
mod vector;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::ids::{BagFeature, CategoricalFeature, CrossFeature, Hash, IdSpace, Pool, Vocabulary};
pub use self::numeric::{Impute, NumericFeature, NumericTransform};
pub use self::sequence::{SequenceFeature, SequencePool};
pub use self::table::{SharedTable, TableSettings, shared_tables};
pub use self::timestamp::{TimestampFeature, TimestampPart};
pub use self::vector::{VectorFeature, VectorImpute};
use crate::ids::{ColumnName, FeatureName};

/// One input of a model. The column is the feature's name unless `column` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Feature {
    /// Any number or boolean.
    Numeric(NumericFeature),
    /// One id a row: string, integer or boolean.
    Categorical(CategoricalFeature),
    /// A list of ids a row, pooled into one embedding.
    Bag(BagFeature),
    /// A list of ids a row in the order of time, of which the last ones count.
    Sequence(SequenceFeature),
    /// A list of numbers a row, the same number of them in each.
    Vector(VectorFeature),
    /// A date or timestamp.
    Timestamp(TimestampFeature),
    /// Two or more categorical columns hashed together.
    Cross(CrossFeature),
}

impl Feature {
    /// The feature's kind, as documents say it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Numeric(_) => "numeric",
            Self::Categorical(_) => "categorical",
            Self::Bag(_) => "bag",
            Self::Sequence(_) => "sequence",
            Self::Vector(_) => "vector",
            Self::Timestamp(_) => "timestamp",
            Self::Cross(_) => "cross",
        }
    }

    /// The column that the feature says it reads, if it says one.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::Numeric(feature) => feature.column.as_ref(),
            Self::Categorical(feature) => feature.column.as_ref(),
            Self::Bag(feature) => feature.column.as_ref(),
            Self::Sequence(feature) => feature.column.as_ref(),
            Self::Vector(feature) => feature.column.as_ref(),
            Self::Timestamp(feature) => feature.column.as_ref(),
            Self::Cross(_) => None,
        }
    }

    /// The columns that it reads: what it says, or the one of its own name; of a bag with weights also theirs, after it.
    pub fn columns<'a>(&'a self, name: &'a FeatureName) -> Vec<&'a str> {
        let column = || self.column().map_or(name.as_str(), ColumnName::as_str);
        match self {
            Self::Cross(cross) => cross.of.iter().map(ColumnName::as_str).collect(),
            Self::Bag(bag) => std::iter::once(column()).chain(bag.weights.iter().map(ColumnName::as_str)).collect(),
            Self::Numeric(_) | Self::Categorical(_) | Self::Sequence(_) | Self::Vector(_) | Self::Timestamp(_) => {
                vec![column()]
            }
        }
    }
}

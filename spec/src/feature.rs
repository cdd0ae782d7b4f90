//! Features: which columns a model reads and how each becomes ids and numbers.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// A date or timestamp.
    Timestamp(TimestampFeature),
    /// Two or more categorical columns hashed together.
    Cross(CrossFeature),
}

impl Feature {
    /// The column that the feature says it reads, if it says one.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::Numeric(feature) => feature.column.as_ref(),
            Self::Categorical(feature) => feature.column.as_ref(),
            Self::Bag(feature) => feature.column.as_ref(),
            Self::Timestamp(feature) => feature.column.as_ref(),
            Self::Cross(_) => None,
        }
    }

    /// The columns that it reads: what it says, or the one of its own name.
    pub fn columns<'a>(&'a self, name: &'a FeatureName) -> Vec<&'a str> {
        match self {
            Self::Cross(cross) => cross.of.iter().map(ColumnName::as_str).collect(),
            Self::Numeric(_) | Self::Categorical(_) | Self::Bag(_) | Self::Timestamp(_) => {
                vec![self.column().map_or(name.as_str(), ColumnName::as_str)]
            }
        }
    }
}

/// A number, imputed and put on a scale that networks learn from; a missing flag goes with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumericFeature {
    /// The column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// How values are scaled.
    #[serde(default)]
    pub transform: NumericTransform,
    /// What stands in for null, NaN and infinities.
    #[serde(default)]
    pub impute: Impute,
}

/// Scalings of a numeric feature, fitted on the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumericTransform {
    /// The value's rank among learned quantile edges, mapped through the normal quantile function, clipped to ±5.2.
    Quantile,
    /// (x - mean) / standard deviation.
    Standardize,
    /// sign(x)·ln(1 + |x|), then standardized.
    Log1p,
    /// (x - min) / (max - min), clipped to 0..1.
    MinMax,
    /// As it is.
    None,
    /// One number per learned bin, 8 to 32 of equal weight by the number of rows: 0 below the bin, 1 above it, the fraction inside (Gorishniy 2022).
    #[default]
    PiecewiseLinear,
}

/// What stands in for a missing number.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impute {
    /// The mean of the training rows.
    Mean,
    /// The median of the training rows.
    #[default]
    Median,
    /// Zero.
    Zero,
}

/// Ids from strings, integers or booleans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoricalFeature {
    /// The column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// A learned vocabulary; the default. Not together with `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vocabulary>,
    /// Ids by hashing into buckets. Not together with `vocabulary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// The embedding's width; min(64, round(1.6·cardinality^0.56)) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub width: Option<u16>,
}

/// A vocabulary learned from the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vocabulary {
    /// Values seen fewer times than this share the out-of-vocabulary id.
    #[schemars(range(min = 1))]
    pub min_count: u64,
    /// The most frequent values that get an id of their own.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_size: u32,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { min_count: 2, max_size: 1_000_000 }
    }
}

/// Ids by a seeded xxh3 hash of the value's text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// How many ids; null has one of its own beside them.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub buckets: u32,
    /// The hash's seed.
    #[serde(default)]
    pub seed: u64,
}

/// How values become ids, with the defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum IdSpace {
    /// A learned vocabulary.
    Vocabulary(Vocabulary),
    /// Hash buckets.
    Hash(Hash),
}

impl IdSpace {
    /// The id space that a feature's two optional fields mean; validation has refused both at once.
    pub fn of(vocabulary: Option<&Vocabulary>, hash: Option<&Hash>) -> Self {
        match hash {
            Some(hash) => Self::Hash(hash.clone()),
            None => Self::Vocabulary(vocabulary.cloned().unwrap_or_default()),
        }
    }
}

/// A list of ids a row, their embeddings pooled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BagFeature {
    /// The list column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// A learned vocabulary; the default. Not together with `hash`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<Vocabulary>,
    /// Ids by hashing into buckets. Not together with `vocabulary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Hash>,
    /// The embedding's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub width: Option<u16>,
    /// How a row's embeddings become one.
    #[serde(default)]
    pub pool: Pool,
    /// At most this many ids of a row are read, from the front.
    #[serde(default = "default_bag_length")]
    #[schemars(range(min = 1, max = 65_536))]
    pub max_length: u32,
}

fn default_bag_length() -> u32 {
    256
}

/// Pooling of a bag's embeddings; an empty bag is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Their average.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

/// A date or timestamp as an age and as positions in the calendar's cycles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampFeature {
    /// The column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// The day that ages count back from.
    pub reference: NaiveDate,
    /// What is taken from it.
    #[serde(default = "default_timestamp_parts")]
    #[schemars(length(min = 1))]
    pub encode: Vec<TimestampPart>,
}

fn default_timestamp_parts() -> Vec<TimestampPart> {
    vec![TimestampPart::AgeDays]
}

/// What a timestamp feature gives: an age (standardized), or sine and cosine of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampPart {
    /// Days before the reference, fractional, standardized; one number.
    AgeDays,
    /// Hour of the day; two numbers.
    Hour,
    /// Day of the week; two numbers.
    Weekday,
    /// Month of the year; two numbers.
    Month,
}

impl TimestampPart {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::AgeDays => "age_days",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Month => "month",
        }
    }
}

/// Two or more categorical columns hashed together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossFeature {
    /// The columns.
    #[schemars(length(min = 2, max = 16))]
    pub of: Vec<ColumnName>,
    /// The buckets.
    pub hash: Hash,
    /// The embedding's width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub width: Option<u16>,
}

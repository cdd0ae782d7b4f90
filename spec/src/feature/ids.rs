//! Features of ids: values that become rows of an embedding table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, EmbeddingTableName};

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
    /// The embedding table, if it is shared: features that name one table have the same ids and embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<EmbeddingTableName>,
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
    /// The embedding table, if it is shared: features that name one table have the same ids and embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<EmbeddingTableName>,
    /// How a row's embeddings become one.
    #[serde(default)]
    pub pool: Pool,
    /// The column of the ids' weights: a list of as many numbers of at least 0. For `pool: weighted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<ColumnName>,
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
    /// Their average by the bag's `weights`; all zeros where these are 0.
    Weighted,
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
    /// The embedding table, if it is shared: features that name one table have the same ids and embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<EmbeddingTableName>,
}

//! Features of lists in the order of time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Hash, Vocabulary};
use crate::ids::{ColumnName, EmbeddingTableName, FeatureName};

/// A list of ids a row, oldest first. What happened last counts most, so lists that are too long lose their front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceFeature {
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
    pub pool: SequencePool,
    /// What `pool: attention` looks for in the list: a categorical feature or cross of this document. Without one each id is
    /// judged by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<FeatureName>,
    /// Parallel attentions of `pool: self_attention`; 2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub heads: Option<u16>,
    /// Sequences that share this one's places: a step is an id of each of them. All their lists of a row are equally long, and
    /// they are pooled by what attention makes of whole steps. For `pool: attention` and `self_attention`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub with: Vec<FeatureName>,
    /// At most this many ids of a row are read, from the back; at most 512 with `pool: self_attention`.
    #[serde(default = "default_length")]
    #[schemars(range(min = 1, max = 65_536))]
    pub max_length: u32,
}

fn default_length() -> u32 {
    50
}

impl SequenceFeature {
    /// Ids of a row whose every pair is looked at, at the most.
    pub const MOST_AMONG: u32 = 512;

    /// Parallel attentions of `pool: self_attention`.
    pub fn heads(&self) -> u16 {
        self.heads.unwrap_or(2)
    }
}

/// Pooling of a sequence's embeddings; an empty sequence is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SequencePool {
    /// Their average.
    #[default]
    Mean,
    /// Their sum by what each says of a target and how far it lies back (Zhou, KDD 2018).
    Attention,
    /// The average of what they say to one another, knowing how far each lies back (Vaswani, NeurIPS 2017).
    SelfAttention,
}

//! What features learned, by their kinds.

use serde::{Deserialize, Serialize};
use spec::feature::{Pool, SequencePool};
use spec::{EmbeddingTableName, FeatureName};

use crate::encode::buckets::BucketEncoding;
use crate::encode::ids::FeatureIds;
use crate::encode::numeric::NumericEncoding;
use crate::encode::timestamp::TimestampEncoding;
use crate::encode::vector::VectorEncoding;
use crate::input::{Attended, AttentionKind, Pooling};

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
    /// Ids of the end of a list.
    Sequence(SequenceEncoding),
    /// Numbers of a list of them.
    Vector(VectorEncoding),
    /// An id of a number.
    Buckets(BucketEncoding),
}

/// A fitted categorical feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoricalEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How values become rows of the table.
    pub ids: FeatureIds,
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
    /// The embedding table, if it is shared; of as many buckets and the same seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<EmbeddingTableName>,
}

/// A fitted bag: the ids of a row's first `max_length` elements, nulls among them left out. A null list has none. Of a weighted
/// one each id has its element's weight over the sum of the row's weights, 0 where that is 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BagEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How elements become rows of the table.
    pub ids: FeatureIds,
    /// How a row's embeddings become one.
    pub pool: Pool,
    /// How many elements of a row are read, from the front.
    pub max_length: u32,
}

/// A fitted sequence: the ids of a row's last `max_length` elements, nulls among them left out unless it shares its places
/// with others. A null list has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceEncoding {
    /// The embedding's width.
    pub width: u16,
    /// How elements become rows of the table.
    pub ids: FeatureIds,
    /// How a row's embeddings become one.
    pub pool: SequencePool,
    /// How many elements of a row are read, from the back.
    pub max_length: u32,
    /// What attention looks for, if it looks for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<FeatureName>,
    /// Sequences that share its places, if attention pools it with others: a step is an id of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<FeatureName>,
    /// The sequence whose places it shares, and which says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_of: Option<FeatureName>,
    /// Parallel attentions of self-attention, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<u16>,
}

impl SequenceEncoding {
    /// Whether its lists are equally long as others', so that a null element keeps its place, as id 0.
    pub(crate) fn shares_places(&self) -> bool {
        self.steps_of.is_some() || !self.with.is_empty()
    }

    /// How attention pools it, under its feature's name; none for an average.
    pub(super) fn attended(&self, name: &FeatureName) -> Option<Attended> {
        let kind = match self.pool {
            SequencePool::Mean => return None,
            SequencePool::Attention => AttentionKind::Unit { target: self.target.clone() },
            SequencePool::SelfAttention => AttentionKind::Among { heads: usize::from(self.heads.unwrap_or(1)) },
        };
        let features = std::iter::once(name).chain(&self.with).cloned().collect();
        Some(Attended { features, kind, max_length: self.max_length as usize })
    }
}

impl Encoding {
    /// Numbers of a row in the numeric buffer; none for features of ids.
    pub(super) fn numeric_width(&self) -> Option<usize> {
        match self {
            Self::Numeric(numeric) => Some(numeric.width()),
            Self::Timestamp(timestamp) => Some(timestamp.width()),
            Self::Vector(vector) => vector.projected.is_none().then(|| vector.width()),
            Self::Categorical(_) | Self::Cross(_) | Self::Bag(_) | Self::Sequence(_) | Self::Buckets(_) => None,
        }
    }

    /// The embedding table that it shares, if it shares one.
    pub fn table(&self) -> Option<&EmbeddingTableName> {
        match self {
            Self::Numeric(_) | Self::Timestamp(_) | Self::Vector(_) | Self::Buckets(_) => None,
            Self::Categorical(categorical) => categorical.ids.table(),
            Self::Cross(cross) => cross.table.as_ref(),
            Self::Bag(bag) => bag.ids.table(),
            Self::Sequence(sequence) => sequence.ids.table(),
        }
    }

    /// How a row's embeddings become one; none where there is one id a row, or no id.
    pub(super) fn pool(&self) -> Option<Pooling> {
        match self {
            Self::Bag(bag) => Some(bag.pool.into()),
            Self::Sequence(SequenceEncoding { pool: SequencePool::Mean, steps_of: None, .. }) => Some(Pooling::Mean),
            Self::Sequence(_) => Some(Pooling::Attention),
            Self::Vector(vector) => vector.projected.map(|_| Pooling::Weighted),
            Self::Numeric(_) | Self::Timestamp(_) | Self::Categorical(_) | Self::Cross(_) | Self::Buckets(_) => None,
        }
    }
}

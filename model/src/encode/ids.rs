//! Fitted id spaces: what of a vocabulary or of hash buckets is kept in a package.

use serde::{Deserialize, Serialize, Serializer};
use spec::EmbeddingTableName;

/// How a categorical value becomes a row of its table. Row 0 is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ids {
    /// Row 1 is every value that is not in the vocabulary, row 2 + i is its i-th value.
    Vocabulary(Vocabulary),
    /// Row 1 + bucket, the bucket being the upper 64 bits of `xxh3_64(text, seed) · buckets`.
    Hash {
        /// How many.
        buckets: u32,
        /// The hash's seed.
        seed: u64,
    },
}

/// Where a feature has its ids from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenIds")]
pub enum FeatureIds {
    /// They are its own.
    Own(Ids),
    /// They are those of a table that it shares.
    Table(EmbeddingTableName),
}

impl From<Ids> for FeatureIds {
    fn from(ids: Ids) -> Self {
        Self::Own(ids)
    }
}

impl FeatureIds {
    /// The shared table, if there is one.
    pub fn table(&self) -> Option<&EmbeddingTableName> {
        match self {
            Self::Own(_) => None,
            Self::Table(name) => Some(name),
        }
    }
}

/// [`FeatureIds`] as JSON has them: [`Ids`] with one case more.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WrittenIds {
    Vocabulary(Vocabulary),
    Hash { buckets: u32, seed: u64 },
    Table(EmbeddingTableName),
}

impl From<WrittenIds> for FeatureIds {
    fn from(written: WrittenIds) -> Self {
        match written {
            WrittenIds::Vocabulary(vocabulary) => Self::Own(Ids::Vocabulary(vocabulary)),
            WrittenIds::Hash { buckets, seed } => Self::Own(Ids::Hash { buckets, seed }),
            WrittenIds::Table(name) => Self::Table(name),
        }
    }
}

impl Serialize for FeatureIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(ids) => ids.serialize(serializer),
            Self::Table(name) => serializer.serialize_newtype_variant("FeatureIds", 2, "table", name),
        }
    }
}

/// A vocabulary's values by descending count, equal counts in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Vocabulary {
    /// Of an integer column.
    Integers(Vec<i128>),
    /// Of any other column: the values' canonical texts.
    Texts(Vec<String>),
}

impl Vocabulary {
    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `value` with the text of each value, in order.
    pub(super) fn each_text(&self, mut value: impl FnMut(&str)) {
        match self {
            Self::Integers(values) => values.iter().for_each(|integer| value(&integer.to_string())),
            Self::Texts(values) => values.iter().for_each(|text| value(text)),
        }
    }

    /// Calls `value` with each value, in order; none for a text that is not how an integer is written.
    pub(super) fn each_integer(&self, mut value: impl FnMut(Option<i128>)) {
        match self {
            Self::Integers(values) => values.iter().for_each(|&integer| value(Some(integer))),
            Self::Texts(values) => values.iter().for_each(|text| {
                let integer: Option<i128> = text.parse().ok();
                value(integer.filter(|integer| integer.to_string() == *text));
            }),
        }
    }
}

impl Ids {
    /// Rows of the table.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Vocabulary(vocabulary) => vocabulary.len() as u64 + 2,
            Self::Hash { buckets, .. } => u64::from(*buckets) + 1,
        }
    }

    /// The embedding width that suits this many values.
    pub fn default_width(&self) -> u16 {
        default_width(match self {
            Self::Vocabulary(vocabulary) => vocabulary.len() as f64,
            Self::Hash { buckets, .. } => f64::from(*buckets),
        })
    }
}

/// The embedding width that suits `n` values: `min(64, round(1.6·n^0.56))`, at least 1.
pub(super) fn default_width(values: f64) -> u16 {
    (1.6 * values.powf(0.56)).round().clamp(1.0, 64.0) as u16
}

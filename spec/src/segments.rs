//! Segments: groups of people who are alike, found by k-means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, RunId};

/// A way of dividing the population into segments. Each person's segment is a column of the score table, and the distance to
/// its centre another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segmentation {
    /// `embedding`: people are alike whom the model sees alike. This or `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<SegmentBasis>,
    /// Numeric columns of the population by which people are alike. These or `of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub columns: Option<Vec<ColumnName>>,
    /// How many segments, or a range to choose from by the silhouette. This or `from_run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<SegmentCount>,
    /// An earlier run of a Scoring document, whose segments of this name are kept: a number means the same people night by night.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_run: Option<RunId>,
    /// Seeds the draw of the sample and of the first centres.
    #[serde(default)]
    pub seed: u64,
    /// People of the population, more or less, whom the segments are fitted to; drawn by a hash of the key.
    #[serde(default = "default_sample")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub sample: u32,
    /// Fits from other first centres; the one of the lowest inertia counts.
    #[serde(default = "default_restarts")]
    #[schemars(range(min = 1, max = 100))]
    pub restarts: u32,
    /// Rounds of a fit at the most; batches, with a `batch_size`.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1, max = 10_000))]
    pub iterations: u32,
    /// People of each batch of mini-batch k-means; without it, every round is over the whole sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 1_000_000))]
    pub batch_size: Option<u32>,
    /// Columns of the population that segments are described by, beside those that they are made of.
    #[serde(default)]
    pub profile: Vec<ColumnName>,
}

/// What people may be alike by beside columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentBasis {
    /// The model's embedding of a person.
    Embedding,
}

/// How many segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SegmentCount {
    /// So many.
    Fixed(#[schemars(range(min = 2, max = 100))] u32),
    /// As many as part people best.
    Range(SegmentRange),
}

/// Numbers of segments to choose from: that of the highest mean silhouette (Rousseeuw 1987).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentRange {
    /// The lowest.
    #[schemars(range(min = 2, max = 100))]
    pub from: u32,
    /// The highest.
    #[schemars(range(min = 2, max = 100))]
    pub to: u32,
}

impl SegmentCount {
    /// The numbers to choose from, ascending.
    pub fn candidates(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::Fixed(count) => count..=count,
            Self::Range(range) => range.from..=range.to,
        }
    }

    /// The highest of them.
    pub fn most(self) -> u32 {
        *self.candidates().end()
    }
}

impl Segmentation {
    /// The column of the distance to the centre of a person's segment.
    pub fn distance_column(name: &str) -> String {
        format!("{name}_distance")
    }

    /// The columns that segments are described by: those that they are made of, and then the others.
    pub fn described_by(&self) -> Vec<ColumnName> {
        let mut columns = self.columns.clone().unwrap_or_default();
        for column in &self.profile {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        columns
    }
}

fn default_sample() -> u32 {
    50_000
}

fn default_restarts() -> u32 {
    5
}

fn default_iterations() -> u32 {
    100
}

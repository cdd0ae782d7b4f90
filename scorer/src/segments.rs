//! Segments: fitted to a sample of the population when a run is planned, and frozen; everybody is put into one in the scan that
//! scores, and publishing says who is in them.

pub mod counts;
pub mod groups;
mod learn;
mod numbers;
pub mod page;
pub mod profile;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use artifacts::registry::ModelIdentity;
use indexmap::IndexMap;
use model::segments::{Assigned, Segments};
use serde::{Deserialize, Serialize};
use spec::Segmentation;
use spec::ids::{ColumnName, SegmentationName};

use crate::error::{Result, ScorerError};
use counts::{Scores, SegmentCounts};
use groups::DescribedColumn;
pub(crate) use groups::can_describe;
pub(crate) use learn::learn;
pub(crate) use numbers::{check_columns, column_numbers, is_number, numbers_of};

/// The segments that a run puts people into, as they are frozen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSegments {
    /// The model whose embeddings they may be of.
    pub model: ModelIdentity,
    /// By name, in the document's order.
    pub segmentations: IndexMap<SegmentationName, FrozenSegments>,
}

/// One way of dividing people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenSegments {
    /// The population's columns that they are of; none of the model's embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<ColumnName>>,
    /// The centres.
    pub segments: Segments,
    /// How people's values are told apart to describe them.
    pub described_by: Vec<DescribedColumn>,
}

impl FrozenSegments {
    /// The segments of people: by their carried columns, or by their embeddings, one behind the other.
    ///
    /// # Errors
    ///
    /// Columns that are missing or hold no numbers.
    pub fn assign(&self, carried: &RecordBatch, embeddings: &[f32]) -> Result<Assigned> {
        let numbers = match &self.columns {
            Some(columns) => numbers_of(carried, columns)?,
            None => embeddings.to_vec(),
        };
        Ok(self.segments.assign(numbers))
    }

    /// Counts people by segment: their distances, scores and values.
    ///
    /// # Errors
    ///
    /// Columns that are missing or of another type.
    pub fn count(&self, assigned: &Assigned, scores: &[Scores<'_>], carried: &RecordBatch) -> Result<SegmentCounts> {
        let mut counts = SegmentCounts::new(self.segments.count(), scores, &self.described_by);
        counts.add_scores(assigned, scores);
        for (described, counts) in self.described_by.iter().zip(&mut counts.columns) {
            let column = carried.column_by_name(described.column.as_str()).ok_or(ScorerError::Broken)?;
            counts.add(&assigned.segments, described, column)?;
        }
        Ok(counts)
    }
}

/// The score table's columns of segments.
pub fn segment_fields(name: &SegmentationName) -> [Field; 2] {
    [
        Field::new(name.as_str(), DataType::Int32, false),
        Field::new(Segmentation::distance_column(name.as_str()), DataType::Float32, false),
    ]
}

/// The same columns for some people.
pub fn segment_columns(assigned: Assigned) -> [ArrayRef; 2] {
    let segments = assigned.segments.into_iter().map(u32::cast_signed);
    [Arc::new(Int32Array::from_iter_values(segments)), Arc::new(Float32Array::from(assigned.distances))]
}

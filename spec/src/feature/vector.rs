//! Features of vectors: embeddings that were made elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;

/// A list of as many numbers in every row, taken as they are or projected to fewer by learned weights. Where training rows
/// have none a missing flag goes with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VectorFeature {
    /// The list column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// What stands in for null.
    #[serde(default)]
    pub impute: VectorImpute,
    /// How many numbers it is projected to; as it is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub width: Option<u16>,
}

/// What stands in for a missing vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VectorImpute {
    /// Zeros.
    #[default]
    Zero,
    /// At each place the mean of the training rows.
    Mean,
}

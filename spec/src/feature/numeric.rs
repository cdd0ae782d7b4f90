//! Features of numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;

/// A number, imputed and put on a scale that networks learn from; a missing flag goes with it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// For `transform: buckets`, how many learned buckets at the most; 16 when absent. Not together with `edges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 4096))]
    pub buckets: Option<u32>,
    /// For `transform: buckets`, the ascending numbers at which a next bucket begins. Not together with `buckets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4095))]
    pub edges: Option<Vec<f64>>,
    /// For `transform: buckets`, the embedding's width; min(64, round(1.6·buckets^0.56)) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 512))]
    pub width: Option<u16>,
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
    /// An embedding for each bucket between learned quantiles, or between given `edges`; one more for missing values.
    Buckets,
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

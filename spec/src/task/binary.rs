//! Binary tasks: will it happen?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TaskName};

/// A 0/1 label; null means not observed, and the row does not teach this task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BinaryTask {
    /// The label's column: boolean, or a number that is 0 or 1.
    pub label: ColumnName,
    /// Weight of positive rows in the cross-entropy.
    #[serde(default = "one")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub positive_weight: f64,
    /// How far a probability is off.
    #[serde(default)]
    pub loss: BinaryLoss,
    /// The share of negative training rows that the task learns from, 0..1: the same people in every run. Predictions are
    /// as if it had learned from all.
    #[serde(default = "one")]
    #[schemars(schema_with = "crate::share::some")]
    pub negative_rate: f64,
    /// A column of weights ≥ 0 of the rows in this task's loss and measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<ColumnName>,
    /// A SQL condition over the examples' columns: the rows that the task learns from and is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub when: Option<String>,
    /// A column by whose values rows are grouped, to measure how each group's rows are ordered among themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<ColumnName>,
    /// The step of a funnel that comes before this one: a binary task. For networks that know of funnels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<TaskName>,
}

fn one() -> f64 {
    1.0
}

/// Losses of a probability; `p_t` is the one given to what came true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BinaryLoss {
    /// -ln p_t
    CrossEntropy(CrossEntropyLoss),
    /// -α_t·(1 - p_t)^γ·ln p_t: rows that are easy already count less (Lin, ICCV 2017).
    Focal(FocalLoss),
}

impl Default for BinaryLoss {
    fn default() -> Self {
        Self::CrossEntropy(CrossEntropyLoss {})
    }
}

/// No fields.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossEntropyLoss {}

/// How much less easy rows count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FocalLoss {
    /// The power of 1 - p_t, 0..10; at 0 all rows count alike.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub gamma: f64,
    /// Weight of positive rows, 0..1; negative rows weigh 1 - alpha.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub alpha: f64,
}

impl Default for FocalLoss {
    fn default() -> Self {
        Self { gamma: 2.0, alpha: 0.25 }
    }
}

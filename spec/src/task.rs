//! Tasks: what a model learns to predict, one head each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TaskName};

mod binary;
pub mod lists;
mod lookalike;
mod multiclass;
mod regression;

pub use binary::{BinaryLoss, BinaryTask, CrossEntropyLoss, FocalLoss};
pub use lookalike::{LookalikeLoss, LookalikeTask, Negatives, SeedTable};
pub use multiclass::{MOST_CLASSES, MulticlassTask};
pub use regression::{HuberLoss, PoissonLoss, RegressionLoss, RegressionTask, SquaredLoss, TweedieLoss};

/// One head of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Will it happen? Output: a calibrated probability.
    Binary(BinaryTask),
    /// How much, often nothing? Output: the expected value (zero-inflated log-normal, Wang 2019).
    Value(ValueTask),
    /// What number? Output: the number that is expected.
    Regression(RegressionTask),
    /// Which one? Output: the most probable classes, with their probabilities.
    Multiclass(MulticlassTask),
    /// Who is like the seeds? Output: a score in 0..1.
    Lookalike(LookalikeTask),
}

impl Task {
    /// The word after `kind:`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Binary(_) => "binary",
            Self::Value(_) => "value",
            Self::Regression(_) => "regression",
            Self::Multiclass(_) => "multiclass",
            Self::Lookalike(_) => "lookalike",
        }
    }

    /// The column of the task's own row weights.
    pub fn weight(&self) -> Option<&ColumnName> {
        match self {
            Self::Binary(task) => task.weight.as_ref(),
            Self::Value(task) => task.weight.as_ref(),
            Self::Regression(task) => task.weight.as_ref(),
            Self::Multiclass(task) => task.weight.as_ref(),
            Self::Lookalike(task) => task.weight.as_ref(),
        }
    }

    /// The share of negative training rows that the task learns from.
    pub fn negative_rate(&self) -> f64 {
        match self {
            Self::Binary(task) => task.negative_rate,
            Self::Lookalike(task) => task.negative_rate,
            Self::Value(_) | Self::Regression(_) | Self::Multiclass(_) => 1.0,
        }
    }

    /// The condition of rows that the task learns from.
    pub fn when(&self) -> Option<&str> {
        match self {
            Self::Binary(task) => task.when.as_deref(),
            Self::Value(task) => task.when.as_deref(),
            Self::Regression(task) => task.when.as_deref(),
            Self::Multiclass(task) => task.when.as_deref(),
            Self::Lookalike(task) => task.when.as_deref(),
        }
    }

    /// The column by whose values the rows are grouped to be measured.
    pub fn group_by(&self) -> Option<&ColumnName> {
        match self {
            Self::Binary(task) => task.group_by.as_ref(),
            Self::Lookalike(task) => task.group_by.as_ref(),
            Self::Value(_) | Self::Regression(_) | Self::Multiclass(_) => None,
        }
    }

    /// The label's column; a lookalike task has none.
    pub fn label(&self) -> Option<&ColumnName> {
        match self {
            Self::Binary(task) => Some(&task.label),
            Self::Value(task) => Some(&task.label),
            Self::Regression(task) => Some(&task.label),
            Self::Multiclass(task) => Some(&task.label),
            Self::Lookalike(_) => None,
        }
    }
}

impl Task {
    /// The step of a funnel that comes before this one.
    pub fn after(&self) -> Option<&TaskName> {
        match self {
            Self::Binary(task) => task.after.as_ref(),
            Self::Value(_) | Self::Regression(_) | Self::Multiclass(_) | Self::Lookalike(_) => None,
        }
    }
}

/// A non-negative amount; null means not observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueTask {
    /// The label's column: a number ≥ 0.
    pub label: ColumnName,
    /// A column of weights ≥ 0 of the rows in this task's loss and measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<ColumnName>,
    /// A SQL condition over the examples' columns: the rows that the task learns from and is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub when: Option<String>,
}

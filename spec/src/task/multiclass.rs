//! Multiclass tasks: which one of many?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TaskName};

/// The most classes that a task can have: predictions of a batch and sums over rows keep a number for each.
pub const MOST_CLASSES: u32 = 1000;

/// One of many classes, such as the product that is bought next; null means not observed.
///
/// Classes are learned from the training rows. Labels that are too rare or too many, and those that come later, are
/// together one more class, `other`, which has a probability and is never among the best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MulticlassTask {
    /// The label's column: text, a whole number or boolean.
    pub label: ColumnName,
    /// How many of the most probable classes the score table has.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 100))]
    pub top: u32,
    /// Training rows below which a label is no class of its own.
    #[serde(default = "five_rows")]
    #[schemars(range(min = 1))]
    pub min_count: u64,
    /// Classes at the most, the most frequent ones.
    #[serde(default = "hundred")]
    #[schemars(range(min = 2, max = MOST_CLASSES))]
    pub max_classes: u32,
    /// A column of weights ≥ 0 of the rows in this task's loss and measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<ColumnName>,
    /// A SQL condition over the examples' columns: the rows that the task learns from and is measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub when: Option<String>,
}

impl MulticlassTask {
    /// The score table's columns of a task that has at least `top` classes: of each place the class and its probability.
    pub fn columns(&self, name: &TaskName) -> impl Iterator<Item = [String; 2]> {
        let name = name.clone();
        (1..=self.top).map(move |place| [format!("{name}_{place}"), format!("{name}_{place}_probability")])
    }
}

fn five() -> u32 {
    5
}

fn five_rows() -> u64 {
    5
}

fn hundred() -> u32 {
    100
}

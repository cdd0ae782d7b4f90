//! Lookalike tasks: who is like the seeds?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TableName};
use crate::table::KeyTable;

/// Seeds of a list that a table of lists must have in the examples, where the document does not say.
const LEAST_SEEDS: u32 = 20;

/// Lists of a table at the most, where the document does not say.
const MOST_LISTS: u32 = 100;

/// Membership of a seed table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookalikeTask {
    /// The seed customers: one list, or a table of many.
    pub seeds: SeedTable,
    /// People who are no negatives: the task does not learn from them unless they are seeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<KeyTable>,
    /// How many people that are no seeds the task learns from; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    /// The share of them, 0..1: what `negatives` comes to for the seeds that there are.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(schema_with = "crate::share::some")]
    pub negative_rate: f64,
    /// The share of people like the seeds among the rest, 0..1; estimated (Elkan-Noto) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::share::inner_or_null")]
    pub prior: Option<f64>,
    /// How rows that are no seeds are taken.
    #[serde(default)]
    pub loss: LookalikeLoss,
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
}

fn one() -> f64 {
    1.0
}

fn is_one(rate: &f64) -> bool {
    *rate == 1.0
}

/// A table of seed customers: one list, or, told apart by a column, one for each campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedTable {
    /// The table.
    pub table: TableName,
    /// Its key column; the document's `key` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ColumnName>,
    /// The column that says which campaign a seed belongs to: each of its values is a list and becomes a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<ColumnName>,
    /// The one campaign that the task is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub value: Option<String>,
    /// Seeds that a list must have in the examples. A campaign with fewer is left out, a single list refused. 20 for campaigns
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_size: Option<u32>,
    /// Campaigns at the most; 100 when absent. More are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_lists: Option<u32>,
}

impl SeedTable {
    /// The table's name and key column alone.
    pub fn keys(&self) -> KeyTable {
        KeyTable { table: self.table.clone(), key: self.key.clone() }
    }

    /// The column whose values become tasks; none where the task is of one list.
    pub fn lists(&self) -> Option<&ColumnName> {
        self.campaign.as_ref().filter(|_| self.value.is_none())
    }

    /// Seeds that a list must have in the examples.
    pub fn least_seeds(&self) -> u64 {
        let default = if self.lists().is_some() { LEAST_SEEDS } else { 1 };
        u64::from(self.min_size.unwrap_or(default))
    }

    /// Lists at the most.
    pub fn most_lists(&self) -> usize {
        self.max_lists.unwrap_or(MOST_LISTS) as usize
    }
}

/// How many people that are no seeds a task learns from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Negatives {
    /// For each seed; people are drawn by a hash of their key, the same in every run. All where there are not as many.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub ratio: f64,
}

impl Negatives {
    /// The share of `others` that is `ratio` for each of the seeds, at most 1.
    pub fn rate(self, seeds: u64, others: u64) -> f64 {
        if others == 0 { 1.0 } else { (self.ratio * seeds as f64 / others as f64).min(1.0) }
    }
}

/// Losses of positive-unlabeled learning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LookalikeLoss {
    /// Rows that are no seeds count as negatives.
    #[default]
    Plain,
    /// Non-negative PU risk (Kiryo, NeurIPS 2017).
    Nnpu,
    /// Seeds are a random share of those like them (Elkan and Noto, KDD 2008).
    ElkanNoto,
}

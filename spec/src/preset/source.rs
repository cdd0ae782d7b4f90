//! The tables that a preset reads, with the columns that it is told of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TableName};

/// A table with a row for each thing bought, and for each returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transactions {
    /// The table, or a step of `prepare`.
    pub table: TableName,
    /// Who; rows without are left out. The filled document's key has this name.
    pub customer: ColumnName,
    /// When: a date or timestamp; rows without are left out.
    pub time: ColumnName,
    /// What was paid for the row, negative for returns; a row is a purchase where it is above 0. Every row is one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<ColumnName>,
    /// What was bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ColumnName>,
    /// The category of what was bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<ColumnName>,
    /// The brand of what was bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<ColumnName>,
}

/// A table with a row for each person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Customers {
    /// The table, or a step of `prepare`.
    pub table: TableName,
    /// Who.
    pub customer: ColumnName,
    /// Since when they are known: a date or timestamp. With it people who never bought are looked at too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<ColumnName>,
    /// Columns that are carried along, for features, audiences and `keep` of your own.
    #[serde(default)]
    pub keep: Vec<ColumnName>,
}

/// A table with a row for each thing that somebody did: a view, a search, a cart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// The table, or a step of `prepare`.
    pub table: TableName,
    /// Who; rows without are left out.
    pub customer: ColumnName,
    /// When: a date or timestamp; rows without are left out.
    pub time: ColumnName,
    /// What was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ColumnName>,
    /// The actions that are counted by themselves, such as `[view, cart]`.
    #[serde(default)]
    pub actions: Vec<ColumnName>,
}

/// A table with a row for each time that a campaign reached somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// The table, or a step of `prepare`.
    pub table: TableName,
    /// Who; rows without are left out.
    pub customer: ColumnName,
    /// When: a date or timestamp; rows without are left out.
    pub time: ColumnName,
    /// Whether the contact was answered: boolean, or 0 and 1. A purchase within the horizon is an answer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responded: Option<ColumnName>,
}

/// Products that are like a new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Similar {
    /// Products that are, as the transactions call them.
    #[schemars(length(min = 1, max = 10_000))]
    pub to: Vec<String>,
    /// Which other products are.
    #[serde(default)]
    pub by: Similarity,
    /// `co_purchase`: how many others at the most.
    #[serde(default = "default_most")]
    #[schemars(range(min = 1, max = 10_000))]
    pub most: u32,
}

fn default_most() -> u32 {
    20
}

/// Which products are like those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Those that the same people buy: buyers of both, by the geometric mean of the buyers of each (cosine).
    #[default]
    CoPurchase,
    /// All of their categories.
    Category,
    /// They alone.
    None,
}

//! What is told of the people of an audience.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;
use crate::table::KeyTable;

/// How an audience is described: in `profile.json` and on the page `report.html` of each version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AudienceProfile {
    /// The population's columns whose values are compared; those of the model's features when absent. None for scores alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub columns: Option<Vec<ColumnName>>,
    /// People whom a told count stands for at least. 1 tells everything.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_cell: u32,
    /// Bins that numbers are cut into at quantiles of the population; few different numbers are told one by one.
    #[schemars(range(min = 2, max = 100))]
    pub bins: u32,
    /// Values told of a column at the most, the most significant ones.
    #[schemars(range(min = 1, max = 1000))]
    pub values: u32,
    /// People whom the audience is compared with; the list of `seed_lists` that `rank_by` reads when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<KeyTable>,
}

impl Default for AudienceProfile {
    fn default() -> Self {
        Self { columns: None, min_cell: 30, bins: 10, values: 50, seeds: None }
    }
}

//! How old an input may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TableName};

/// A table that must be recent: its newest row or, without a column, its newest file.
///
/// Age is counted back from midnight (UTC) that begins the run's day, so that the same run always says the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fresh {
    /// One of `tables`.
    pub table: TableName,
    /// A date or timestamp, of which the latest counts; the time of the newest file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// How long before the run's day it may be, such as `36h`.
    #[schemars(schema_with = "crate::text::duration")]
    pub within: String,
}

//! Frequency caps: how often a person may have been contacted lately and still be in an audience.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ColumnName, TableName};
use crate::preset::Days;

/// People who were contacted often enough of late are left out, by a table with a row for every contact.
///
/// The window is `within` days of the zone's calendar, and the run's date is the last of them. Dates, and times without a
/// zone, are on that zone's clock already; times with a zone are instants. Contacts after the window, and rows without a
/// key or a time, are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactCap {
    /// The table of contacts.
    pub table: TableName,
    /// Its key column; the document's `key` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ColumnName>,
    /// Its column that says when somebody was contacted, a date or a time.
    pub time: ColumnName,
    /// Whoever was contacted so many times is left out.
    #[schemars(range(min = 1))]
    pub most: u32,
    /// The days that count, such as `7d`; the run's date is the last of them.
    pub within: Days,
    /// The zone whose days they are, by its IANA name such as `Asia/Shanghai`; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub time_zone: Option<String>,
}

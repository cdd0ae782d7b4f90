//! Where rows come from: named tables over files, key tables, and the steps that derive new tables.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::ids::{ColumnName, TableName};

/// A table over files: one file, a folder (all files under it with the format's extension) or a glob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSource {
    /// A path (relative ones are resolved against the working directory) or URL: `file://`, `s3://`, `gs://`, `az://`.
    #[schemars(schema_with = "crate::text::address")]
    pub url: String,
    /// What the files are; told from the extension when absent (`.csv.gz` is gzip-compressed CSV).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TableFormat>,
    /// CSV: the field separator, one byte; `,` when absent. `whitespace` for runs of blanks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::delimiter_or_null")]
    pub delimiter: Option<String>,
    /// CSV: whether the first line names the columns; true when absent and `columns` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// CSV without a header: the columns' names, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub columns: Option<Vec<ColumnName>>,
    /// CSV and JSON: types of columns that are not to be told from their values, such as `phone: string`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<ColumnName, ColumnType>,
}

/// Types that a column of text can be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text as it stands.
    String,
    /// 64-bit integer.
    Integer,
    /// 64-bit floating point.
    Number,
    /// true or false.
    Boolean,
    /// `YYYY-MM-DD`
    Date,
    /// A date and time, in microseconds.
    Timestamp,
}

/// The formats that tables are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values; also other separators.
    Csv,
    /// One JSON object a line.
    Json,
}

/// A step that names a new table, made of the tables named so far: by a query, or by joining the ids of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrepareStep {
    /// The new table's name.
    pub name: TableName,
    /// The query, in DataFusion's dialect. This or `identity`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(schema_with = "crate::text::not_blank")]
    pub sql: String,
    /// Which ids are of one person. This or `sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// A table read for its keys alone: seeds, buyers, a blacklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyTable {
    /// The table.
    pub table: TableName,
    /// Its key column; the document's `key` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ColumnName>,
}

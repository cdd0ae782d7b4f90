//! The `spec` of a Scoring document.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::ids::{AudienceName, ColumnName, ModelReference, TableName};
use crate::preset::Preset;
use crate::table::{PrepareStep, TableSource};
use crate::training::DeviceChoice;

/// Everything that a scoring run is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoringSpec {
    /// Values for `${name}` in this document.
    #[serde(default)]
    #[schemars(schema_with = "crate::text::parameter")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// What is to be foretold, from which columns: it fills every field that is not written. Runs do not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The model, resolved to a version once, when the run starts.
    pub model: ModelReference,
    /// Named tables over files.
    #[schemars(extend("minProperties" = 1))]
    pub tables: BTreeMap<TableName, TableSource>,
    /// SQL steps, in order.
    #[serde(default)]
    pub prepare: Vec<PrepareStep>,
    /// The table whose rows are scored.
    pub population: TableName,
    /// Its key column.
    pub key: ColumnName,
    /// Columns carried into the score table beside the key.
    #[serde(default)]
    pub keep: Vec<ColumnName>,
    /// Rows a shard, rounded to whole row groups.
    #[serde(default = "default_shard_rows")]
    #[schemars(range(min = 1))]
    pub shard_rows: u64,
    /// What is published.
    #[serde(default)]
    pub audiences: IndexMap<AudienceName, Audience>,
    /// Processes and memory.
    #[serde(default)]
    pub resources: Resources,
    /// Where tensors live.
    #[serde(default)]
    pub device: DeviceChoice,
}

fn default_shard_rows() -> u64 {
    2_000_000
}

/// What a run may use of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// Worker processes.
    #[schemars(range(min = 1, max = 1024))]
    pub processes: u32,
    /// Memory that SQL steps may use before they spill to disk, such as `4GiB`.
    #[schemars(schema_with = "crate::text::size")]
    pub memory: String,
    /// Compute and decoding threads a process; all cores when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u32>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { processes: 1, memory: "4GiB".to_owned(), threads: None }
    }
}

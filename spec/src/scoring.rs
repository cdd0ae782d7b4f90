//! The `spec` of a Scoring document.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audience::Audience;
use crate::ids::{AudienceName, ColumnName, ModelReference, NeighboursName, SegmentationName, TableName, TaskName};
use crate::neighbours::Neighbours;
use crate::preset::Preset;
use crate::quarantine::Quarantine;
use crate::schedule::CronSchedule;
use crate::segments::Segmentation;
use crate::table::{PrepareStep, TableSource};
use crate::task::SeedTable;
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
    /// When the document runs by itself; `kindred run` runs it at once. Runs do not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<CronSchedule>,
    /// The model, resolved to a version once, when the run starts.
    pub model: ModelReference,
    /// Named tables over files.
    #[schemars(extend("minProperties" = 1))]
    pub tables: BTreeMap<TableName, TableSource>,
    /// Steps that make tables, in order.
    #[serde(default)]
    pub prepare: Vec<PrepareStep>,
    /// The table whose rows are scored.
    pub population: TableName,
    /// Its key column.
    pub key: ColumnName,
    /// Columns carried into the score table beside the key.
    #[serde(default)]
    pub keep: Vec<ColumnName>,
    /// A column of the score table that takes each person's embedding: what the model's tasks share at last, as a list of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<ColumnName>,
    /// Rows a shard, rounded to whole row groups.
    #[serde(default = "default_shard_rows")]
    #[schemars(range(min = 1))]
    pub shard_rows: u64,
    /// Lists of seeds that people are scored for without training: each is a column of the score table.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub seed_lists: IndexMap<TaskName, SeedLists>,
    /// Ways of dividing people into segments: each person's segment is a column of the score table.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub segments: IndexMap<SegmentationName, Segmentation>,
    /// People whose nearest are looked for among the population, by the model's embeddings: a table each.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub neighbours: IndexMap<NeighboursName, Neighbours>,
    /// A table of items, such as campaigns or products, whose embeddings a model of two towers writes beside people's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_embeddings: Option<TableName>,
    /// How much of the population may be left out because it cannot be read; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<Quarantine>,
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

/// Seeds that people are compared with by the model's embeddings, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeedLists {
    /// One list, or a table of many.
    pub seeds: SeedTable,
    /// People of the population, more or less, that seeds are told from; drawn by a hash of the key.
    #[serde(default = "default_sample")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub sample: u32,
    /// What similarity to the seeds counts in a score, beside a small classifier, 0..1; 1 for similarity alone. Not of models that
    /// are fine-tuned to lists.
    #[serde(default = "default_similarity")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub similarity: f64,
    /// Clusters of a list's seeds at the most.
    #[serde(default = "default_centres")]
    #[schemars(range(min = 1, max = 100))]
    pub centres: u32,
}

fn default_sample() -> u32 {
    5000
}

fn default_similarity() -> f64 {
    0.3
}

fn default_centres() -> u32 {
    8
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
    /// Memory that one process may hold before it is ended, such as `8GiB`; no limit when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::size_or_null")]
    pub memory_limit: Option<String>,
    /// Compute and decoding threads a process; all cores when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u32>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { processes: 1, memory: "4GiB".to_owned(), memory_limit: None, threads: None }
    }
}

impl Resources {
    /// The bytes that one process may hold; `None` without a limit.
    pub fn memory_limit_bytes(&self) -> Option<u64> {
        crate::size::parse_bytes(self.memory_limit.as_deref()?).ok()
    }
}

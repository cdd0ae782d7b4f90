//! What a report is made of.

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use model::calibrate::ModelCalibration;
use model::measure::{Comparison, Importance, ModelMetrics, Part, SlicedColumn};
use serde::{Deserialize, Serialize};
use spec::TaskName;

use crate::search::SearchResults;
use crate::seeds::SeedQuality;

/// Everything that the page says. Lists keep the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The model's name.
    pub model: String,
    /// Its version; absent if the model was not registered.
    pub version: Option<u64>,
    /// The run.
    pub run: String,
    /// When the model was made.
    pub created: DateTime<Utc>,
    /// The program and its version.
    pub program: String,
    /// The network in one line, such as `mmoe, 4 experts of 128-64, towers of 32`.
    pub network: String,
    /// Weights of the network, tables included.
    pub weights: u64,
    /// The document as a user would write it (YAML or JSON).
    pub document: String,
    /// What the document and its defaults say about training, by name: optimizer, batch size, seed, …
    pub settings: Vec<Setting>,
    /// The table of examples.
    pub examples: String,
    /// Its key column.
    pub key: String,
    /// How rows were split, in one line.
    pub split: String,
    /// What the document says of each task, in a line: its label, its loss, its rows.
    pub tasks: IndexMap<TaskName, String>,
    /// The parts, in order.
    pub parts: Vec<DataPart>,
    /// What was read.
    pub inputs: Vec<InputLine>,
    /// The inputs of the model, in the document's order.
    pub features: Vec<FeatureLine>,
    /// How training went.
    pub timeline: Timeline,
    /// All measures.
    pub metrics: ModelMetrics,
    /// The model beside others on the same rows.
    pub comparisons: Vec<Comparison>,
    /// How the search went that found the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchResults>,
    /// The measures by the values of columns.
    pub slices: Vec<SlicedColumn>,
    /// What the model leans on; absent without validation rows.
    pub importance: Option<Importance>,
    /// How probabilities were put right.
    pub calibration: ModelCalibration,
    /// The seed list of each lookalike task.
    pub seeds: IndexMap<TaskName, SeedQuality>,
    /// What registration did: aliases moved, or why one was not. A sentence each.
    pub registration: Vec<String>,
    /// What the run warned of: constant columns, features that leak, … A sentence each.
    pub warnings: Vec<String>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// What is set.
    pub name: String,
    /// To what.
    pub value: String,
}

/// One part of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataPart {
    /// Which one.
    pub part: Part,
    /// Its rows.
    pub rows: u64,
    /// The labels in it, in the order of the tasks.
    pub labels: Vec<LabelRate>,
}

/// What a task's label is in a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelRate {
    /// The task.
    pub task: TaskName,
    /// Rows whose label is observed.
    pub observed: u64,
    /// Those with label 1, or a value above zero.
    pub positives: u64,
    /// Weighted mean of the label: the base rate, or the mean value; absent without rows.
    pub mean: Option<f64>,
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputLine {
    /// The table that it belongs to.
    pub table: String,
    /// Where it was read.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// What the store says identifies its content.
    pub etag: Option<String>,
    /// When it was last written.
    pub last_modified: Option<DateTime<Utc>>,
}

/// An input of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureLine {
    /// Its name.
    pub name: String,
    /// `numeric`, `categorical`, …
    pub kind: String,
    /// The columns that it is read from.
    pub columns: Vec<String>,
    /// How it is encoded, in a few words: `quantile`, `vocabulary`, `hash`, …
    pub encoding: String,
    /// Distinct values that have an id of their own, or buckets; absent for numbers.
    pub cardinality: Option<u64>,
    /// Share of training rows without a value, 0..1.
    pub missing: Option<f64>,
    /// Numbers that it gives the network.
    pub width: u32,
}

/// How training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Where tensors were.
    pub device: String,
    /// Compute threads.
    pub threads: u32,
    /// Wall time of all epochs of all networks, evaluation included.
    pub seconds: f64,
    /// Training rows a second, evaluation excluded; the mean over the networks.
    pub rows_per_second: f64,
    /// What early stopping watched, such as `repurchase.auc`.
    pub watched: String,
    /// The epoch whose weights were kept, from 1; absent if no epoch was finished.
    pub best_epoch: Option<u32>,
    /// Why training ended.
    pub stopped: StopReason,
    /// What happened in each, of the first network where the model is the mean of several.
    pub epochs: Vec<Epoch>,
    /// The other networks whose mean the model is, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<MemberLine>,
}

/// How the training of one of several networks went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberLine {
    /// Its random seed.
    pub seed: u64,
    /// Epochs that were trained.
    pub epochs: u32,
    /// The epoch whose weights were kept, from 1; absent if no epoch was finished.
    pub best_epoch: Option<u32>,
    /// The watched value after that epoch.
    pub watched: Option<f64>,
    /// Wall time of its epochs, evaluation included.
    pub seconds: f64,
}

impl Timeline {
    /// The watched value of the epoch whose weights were kept.
    pub fn best(&self) -> Option<f64> {
        self.epochs.iter().find(|epoch| Some(epoch.number) == self.best_epoch)?.watched
    }

    /// Adds the training of another network of the model, with its seed.
    pub fn add(&mut self, seed: u64, other: &Self) {
        let networks = self.others.len() as f64 + 1.0;
        self.rows_per_second = (self.rows_per_second * networks + other.rows_per_second) / (networks + 1.0);
        self.seconds += other.seconds;
        self.others.push(MemberLine {
            seed,
            epochs: other.epochs.len() as u32,
            best_epoch: other.best_epoch,
            watched: other.best(),
            seconds: other.seconds,
        });
    }

    /// Epochs of all networks together.
    pub fn all_epochs(&self) -> u64 {
        self.epochs.len() as u64 + self.others.iter().map(|member| u64::from(member.epochs)).sum::<u64>()
    }
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All planned epochs were done.
    Finished,
    /// The watched measure had stopped getting better.
    NoGain,
}

/// One pass over the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub number: u32,
    /// Wall time, evaluation included.
    pub seconds: f64,
    /// Training rows a second.
    pub rows_per_second: f64,
    /// Mean weighted loss of all tasks on the training rows, as they were met.
    pub train_loss: f64,
    /// The same on the validation rows after the epoch.
    pub validation_loss: Option<f64>,
    /// The watched value after the epoch.
    pub watched: Option<f64>,
    /// By task, in order.
    pub tasks: Vec<EpochTask>,
}

/// A task in an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochTask {
    /// The task.
    pub task: TaskName,
    /// Its mean loss on the training rows, as they were met.
    pub train_loss: f64,
    /// Its loss on the validation rows after the epoch.
    pub validation_loss: Option<f64>,
    /// Its leading measure (AUC, or normalized Gini) on the validation rows after the epoch.
    pub validation_measure: Option<f64>,
}

//! The `spec` of a Training document.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feature::Feature;
use crate::ids::{AliasName, ColumnName, FeatureName, TableName, TaskName};
use crate::network::Network;
use crate::scoring::Resources;
use crate::table::{PrepareStep, TableSource};
use crate::task::Task;

/// Everything that a training run is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Values for `${name}` in this document; `--set name=value` overrides them, `${run_date}` is always there.
    #[serde(default)]
    #[schemars(schema_with = "crate::text::parameter")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Named tables over files.
    #[schemars(extend("minProperties" = 1))]
    pub tables: BTreeMap<TableName, TableSource>,
    /// SQL steps, in order.
    #[serde(default)]
    pub prepare: Vec<PrepareStep>,
    /// The table whose rows are the training examples.
    pub examples: TableName,
    /// Its key column.
    pub key: ColumnName,
    /// An optional column of non-negative row weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<ColumnName>,
    /// Which rows train, validate and test.
    #[serde(default)]
    pub split: Split,
    /// The inputs, in order.
    #[schemars(extend("minProperties" = 1))]
    pub features: IndexMap<FeatureName, Feature>,
    /// The heads, in order.
    #[schemars(extend("minProperties" = 1))]
    pub tasks: IndexMap<TaskName, Task>,
    /// The network.
    pub network: Network,
    /// How it is fitted.
    #[serde(default)]
    pub training: Fit,
    /// How probabilities are put right on validation rows.
    #[serde(default)]
    pub calibration: Calibration,
    /// Which aliases the new version gets.
    #[serde(default)]
    pub register: Register,
    /// Processes and memory.
    #[serde(default)]
    pub resources: Resources,
}

/// Which rows are for training, for validation (early stopping, calibration) and for the final test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Split {
    /// By a hash of the key: one person's rows are never on both sides.
    Key(Shares),
    /// By a hash of the key and the row's position.
    Random(Shares),
    /// By a column that says `train`, `validation` or `test`.
    Column(SplitColumn),
    /// By time: earlier rows train, later ones validate and test.
    Time(SplitTime),
}

impl Default for Split {
    fn default() -> Self {
        Self::Key(Shares::default())
    }
}

/// Shares of the rows, each in 0..1, together below 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shares {
    /// For early stopping and calibration.
    #[schemars(schema_with = "crate::share::part")]
    pub validation: f64,
    /// Never seen until the end.
    #[schemars(schema_with = "crate::share::part")]
    pub test: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.1 }
    }
}

/// The column that names each row's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitColumn {
    /// Its values are `train`, `validation` and `test`.
    pub column: ColumnName,
}

/// Rows before `validation_from` train; from `test_from` on they test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitTime {
    /// A date or timestamp column.
    pub column: ColumnName,
    /// The first day of validation.
    pub validation_from: chrono::NaiveDate,
    /// The first day of test.
    pub test_from: chrono::NaiveDate,
}

/// How the model is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fit {
    /// Passes over the training rows at the most.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// Rows a step.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub batch_size: u32,
    /// For the dense weights.
    pub optimizer: Optimizer,
    /// For the embedding tables.
    pub embeddings: EmbeddingOptimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// How the tasks' losses become one.
    pub task_weights: TaskWeights,
    /// When to stop before the last epoch.
    pub early_stopping: EarlyStopping,
    /// Largest norm of the dense gradient; null for no clipping.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_norm: Option<f64>,
    /// Everything random comes from it.
    pub seed: u64,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// Arithmetic of the matrix products.
    pub precision: Precision,
    /// Data-parallel trainer processes.
    #[schemars(range(min = 1))]
    pub processes: u32,
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch_size: 1024,
            optimizer: Optimizer::default(),
            embeddings: EmbeddingOptimizer::default(),
            schedule: Schedule::default(),
            task_weights: TaskWeights::default(),
            early_stopping: EarlyStopping::default(),
            clip_norm: Some(1.0),
            seed: 7,
            device: DeviceChoice::default(),
            precision: Precision::default(),
            processes: 1,
        }
    }
}

/// Optimizer of the dense weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// Its update rule.
    pub kind: OptimizerKind,
    /// Step size at the schedule's top.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Decoupled weight decay (Loshchilov 2019), per step times the learning rate.
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { kind: OptimizerKind::default(), learning_rate: 0.001, weight_decay: 0.0001 }
    }
}

/// Update rules of dense weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay.
    #[default]
    Adamw,
    /// Adagrad (Duchi 2011).
    Adagrad,
}

/// Optimizer of the embedding tables; touches only the rows of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingOptimizer {
    /// Its update rule.
    pub kind: EmbeddingOptimizerKind,
    /// Step size at the schedule's top.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
}

impl Default for EmbeddingOptimizer {
    fn default() -> Self {
        Self { kind: EmbeddingOptimizerKind::default(), learning_rate: 0.05 }
    }
}

/// Update rules of embedding rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingOptimizerKind {
    /// One accumulator a row: the mean of its squared gradient (Mudigere, ISCA 2022).
    #[default]
    RowwiseAdagrad,
}

/// The learning rate's course: linear warm-up, then `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Steps from zero to the full rate.
    pub warmup_steps: u32,
    /// What follows.
    pub kind: ScheduleKind,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { warmup_steps: 100, kind: ScheduleKind::default() }
    }
}

/// Courses of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Half a cosine down to zero at the last planned step.
    #[default]
    Cosine,
    /// Unchanged.
    Constant,
}

/// How the tasks' losses become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TaskWeights {
    /// A rule that learns the weights.
    Rule(TaskWeightRule),
    /// A weight for each task; absent ones count 1.
    Fixed(BTreeMap<TaskName, f64>),
}

impl Default for TaskWeights {
    fn default() -> Self {
        Self::Rule(TaskWeightRule::Uncertainty)
    }
}

/// Rules that learn task weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskWeightRule {
    /// Σ e^{-w_k} L_k + w_k (Kendall, CVPR 2018).
    Uncertainty,
}

/// When training stops early; the best weights are kept either way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStopping {
    /// `task.measure` on the validation rows, such as `repurchase.auc`; the weighted validation loss when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub measure: Option<String>,
    /// Epochs without a better value before stopping.
    #[schemars(range(min = 1))]
    pub patience: u32,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { measure: None, patience: 3 }
    }
}

/// `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = DeviceChoice::PATTERN))]
pub enum DeviceChoice {
    /// The first CUDA device if one is usable, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by index; an error where it is not usable.
    Cuda(u16),
}

impl DeviceChoice {
    pub(crate) const PATTERN: &str = "^(auto|cpu|cuda(:[0-9]{1,5})?)$";
}

/// A device that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a device: use auto, cpu, cuda or cuda:N")]
pub struct InvalidDevice(String);

impl TryFrom<String> for DeviceChoice {
    type Error = InvalidDevice;

    fn try_from(text: String) -> Result<Self, InvalidDevice> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => {
                let is_index = |index: &&str| index.bytes().all(|byte| byte.is_ascii_digit());
                let index = other.strip_prefix("cuda:").filter(is_index).and_then(|index| index.parse().ok());
                index.map(Self::Cuda).ok_or(InvalidDevice(text))
            }
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(device: DeviceChoice) -> String {
        match device {
            DeviceChoice::Auto => "auto".to_owned(),
            DeviceChoice::Cpu => "cpu".to_owned(),
            DeviceChoice::Cuda(index) => format!("cuda:{index}"),
        }
    }
}

/// Arithmetic of the matrix products; weights and optimizer states stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// bfloat16 products with f32 accumulation; on a GPU only.
    Bf16,
}

/// How probabilities are put right on the validation rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Pool-adjacent-violators on score bins.
    #[default]
    Isotonic,
    /// A logistic fit on the logit (Platt 1999).
    Platt,
    /// As the network says.
    None,
}

/// What the registry does with the new version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// Aliases that always move to it.
    pub aliases: Vec<AliasName>,
    /// An alias that moves only when a condition holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote: Option<Promote>,
}

/// A conditional alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promote {
    /// The alias.
    pub alias: AliasName,
    /// Comparisons of test measures, joined by `and`: `repurchase.auc >= 0.70 and spend.spearman > 0`.
    #[schemars(schema_with = "crate::text::not_blank")]
    pub when: String,
}

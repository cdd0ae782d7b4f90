//! The `spec` of a Training document.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feature::Feature;
use crate::ids::{AliasName, ColumnName, FeatureName, TableName, TaskName};
use crate::network::Network;
use crate::preset::Preset;
use crate::schedule::CronSchedule;
use crate::scoring::Resources;
use crate::search::Search;
use crate::table::{PrepareStep, TableSource};
use crate::task::Task;

mod fit;

pub use fit::{
    DeviceChoice, EarlyStopping, EmbeddingOptimizer, EmbeddingOptimizerKind, Fit, InvalidDevice, Optimizer,
    OptimizerKind, Precision, Schedule, ScheduleKind, TaskWeightRule, TaskWeights,
};

/// Everything that a training run is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// Values for `${name}` in this document; `--set name=value` overrides them, `${run_date}` is always there.
    #[serde(default)]
    #[schemars(schema_with = "crate::text::parameter")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// What is to be foretold, from which columns: it fills every field that is not written. Runs do not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// When the document runs by itself; `kindred run` runs it at once. Runs do not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<CronSchedule>,
    /// Named tables over files.
    #[schemars(extend("minProperties" = 1))]
    pub tables: BTreeMap<TableName, TableSource>,
    /// Steps that make tables, in order.
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
    /// What is fitted to the same rows beside the network, to be compared with it.
    #[serde(default)]
    pub baseline: Baseline,
    /// Other settings to try; the best of all are registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Columns by whose values the measures are taken as well.
    #[serde(default)]
    pub slices: Slices,
    /// Whether it is measured what the model leans on.
    #[serde(default)]
    pub importance: Importance,
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

/// How probabilities are put right on the validation rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Pool-adjacent-violators on score bins; Platt's where validation rows are few.
    #[default]
    Isotonic,
    /// A logistic fit on the logit (Platt 1999).
    Platt,
    /// As the network says.
    None,
}

/// What is fitted to the same rows beside the network: what a simpler model would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The linear network on the same features, with the same settings of training and calibration.
    #[default]
    Linear,
    /// Nothing.
    None,
}

/// Columns by whose values the measures are taken as well, features or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Slices {
    /// The columns: text, whole numbers, booleans or dates.
    #[schemars(length(max = 20))]
    pub columns: Vec<ColumnName>,
    /// Values with fewer rows are left out.
    #[schemars(range(min = 10))]
    pub min_rows: u32,
}

impl Default for Slices {
    fn default() -> Self {
        Self { columns: Vec::new(), min_rows: 100 }
    }
}

/// Whether it is measured what the model leans on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Importance {
    /// What every task's leading measure loses when a feature's values are dealt out anew (Breiman 2001).
    #[default]
    Permutation,
    /// Nothing.
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

impl Register {
    /// Whether a new version may come to have the alias.
    pub fn may_move(&self, alias: &AliasName) -> bool {
        self.aliases.contains(alias) || self.promote.as_ref().is_some_and(|promote| promote.alias == *alias)
    }
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

//! How a model is fitted: optimizers, schedules, weights of tasks, when to stop, and where it runs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::TaskName;

/// How the model is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fit {
    /// Passes over the training rows at the most.
    #[schemars(range(min = 1, max = 100_000))]
    pub epochs: u32,
    /// Rows a step; by the number of training rows when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_048_576))]
    pub batch_size: Option<u32>,
    /// Networks that are trained alike from other random numbers, and whose predictions' mean is the model's; by the number of
    /// training rows when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub members: Option<u32>,
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
            batch_size: None,
            members: None,
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

/// A small table is trained in batches of a sixty-fourth of its rows, so that an epoch has steps enough to learn from.
const STEPS_OF_A_SMALL_EPOCH: u64 = 64;
const SMALLEST_BATCH: u64 = 128;
const LARGEST_BATCH: u64 = 1024;

/// A model of a small table is the mean of so many networks: they cost little there, and one alone follows chance.
const MEMBERS_OF_A_SMALL_TABLE: u32 = 4;
/// Training rows of a small table at the most.
const SMALL_TABLE: u64 = 50_000;

impl Fit {
    /// Networks whose mean is the model, of so many training rows: what the document says, else 4 up to 50,000 rows and one
    /// beyond.
    pub fn member_count(&self, training_rows: u64) -> u32 {
        let by_rows = if training_rows <= SMALL_TABLE { MEMBERS_OF_A_SMALL_TABLE } else { 1 };
        self.members.unwrap_or(by_rows)
    }

    /// The random seed of a member: the first one's is the document's.
    pub fn seed_of_member(&self, member: u32) -> u64 {
        self.seed.wrapping_add(u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Rows a step over so many training rows: what the document says, else the largest power of two that gives an epoch
    /// at least 64 steps, within 128..=1024.
    pub fn batch_rows(&self, training_rows: u64) -> usize {
        let by_rows = || {
            let rows = (training_rows / STEPS_OF_A_SMALL_EPOCH).clamp(SMALLEST_BATCH, LARGEST_BATCH);
            1 << rows.ilog2()
        };
        self.batch_size.map_or_else(by_rows, |rows| rows as usize)
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
    /// Weight decay, per step times the learning rate: decoupled (Loshchilov 2019), but for `adam`.
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { kind: OptimizerKind::default(), learning_rate: 0.002, weight_decay: 0.0001 }
    }
}

/// Update rules of dense weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay.
    #[default]
    Adamw,
    /// Adam (Kingma, ICLR 2015), weight decay as part of the gradient.
    Adam,
    /// Adagrad (Duchi 2011).
    Adagrad,
    /// Stochastic gradient descent (Robbins 1951).
    Sgd,
}

impl OptimizerKind {
    /// Whether it keeps a first moment of each weight.
    pub fn has_first(self) -> bool {
        match self {
            Self::Adamw | Self::Adam => true,
            Self::Adagrad | Self::Sgd => false,
        }
    }

    /// Whether it keeps a second moment of each weight, or a sum of squares.
    pub fn has_second(self) -> bool {
        match self {
            Self::Adamw | Self::Adam | Self::Adagrad => true,
            Self::Sgd => false,
        }
    }
}

/// Optimizer of the embedding tables; touches only the rows of a step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingOptimizer {
    /// Its update rule.
    pub kind: EmbeddingOptimizerKind,
    /// Step size at the schedule's top; by `kind` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: Option<f64>,
    /// How much ids that are seen seldom are held back: in the k-th step that reads an embedding, the learning rate times
    /// this over k is the share of it that is taken away before what it learns.
    #[serde(skip_serializing_if = "is_none")]
    #[schemars(range(min = 0))]
    pub rare_decay: f64,
}

impl EmbeddingOptimizer {
    /// Step size at the schedule's top: what the document says, else 0.005 of the Adagrads and 0.001 of Adam, whose steps
    /// do not become smaller by themselves.
    pub fn top_rate(&self) -> f64 {
        let by_kind = match self.kind {
            EmbeddingOptimizerKind::RowwiseAdagrad | EmbeddingOptimizerKind::Adagrad => 0.005,
            EmbeddingOptimizerKind::RowwiseAdam => 0.001,
        };
        self.learning_rate.unwrap_or(by_kind)
    }
}

/// Whether a field says nothing that its absence does not say.
fn is_none(decay: &f64) -> bool {
    *decay == 0.0
}

/// Update rules of embedding rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingOptimizerKind {
    /// One accumulator a row: the mean of its squared gradient (Mudigere, ISCA 2022).
    #[default]
    RowwiseAdagrad,
    /// Adagrad with an accumulator for each number (Duchi 2011).
    Adagrad,
    /// Adam with a first moment for each number and one second moment a row: the mean of its squared gradient
    /// (FBGEMM's `partial_row_wise_adam`).
    RowwiseAdam,
}

impl EmbeddingOptimizerKind {
    /// Whether it keeps a first moment of each weight.
    pub fn has_first(self) -> bool {
        match self {
            Self::RowwiseAdam => true,
            Self::RowwiseAdagrad | Self::Adagrad => false,
        }
    }

    /// Whether what it keeps of squared gradients is a number a row, not one a weight.
    pub fn has_squares_of_rows(self) -> bool {
        match self {
            Self::RowwiseAdagrad | Self::RowwiseAdam => true,
            Self::Adagrad => false,
        }
    }
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
    /// A tenth after half of the planned steps, a hundredth after three quarters (He, CVPR 2016).
    Step,
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
    /// Weights under which every task's gradient by what tasks share has about the same norm, larger where a task learns
    /// slowly (Chen, ICML 2018).
    Gradnorm,
    /// Weights by how slowly a task's loss fell in the last two epochs (Liu, CVPR 2019).
    Dwa,
    /// All count 1, and gradients by what tasks share give up what works against another's (Yu, NeurIPS 2020).
    Pcgrad,
}

impl TaskWeightRule {
    /// The rule's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncertainty => "uncertainty",
            Self::Gradnorm => "gradnorm",
            Self::Dwa => "dwa",
            Self::Pcgrad => "pcgrad",
        }
    }

    /// Whether it looks at weights that tasks share.
    pub fn needs_shared_weights(self) -> bool {
        match self {
            Self::Gradnorm | Self::Pcgrad => true,
            Self::Uncertainty | Self::Dwa => false,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::Fit;

    #[test]
    fn small_tables_get_small_batches_unless_the_document_says_otherwise() {
        let by_rows = Fit::default();
        for (training_rows, batch_rows) in
            [(0, 128), (1_344, 128), (16_383, 128), (16_384, 256), (24_712, 256), (65_536, 1024), (10_000_000, 1024)]
        {
            assert_eq!(by_rows.batch_rows(training_rows), batch_rows, "{training_rows}");
        }
        assert_eq!([50_000, 50_001].map(|rows| by_rows.member_count(rows)), [4, 1]);
        assert_eq!(Fit { members: Some(3), ..Fit::default() }.member_count(10_000_000), 3);
        assert_eq!(by_rows.seed_of_member(0), by_rows.seed);
        let said = Fit { batch_size: Some(5000), ..Fit::default() };
        assert_eq!(said.batch_rows(100), 5000);
    }
}

//! What can go wrong between encoded batches and predictions.

use spec::{FeatureName, TaskName};

/// A failure of a network, its training, its weights or its device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A GPU was asked for and cannot be used.
    #[error("device cuda:{index} cannot be used: {reason}; use `device: cpu` or `device: auto`")]
    Device {
        /// The device's index.
        index: u16,
        /// What is missing.
        reason: DeviceProblem,
    },
    /// bf16 on a CPU.
    #[error("`precision: bf16` needs a CUDA device, and this run is on a CPU: use `precision: f32`")]
    PrecisionNeedsGpu,
    /// A network without inputs, units or experts.
    #[error("the network cannot be built: {problem}")]
    Network {
        /// What is wrong.
        problem: NetworkProblem,
    },
    /// The worker threads could not be started.
    #[error("the compute threads could not be started")]
    Threads {
        /// Why.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// A loss that is no number: the step was not taken, the weights are those of the step before.
    #[error(
        "the loss of task `{task}` is {loss} at step {step}: lower the learning rates, set `clip_norm`, \
         and look at the task's labels and the numeric features for extreme values"
    )]
    LossNotFinite {
        /// The task.
        task: TaskName,
        /// Steps taken before this one.
        step: u64,
        /// NaN or an infinity.
        loss: f64,
    },
    /// A gradient that is no number although the losses are; the step was not taken.
    #[error("the gradient's norm is {norm} at step {step}: lower the learning rates or set `clip_norm`")]
    GradientNotFinite {
        /// Steps taken before this one.
        step: u64,
        /// NaN or an infinity.
        norm: f64,
    },
    /// A batch that was encoded for other features.
    #[error("a batch of {rows} rows holds {found} {what} where the model's inputs need {expected}")]
    BatchShape {
        /// Rows of the batch.
        rows: usize,
        /// Which buffer.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the layout means.
        expected: usize,
    },
    /// An id outside its feature's embedding table.
    #[error("feature `{feature}` has id {id} in row {row} of a batch, outside its rows {first}..{end} of the table")]
    Id {
        /// The feature.
        feature: FeatureName,
        /// The row of the batch.
        row: usize,
        /// The id.
        id: i32,
        /// The feature's first row of the merged table.
        first: u32,
        /// One past its last.
        end: u32,
    },
    /// Lists of a sequence that are too long, or not as long as those that share its places.
    #[error("sequence `{feature}` has {steps} steps in row {row} of a batch, where {most} are read")]
    Steps {
        /// The sequence.
        feature: FeatureName,
        /// The row of the batch.
        row: usize,
        /// Steps of the list.
        steps: usize,
        /// How many there may be.
        most: usize,
    },
    /// A number of the batch, a label, mask or weight that a loss has no meaning for.
    #[error("{what} in row {row} of a batch is {value}: {expected}")]
    Value {
        /// Which value, with its task.
        what: &'static str,
        /// The row of the batch.
        row: usize,
        /// The value.
        value: f32,
        /// What it should be.
        expected: &'static str,
    },
    /// A loss of seeds and unlabelled rows without a prior, neither in the document nor estimated.
    #[error(
        "task `{task}` learns from seeds and unlabelled rows and has no prior: give `prior`, or let it be estimated before training"
    )]
    PriorMissing {
        /// The task.
        task: TaskName,
    },
    /// A multiclass task whose classes nobody gives: encoders of another document.
    #[error("task `{task}` is a multiclass task, and the encoders have no classes of it")]
    ClassesMissing {
        /// The task.
        task: TaskName,
    },
    /// A prior that cannot be estimated.
    #[error("the prior of task `{task}` cannot be estimated: {reason}; give `prior`")]
    Prior {
        /// The task.
        task: TaskName,
        /// Why not.
        reason: PriorProblem,
    },
    /// Bytes that are no safetensors file.
    #[error("the weights are not a safetensors file")]
    Safetensors {
        /// What its reader says.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A safetensors file of another kind or version.
    #[error("the file's schema is {found:?} where `{expected}` is read")]
    Schema {
        /// What this version reads.
        expected: &'static str,
        /// What the file says.
        found: Option<String>,
    },
    /// A tensor that the network needs and the file does not have.
    #[error("the weights lack tensor `{name}` {shape:?} that the document's network has")]
    TensorMissing {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A tensor of another shape or type than the network's.
    #[error("tensor `{name}` of the weights is {found_type} {found:?} where the network has F32 {expected:?}")]
    TensorShape {
        /// The tensor.
        name: String,
        /// Its type in the file.
        found_type: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The network's shape.
        expected: Vec<usize>,
    },
    /// A tensor that the network does not know.
    #[error("the weights hold tensor `{name}`, which the document's network does not have")]
    TensorUnknown {
        /// The tensor.
        name: String,
    },
    /// What was fine-tuned is of another network.
    #[error("list `{list}` was fine-tuned with another model")]
    TunedToAnother {
        /// The list.
        list: TaskName,
    },
    /// A calibration that does not fit the model.
    #[error("calibration.json cannot be used")]
    Calibration {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// libtorch failed.
    #[error("libtorch failed while {doing}")]
    Torch {
        /// What was going on.
        doing: &'static str,
        /// What it says.
        #[source]
        source: tch::TchError,
    },
}

impl Error {
    /// What libtorch says, with what was going on.
    pub(crate) fn torch(doing: &'static str) -> impl Fn(tch::TchError) -> Self {
        move |source| Self::Torch { doing, source }
    }
}

/// Why a CUDA device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceProblem {
    /// `device::prepare` was not called first thing in main.
    #[error("the program did not look for GPUs when it started")]
    NotPrepared,
    /// No NVIDIA driver.
    #[error("the NVIDIA driver's library cannot be loaded ({0})")]
    Driver(String),
    /// No CUDA half of libtorch, or not all of its libraries.
    #[error("libtorch's CUDA half cannot be loaded ({0})")]
    Library(String),
    /// Libraries are there, no GPU is.
    #[error("CUDA finds no usable GPU")]
    NoDevice,
    /// Fewer GPUs than asked for.
    #[error("there are only {0} CUDA devices, counted from 0")]
    Index(u16),
}

/// Why a prior cannot be estimated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PriorProblem {
    /// No seeds among the validation rows.
    #[error("no seed is among the validation rows")]
    NoSeeds,
    /// Only seeds.
    #[error("every row is a seed")]
    OnlySeeds,
    /// The estimate says that everybody is like the seeds: the features do not tell seeds from others.
    #[error("the features do not tell seeds from other rows (the estimate is {0:.3})")]
    Uninformative(f64),
}

/// Why a network cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NetworkProblem {
    /// The features give neither numbers nor ids.
    #[error("its features give no input")]
    NoInputs,
    /// No task.
    #[error("it has no task")]
    NoTasks,
    /// A hidden layer without units.
    #[error("a layer in `{0}` has no units")]
    NoUnits(&'static str),
    /// PLE without levels.
    #[error("`levels` is 0")]
    NoLevels,
    /// A network of experts without any.
    #[error("`experts` is 0")]
    NoExperts,
    /// A network of critics without any.
    #[error("`critics` is 0")]
    NoCritics,
    /// Campaigns' heads are one logit.
    #[error("its tasks are campaigns: each takes a lookalike task")]
    WideHead,
    /// Rules of task weights that compare gradients which are not there.
    #[error("it takes each campaign's gradient after a step of its own: gradnorm and pcgrad cannot weigh its tasks")]
    OwnSteps,
    /// Towers that must have layers and have none.
    #[error("`tower_layers` is empty")]
    NoTowerLayers,
    /// Experts without layers.
    #[error("`expert_layers` is empty")]
    NoExpertLayers,
    /// A seed tower without lists to be told apart.
    #[error(
        "it draws the seeds of a list away from those of others, and seed lists there are {0}: use shared_bottom, or let smaller \
         lists count with a lower `min_size`"
    )]
    FewSeedLists(usize),
    /// A tower without features.
    #[error("the features of its users, or those of its items, give no input")]
    EmptyTower,
    /// Rows that do not say which item they are of.
    #[error("`item` names no feature with one id a row: it takes a categorical feature or a cross")]
    NoItem,
    /// A dropout outside 0..1.
    #[error("`dropout` is {0}, not in 0..1")]
    Dropout(f64),
}

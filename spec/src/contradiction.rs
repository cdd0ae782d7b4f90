//! Mistakes of meaning: parts of a document that do not go together, each well formed.

mod audience;
mod feature;
mod files;
mod funnel;
mod identity;
mod lookalike;
mod network;
mod preset;
mod segments;

pub use self::audience::AudienceContradiction;
pub use self::feature::FeatureContradiction;
pub use self::files::FileContradiction;
pub use self::funnel::FunnelContradiction;
pub use self::identity::IdentityContradiction;
pub use self::lookalike::LookalikeContradiction;
pub use self::network::NetworkContradiction;
pub use self::preset::PresetContradiction;
pub use self::segments::SegmentContradiction;
use crate::measure::Measure;
use crate::mistake::choice;
use crate::node::quoted;

/// Parts of a document that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Contradiction {
    /// A table that is neither declared nor made by a step.
    #[error("there is no table {}", quoted(.name))]
    UnknownTable {
        /// The name as written.
        name: String,
        /// The tables that there are.
        known: Vec<String>,
    },
    /// A step that makes a table of a name that is taken.
    #[error("there is already a table {}", quoted(.name))]
    TableTwice {
        /// The table.
        name: String,
    },
    /// A task that is not declared.
    #[error("there is no task {}", quoted(.name))]
    UnknownTask {
        /// The name as written.
        name: String,
        /// The tasks that there are.
        known: Vec<String>,
    },
    /// A measure that makes no sense for its task.
    #[error("`{measure}` does not measure a {kind} task; these do: {}", .known.iter().map(|measure| measure.name()).collect::<Vec<_>>().join(", "))]
    MeasureOfAnotherKind {
        /// The measure.
        measure: Measure,
        /// The task's kind.
        kind: &'static str,
        /// The measures of the kind.
        known: &'static [Measure],
    },
    /// A measure of groups of a task without any.
    #[error("`{measure}` needs the groups of the task {}: give it `group_by`, a column", quoted(.task))]
    NoGroups {
        /// The measure.
        measure: Measure,
        /// The task.
        task: String,
    },
    /// A feature that reads a column which says what is to be predicted, or whose row it is.
    #[error("the feature reads {}, which is {role}: a model must not see it", quoted(.column))]
    ColumnAsFeature {
        /// The column.
        column: String,
        /// What the column is.
        role: Role,
    },
    /// One column with two roles that exclude one another.
    #[error("the column {} is also {role}", quoted(.column))]
    ColumnTwice {
        /// The column.
        column: String,
        /// What it already is.
        role: Role,
    },
    /// Parts of a feature, or of features that share a table.
    #[error(transparent)]
    Feature(#[from] FeatureContradiction),
    /// A network that asks something else of features or tasks.
    #[error(transparent)]
    Network(#[from] NetworkContradiction),
    /// Steps of a funnel.
    #[error(transparent)]
    Funnel(#[from] FunnelContradiction),
    /// A lookalike task, or lists of seeds.
    #[error(transparent)]
    Lookalike(#[from] LookalikeContradiction),
    /// Segments.
    #[error(transparent)]
    Segments(#[from] SegmentContradiction),
    /// Files.
    #[error(transparent)]
    Files(#[from] FileContradiction),
    /// An audience.
    #[error(transparent)]
    Audience(#[from] AudienceContradiction),
    /// An id column, or a step that joins ids.
    #[error(transparent)]
    Identity(#[from] IdentityContradiction),
    /// A preset.
    #[error(transparent)]
    Preset(#[from] PresetContradiction),
    /// An item of a list a second time.
    #[error("{} is listed twice", quoted(.item))]
    ListedTwice {
        /// The item.
        item: String,
    },
    /// Validation and test shares that leave nothing to train on.
    #[error("validation and test together take {taken} of the rows and leave none to train on")]
    NothingToTrain {
        /// Their sum.
        taken: f64,
    },
    /// Test rows from before the validation rows.
    #[error("`test_from` {test_from} is not after `validation_from` {validation_from}")]
    SplitOrder {
        /// The first day of validation.
        validation_from: chrono::NaiveDate,
        /// The first day of test.
        test_from: chrono::NaiveDate,
    },
    /// Something that needs rows that the split does not give.
    #[error("{what} needs {part} rows, and `split.{part}` is 0")]
    NoRows {
        /// What needs them.
        what: &'static str,
        /// `validation` or `test`.
        part: &'static str,
    },
    /// A rule of task weights over what tasks share, in a network where they share nothing.
    #[error("`{rule}` looks at weights that tasks share, and in a linear network they share none")]
    NothingShared {
        /// The rule.
        rule: &'static str,
    },
    /// Weights of tasks that are all zero.
    #[error("every task weighs 0: nothing would be learned")]
    NoWeight,
    /// bf16 on a CPU.
    #[error("`precision: bf16` needs a GPU, and the device is cpu")]
    Bf16OnCpu,
    /// More trainer processes than can work together.
    #[error("{processes} trainer processes are not available; available: 1")]
    TrainerProcesses {
        /// How many are asked for.
        processes: u32,
    },
    /// A process that may hold less than its SQL may use.
    #[error(
        "a process that may hold {limit} has no room for the {memory} that `resources.memory` gives to its SQL: raise this above it, or write less there"
    )]
    NoRoomForSql {
        /// What a process may hold, as written.
        limit: String,
        /// What SQL may use, as written or as the default.
        memory: String,
    },
    /// A weight of positive rows beside a loss that has its own.
    #[error("`positive_weight` belongs to the cross-entropy; the focal loss weighs positive rows by `alpha`")]
    PositiveWeightOfFocalLoss,
    /// An alias that moves always and on a condition.
    #[error("the alias `{alias}` is also under `aliases`, and so it would move without the condition")]
    AliasTwice {
        /// The alias.
        alias: String,
    },
    /// A name that the score table uses itself.
    #[error("{} is a column of the score table itself", quoted(.name))]
    Reserved {
        /// The name.
        name: String,
    },
    /// A multiclass task whose classes have a column that is something else too.
    #[error("its scores have a column {} of the task's classes, and there is another one of that name", quoted(.column))]
    OutputTwice {
        /// The column.
        column: String,
    },
}

/// What a column is beside a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `key`
    Key,
    /// `weight`
    Weight,
    /// The label of a task.
    Label {
        /// The task.
        task: String,
    },
    /// The column that says which part of the split a row is in.
    SplitPart,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => f.write_str("the key"),
            Self::Weight => f.write_str("the weight"),
            Self::Label { task } => write!(f, "the label of the task `{task}`"),
            Self::SplitPart => f.write_str("the column that splits the rows"),
        }
    }
}

impl Contradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTable { name, known } => Some(choice("tables so far", name, known)),
            Self::UnknownTask { name, known } => Some(choice("tasks", name, known)),
            Self::Feature(contradiction) => contradiction.hint(),
            Self::Network(contradiction) => contradiction.hint(),
            Self::Files(contradiction) => contradiction.hint(),
            Self::Identity(contradiction) => contradiction.hint(),
            Self::Audience(contradiction) => contradiction.hint(),
            Self::TableTwice { .. }
            | Self::Funnel(_)
            | Self::Lookalike(_)
            | Self::Segments(_)
            | Self::Preset(_)
            | Self::MeasureOfAnotherKind { .. }
            | Self::NoGroups { .. }
            | Self::ColumnAsFeature { .. }
            | Self::ColumnTwice { .. }
            | Self::ListedTwice { .. }
            | Self::NothingToTrain { .. }
            | Self::SplitOrder { .. }
            | Self::NoRows { .. }
            | Self::NoWeight
            | Self::NothingShared { .. }
            | Self::Bf16OnCpu
            | Self::TrainerProcesses { .. }
            | Self::NoRoomForSql { .. }
            | Self::PositiveWeightOfFocalLoss
            | Self::AliasTwice { .. }
            | Self::Reserved { .. }
            | Self::OutputTwice { .. } => None,
        }
    }
}

//! What can go wrong in a training run, and which failures are worth another try.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use artifacts::ArtifactsError;
use artifacts::keys::KeyError;
use artifacts::layout::InvalidKey;
use feed::FeedError;
use model::encode::EncodeError;
use model::measure::MeasureError;
use query::QueryError;
use spec::ids::InvalidName;
use spec::measure::{InvalidCondition, InvalidMeasure};
use spec::search::InvalidPlan;
use spec::task::lists::ListError;
use spec::{ColumnName, RunId, TableName, TaskName};
use worker::{FailureClass, WorkFailure};

/// This crate's results.
pub type Result<T, E = TrainerError> = std::result::Result<T, E>;

/// A failure of a training run's unit of work.
#[derive(Debug, thiserror::Error)]
pub enum TrainerError {
    /// Storage, or what is stored.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// A table or a SQL step.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Reading and encoding rows.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Fitting encoders.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The network and its training.
    #[error(transparent)]
    Model(#[from] model::error::Error),
    /// A prediction that cannot be measured.
    #[error("measuring task `{task}` failed")]
    Measure {
        /// The task.
        task: TaskName,
        /// What is wrong.
        source: MeasureError,
    },
    /// A promotion condition that is none.
    #[error("register.promote.when is no condition")]
    Condition(#[from] InvalidCondition),
    /// A measure to stop on that is none.
    #[error("training.early_stopping.measure is no measure")]
    StoppingMeasure(#[from] InvalidMeasure),
    /// A column of a name that no column can have.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A limit on memory that is no amount.
    #[error("resources.memory is {text:?}; write an amount such as `4GiB`")]
    Memory {
        /// As written.
        text: String,
    },
    /// The run's document is missing.
    #[error("{url} is not there: the run was never started, or the workspace is another one")]
    NoRun {
        /// Where it should be.
        url: String,
    },
    /// A run of another kind.
    #[error("run `{run}` trains nothing")]
    NotTraining {
        /// The run.
        run: RunId,
    },
    /// Nothing to learn from.
    #[error("the examples, table `{table}`, have no rows")]
    NoExamples {
        /// The table.
        table: TableName,
    },
    /// An empty seed table.
    #[error("task `{task}`: its seed table `{table}` has no keys")]
    NoSeeds {
        /// The task.
        task: TaskName,
        /// The table.
        table: TableName,
    },
    /// A table without the campaign that is asked for.
    #[error("task `{task}`: no row of table `{table}` has the campaign {value:?}")]
    NoCampaign {
        /// The task.
        task: TaskName,
        /// Its seed table.
        table: TableName,
        /// The campaign.
        value: String,
    },
    /// Fewer seeds than a list must have.
    #[error("task `{task}`: {found} of its seeds are in the examples, fewer than its `min_size` {least}")]
    FewSeeds {
        /// The task.
        task: TaskName,
        /// People among the examples who are seeds.
        found: u64,
        /// The fewest that are enough.
        least: u64,
    },
    /// A table of lists that are all too small.
    #[error(
        "task `{task}`: none of the {lists} seed lists in table `{table}` has {least} seeds in the examples; check that the \
         seeds' key and the examples' hold the same ids, or lower `min_size`"
    )]
    NoListLeft {
        /// The task.
        task: TaskName,
        /// Its seed table.
        table: TableName,
        /// Lists in it.
        lists: usize,
        /// The fewest seeds that are enough.
        least: u64,
    },
    /// Seed lists that cannot become tasks.
    #[error(transparent)]
    Lists(#[from] ListError),
    /// A measure to search by that is none.
    #[error("search.objective is no measure")]
    Objective(#[source] InvalidMeasure),
    /// A search that no document of this program holds.
    #[error("the run's search cannot be told from its document")]
    Search(#[from] InvalidPlan),
    /// A training that the search does not have.
    #[error("the search of run `{run}` has no training {training}")]
    NoTraining {
        /// The run.
        run: RunId,
        /// Its number.
        training: u64,
    },
    /// Nothing to judge trials by.
    #[error("there are no validation rows to judge trials by: see `split`")]
    NoValidation,
    /// A search without a result.
    #[error("no trial of the search came to its end; the first failed so: {reason}")]
    NoTrial {
        /// Why one failed.
        reason: String,
    },
    /// Told to stop.
    #[error("the run was told to stop")]
    Cancelled,
    /// A result that cannot be written down.
    #[error("writing the package's {file} failed")]
    Json {
        /// The file.
        file: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A file of another model's package that is not what it should be.
    #[error("the package's {file} cannot be read")]
    PackageFile {
        /// The file.
        file: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A model without a task of this one.
    #[error("it has none of these tasks, of the same kind and label")]
    NothingToCompare,
    /// A column that is not there.
    #[error(
        "{place}: the examples have no column `{column}`{}",
        suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    NoColumn {
        /// Where the document names it.
        place: String,
        /// The column.
        column: ColumnName,
        /// The nearest name that is there.
        suggestion: Option<String>,
    },
    /// A column whose values cannot be told apart.
    #[error("{place}: column `{column}` is {found}; it must be {wanted} (a `prepare` step can give numbers ranges)")]
    ColumnType {
        /// Where the document names it.
        place: String,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
        /// What it must be.
        wanted: &'static str,
    },
    /// A column by whose values cannot be sliced.
    #[error("spec.slices.columns: column `{column}` cannot be read as text")]
    Slice {
        /// The column.
        column: ColumnName,
        /// Why.
        source: ArrowError,
    },
    /// A value of a column by which is grouped.
    #[error("spec.tasks.{task}.group_by: column `{column}` cannot be read")]
    Group {
        /// The task.
        task: TaskName,
        /// The column.
        column: ColumnName,
        /// Why.
        source: KeyError,
    },
    /// An output that names no file.
    #[error("`{url}` names no file to write")]
    Output {
        /// As given.
        url: String,
        /// Why.
        source: InvalidKey,
    },
    /// A folder for a prepared table that holds something already.
    #[error("{url} holds `{name}` already; name an empty folder as the output, or delete what is there")]
    OutputTaken {
        /// The folder.
        url: String,
        /// The first of what is in it.
        name: String,
    },
    /// A file of this process on this machine.
    #[error("a file under the temporary folder cannot be written or read")]
    Scratch(#[source] std::io::Error),
    /// Two models' encoders that were given different rows.
    #[error("the table gave one model other rows than the other")]
    RowsDiffer,
    /// A computing thread that ended early.
    #[error("the training thread ended without a result")]
    Thread(#[source] tokio::task::JoinError),
}

impl TrainerError {
    /// What helps against it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Artifacts(error) => class_of(error.class()),
            Self::Query(error) => class_of(error.class()),
            Self::Feed(error) => class_of(error.class()),
            Self::Encode(_)
            | Self::Model(_)
            | Self::Name(_)
            | Self::Memory { .. }
            | Self::Condition(_)
            | Self::StoppingMeasure(_)
            | Self::NoRun { .. }
            | Self::NotTraining { .. }
            | Self::NoExamples { .. }
            | Self::NoSeeds { .. }
            | Self::NoCampaign { .. }
            | Self::FewSeeds { .. }
            | Self::NoListLeft { .. }
            | Self::Lists(_)
            | Self::Objective(_)
            | Self::NoValidation
            | Self::NoTrial { .. }
            | Self::PackageFile { .. }
            | Self::NoColumn { .. }
            | Self::ColumnType { .. }
            | Self::Slice { .. }
            | Self::Output { .. }
            | Self::OutputTaken { .. }
            | Self::Group { .. }
            | Self::NothingToCompare => FailureClass::Input,
            Self::Scratch(_) => FailureClass::Environment,
            Self::Cancelled => FailureClass::Preempted,
            Self::Measure { .. }
            | Self::Json { .. }
            | Self::RowsDiffer
            | Self::Search(_)
            | Self::NoTraining { .. }
            | Self::Thread(_) => FailureClass::Bug,
        }
    }
}

impl From<TrainerError> for WorkFailure {
    fn from(error: TrainerError) -> Self {
        WorkFailure::of(error.class(), &error)
    }
}

fn class_of(class: artifacts::FailureClass) -> FailureClass {
    match class {
        artifacts::FailureClass::Storage => FailureClass::Storage,
        artifacts::FailureClass::Environment => FailureClass::Environment,
        artifacts::FailureClass::Input | artifacts::FailureClass::Integrity => FailureClass::Input,
        artifacts::FailureClass::Bug => FailureClass::Bug,
    }
}

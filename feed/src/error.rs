//! What can be wrong with rows on their way to a model.

use std::fmt;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use artifacts::keys::KeyError;
use artifacts::{ArtifactsError, FailureClass};
use model::encode::{EncodeError, RowFault};
use spec::{ColumnName, FeatureName, TaskName};

use crate::label::ConditionError;

/// Why rows do not arrive. An error ends a feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// A file that cannot be read.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// Columns that the features cannot be made of.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A label column of a type that its task cannot learn from.
    #[error("task `{task}`: its label column `{column}` is {found}; a {kind} label is a number{}", or_boolean(kind))]
    LabelType {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// The column's type.
        found: DataType,
        /// `binary`, `value` or `regression`.
        kind: &'static str,
    },
    /// A label column that tells no classes.
    #[error(
        "task `{task}`: its label column `{column}` is {found}; a multiclass label is text, a whole number or boolean"
    )]
    ClassType {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// The column's type.
        found: DataType,
    },
    /// A multiclass label of one class, or of none.
    #[error(
        "task `{task}`: {classes} of the values of column `{column}` have {min_count} training rows or more; two are needed: \
         lower `min_count`, or take a coarser label"
    )]
    TooFewClasses {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// Values that are frequent enough.
        classes: usize,
        /// How frequent that is.
        min_count: u64,
    },
    /// A weight column that is no number.
    #[error("the weight column `{column}` is {found}; a weight is a number of at least 0")]
    WeightType {
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A key column of a type that identifies nobody, or a split column that cannot tell the parts.
    #[error("column `{column}` is {found}; {wanted}")]
    SplitType {
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
        /// What it should be.
        wanted: &'static str,
    },
    /// A value that no label, weight, key or part can have.
    #[error("{place}: {fault}")]
    Value {
        /// Where it is.
        place: Box<Place>,
        /// What is wrong with it.
        fault: ValueFault,
    },
    /// A batch that Arrow cannot take apart.
    #[error("{url}: row group {row_group} cannot be split into the rows to use")]
    Rows {
        /// The file.
        url: String,
        /// The row group, from 0.
        row_group: usize,
        /// Arrow's words.
        #[source]
        source: ArrowError,
    },
    /// Nothing to learn from.
    #[error("no rows to train on: the table has {rows} rows, {validation} for validation and {test} for test")]
    NoTrainingRows {
        /// Rows of the table.
        rows: u64,
        /// Rows for validation.
        validation: u64,
        /// Rows for the test.
        test: u64,
    },
    /// A condition that cannot be tested on some rows.
    #[error("task `{task}`: `when` cannot be evaluated on rows of {url}")]
    Condition {
        /// The task.
        task: TaskName,
        /// The file.
        url: String,
        /// Why.
        #[source]
        source: ConditionError,
    },
    /// A condition that holds for no training row with a label.
    #[error("task `{task}`: `when` holds for none of the {rows} training rows that have a label")]
    NoRowsInside {
        /// The task.
        task: TaskName,
        /// Training rows.
        rows: u64,
    },
    /// A label that is null in every training row.
    #[error("task `{task}`: column `{column}` is null in all {rows} training rows")]
    NoLabels {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// Training rows.
        rows: u64,
    },
    /// A label that is the same in every training row.
    #[error(
        "task `{task}`: column `{column}` is {value} in all {observed} training rows that have a label; both classes are needed"
    )]
    OneClass {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// The one value.
        value: u8,
        /// Training rows with a label.
        observed: u64,
    },
    /// Negative rows of which `negative_rate` leaves none.
    #[error("task `{task}`: `negative_rate` leaves none of the {negatives} negative training rows; raise it")]
    NoNegatives {
        /// The task.
        task: TaskName,
        /// Negative training rows.
        negatives: u64,
    },
    /// A value task without an amount.
    #[error(
        "task `{task}`: column `{column}` is 0 in all {observed} training rows that have a label; some amount is needed"
    )]
    NoAmounts {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// Training rows with a label.
        observed: u64,
    },
    /// A number that is the same in every training row.
    #[error(
        "task `{task}`: column `{column}` is {value} in all {observed} training rows that have a label; there is nothing to learn"
    )]
    OneNumber {
        /// The task.
        task: TaskName,
        /// Its label's column.
        column: ColumnName,
        /// The one value.
        value: f32,
        /// Training rows with a label.
        observed: u64,
    },
    /// Seeds that are not among the examples.
    #[error(
        "task `{task}`: none of the {rows} training rows is a seed; check that the seeds' key and `{key}` hold the same ids"
    )]
    NoSeeds {
        /// The task.
        task: TaskName,
        /// The examples' key column.
        key: ColumnName,
        /// Training rows.
        rows: u64,
    },
    /// All examples are seeds, or excluded.
    #[error(
        "task `{task}`: all {rows} training rows are seeds, people who are excluded aside; it needs others to tell them from"
    )]
    OnlySeeds {
        /// The task.
        task: TaskName,
        /// Training rows.
        rows: u64,
    },
    /// A lookalike task whose seeds the caller did not give: a defect of this program.
    #[error("the seeds of task `{task}` were not given")]
    SeedsNotGiven {
        /// The task.
        task: TaskName,
    },
    /// A condition that the caller did not give: a defect of this program.
    #[error("the condition of task `{task}` was not given")]
    ConditionNotGiven {
        /// The task.
        task: TaskName,
    },
    /// A thread of the feed that could not be started.
    #[error("cannot start a thread to decode with")]
    Thread(#[source] std::io::Error),
    /// Carried columns that cannot be put together into a batch.
    #[error("carried columns cannot be put together; use a smaller batch")]
    Gather(#[source] ArrowError),
    /// A thread or task that ended without saying so: a defect of this program, or its runtime was shut down.
    #[error("a thread of the feed stopped before all rows were read")]
    Stopped,
}

impl FeedError {
    /// What may be done about it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Artifacts(error) => error.class(),
            Self::Encode(_)
            | Self::LabelType { .. }
            | Self::ClassType { .. }
            | Self::TooFewClasses { .. }
            | Self::WeightType { .. }
            | Self::SplitType { .. }
            | Self::Value { .. }
            | Self::NoTrainingRows { .. }
            | Self::Condition { .. }
            | Self::NoRowsInside { .. }
            | Self::NoLabels { .. }
            | Self::OneClass { .. }
            | Self::NoNegatives { .. }
            | Self::NoAmounts { .. }
            | Self::OneNumber { .. }
            | Self::NoSeeds { .. }
            | Self::OnlySeeds { .. }
            | Self::Gather(_) => FailureClass::Input,
            Self::Thread(_) => FailureClass::Environment,
            Self::Rows { .. } | Self::SeedsNotGiven { .. } | Self::ConditionNotGiven { .. } | Self::Stopped => {
                FailureClass::Bug
            }
        }
    }
}

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub url: String,
    /// The row group, from 0.
    pub row_group: usize,
    /// The row in it, from 0.
    pub row: u64,
    /// The column.
    pub column: ColumnName,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, row_group, row, column } = self;
        write!(f, "{url}: row group {row_group}, row {row}, column `{column}`")
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueFault {
    /// A label that is NaN or infinite.
    #[error("the label of task `{task}` is not a finite number; use null where it was not observed")]
    LabelNotFinite {
        /// The task.
        task: TaskName,
    },
    /// A binary label that is neither 0 nor 1.
    #[error("the label of binary task `{task}` is {value}, and has to be 0, 1 or null")]
    NotBinary {
        /// The task.
        task: TaskName,
        /// The label.
        value: f64,
    },
    /// An amount below 0.
    #[error("the label of value task `{task}` is {value}, and has to be at least 0 or null")]
    Negative {
        /// The task.
        task: TaskName,
        /// The label.
        value: f64,
    },
    /// A number below 0 that its task's loss cannot be taken of.
    #[error("the label of regression task `{task}` is {value}, and has to be at least 0 or null for its loss, {loss}")]
    NegativeForLoss {
        /// The task.
        task: TaskName,
        /// The label.
        value: f64,
        /// The loss.
        loss: &'static str,
    },
    /// A weight that is null, NaN or infinite.
    #[error("the weight is not a finite number")]
    WeightNotFinite,
    /// A weight below 0.
    #[error("the weight is {value}, and has to be at least 0")]
    NegativeWeight {
        /// The weight.
        value: f64,
    },
    /// A key that is none.
    #[error("{0}")]
    Key(KeyError),
    /// A part that there is not.
    #[error("{part:?} is no part: `train`, `validation` or `test`")]
    Part {
        /// What is written.
        part: String,
    },
    /// A value that its feature cannot be made of.
    #[error("feature `{feature}`: {fault}")]
    Feature {
        /// The feature.
        feature: FeatureName,
        /// What is wrong.
        fault: RowFault,
    },
    /// No part, or no time to tell it from.
    #[error("it is null, so the row's part cannot be told")]
    NoPart,
}

fn or_boolean(kind: &str) -> &'static str {
    match kind {
        "binary" => " or a boolean",
        "value" => " of at least 0",
        _ => "",
    }
}

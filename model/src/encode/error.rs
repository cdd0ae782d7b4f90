//! What can be wrong with the rows, or with fitted encoders, from an encoder's point of view.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use spec::{ColumnName, EmbeddingTableName, FeatureName, TaskName};

/// Why rows cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A feature's column is not in the table.
    #[error("feature `{feature}`: the table has no column `{column}`; its columns: {columns}")]
    MissingColumn {
        /// The feature.
        feature: FeatureName,
        /// The column that it reads.
        column: ColumnName,
        /// Names of the columns that are there, the first few.
        columns: String,
    },
    /// A feature's column has a type that the feature's kind does not read.
    #[error("feature `{feature}`: column `{column}` is {found}; {reads}")]
    WrongType {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
        /// The column's type.
        found: DataType,
        /// What the feature's kind reads, and what to do.
        reads: &'static str,
    },
    /// A batch's column has another type than the schema that the encoder was bound to.
    #[error(
        "feature `{feature}`: column `{column}` was {bound} when the encoder was bound and is {found} in this batch"
    )]
    ChangedType {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
        /// The type it was bound with.
        bound: DataType,
        /// The batch's type.
        found: DataType,
    },
    /// A row whose value cannot be encoded.
    #[error("feature `{feature}`: column `{column}`, row {row} of the batch: {fault}")]
    Row {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
        /// The batch's row, from 0.
        row: usize,
        /// What is wrong with it.
        fault: RowFault,
    },
    /// A batch has fewer columns than the schema that the encoder was bound to.
    #[error("feature `{feature}`: column `{column}` is missing from this batch")]
    MissingFromBatch {
        /// The feature.
        feature: FeatureName,
        /// The column.
        column: ColumnName,
    },
    /// The embedding tables of one width have too many rows together.
    #[error(
        "the features of embedding width {width} need {rows} rows together, more than {}: lower `max_size` or `buckets`, or give some of them another `width`",
        i32::MAX
    )]
    TooManyRows {
        /// Their width.
        width: usize,
        /// The rows they need.
        rows: u64,
    },
    /// One batch holds more list elements of a bag than offsets can count.
    #[error("feature `{feature}`: {elements} list elements in one batch; lower `max_length` or the batch size")]
    TooManyElements {
        /// The feature.
        feature: FeatureName,
        /// How many there were.
        elements: usize,
    },
    /// Two fits that are not of the same features cannot be merged.
    #[error("fits of different features cannot be merged: `{left}` and `{right}`")]
    DifferentFits {
        /// A feature of this fit, or `nothing`.
        left: String,
        /// The feature at the same place of the other.
        right: String,
    },
    /// Arrow could not take a column apart.
    #[error("feature `{feature}`: cannot read its column")]
    Arrow {
        /// The feature.
        feature: FeatureName,
        /// Arrow's own words.
        #[source]
        source: ArrowError,
    },
}

/// What is wrong with a row's value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowFault {
    /// A vector of another length than the others.
    #[error("the vector has {found} numbers, and {expected} are expected: every row has as many, or null")]
    VectorLength {
        /// Numbers of the row.
        found: usize,
        /// Numbers of every row.
        expected: usize,
    },
    /// A vector of length 0.
    #[error("the vector has no numbers: every row has as many, or null")]
    VectorEmpty,
    /// A number of a vector that is none.
    #[error(
        "the vector's number at place {place} is null, NaN or infinite: the whole vector may be null, its numbers may not"
    )]
    VectorNumber {
        /// Its place in the vector, from 0.
        place: usize,
    },
    /// Not as many weights as ids.
    #[error("{weights} weights for {ids} ids")]
    Weights {
        /// Ids of the row.
        ids: usize,
        /// Weights of the row.
        weights: usize,
    },
    /// A list that is not as long as one whose places it shares.
    #[error("{steps} elements, and {others} in `{column}`: sequences that share places are equally long in every row")]
    Steps {
        /// Elements of the row.
        steps: usize,
        /// Those of the other list.
        others: usize,
        /// The other list's column.
        column: ColumnName,
    },
    /// A weight that is none.
    #[error("the weight at place {place} is {}, and has to be a finite number of at least 0", shown(.value))]
    Weight {
        /// Its place in the row, from 0.
        place: usize,
        /// The weight; NaN also for null, infinities and what lies beyond ±3.4e38.
        value: f64,
    },
}

fn shown(value: &f64) -> String {
    if value.is_nan() { "null, NaN or infinite".to_owned() } else { value.to_string() }
}

/// Why an `encoders.json` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEncoders {
    /// The file is of a format that this program does not read.
    #[error("encoders of format {found}; this program reads format {known}")]
    Format {
        /// The file's.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// A feature's state contradicts itself.
    #[error("feature `{feature}`: {problem}")]
    Feature {
        /// The feature.
        feature: FeatureName,
        /// What is wrong.
        problem: &'static str,
    },
    /// A shared table's state contradicts itself.
    #[error("table `{table}`: {problem}")]
    Table {
        /// The table.
        table: EmbeddingTableName,
        /// What is wrong.
        problem: &'static str,
    },
    /// A task's classes contradict themselves.
    #[error("task `{task}`: fewer than two classes, one twice, or not a count for each")]
    Classes {
        /// The task.
        task: TaskName,
    },
    /// A feature appears twice.
    #[error("feature `{feature}` appears twice")]
    Twice {
        /// The feature.
        feature: FeatureName,
    },
    /// The embedding tables of one width have too many rows together.
    #[error("the features of embedding width {width} need {rows} rows together, more than {}", i32::MAX)]
    TooManyRows {
        /// Their width.
        width: usize,
        /// The rows they need.
        rows: u64,
    },
}

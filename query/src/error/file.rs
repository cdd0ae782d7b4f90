//! Why a file of a table cannot be read.

use std::error::Error as StdError;

use arrow::error::ArrowError;
use artifacts::{ArtifactsError, FailureClass};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The store failed.
    #[error("cannot read {url}")]
    Read {
        /// The file.
        url: String,
        /// Why not.
        #[source]
        source: object_store::Error,
    },
    /// The file is another one than when the run began.
    #[error("{url} has changed since this run began: start a new run to use it as it is now")]
    Changed {
        /// The file.
        url: String,
    },
    /// The file's compression is damaged.
    #[error("{url} cannot be decompressed: it is truncated, damaged or not compressed as its name says")]
    Compressed {
        /// The file.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The file has no line that could be a header.
    #[error("{url} has no line end in its first 16 MiB: it is no file of separated values")]
    NoHeader {
        /// The file.
        url: String,
    },
    /// The document names more or fewer columns than the file has.
    #[error("{url} has {found} columns, and `columns` names {declared}")]
    Width {
        /// The file.
        url: String,
        /// How many the document names.
        declared: usize,
        /// How many its first line has.
        found: usize,
    },
    /// Two columns of one name.
    #[error("{url} has more than one column `{column}`: name them with `columns`")]
    ColumnTwice {
        /// The file.
        url: String,
        /// The column.
        column: String,
    },
    /// Lines that are no records.
    #[error("{url} is not a readable file of separated values")]
    Records {
        /// The file.
        url: String,
        /// Where and why.
        #[source]
        source: ArrowError,
    },
    /// A value that is not of its column's type.
    #[error(
        "{url}: row {row}, column `{column}`: {value:?} is not {expected}: declare the column as string under `types` if such values are meant"
    )]
    Value {
        /// The file.
        url: String,
        /// The row, from 1, without the header.
        row: u64,
        /// The column.
        column: String,
        /// The text.
        value: String,
        /// The column's type.
        expected: String,
    },
    /// A record without an end.
    #[error(
        "{url}: a record of more than {limit_bytes} bytes begins after row {row}: a quote there is probably not closed"
    )]
    Endless {
        /// The file.
        url: String,
        /// The last row before it, from 1, without the header.
        row: u64,
        /// What a record may have.
        limit_bytes: usize,
    },
    /// One JSON array instead of an object a line.
    #[error("{url} is one JSON array: write one object a line")]
    JsonArray {
        /// The file.
        url: String,
    },
    /// Lines that are no JSON objects, or a field that is not of its column's type.
    #[error("{url} is not readable as one JSON object a line")]
    Json {
        /// The file.
        url: String,
        /// Where and why.
        #[source]
        source: ArrowError,
    },
    /// Parquet that cannot be opened or decoded.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
}

impl FileError {
    /// What may be done about it.
    pub(super) fn class(&self) -> FailureClass {
        match self {
            Self::Read { source, .. } => FailureClass::of_store(source),
            Self::Artifacts(source) => source.class(),
            Self::Changed { .. }
            | Self::Compressed { .. }
            | Self::NoHeader { .. }
            | Self::Width { .. }
            | Self::ColumnTwice { .. }
            | Self::Records { .. }
            | Self::Value { .. }
            | Self::Endless { .. }
            | Self::JsonArray { .. }
            | Self::Json { .. } => FailureClass::Input,
        }
    }
}

//! Why an accepted query fails, and why its result cannot be stored.

use std::path::PathBuf;

use artifacts::FailureClass;
use datafusion::error::DataFusionError;

use super::FileError;

/// Why an accepted query failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file of one of its tables.
    #[error(transparent)]
    File(FileError),
    /// It holds more at once than it may, and cannot put it on disk.
    #[error(
        "it needs more memory than the {limit_bytes} bytes that `resources.memory` allows, also with rows spilled to disk: raise `resources.memory`, or let it join or collect less at once"
    )]
    Memory {
        /// The limit.
        limit_bytes: usize,
        /// What needed it.
        #[source]
        source: Box<DataFusionError>,
    },
    /// More ids than there is memory for.
    #[error(
        "its {ids} ids so far and the rows that link them need more memory than the {limit_bytes} bytes that `resources.memory` allows: raise it, or join fewer"
    )]
    Ids {
        /// Different ids so far.
        ids: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The disk that takes spilled rows failed.
    #[error("rows could not be spilled to {}: free some space there or raise `resources.memory`", spill_folder.display())]
    Spill {
        /// The folder.
        spill_folder: PathBuf,
        /// Why not.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A value that an operation cannot take, such as text cast to a number.
    #[error("a row cannot be computed")]
    Rows(#[source] Box<DataFusionError>),
    /// What was accepted as SQL and cannot be carried out.
    #[error("the SQL engine cannot carry it out")]
    Unsupported(#[source] Box<DataFusionError>),
    /// The session's own failure.
    #[error("the SQL engine failed")]
    Engine(#[source] Box<DataFusionError>),
}

/// Why a column of a result cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnFault {
    /// Two columns have the name.
    #[error("is there twice: give one of them another name with AS")]
    Twice,
    /// It has no name that can be referred to.
    #[error("is an expression without a usable name: give it one with AS")]
    Unnamed,
    /// It is null in every row by its type.
    #[error("is NULL without a type: write CAST(NULL AS DOUBLE), or whatever type it is meant to have")]
    Untyped,
    /// Parquet has no such type.
    #[error("is {found}, which cannot be stored: cast it to a number, a date, a timestamp or text")]
    Type {
        /// The type.
        found: String,
    },
}

impl RunError {
    /// What may be done about it.
    pub(super) fn class(&self) -> FailureClass {
        match self {
            Self::File(source) => source.class(),
            Self::Memory { .. } | Self::Ids { .. } | Self::Spill { .. } => FailureClass::Environment,
            Self::Rows(_) | Self::Unsupported(_) => FailureClass::Input,
            Self::Engine(_) => FailureClass::Bug,
        }
    }
}

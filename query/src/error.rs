//! What can go wrong between a table's files and the rows of a query, each with the place where it did.

mod file;
mod hint;
mod run;
mod table;

use std::path::PathBuf;

use arrow::datatypes::DataType;
use artifacts::keys::KeyError;
use artifacts::{ArtifactsError, FailureClass};
use datafusion::error::DataFusionError;
use spec::schedule::InvalidSchedule;
use spec::{ColumnName, TableName};

use crate::sql::SqlError;
pub use file::FileError;
pub(crate) use hint::{did_you_mean, nearest};
pub use run::{ColumnFault, RunError};
pub use table::TableError;

/// This crate's results.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;

/// A failure of a table, a query or an expression.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The session could not be set up.
    #[error("cannot set up SQL with {} as its folder for spilled rows", spill_folder.display())]
    Session {
        /// Where rows that do not fit in memory would go.
        spill_folder: PathBuf,
        /// Why not.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A table cannot be read.
    #[error("table `{table}` cannot be read")]
    Table {
        /// The table.
        table: TableName,
        /// Why not.
        #[source]
        source: TableError,
    },
    /// A table that nobody declared.
    #[error("there is no table `{table}`{}", did_you_mean(table.as_str(), known))]
    NoTable {
        /// The name.
        table: TableName,
        /// The tables that there are.
        known: Vec<String>,
    },
    /// A table that was declared twice.
    #[error("table `{table}` is named twice: a prepare step needs a name that no table and no other step has")]
    TableTwice {
        /// The table.
        table: TableName,
    },
    /// A column that a table does not have.
    #[error("table `{table}` has no column `{column}`{}", did_you_mean(column.as_str(), known))]
    NoColumn {
        /// The table.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// The columns that it has.
        known: Vec<String>,
    },
    /// A query or expression that is not accepted.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A query that was accepted and failed on its rows.
    #[error("{place} failed")]
    Run {
        /// The query, such as ``spec.prepare[2].sql (table `customers`)``.
        place: String,
        /// Why.
        #[source]
        source: RunError,
    },
    /// An expression that failed on some rows.
    #[error("`{expression}` failed on a row")]
    Evaluate {
        /// The expression's name.
        expression: String,
        /// Why.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A query whose result has a column that cannot be stored.
    #[error("{place}: column `{column}` of the result {fault}")]
    ResultColumn {
        /// The query.
        place: String,
        /// The column.
        column: String,
        /// What is wrong with it.
        fault: ColumnFault,
    },
    /// A key column that identifies nobody.
    #[error("table `{table}`: column `{column}` cannot be a key")]
    Key {
        /// The table.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// Why not.
        #[source]
        source: KeyError,
    },
    /// A column of contacts that says no time.
    #[error(
        "table `{table}`: column `{column}` is of type {found} and says no time: a cap needs a date or a timestamp (of CSV and \
         JSON, give the column's type under `types`)"
    )]
    NotATime {
        /// The table.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A column that says no time.
    #[error("table `{table}`: column `{column}` is {found}; how fresh a table is says a date or a timestamp")]
    NotTime {
        /// The table.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A cap whose days are those of no time zone.
    #[error("the cap of table `{table}`")]
    CapZone {
        /// The table.
        table: TableName,
        /// What is wrong.
        #[source]
        source: Box<InvalidSchedule>,
    },
    /// More lists in one table than were allowed.
    #[error(
        "column `{column}` of table `{table}` has more than {most} values, each of which would be a seed list; raise \
         `max_lists`, or name a column of campaigns"
    )]
    ManyLists {
        /// The table.
        table: TableName,
        /// The column that tells lists apart.
        column: ColumnName,
        /// Lists at the most.
        most: usize,
    },
    /// The workspace failed.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
}

impl QueryError {
    /// What may be done about it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Session { .. } => FailureClass::Environment,
            Self::Table { source, .. } => source.class(),
            Self::Run { source, .. } => source.class(),
            Self::Artifacts(source) => source.class(),
            Self::NoTable { .. }
            | Self::TableTwice { .. }
            | Self::NoColumn { .. }
            | Self::Sql(_)
            | Self::Evaluate { .. }
            | Self::ResultColumn { .. }
            | Self::ManyLists { .. }
            | Self::NotATime { .. }
            | Self::CapZone { .. }
            | Self::NotTime { .. }
            | Self::Key { .. } => FailureClass::Input,
        }
    }
}

//! Files whose parts do not go together.

use crate::mistake::choice;
use crate::node::quoted;

/// What is said of files that does not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FileContradiction {
    /// An option of one format with another.
    #[error("`{option}` belongs to {of}, and the format is {format}")]
    OptionOfAnotherFormat {
        /// The option.
        option: &'static str,
        /// The formats that have it.
        of: &'static str,
        /// The format.
        format: &'static str,
    },
    /// No header and no names.
    #[error("without a header the columns have no names: give `columns`")]
    NoColumnNames,
    /// A header and names.
    #[error("`columns` is for files without a header: leave out `header: true` or `columns`")]
    HeaderAndColumns,
    /// A type for a column that is not among the columns.
    #[error("there is no column {}", quoted(.name))]
    UnknownColumn {
        /// The column as written.
        name: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// A quarantine that says no limit.
    #[error("a quarantine says how much may be left out: give `max_files`, `max_rows` or both")]
    NoQuarantineLimit,
    /// A quarantine of rows that SQL makes.
    #[error("the population {} is made by a `prepare` step, whose input is never left out: score a table of `tables`, or leave out `quarantine`", quoted(.table))]
    QuarantineOfPrepared {
        /// The population.
        table: String,
    },
    /// A quarantine where every row's position counts.
    #[error("`neighbours` need every row of the population: leave out one of the two")]
    QuarantineWithNeighbours,
}

impl FileContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownColumn { name, known } => Some(choice("columns", name, known)),
            Self::OptionOfAnotherFormat { .. }
            | Self::NoColumnNames
            | Self::HeaderAndColumns
            | Self::NoQuarantineLimit
            | Self::QuarantineOfPrepared { .. }
            | Self::QuarantineWithNeighbours => None,
        }
    }
}

//! Why a table cannot be read.

use artifacts::{ArtifactsError, FailureClass};
use spec::ColumnName;

use super::FileError;
use super::hint::did_you_mean;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A file cannot be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its files cannot be found or opened.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// A delimiter that is not one.
    #[error(
        "`delimiter: {delimiter:?}` is not one: write a single ASCII character, `\\t`, or `whitespace` for runs of blanks"
    )]
    Delimiter {
        /// What is written.
        delimiter: String,
    },
    /// None of the files has a column.
    #[error("its files are empty: not one of them has a line that names or holds columns")]
    NoColumns,
    /// A field of the document that its format has no use for.
    #[error("`{field}` is for {format} files only")]
    NotForFormat {
        /// The field.
        field: &'static str,
        /// The formats that it is for.
        format: &'static str,
    },
    /// A type for a column that the files do not have.
    #[error("`types` names column `{column}`, which its files do not have{}", did_you_mean(column.as_str(), known))]
    DeclaredColumn {
        /// The column.
        column: ColumnName,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// A column that not all files have.
    #[error("{url} has no column `{column}`, which {other} has: all files of a table must have the same columns")]
    MissingColumn {
        /// The column.
        column: String,
        /// The file without it.
        url: String,
        /// A file with it.
        other: String,
    },
    /// A column whose type differs between files.
    #[error(
        "column `{column}` is {first_type} in {first} but {second_type} in {second}: all files of a table must agree, or `types` must say what it is"
    )]
    TypeChanged {
        /// The column.
        column: String,
        /// A file.
        first: String,
        /// The column's type in it.
        first_type: String,
        /// Another file.
        second: String,
        /// The column's type there.
        second_type: String,
    },
}

impl TableError {
    /// What may be done about it.
    pub(super) fn class(&self) -> FailureClass {
        match self {
            Self::File(source) => source.class(),
            Self::Artifacts(source) => source.class(),
            Self::Delimiter { .. }
            | Self::NoColumns
            | Self::NotForFormat { .. }
            | Self::DeclaredColumn { .. }
            | Self::MissingColumn { .. }
            | Self::TypeChanged { .. } => FailureClass::Input,
        }
    }
}

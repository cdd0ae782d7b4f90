//! What can go wrong between a table's files and the rows of a query, each with the place where it did.

use std::error::Error as StdError;
use std::path::PathBuf;

use arrow::error::ArrowError;
use artifacts::keys::KeyError;
use artifacts::{ArtifactsError, FailureClass};
use datafusion::error::DataFusionError;
use spec::{ColumnName, TableName};

use crate::sql::SqlError;

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
    /// The workspace failed.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
}

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
        "{url}: row {row}, column `{column}`: {value:?} is not {expected}, as the values before it are: if it is meant, declare the column under `types`"
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
            | Self::Key { .. } => FailureClass::Input,
        }
    }
}

impl TableError {
    fn class(&self) -> FailureClass {
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

impl FileError {
    fn class(&self) -> FailureClass {
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
            | Self::Json { .. } => FailureClass::Input,
        }
    }
}

impl RunError {
    fn class(&self) -> FailureClass {
        match self {
            Self::File(source) => source.class(),
            Self::Memory { .. } | Self::Spill { .. } => FailureClass::Environment,
            Self::Rows(_) => FailureClass::Input,
            Self::Engine(_) => FailureClass::Bug,
        }
    }
}

/// `; did you mean …?` with the nearest of the known names, or a list of a few, or nothing.
pub(crate) fn did_you_mean(name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => {
            let listed: Vec<_> = known.iter().take(12).map(|name| format!("`{name}`")).collect();
            let more = if known.len() > listed.len() { ", …" } else { "" };
            format!("; there are {}{more}", listed.join(", "))
        }
    }
}

/// The known name that a misspelt one most likely means.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let scored = known.map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 >= 0.85).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_told_the_nearest_one_and_a_strange_one_what_there_is() {
        let known = ["customer_id".to_owned(), "Recency".to_owned()];
        assert_eq!(did_you_mean("costumer_id", &known), "; did you mean `customer_id`?");
        assert_eq!(did_you_mean("recency", &known), "; did you mean `Recency`?");
        assert_eq!(did_you_mean("zzz", &known), "; there are `customer_id`, `Recency`");
    }
}

//! SQL over tables: the DataFusion session, `prepare` steps, key tables, and the expressions of audiences.
//!
//! A [`Session`] names the tables of a document (Parquet, separated values, JSON lines, in any object store), runs
//! queries over them under a memory limit, and stores the results of `prepare` steps as Parquet in the workspace.
//! [`Expressions`] are compiled once and evaluated on batches, without a session. The same tables give the same rows in
//! the same order, whatever the machine.
//!
//! Names in SQL are exact, capitals included, as everywhere in a document; names with other characters than letters,
//! digits and `_` need double quotes. This crate is linked by workers alone; it knows nothing of models.

mod contacts;
mod digests;
mod error;
mod expression;
mod identity;
mod inspect;
mod joins;
mod key_lists;
mod keys;
mod latest;
mod parquet;
mod prepare;
mod run;
#[cfg(test)]
mod sandbox;
mod scan;
mod sequential;
mod session;
mod sql;
mod text;
mod unify;

pub use error::{ColumnFault, FileError, QueryError, Result, RunError, TableError};
pub use expression::{ExpressionSource, Expressions, Wanted};
pub use inspect::{ColumnSummary, InspectOptions, Inspection, TableSummary};
pub use key_lists::{KeyLists, ListsWanted};
pub use keys::KeySet;
pub use prepare::{ExportTarget, PrepareTarget, PreparedTable};
pub use session::{Session, SessionOptions};
pub use sql::{Origin, Position, SqlError, SqlProblem};

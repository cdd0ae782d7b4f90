//! Sets of rows that tasks name: the seeds of a lookalike task, and the rows that a task learns from.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use spec::{ColumnName, TaskName};

/// What labels are read from beside columns, by task.
#[derive(Debug, Clone, Default)]
pub struct RowSets {
    /// The seeds of each lookalike task.
    pub seeds: BTreeMap<TaskName, Seeds>,
    /// The people of each lookalike task who teach it nothing unless they are seeds.
    pub excluded: BTreeMap<TaskName, Seeds>,
    /// The condition of each task that has one.
    pub conditions: BTreeMap<TaskName, Condition>,
}

/// A set of keys, known by their hashes ([`artifacts::keys::hash_keys`] with seed 0).
#[derive(Clone)]
pub struct Seeds(Arc<dyn Fn(u128) -> bool + Send + Sync>);

impl Seeds {
    /// The set of the hashes for which `contains` is true.
    pub fn new(contains: impl Fn(u128) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(contains))
    }

    /// Whether a key's hash is among them.
    pub(crate) fn contains(&self, hash: u128) -> bool {
        (self.0)(hash)
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeds")
    }
}

/// Why a condition could not be tested.
pub type ConditionError = Box<dyn Error + Send + Sync>;

type Test = dyn Fn(&RecordBatch) -> Result<BooleanArray, ConditionError> + Send + Sync;

/// Whether a row teaches a task, by some of its columns.
#[derive(Clone)]
pub struct Condition {
    columns: Vec<ColumnName>,
    test: Arc<Test>,
}

impl Condition {
    /// The rows for which `test`, given batches that have these columns (and others), is true: neither false nor null.
    pub fn new(
        columns: Vec<ColumnName>,
        test: impl Fn(&RecordBatch) -> Result<BooleanArray, ConditionError> + Send + Sync + 'static,
    ) -> Self {
        Self { columns, test: Arc::new(test) }
    }

    /// The columns that it reads.
    pub(crate) fn columns(&self) -> &[ColumnName] {
        &self.columns
    }

    /// Whether each row of a batch is one.
    ///
    /// # Errors
    ///
    /// Rows that the condition cannot be tested on.
    pub fn test(&self, batch: &RecordBatch) -> Result<Vec<bool>, ConditionError> {
        let holds = (self.test)(batch)?;
        Ok(holds.iter().map(|holds| holds == Some(true)).collect())
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("columns", &self.columns).finish_non_exhaustive()
    }
}

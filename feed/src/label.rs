//! What rows teach: labels of each task, and weights.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use artifacts::keys::{hash_nullable_keys, is_key_type};
use indexmap::IndexMap;
use model::encode::{is_number, read_numbers};
use model::input::Targets;
use spec::task::RegressionLoss;
use spec::{ColumnName, Task, TaskName};

use crate::error::{FeedError, ValueFault};
use crate::split::key_fault;

/// The seed with which keys are hashed to be looked up among seeds.
const SEED_OF_SEEDS: u64 = 0;

/// A set of keys, known by their hashes ([`artifacts::keys::hash_keys`] with seed 0).
#[derive(Clone)]
pub struct Seeds(Arc<dyn Fn(u128) -> bool + Send + Sync>);

impl Seeds {
    /// The set of the hashes for which `contains` is true.
    pub fn new(contains: impl Fn(u128) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(contains))
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeds")
    }
}

/// Where the labels of each task come from, in the order of the tasks, and the rows' weights.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    tasks: Vec<TaskLabel>,
    weight: Option<ColumnName>,
}

#[derive(Debug, Clone)]
struct TaskLabel {
    task: TaskName,
    column: ColumnName,
    source: LabelSource,
}

#[derive(Debug, Clone)]
enum LabelSource {
    Binary,
    Value,
    Regression(RegressionLoss),
    Membership(Seeds),
}

/// What a label can be, in a task's summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelKind {
    Binary,
    Value,
    Regression,
    Membership,
}

/// A value that is no label or weight: its row in the batch, its column, and why.
pub(crate) type LabelFault = (usize, ColumnName, ValueFault);

impl Labels {
    /// The labels of a document's tasks: `key` is the examples' key column, `seeds` has those of each lookalike task.
    ///
    /// # Errors
    ///
    /// A lookalike task without seeds.
    pub fn new(
        tasks: &IndexMap<TaskName, Task>,
        weight: Option<&ColumnName>,
        key: &ColumnName,
        seeds: &BTreeMap<TaskName, Seeds>,
    ) -> Result<Self, FeedError> {
        let label = |(name, task): (&TaskName, &Task)| {
            let (column, source) = match task {
                Task::Binary(binary) => (&binary.label, LabelSource::Binary),
                Task::Value(value) => (&value.label, LabelSource::Value),
                Task::Regression(number) => (&number.label, LabelSource::Regression(number.loss)),
                Task::Lookalike(_) => {
                    let seeds = seeds.get(name).ok_or_else(|| FeedError::SeedsNotGiven { task: name.clone() })?;
                    (key, LabelSource::Membership(seeds.clone()))
                }
            };
            Ok(TaskLabel { task: name.clone(), column: column.clone(), source })
        };
        let tasks = tasks.iter().map(label).collect::<Result<_, FeedError>>()?;
        Ok(Self { tasks, weight: weight.cloned() })
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The columns that they are read from.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnName> {
        self.tasks.iter().map(|label| &label.column).chain(&self.weight)
    }

    /// Each task's name, label column and kind.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&TaskName, &ColumnName, LabelKind)> {
        self.tasks.iter().map(|label| (&label.task, &label.column, label.source.kind()))
    }

    /// Fails where a column's type cannot be a label or weight. Columns that are missing are found elsewhere.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), FeedError> {
        let type_of = |column: &ColumnName| schema.field_with_name(column.as_str()).ok().map(|field| field.data_type());
        for TaskLabel { task, column, source } in &self.tasks {
            let Some(found) = type_of(column) else { continue };
            let kind = match source {
                LabelSource::Binary if !is_number(found) => "binary",
                LabelSource::Value if !is_number(found) || *found == DataType::Boolean => "value",
                LabelSource::Regression(_) if !is_number(found) || *found == DataType::Boolean => "regression",
                LabelSource::Membership(_) if !is_key_type(found) => {
                    let wanted = "the key that seeds are known by is a string, integer, date or the like";
                    return Err(FeedError::SplitType { column: column.clone(), found: found.clone(), wanted });
                }
                LabelSource::Binary | LabelSource::Value | LabelSource::Regression(_) | LabelSource::Membership(_) => {
                    continue;
                }
            };
            return Err(FeedError::LabelType {
                task: task.clone(),
                column: column.clone(),
                found: found.clone(),
                kind,
            });
        }
        match self.weight.as_ref().and_then(|column| Some((column, type_of(column)?))) {
            Some((column, found)) if !is_number(found) || *found == DataType::Boolean => {
                Err(FeedError::WeightType { column: column.clone(), found: found.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The targets of all rows of a batch that has the columns.
    pub(crate) fn read(&self, batch: &RecordBatch) -> Result<Targets, LabelFault> {
        let rows = batch.num_rows();
        let mut targets = Targets::default();
        targets.labels.reserve(rows * self.tasks.len());
        targets.observed.reserve(rows * self.tasks.len());
        for label in &self.tasks {
            let fault = |(row, fault)| (row, label.column.clone(), fault);
            label.read(column_of(batch, &label.column), &mut targets).map_err(fault)?;
        }
        targets.weights = match &self.weight {
            Some(column) => {
                Some(read_weights(column_of(batch, column)).map_err(|(row, fault)| (row, column.clone(), fault))?)
            }
            None => None,
        };
        Ok(targets)
    }
}

fn column_of<'a>(batch: &'a RecordBatch, column: &ColumnName) -> &'a ArrayRef {
    batch.column_by_name(column.as_str()).expect("the projection has the label columns")
}

impl LabelSource {
    fn kind(&self) -> LabelKind {
        match self {
            Self::Binary => LabelKind::Binary,
            Self::Value => LabelKind::Value,
            Self::Regression(_) => LabelKind::Regression,
            Self::Membership(_) => LabelKind::Membership,
        }
    }
}

impl TaskLabel {
    fn read(&self, column: &ArrayRef, targets: &mut Targets) -> Result<(), (usize, ValueFault)> {
        if let LabelSource::Membership(seeds) = &self.source {
            let hashes = hash_nullable_keys(column, SEED_OF_SEEDS).map_err(key_fault)?;
            let is_seed = |hash: Option<u128>| if hash.is_some_and(|hash| (seeds.0)(hash)) { 1.0 } else { 0.0 };
            targets.observed.resize(targets.observed.len() + hashes.len(), 1.0);
            targets.labels.extend(hashes.into_iter().map(is_seed));
            return Ok(());
        }
        let mut numbers = Vec::new();
        read_numbers(column, &mut numbers);
        targets.observed.extend(numbers.iter().map(|number| if number.is_nan() { 0.0 } else { 1.0 }));
        targets.labels.extend(numbers.iter().map(|number| if number.is_nan() { 0.0 } else { *number as f32 }));
        let nulls = column.logical_nulls();
        for (row, &number) in numbers.iter().enumerate() {
            let is_null = || nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            match self.source {
                _ if number.is_nan() && is_null() => {}
                _ if number.is_nan() => return Err((row, ValueFault::LabelNotFinite { task: self.task.clone() })),
                LabelSource::Binary if number != 0.0 && number != 1.0 => {
                    return Err((row, ValueFault::NotBinary { task: self.task.clone(), value: number }));
                }
                LabelSource::Value if number < 0.0 => {
                    return Err((row, ValueFault::Negative { task: self.task.clone(), value: number }));
                }
                LabelSource::Regression(loss) if number < 0.0 && !loss.takes_negative() => {
                    let loss = loss.kind();
                    return Err((row, ValueFault::NegativeForLoss { task: self.task.clone(), value: number, loss }));
                }
                LabelSource::Binary | LabelSource::Value | LabelSource::Regression(_) | LabelSource::Membership(_) => {}
            }
        }
        Ok(())
    }
}

fn read_weights(column: &ArrayRef) -> Result<Vec<f32>, (usize, ValueFault)> {
    let mut numbers = Vec::new();
    read_numbers(column, &mut numbers);
    let weight = |(row, &value): (usize, &f64)| match value {
        value if value.is_nan() => Err((row, ValueFault::WeightNotFinite)),
        value if value < 0.0 => Err((row, ValueFault::NegativeWeight { value })),
        value => Ok(value as f32),
    };
    numbers.iter().enumerate().map(weight).collect()
}

#[cfg(test)]
mod tests;

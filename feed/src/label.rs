//! What rows teach: labels of each task, and weights.

mod condition;
mod read;
mod sampling;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use artifacts::keys::{hash_nullable_keys, is_key_type};
use indexmap::IndexMap;
use model::encode::{ClassReader, Classes, is_class, is_number, read_numbers};
use model::input::Targets;
use spec::task::{MulticlassTask, RegressionLoss};
use spec::{ColumnName, Task, TaskName};

use crate::error::{FeedError, ValueFault};
use crate::split::key_fault;
pub use condition::{Condition, ConditionError, RowSets, Seeds};
use read::{read_classes, read_membership, read_weights, weigh};
pub(crate) use sampling::teaching;

/// The seed with which keys are hashed to be looked up among seeds.
const SEED_OF_SEEDS: u64 = 0;

/// Where the labels of each task come from, in the order of the tasks, and the rows' weights.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    tasks: Vec<TaskLabel>,
    weight: Option<ColumnName>,
    /// The key, where a task learns from a share of its negative rows.
    sampled_by: Option<ColumnName>,
}

#[derive(Debug, Clone)]
struct TaskLabel {
    task: TaskName,
    column: ColumnName,
    source: LabelSource,
    weight: Option<ColumnName>,
    condition: Option<Condition>,
    /// The share of negative training rows that are learned from.
    negative_rate: f64,
}

#[derive(Debug, Clone)]
enum LabelSource {
    Binary,
    Value,
    Regression(RegressionLoss),
    /// Without a reader until the classes are known.
    Class(MulticlassTask, Option<Arc<ClassReader>>),
    Membership {
        seeds: Seeds,
        excluded: Option<Seeds>,
    },
}

/// What a label can be, in a task's summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelKind {
    Binary,
    Value,
    Regression,
    Class,
    Membership,
}

/// A task's label as a check of its counts needs to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LabelDescription<'a> {
    pub(crate) task: &'a TaskName,
    pub(crate) column: &'a ColumnName,
    pub(crate) kind: LabelKind,
    /// Whether it has a condition.
    pub(crate) is_conditional: bool,
}

/// Why labels could not be read.
#[derive(Debug)]
pub(crate) enum LabelFault {
    /// A value that is no label or weight: its row in the batch, its column, and why.
    Value(usize, ColumnName, ValueFault),
    /// A task's condition that cannot be tested.
    Condition(TaskName, ConditionError),
}

impl Labels {
    /// The labels of a document's tasks: `key` is the examples' key column.
    ///
    /// # Errors
    ///
    /// A lookalike task whose seeds, or a task whose condition is not among the sets.
    pub fn new(
        tasks: &IndexMap<TaskName, Task>,
        weight: Option<&ColumnName>,
        key: &ColumnName,
        sets: &RowSets,
    ) -> Result<Self, FeedError> {
        let label = |(name, task): (&TaskName, &Task)| {
            let (column, source) = match task {
                Task::Binary(binary) => (&binary.label, LabelSource::Binary),
                Task::Value(value) => (&value.label, LabelSource::Value),
                Task::Regression(number) => (&number.label, LabelSource::Regression(number.loss)),
                Task::Multiclass(class) => (&class.label, LabelSource::Class(class.clone(), None)),
                Task::Lookalike(_) => {
                    let seeds = sets.seeds.get(name).ok_or_else(|| FeedError::SeedsNotGiven { task: name.clone() })?;
                    let (seeds, excluded) = (seeds.clone(), sets.excluded.get(name).cloned());
                    (key, LabelSource::Membership { seeds, excluded })
                }
            };
            let condition = match task.when() {
                Some(_) => {
                    let condition = sets.conditions.get(name);
                    Some(condition.ok_or_else(|| FeedError::ConditionNotGiven { task: name.clone() })?.clone())
                }
                None => None,
            };
            let (column, weight) = (column.clone(), task.weight().cloned());
            let negative_rate = task.negative_rate();
            Ok(TaskLabel { task: name.clone(), column, source, weight, condition, negative_rate })
        };
        let tasks = tasks.iter().map(label).collect::<Result<Vec<_>, FeedError>>()?;
        let is_sampled = tasks.iter().any(|label| label.negative_rate < 1.0);
        Ok(Self { tasks, weight: weight.cloned(), sampled_by: is_sampled.then(|| key.clone()) })
    }

    /// The same with the classes of the multiclass tasks, by which their labels are told; before that they have none.
    pub fn with_classes(mut self, classes: &IndexMap<TaskName, Classes>) -> Self {
        for TaskLabel { task, source, .. } in &mut self.tasks {
            if let (LabelSource::Class(_, reader), Some(classes)) = (source, classes.get(task)) {
                *reader = Some(Arc::new(ClassReader::new(classes)));
            }
        }
        self
    }

    /// The multiclass tasks, with their places among all.
    pub(crate) fn of_classes(&self) -> impl Iterator<Item = (usize, &TaskName, &ColumnName, &MulticlassTask)> {
        self.tasks.iter().enumerate().filter_map(|(place, label)| match &label.source {
            LabelSource::Class(class, _) => Some((place, &label.task, &label.column, class)),
            LabelSource::Binary | LabelSource::Value | LabelSource::Regression(_) | LabelSource::Membership { .. } => {
                None
            }
        })
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The columns that they are read from.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnName> {
        self.tasks.iter().flat_map(TaskLabel::columns).chain(&self.weight).chain(&self.sampled_by)
    }

    /// Each task's label.
    pub(crate) fn describe(&self) -> impl Iterator<Item = LabelDescription<'_>> {
        self.tasks.iter().map(|label| LabelDescription {
            task: &label.task,
            column: &label.column,
            kind: label.source.kind(),
            is_conditional: label.condition.is_some(),
        })
    }

    /// Fails where a column's type cannot be a label or weight. Columns that are missing are found elsewhere.
    pub(crate) fn check(&self, schema: &Schema) -> Result<(), FeedError> {
        let type_of = |column: &ColumnName| schema.field_with_name(column.as_str()).ok().map(|field| field.data_type());
        for TaskLabel { task, column, source, .. } in &self.tasks {
            let Some(found) = type_of(column) else { continue };
            let kind = match source {
                LabelSource::Binary if !is_number(found) => "binary",
                LabelSource::Value if !is_number(found) || *found == DataType::Boolean => "value",
                LabelSource::Regression(_) if !is_number(found) || *found == DataType::Boolean => "regression",
                LabelSource::Class(..) if !is_class(found) => {
                    let (task, column, found) = (task.clone(), column.clone(), found.clone());
                    return Err(FeedError::ClassType { task, column, found });
                }
                LabelSource::Membership { .. } if !is_key_type(found) => {
                    let wanted = "the key that seeds are known by is a string, integer, date or the like";
                    return Err(FeedError::SplitType { column: column.clone(), found: found.clone(), wanted });
                }
                LabelSource::Binary
                | LabelSource::Value
                | LabelSource::Regression(_)
                | LabelSource::Class(..)
                | LabelSource::Membership { .. } => continue,
            };
            return Err(FeedError::LabelType {
                task: task.clone(),
                column: column.clone(),
                found: found.clone(),
                kind,
            });
        }
        for column in self.tasks.iter().filter_map(|label| label.weight.as_ref()).chain(&self.weight) {
            if let Some(found) = type_of(column).filter(|found| !is_number(found) || **found == DataType::Boolean) {
                return Err(FeedError::WeightType { column: column.clone(), found: found.clone() });
            }
        }
        Ok(())
    }

    /// The targets of all rows of a batch that has the columns.
    pub(crate) fn read(&self, batch: &RecordBatch) -> Result<Targets, LabelFault> {
        let rows = batch.num_rows();
        let mut targets = Targets::default();
        targets.labels.reserve(rows * self.tasks.len());
        targets.observed.reserve(rows * self.tasks.len());
        let people = self.people(batch)?;
        for label in &self.tasks {
            label.read(batch, &people, &mut targets)?;
        }
        let weights = |column: &ColumnName| read_weights(column_of(batch, column)).map_err(at(column));
        targets.weights = self.weight.as_ref().map(weights).transpose()?;
        Ok(targets)
    }
}

impl Labels {
    /// The hash of each row's key, once for all tasks that look it up among seeds; none where no task does.
    fn people(&self, batch: &RecordBatch) -> Result<Vec<Option<u128>>, LabelFault> {
        let looked_up = self.tasks.iter().find(|label| label.source.kind() == LabelKind::Membership);
        let Some(TaskLabel { column, .. }) = looked_up else { return Ok(Vec::new()) };
        let hashes = hash_nullable_keys(column_of(batch, column), SEED_OF_SEEDS);
        hashes.map_err(key_fault).map_err(at(column))
    }
}

/// A fault of a row, as one of a column's.
fn at(column: &ColumnName) -> impl Fn((usize, ValueFault)) -> LabelFault {
    move |(row, fault)| LabelFault::Value(row, column.clone(), fault)
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
            Self::Class(..) => LabelKind::Class,
            Self::Membership { .. } => LabelKind::Membership,
        }
    }
}

impl TaskLabel {
    fn columns(&self) -> impl Iterator<Item = &ColumnName> {
        let of_condition = self.condition.iter().flat_map(Condition::columns);
        std::iter::once(&self.column).chain(&self.weight).chain(of_condition)
    }

    /// Adds the task's labels and weights of a batch's rows, `people` being the hashes of their keys. What stands in rows
    /// outside the condition does not matter.
    fn read(&self, batch: &RecordBatch, people: &[Option<u128>], targets: &mut Targets) -> Result<(), LabelFault> {
        let failed = |source| LabelFault::Condition(self.task.clone(), source);
        let inside = self.condition.as_ref().map(|condition| condition.test(batch)).transpose().map_err(failed)?;
        let is_inside = |row: usize| inside.as_ref().is_none_or(|inside| inside[row]);
        let first = targets.labels.len();
        let column = column_of(batch, &self.column);
        match &self.source {
            LabelSource::Membership { seeds, excluded } => read_membership(seeds, excluded.as_ref(), people, targets),
            LabelSource::Class(_, reader) => read_classes(reader.as_deref(), column, targets),
            LabelSource::Binary | LabelSource::Value | LabelSource::Regression(_) => {
                self.read_numbers(column, &is_inside, targets).map_err(at(&self.column))?;
            }
        }
        for (row, observed) in targets.observed[first..].iter_mut().enumerate().filter(|(row, _)| !is_inside(*row)) {
            *observed = 0.0;
            targets.labels[first + row] = 0.0;
        }
        match &self.weight {
            Some(weight) => weigh(column_of(batch, weight), &mut targets.observed[first..]).map_err(at(weight)),
            None => Ok(()),
        }
    }

    fn read_numbers(
        &self,
        column: &ArrayRef,
        is_inside: &dyn Fn(usize) -> bool,
        targets: &mut Targets,
    ) -> Result<(), (usize, ValueFault)> {
        let mut numbers = Vec::new();
        read_numbers(column, &mut numbers);
        targets.observed.extend(numbers.iter().map(|number| if number.is_nan() { 0.0 } else { 1.0 }));
        targets.labels.extend(numbers.iter().map(|number| if number.is_nan() { 0.0 } else { *number as f32 }));
        let nulls = column.logical_nulls();
        for (row, &number) in numbers.iter().enumerate() {
            let is_null = || nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            if let Some(fault) = self.fault(number).filter(|_| is_inside(row) && !(number.is_nan() && is_null())) {
                return Err((row, fault));
            }
        }
        Ok(())
    }

    /// What is wrong with a number, NaN for none.
    fn fault(&self, number: f64) -> Option<ValueFault> {
        let task = || self.task.clone();
        match self.source {
            _ if number.is_nan() => Some(ValueFault::LabelNotFinite { task: task() }),
            LabelSource::Binary if number != 0.0 && number != 1.0 => {
                Some(ValueFault::NotBinary { task: task(), value: number })
            }
            LabelSource::Value if number < 0.0 => Some(ValueFault::Negative { task: task(), value: number }),
            LabelSource::Regression(loss) if number < 0.0 && !loss.takes_negative() => {
                Some(ValueFault::NegativeForLoss { task: task(), value: number, loss: loss.kind() })
            }
            LabelSource::Binary
            | LabelSource::Value
            | LabelSource::Regression(_)
            | LabelSource::Class(..)
            | LabelSource::Membership { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;

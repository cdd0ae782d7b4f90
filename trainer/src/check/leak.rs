//! Features that alone predict a label implausibly well: usually they were not known yet when it was decided.

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use artifacts::keys::{hash_nullable_keys, is_key_type};
use model::encode::columns_of;
use model::measure::{categorical_auc, numeric_auc};
use spec::feature::Feature;
use spec::{ColumnName, FeatureName, Task, TaskName, TrainingSpec};

use crate::conditions;

/// An AUC that one feature hardly ever reaches honestly.
const CERTAIN: f64 = 0.97;
/// An AUC that one feature seldom reaches honestly.
const SUSPICIOUS: f64 = 0.8;
/// Fewer rows of either class say nothing.
const LEAST_OF_A_CLASS: usize = 30;

/// A feature that is too good.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leak {
    pub(super) feature: FeatureName,
    pub(super) column: ColumnName,
    pub(super) task: TaskName,
    /// Of the feature alone.
    pub(super) auc: f64,
}

impl Leak {
    pub(super) fn message(&self) -> String {
        let Self { column, task, auc, .. } = self;
        let verdict = if *auc >= CERTAIN { "it almost certainly leaks the label" } else { "it may leak the label" };
        format!(
            "column `{column}` alone predicts task `{task}` with AUC {auc:.3} on the sampled rows: {verdict}; \
             make sure that its value is known before the outcome is, or leave it out"
        )
    }
}

/// The features that alone reach an AUC of at least 0.8 for a binary task, on the rows that it learns from.
pub(super) fn find(spec: &TrainingSpec, sample: &[RecordBatch]) -> Vec<Leak> {
    let Some(first) = sample.first() else { return Vec::new() };
    let Ok(rows) = concat_batches(&first.schema(), sample) else { return Vec::new() };
    let mut leaks = Vec::new();
    for (task, kind) in &spec.tasks {
        let (Task::Binary(kind), Some(rows)) = (kind, inside(task, kind, &rows)) else { continue };
        let Some(labels) = rows.column_by_name(kind.label.as_str()).and_then(labels) else { continue };
        let observed = observed_rows(&rows, &labels);
        for (feature, kind) in &spec.features {
            let auc_of =
                |column: &ColumnName| alone(kind, observed.0.column_by_name(column.as_str())?, spec, &observed);
            for column in columns_of(feature, kind) {
                if let Some(auc) = auc_of(&column).filter(|auc| *auc >= SUSPICIOUS) {
                    leaks.push(Leak { feature: feature.clone(), column, task: task.clone(), auc });
                }
            }
        }
    }
    leaks
}

/// The rows that a task learns from; none where its condition is wrong, which is said elsewhere.
fn inside(name: &TaskName, task: &Task, rows: &RecordBatch) -> Option<RecordBatch> {
    match conditions::of_task(name, task, &rows.schema()).ok()? {
        Some(condition) => filter_record_batch(rows, &condition.test(rows).ok()?.into()).ok(),
        None => Some(rows.clone()),
    }
}

fn labels(column: &ArrayRef) -> Option<Float64Array> {
    let numbers = cast(column, &DataType::Float64).ok()?;
    Some(numbers.as_any().downcast_ref::<Float64Array>()?.clone())
}

/// The rows whose label is known, and the labels.
fn observed_rows(rows: &RecordBatch, labels: &Float64Array) -> (RecordBatch, Vec<bool>) {
    let known: BooleanArray = labels.iter().map(|label| Some(label.is_some())).collect();
    let kept = filter_record_batch(rows, &known).expect("a mask of the batch's length");
    (kept, labels.iter().flatten().map(|label| label > 0.0).collect())
}

/// How well a column alone orders a label, as [`Leak::auc`] has it; none where few rows of a class are there.
pub(crate) fn alone(
    kind: &Feature,
    column: &ArrayRef,
    spec: &TrainingSpec,
    observed: &(RecordBatch, Vec<bool>),
) -> Option<f64> {
    let (rows, labels) = observed;
    let positives = labels.iter().filter(|label| **label).count();
    if positives.min(labels.len() - positives) < LEAST_OF_A_CLASS {
        return None;
    }
    match kind {
        Feature::Numeric(_) | Feature::Timestamp(_) => numeric_auc(&numbers(column)?, labels),
        Feature::Categorical(_) | Feature::Cross(_) if is_key_type(column.data_type()) => {
            let keys = rows.column_by_name(spec.key.as_str()).filter(|keys| is_key_type(keys.data_type()))?;
            categorical_auc(&folded(column)?, &folded(keys)?, labels)
        }
        Feature::Categorical(_) | Feature::Cross(_) | Feature::Bag(_) | Feature::Sequence(_) | Feature::Vector(_) => {
            None
        }
    }
}

/// A column's values as numbers; none where they are none.
pub(crate) fn numbers(column: &ArrayRef) -> Option<Vec<Option<f64>>> {
    let as_number =
        if column.data_type().is_temporal() { cast(column, &DataType::Int64).ok()? } else { column.clone() };
    let numbers = cast(&as_number, &DataType::Float64).ok()?;
    let numbers = numbers.as_any().downcast_ref::<Float64Array>()?;
    Some(numbers.iter().collect())
}

/// Numbers that tell a column's values apart; null is 0.
pub(crate) fn folded(column: &ArrayRef) -> Option<Vec<u64>> {
    let hashes = hash_nullable_keys(column, 0).ok()?;
    Some(hashes.into_iter().map(|hash| hash.map_or(0, |hash| hash as u64)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int8Array, Int64Array, StringArray};

    use super::*;

    fn spec() -> TrainingSpec {
        serde_json::from_value(serde_json::json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id",
            "features": {
                "honest": {"kind": "numeric"}, "duration": {"kind": "numeric"}, "answer": {"kind": "categorical"},
                "noise": {"kind": "categorical"}
            },
            "tasks": {"bought": {"kind": "binary", "label": "bought"}},
            "network": {"kind": "linear"}
        }))
        .unwrap()
    }

    #[test]
    fn a_feature_that_follows_from_the_label_is_found_and_honest_ones_are_not() {
        let rows = 2000i64;
        let label = |row: i64| row % 3 == 0;
        let noise = |row: i64| (row * 7919) % 101;
        let answer = |row: i64| if label(row) { Some("yes") } else { (row % 2 == 0).then_some("no") };
        let columns: [(&str, ArrayRef); 6] = [
            ("id", Arc::new(Int64Array::from_iter_values(0..rows))),
            (
                "honest",
                Arc::new(Int64Array::from_iter_values((0..rows).map(|row| noise(row) + i64::from(label(row)) * 20))),
            ),
            (
                "duration",
                Arc::new(Int64Array::from_iter_values((0..rows).map(|row| noise(row) + i64::from(label(row)) * 60))),
            ),
            ("answer", Arc::new((0..rows).map(answer).collect::<StringArray>())),
            ("noise", Arc::new(StringArray::from_iter_values((0..rows).map(|row| noise(row).to_string())))),
            ("bought", Arc::new(Int8Array::from_iter_values((0..rows).map(|row| i8::from(label(row)))))),
        ];
        let sample = RecordBatch::try_from_iter(columns).unwrap();
        let leaks = find(&spec(), &[sample.slice(0, 900), sample.slice(900, 1100)]);
        let found: Vec<_> = leaks.iter().map(|leak| leak.column.as_str()).collect();
        assert_eq!(found, ["duration", "answer"]);
        assert!(leaks[0].auc < CERTAIN && leaks[0].message().contains("may leak"), "{:?}", leaks[0]);
        assert!(leaks[1].auc > CERTAIN && leaks[1].message().contains("almost certainly"), "{:?}", leaks[1]);
    }
}

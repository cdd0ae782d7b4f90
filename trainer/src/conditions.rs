//! The conditions of tasks: SQL over the examples' columns, compiled once and tested batch by batch while rows are read.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use feed::{Condition, ConditionError};
use query::{ExpressionSource, Expressions};
use spec::{ColumnName, Task, TaskName, TrainingSpec};

use crate::error::Result;

/// The condition of each task that has one.
///
/// # Errors
///
/// SQL that is no condition over the examples' columns, by its place.
pub(crate) fn of_tasks(spec: &TrainingSpec, columns: &SchemaRef) -> Result<BTreeMap<TaskName, Condition>> {
    let mut conditions = BTreeMap::new();
    for (name, task) in &spec.tasks {
        if let Some(condition) = of_task(name, task, columns)? {
            conditions.insert(name.clone(), condition);
        }
    }
    Ok(conditions)
}

/// A task's condition, if it has one.
///
/// # Errors
///
/// As [`of_tasks`].
pub(crate) fn of_task(name: &TaskName, task: &Task, columns: &SchemaRef) -> Result<Option<Condition>> {
    let Some(sql) = task.when() else { return Ok(None) };
    let source = ExpressionSource::condition(format!("spec.tasks.{name}.when"), sql);
    let expressions = Expressions::compile(columns, &[source])?;
    let is_read = |field: &&FieldRef| expressions.columns().any(|column| column == field.name());
    let read: Vec<FieldRef> = columns.fields().iter().filter(is_read).cloned().collect();
    let names = read.iter().map(|field| Ok(field.name().parse()?)).collect::<Result<Vec<ColumnName>>>()?;
    Ok(Some(Condition::new(names, move |batch| {
        let values = expressions.evaluate(&plain(batch, &read)?)?;
        let holds = values.first().and_then(|values| values.as_boolean_opt());
        Ok(holds.ok_or("a condition gave no truth values")?.clone())
    })))
}

/// Some columns of a batch, in the types that an expression was compiled for: text may come as dictionaries.
fn plain(batch: &RecordBatch, fields: &[FieldRef]) -> Result<RecordBatch, ConditionError> {
    let column = |field: &FieldRef| -> Result<ArrayRef, ConditionError> {
        let missing = || format!("the rows have no column `{}`", field.name());
        let column = batch.column_by_name(field.name()).ok_or_else(missing)?;
        Ok(if column.data_type() == field.data_type() { column.clone() } else { cast(column, field.data_type())? })
    };
    let columns = fields.iter().map(column).collect::<Result<_, _>>()?;
    let nullable = fields.iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(nullable.collect::<Vec<_>>()).into();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DictionaryArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int32Type};

    use super::*;

    fn task(when: &str) -> Task {
        serde_json::from_value(serde_json::json!({"kind": "binary", "label": "bought", "when": when})).unwrap()
    }

    fn columns() -> SchemaRef {
        let field = |name, data_type| Field::new(name, data_type, true);
        Arc::new(Schema::new(vec![field("age", DataType::Int64), field("city", DataType::Utf8)]))
    }

    fn rows() -> RecordBatch {
        let cities: DictionaryArray<Int32Type> = [Some("Rome"), None, Some("Oslo"), Some("Rome")].into_iter().collect();
        let ages = Int64Array::from(vec![Some(20), Some(30), Some(40), None]);
        RecordBatch::try_from_iter([("city", Arc::new(cities) as ArrayRef), ("age", Arc::new(ages))]).unwrap()
    }

    fn holds(when: &str) -> Vec<bool> {
        let condition = of_task(&"buys".parse().unwrap(), &task(when), &columns()).unwrap().unwrap();
        condition.test(&rows()).unwrap()
    }

    #[test]
    fn rows_are_told_by_their_columns_and_null_is_outside() {
        assert_eq!(holds("city = 'Rome'"), [true, false, false, true]);
        assert_eq!(holds("age >= 30"), [false, true, true, false]);
        assert_eq!(holds("age >= 30 OR city = 'Rome'"), [true, true, true, true]);
        assert_eq!(holds("true"), [true; 4]);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_place() {
        let message = |when: &str| {
            let error = of_task(&"buys".parse().unwrap(), &task(when), &columns()).unwrap_err();
            crate::check::with_causes(&error)
        };
        for (when, words) in [("age + 1", "condition"), ("agee > 1", "agee"), ("age >", "spec.tasks.buys.when")] {
            let message = message(when);
            assert!(message.contains("spec.tasks.buys.when") && message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_task_without_one_has_none() {
        let task = serde_json::from_value(serde_json::json!({"kind": "binary", "label": "bought"})).unwrap();
        assert!(of_task(&"buys".parse().unwrap(), &task, &columns()).unwrap().is_none());
    }
}

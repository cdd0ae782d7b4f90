//! Fitting takes one pass, depends on the rows alone, counts what the tasks have, and refuses what cannot be learned.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, RecordBatch};
use common::*;
use feed::{Part, fit_encoders};
use model::encode::EncoderFit;

#[test]
fn encoders_are_those_of_the_training_rows_for_any_number_of_threads() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 5000, 2000, 700);
    let table = table(folder.path(), &runtime);
    let all = customers(0, 5000);
    let mut fit = EncoderFit::new(&features(), &all.schema()).unwrap();
    let is_training: BooleanArray = (0..5000).map(|id| Some(part_of(id) == Part::Train)).collect();
    fit.update(&all, Some(&is_training)).unwrap();
    let one = fitted(&table, 1, &runtime);
    assert_eq!(one.encoders, fit.finish().unwrap());
    assert_eq!(one, fitted(&table, 4, &runtime));
    assert!(one.inexact_counts.is_empty());
    let counted = one.distributions.values().map(|distribution| distribution.total());
    assert!(!one.distributions.is_empty() && counted.into_iter().all(|total| total >= one.train.rows));
}

#[test]
fn labels_are_counted_in_every_part() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 3000, 3000, 700);
    let fitted = fitted(&table(folder.path(), &runtime), 2, &runtime);
    for (part, counts) in
        [(Part::Train, &fitted.train), (Part::Validation, &fitted.validation), (Part::Test, &fitted.test)]
    {
        let ids: Vec<i64> = (0..3000).filter(|&id| part_of(id) == part).collect();
        let count = |is: &dyn Fn(i64) -> bool| ids.iter().filter(|&&id| is(id)).count() as u64;
        assert_eq!((counts.rows, counts.weight), (ids.len() as u64, ids.len() as f64));
        let [buys, spends, alike] = counts.tasks.as_slice() else { panic!("three tasks") };
        assert_eq!(
            (buys.observed, buys.positives),
            (count(&|id| id % 9 != 0), count(&|id| id % 9 != 0 && id % 3 == 0))
        );
        assert_eq!(
            (spends.observed, spends.positives),
            (count(&|id| id % 8 != 0), count(&|id| id % 8 != 0 && id % 4 != 0))
        );
        assert_eq!((alike.observed, alike.positives), (counts.rows, count(&|id| id % 17 == 0)));
        let sum: f64 = ids.iter().filter(|&&id| id % 8 != 0).map(|&id| (id % 4) as f64 * 2.5).sum();
        assert_eq!((spends.sum, spends.min, spends.max), (sum, 0.0, 7.5));
        assert!((buys.positive_rate() - buys.positives as f64 / buys.observed as f64).abs() < 1e-12);
    }
}

#[test]
fn a_number_that_never_changes_is_refused_and_the_least_may_be_below_zero() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let write_gains = |gain: &dyn Fn(i64) -> f64| {
        let ids: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(0..400));
        let age: ArrayRef = Arc::new(Float64Array::from_iter_values((0..400).map(|id| (id % 50) as f64)));
        let gains: ArrayRef = Arc::new(Float64Array::from_iter_values((0..400).map(gain)));
        let columns = [("id", ids), ("age", age), ("gain", gains)];
        write(&folder.path().join("a.parquet"), &RecordBatch::try_from_iter(columns).unwrap(), 100);
        let tasks = serde_json::json!({"gains": {"kind": "regression", "label": "gain"}});
        let labels =
            feed::Labels::new(&serde_json::from_value(tasks).unwrap(), None, &key(), &Default::default()).unwrap();
        let features = serde_json::from_value(serde_json::json!({"age": {"kind": "numeric"}})).unwrap();
        let table = table(folder.path(), &runtime);
        let plan = feed::FitPlan { table, features, labels, splitter: splitter(), threads: 2 };
        fit_encoders(plan, runtime.handle())
    };
    let fitted = write_gains(&|id| (id % 10) as f64 - 14.0).unwrap();
    let counts = &fitted.train.tasks[0];
    assert_eq!((counts.min, counts.max, counts.positives), (-14.0, -5.0, 0));
    let training = (0..400).filter(|&id| part_of(id) == Part::Train).count();
    assert_eq!(
        write_gains(&|_| -3.5).unwrap_err().to_string(),
        format!(
            "task `gains`: column `gain` is -3.5 in all {training} training rows that have a label; there is nothing to learn"
        )
    );
}

#[test]
fn a_condition_that_holds_nowhere_is_refused_and_weights_are_counted() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 2000, 2000, 700);
    let fit = |limit: i64| {
        let tasks = serde_json::json!({
            "buys": {"kind": "binary", "label": "bought", "when": "id < limit", "weight": "age"},
            "spends": {"kind": "value", "label": "spend"},
        });
        let below = feed::Condition::new(vec![key()], move |batch| {
            let ids = batch.column_by_name("id").ok_or("no id")?.as_primitive::<arrow::datatypes::Int64Type>().clone();
            Ok(ids.iter().map(|id| id.map(|id| id < limit && id % 11 != 0)).collect())
        });
        let conditions = std::iter::once(("buys".parse().unwrap(), below)).collect();
        let sets = feed::RowSets { conditions, ..Default::default() };
        let labels = feed::Labels::new(&serde_json::from_value(tasks).unwrap(), None, &key(), &sets).unwrap();
        let plan = feed::FitPlan { labels, ..fit_plan(&table(folder.path(), &runtime), 2) };
        fit_encoders(plan, runtime.handle())
    };
    let fitted = fit(500).unwrap();
    let teaching = |id: &i64| part_of(*id) == Part::Train && id % 9 != 0 && id % 11 != 0 && id * 37 % 90 > 0;
    let ids: Vec<i64> = (0..500).filter(teaching).collect();
    let [buys, spends] = fitted.train.tasks.as_slice() else { panic!("two tasks") };
    let weight =
        |of: &dyn Fn(i64) -> bool| ids.iter().filter(|&&id| of(id)).map(|id| (id * 37 % 90) as f64).sum::<f64>();
    assert_eq!(buys.observed, ids.len() as u64);
    assert_eq!((buys.observed_weight, buys.positive_weight), (weight(&|_| true), weight(&|id| id % 3 == 0)));
    assert!(spends.observed > 1000);
    let training = (0..2000).filter(|&id| part_of(id) == Part::Train).count();
    assert_eq!(
        fit(-1).unwrap_err().to_string(),
        format!("task `buys`: `when` holds for none of the {training} training rows that have a label")
    );
}

/// The error of fitting 200 customers, of whom one column is replaced.
fn error_with(column: &str, array: ArrayRef) -> String {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let batch = customers(0, 200);
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let columns = columns
        .map(|(field, old)| (field.name(), if field.name() == column { array.clone() } else { old.clone() }, true));
    write(&folder.path().join("a.parquet"), &RecordBatch::try_from_iter_with_nullable(columns).unwrap(), 1000);
    fit_encoders(fit_plan(&table(folder.path(), &runtime), 2), runtime.handle()).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_learned_is_refused_by_name() {
    let training = (0..200).filter(|&id| part_of(id) == Part::Train).count();
    let null: ArrayRef = Arc::new(Int32Array::from(vec![None; 200]));
    assert_eq!(
        error_with("bought", null),
        format!("task `buys`: column `bought` is null in all {training} training rows")
    );
    for value in [0, 1] {
        let labels: ArrayRef = Arc::new(Int32Array::from(vec![value; 200]));
        let expected = format!(
            "task `buys`: column `bought` is {value} in all {training} training rows that have a label; both classes are needed"
        );
        assert_eq!(error_with("bought", labels), expected);
    }
    let nothing: ArrayRef = Arc::new(Float64Array::from(vec![0.0; 200]));
    assert!(error_with("spend", nothing).contains("task `spends`: column `spend` is 0 in all"));
    let strangers: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(900_001..900_201));
    assert!(error_with("id", strangers).contains("task `alike`: none of the"));
    let seeds: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values((0..200).map(|id| id * 17)));
    assert!(error_with("id", seeds).contains("training rows are seeds"));
}

#[test]
fn a_null_key_is_named_with_its_place() {
    let ids: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter((0..200).map(|id| (id != 123).then_some(id))));
    let message = error_with("id", ids);
    assert!(message.contains("a.parquet: row group 0, row 123, column `id`"), "{message}");
}

#[test]
fn no_training_rows_are_refused() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write(&folder.path().join("none.parquet"), &customers(0, 0), 100);
    let table = table(folder.path(), &runtime);
    let message = fit_encoders(fit_plan(&table, 2), runtime.handle()).unwrap_err().to_string();
    assert_eq!(message, "no rows to train on: the table has 0 rows, 0 for validation and 0 for test");
}

/// Products by id: bread is bought by half of all, salt by one in fifty.
fn product(id: i64) -> Option<&'static str> {
    match id % 50 {
        0 => Some("salt"),
        1..4 => None,
        other if other % 2 == 0 => Some("bread"),
        other if other < 30 => Some("tea"),
        _ => Some("milk"),
    }
}

#[test]
fn classes_are_those_of_the_training_rows_that_teach_and_the_rest_is_other() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let ids: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(0..3000));
    let age: ArrayRef = Arc::new(Float64Array::from_iter_values((0..3000).map(|id| (id % 50) as f64)));
    let products: ArrayRef = Arc::new(arrow::array::StringArray::from_iter((0..3000).map(product)));
    let rows = RecordBatch::try_from_iter([("id", ids), ("age", age), ("product", products)]).unwrap();
    write(&folder.path().join("a.parquet"), &rows, 300);
    let fit = |min_count: u64, threads: usize| {
        let task = serde_json::json!({"next": {"kind": "multiclass", "label": "product", "min_count": min_count}});
        let tasks = serde_json::from_value(task).unwrap();
        let labels = feed::Labels::new(&tasks, None, &key(), &Default::default()).unwrap();
        let features = serde_json::from_value(serde_json::json!({"age": {"kind": "numeric"}})).unwrap();
        let table = table(folder.path(), &runtime);
        fit_encoders(feed::FitPlan { table, features, labels, splitter: splitter(), threads }, runtime.handle())
    };
    let counted =
        |name: &str| (0..3000).filter(|&id| part_of(id) == Part::Train && product(id) == Some(name)).count() as u64;
    let fitted = fit(counted("salt") + 1, 1).unwrap();
    let classes = &fitted.encoders.classes()[0];
    assert_eq!(classes.names(), ["bread", "tea", "milk"]);
    assert_eq!(classes.rows, ["bread", "tea", "milk", "salt"].map(counted));
    assert_eq!(fitted, fit(counted("salt") + 1, 4).unwrap());
    let text = serde_json::to_string(&fitted.encoders).unwrap();
    assert_eq!(serde_json::from_str::<model::encode::Encoders>(&text).unwrap(), fitted.encoders);
    let error = fit(counted("tea") + 1, 2).unwrap_err().to_string();
    assert!(error.starts_with("task `next`: 1 of the values of column `product` have"), "{error}");
}

use arrow::array::{BooleanArray, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray};
use arrow::datatypes::Field;
use artifacts::keys::hash_text;
use spec::task::PoissonLoss;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;

fn tasks(tasks: serde_json::Value) -> IndexMap<TaskName, Task> {
    serde_json::from_value(tasks).unwrap()
}

/// A value's fault with its row and column.
fn words(fault: LabelFault) -> String {
    match fault {
        LabelFault::Value(row, column, fault) => format!("{row} {column} {fault}"),
        LabelFault::Condition(task, source) => format!("{task}: {source}"),
    }
}

fn labels(weight: bool) -> Labels {
    let column = |name: &str| name.parse::<ColumnName>().unwrap();
    let tasks = tasks(serde_json::json!({
        "buys": {"kind": "binary", "label": "bought"},
        "spends": {"kind": "value", "label": "spend"},
        "alike": {"kind": "lookalike", "seeds": {"table": "seeds"}},
    }));
    let members = [hash_text(b"2", 0), hash_text(b"x", 0)];
    let seeds = BTreeMap::from([("alike".parse().unwrap(), Seeds::new(move |hash| members.contains(&hash)))]);
    let weight = weight.then(|| column("weight"));
    Labels::new(&tasks, weight.as_ref(), &column("id"), &RowSets { seeds, ..RowSets::default() }).unwrap()
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn good(name: &str) -> ArrayRef {
    match name {
        "id" => Arc::new(Int64Array::from(vec![Some(1), Some(2), None])),
        "bought" => Arc::new(Int32Array::from(vec![Some(1), None, Some(0)])),
        "spend" => Arc::new(Float64Array::from(vec![None, Some(2.5), Some(0.0)])),
        _ => Arc::new(Float32Array::from(vec![1.0, 0.0, 0.5])),
    }
}

/// A batch of good columns, but for one.
fn but(name: &str, column: ArrayRef) -> RecordBatch {
    let names = ["id", "bought", "spend", "weight"];
    table(names.map(|other| (other, if other == name { column.clone() } else { good(other) })).to_vec())
}

#[test]
fn each_task_has_its_labels_and_what_was_observed() {
    let targets = labels(true).read(&but("", good("id"))).unwrap();
    assert_eq!(targets.labels, [1.0, 0.0, 0.0, 0.0, 2.5, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(targets.observed, [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(targets.weights, Some(vec![1.0, 0.0, 0.5]));
    assert_eq!(labels(false).read(&but("", good("id"))).unwrap().weights, None);
}

#[test]
fn labels_of_every_number_type_and_booleans_are_read() {
    let bought = |column: ArrayRef| labels(false).read(&but("bought", column)).unwrap().labels[..3].to_vec();
    assert_eq!(bought(Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))), [1.0, 0.0, 0.0]);
    assert_eq!(bought(Arc::new(Float64Array::from(vec![1.0, -0.0, 0.0]))), [1.0, 0.0, 0.0]);
    let decimal = Decimal128Array::from(vec![100, 0, 100]).with_precision_and_scale(5, 2).unwrap();
    assert_eq!(bought(Arc::new(decimal)), [1.0, 0.0, 1.0]);
}

#[test]
fn every_value_that_is_no_label_or_weight_is_named() {
    let fault = |name: &str, column: ArrayRef| words(labels(true).read(&but(name, column)).unwrap_err());
    let numbers = |values: [f64; 3]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    assert_eq!(
        fault("bought", numbers([0.0, 1.0, 2.0])),
        "2 bought the label of binary task `buys` is 2, and has to be 0, 1 or null"
    );
    assert_eq!(
        fault("bought", numbers([0.0, f64::NAN, 1.0])),
        "1 bought the label of task `buys` is not a finite number; use null where it was not observed"
    );
    assert_eq!(
        fault("spend", numbers([0.0, -1.5, 1.0])),
        "1 spend the label of value task `spends` is -1.5, and has to be at least 0 or null"
    );
    assert!(
        fault("spend", numbers([f64::INFINITY, 0.0, 1.0])).starts_with("0 spend the label of task `spends` is not")
    );
    assert_eq!(fault("weight", numbers([1.0, -1.0, 1.0])), "1 weight the weight is -1, and has to be at least 0");
    let null = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(1.0)]));
    assert_eq!(fault("weight", null), "1 weight the weight is not a finite number");
}

#[test]
fn columns_of_the_wrong_type_are_refused() {
    let text = || Arc::new(StringArray::from(vec!["1", "0", "1"])) as ArrayRef;
    let message =
        |name: &str, column: ArrayRef| labels(true).check(&but(name, column).schema()).unwrap_err().to_string();
    assert_eq!(
        message("bought", text()),
        "task `buys`: its label column `bought` is Utf8; a binary label is a number or a boolean"
    );
    assert_eq!(
        message("spend", text()),
        "task `spends`: its label column `spend` is Utf8; a value label is a number of at least 0"
    );
    assert_eq!(message("weight", text()), "the weight column `weight` is Utf8; a weight is a number of at least 0");
    assert!(labels(true).check(&but("id", text()).schema()).is_ok());
    assert!(labels(true).check(&Schema::empty()).is_ok(), "missing columns are found elsewhere");
}

#[test]
fn numbers_of_a_regression_may_be_negative_where_its_loss_takes_them() {
    let read = |loss: RegressionLoss, values: [Option<f64>; 3]| {
        let tasks = tasks(serde_json::json!({"gains": {"kind": "regression", "label": "gain", "loss": loss}}));
        let labels = Labels::new(&tasks, None, &"id".parse().unwrap(), &RowSets::default()).unwrap();
        let rows = table(vec![("gain", Arc::new(Float64Array::from(values.to_vec())) as ArrayRef)]);
        labels.check(&rows.schema()).unwrap();
        labels.read(&rows).map_err(words)
    };
    let targets = read(RegressionLoss::default(), [Some(-2.5), None, Some(4.0)]).unwrap();
    assert_eq!((targets.labels, targets.observed), (vec![-2.5, 0.0, 4.0], vec![1.0, 0.0, 1.0]));
    let poisson = RegressionLoss::Poisson(PoissonLoss {});
    assert_eq!(read(poisson, [Some(0.0), None, Some(4.0)]).unwrap().labels, [0.0, 0.0, 4.0]);
    assert_eq!(
        read(poisson, [Some(0.0), Some(-1.0), None]).unwrap_err(),
        "1 gain the label of regression task `gains` is -1, and has to be at least 0 or null for its loss, poisson"
    );
    assert_eq!(
        read(RegressionLoss::default(), [Some(0.0), Some(f64::NAN), None]).unwrap_err(),
        "1 gain the label of task `gains` is not a finite number; use null where it was not observed"
    );
}

#[test]
fn lookalike_tasks_need_their_seeds() {
    let tasks = tasks(serde_json::json!({"alike": {"kind": "lookalike", "seeds": {"table": "seeds"}}}));
    let error = Labels::new(&tasks, None, &"id".parse().unwrap(), &RowSets::default()).unwrap_err();
    assert_eq!(error.to_string(), "the seeds of task `alike` were not given");
}

/// The rows whose `id` is below a limit or null.
fn first_ids(limit: i64) -> Condition {
    Condition::new(vec!["id".parse().unwrap()], move |batch| {
        let ids = batch
            .column_by_name("id")
            .ok_or("no id")?
            .as_any()
            .downcast_ref::<Int64Array>()
            .ok_or("no whole numbers")?;
        Ok(ids.iter().map(|id| id.map(|id| id < limit)).collect())
    })
}

fn conditional(limit: i64) -> Labels {
    let tasks = tasks(serde_json::json!({
        "buys": {"kind": "binary", "label": "bought", "weight": "weight"},
        "spends": {"kind": "value", "label": "spend", "when": "id < 2", "weight": "weight"},
    }));
    let conditions = BTreeMap::from([("spends".parse().unwrap(), first_ids(limit))]);
    let sets = RowSets { conditions, ..RowSets::default() };
    Labels::new(&tasks, None, &"id".parse().unwrap(), &sets).unwrap()
}

#[test]
fn a_row_counts_by_its_tasks_weight_and_not_at_all_outside_its_condition() {
    let rows = but("spend", Arc::new(Float64Array::from(vec![Some(3.0), Some(2.5), Some(0.0)])));
    let labels = conditional(2);
    let targets = labels.read(&rows).unwrap();
    assert_eq!(targets.labels, [1.0, 0.0, 0.0, 3.0, 0.0, 0.0]);
    // The second row's weight is 0; the third has no id, so nobody can say whether it is inside.
    assert_eq!(targets.observed, [1.0, 0.0, 0.5, 1.0, 0.0, 0.0]);
    assert_eq!(targets.weights, None);
    let columns: Vec<&str> = labels.columns().map(|column| column.as_str()).collect();
    assert_eq!(columns, ["bought", "weight", "spend", "weight", "id"]);
}

#[test]
fn what_stands_outside_a_condition_does_not_matter_and_what_stands_inside_does() {
    let rows = but("spend", Arc::new(Float64Array::from(vec![Some(3.0), Some(-2.5), Some(f64::NAN)])));
    assert_eq!(conditional(2).read(&rows).unwrap().observed[3..], [1.0, 0.0, 0.0]);
    let fault = words(conditional(3).read(&rows).unwrap_err());
    assert_eq!(fault, "1 spend the label of value task `spends` is -2.5, and has to be at least 0 or null");
    let weights = but("weight", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(-1.0)])));
    let fault = words(conditional(2).read(&weights).unwrap_err());
    assert_eq!(fault, "2 weight the weight is -1, and has to be at least 0");
}

#[test]
fn a_condition_that_fails_names_its_task_and_one_that_is_missing_too() {
    let rows = but("id", Arc::new(StringArray::from(vec!["1", "2", "3"])));
    assert_eq!(words(conditional(2).read(&rows).unwrap_err()), "spends: no whole numbers");
    let tasks = tasks(serde_json::json!({"buys": {"kind": "binary", "label": "bought", "when": "id < 2"}}));
    let error = Labels::new(&tasks, None, &"id".parse().unwrap(), &RowSets::default()).unwrap_err();
    assert_eq!(error.to_string(), "the condition of task `buys` was not given");
}

#[test]
fn classes_are_told_by_their_place_and_null_is_not_observed() {
    let tasks = tasks(
        serde_json::json!({"next": {"kind": "multiclass", "label": "product", "when": "id > 1", "weight": "weight"}}),
    );
    let inside = |_: &RecordBatch| Ok(BooleanArray::from(vec![true, true, true, true, false]));
    let conditions = BTreeMap::from([("next".parse().unwrap(), Condition::new(Vec::new(), inside))]);
    let sets = RowSets { conditions, ..RowSets::default() };
    let labels = Labels::new(&tasks, None, &"id".parse().unwrap(), &sets).unwrap();
    let rows = table(vec![
        ("product", Arc::new(StringArray::from(vec![Some("tea"), None, Some("milk"), Some("salt"), Some("tea")]))),
        ("weight", Arc::new(Float32Array::from(vec![2.0, 1.0, 0.5, 1.0, 1.0]))),
    ]);
    let unknown = labels.read(&rows).unwrap();
    assert_eq!((&unknown.labels[..], &unknown.observed[..]), (&[0.0; 5][..], &[2.0, 0.0, 0.5, 1.0, 0.0][..]));
    let classes = serde_json::json!({"next": {"values": {"texts": ["milk", "tea"]}, "rows": [9, 5, 1]}});
    let known = labels.with_classes(&serde_json::from_value(classes).unwrap()).read(&rows).unwrap();
    assert_eq!((&known.labels[..], &known.observed[..]), (&[1.0, 0.0, 0.0, 2.0, 0.0][..], &unknown.observed[..]));
}

#[test]
fn a_label_that_tells_no_classes_is_refused_by_its_type() {
    let tasks = tasks(serde_json::json!({"next": {"kind": "multiclass", "label": "spend"}}));
    let labels = Labels::new(&tasks, None, &"id".parse().unwrap(), &RowSets::default()).unwrap();
    let error = labels.check(&table(vec![("spend", good("spend"))]).schema()).unwrap_err().to_string();
    assert!(
        error.contains("`next`") && error.contains("`spend` is Float64") && error.contains("text, a whole number"),
        "{error}"
    );
}

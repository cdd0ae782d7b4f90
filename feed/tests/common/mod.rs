//! A table of made-up customers, written as Parquet, and what feeds make of it.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use artifacts::keys::{hash_keys, hash_text};
use artifacts::source::resolve;
use feed::{FeedBatch, FeedPlan, FitPlan, Fitted, Labels, Order, Part, RowSets, Seeds, Splitter, Table, fit_encoders};
use indexmap::IndexMap;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use spec::feature::Feature;
use spec::training::{Shares, Split};
use spec::{ColumnName, FeatureName, Task, TaskName};
use tokio::runtime::Runtime;

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Rows `first..first + count`; everything in a row follows from its id.
pub(crate) fn customers(first: i64, count: usize) -> RecordBatch {
    let ids = || first..first + count as i64;
    let cities = ["Köln", "São Paulo?", "", "Łódź", "new york"];
    let city = StringArray::from_iter(ids().map(|id| (id % 7 != 0).then(|| cities[id as usize % cities.len()])));
    let age = Float64Array::from_iter(ids().map(|id| (id % 11 != 0).then(|| (id * 37 % 90) as f64)));
    let level = Int32Array::from_iter(ids().map(|id| (id % 13 != 0).then_some((id % 10) as i32)));
    let items = ids().map(|id| (id % 5 != 0).then(move || (0..id % 4).map(move |item| Some(((id + item) % 6) as i32))));
    let bought = Int32Array::from_iter(ids().map(|id| (id % 9 != 0).then_some(i32::from(id % 3 == 0))));
    let spend = Float64Array::from_iter(ids().map(|id| (id % 8 != 0).then_some((id % 4) as f64 * 2.5)));
    let columns: [(&str, ArrayRef); 7] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("city", Arc::new(city)),
        ("age", Arc::new(age)),
        ("level", Arc::new(level)),
        ("items", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(items))),
        ("bought", Arc::new(bought)),
        ("spend", Arc::new(spend)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

pub(crate) fn write(path: &Path, batch: &RecordBatch, row_group_rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group_rows));
    let properties = properties.set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// `rows` customers in files of `file_rows`.
pub(crate) fn write_customers(folder: &Path, rows: usize, file_rows: usize, row_group_rows: usize) {
    for (number, first) in (0..rows).step_by(file_rows).enumerate() {
        let batch = customers(first as i64, file_rows.min(rows - first));
        write(&folder.join(format!("part-{number:04}.parquet")), &batch, row_group_rows);
    }
}

pub(crate) fn table(folder: &Path, runtime: &Runtime) -> Table {
    let source = serde_json::from_value(serde_json::json!({"url": folder})).unwrap();
    runtime.block_on(async { Table::open(&resolve(&source).await.unwrap().files).await.unwrap() })
}

pub(crate) fn features() -> IndexMap<FeatureName, Feature> {
    let features = serde_json::json!({
        "age": {"kind": "numeric"},
        "city": {"kind": "categorical", "vocabulary": {"min_count": 1}},
        "level": {"kind": "categorical", "vocabulary": {"min_count": 1}},
        "city_hashed": {"kind": "categorical", "column": "city", "hash": {"buckets": 50}},
        "city_x_level": {"kind": "cross", "of": ["city", "level"], "hash": {"buckets": 100}},
        "items": {"kind": "bag", "vocabulary": {"min_count": 1}},
    });
    serde_json::from_value(features).unwrap()
}

pub(crate) fn tasks() -> IndexMap<TaskName, Task> {
    let tasks = serde_json::json!({
        "buys": {"kind": "binary", "label": "bought"},
        "spends": {"kind": "value", "label": "spend"},
        "alike": {"kind": "lookalike", "seeds": {"table": "seeds"}},
    });
    serde_json::from_value(tasks).unwrap()
}

pub(crate) fn key() -> ColumnName {
    "id".parse().unwrap()
}

/// Every 17th customer is a seed.
pub(crate) fn labels() -> Labels {
    let seeds: std::collections::HashSet<u128> =
        (0..200_000).step_by(17).map(|id: i64| hash_text(id.to_string().as_bytes(), 0)).collect();
    let seeds = BTreeMap::from([("alike".parse().unwrap(), Seeds::new(move |hash| seeds.contains(&hash)))]);
    let sets = RowSets { seeds, ..RowSets::default() };
    Labels::new(&tasks(), None, &key(), &sets).unwrap()
}

pub(crate) fn splitter() -> Splitter {
    Splitter::new(&Split::Key(Shares { validation: 0.2, test: 0.1 }), &key())
}

pub(crate) fn fit_plan(table: &Table, threads: usize) -> FitPlan {
    FitPlan { table: table.clone(), features: features(), labels: labels(), splitter: splitter(), threads }
}

pub(crate) fn fitted(table: &Table, threads: usize, runtime: &Runtime) -> Fitted {
    fit_encoders(fit_plan(table, threads), runtime.handle()).unwrap()
}

pub(crate) fn plan(table: &Table, fitted: &Fitted, order: Order, part: Option<Part>, threads: usize) -> FeedPlan {
    FeedPlan {
        table: table.clone(),
        encoders: Arc::new(fitted.encoders.clone()),
        labels: labels(),
        part: part.map(|part| (splitter(), part)),
        learning: false,
        carry: vec![key(), "city".parse().unwrap()],
        order,
        batch_rows: 100,
        threads,
    }
}

pub(crate) fn ids(batch: &FeedBatch) -> Vec<i64> {
    let carry = batch.carry.as_ref().unwrap();
    carry.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

/// The part of each id, told without a feed.
pub(crate) fn part_of(id: i64) -> Part {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![id]));
    let hash = hash_keys(&column, artifacts::keys::seed_of("split", "")).unwrap()[0];
    match artifacts::keys::unit_interval(hash) {
        drawn if drawn < 0.1 => Part::Test,
        drawn if drawn < 0.1 + 0.2 => Part::Validation,
        _ => Part::Train,
    }
}

/// Checks that every row of a batch is what the customer's id makes it, features, labels and carried columns.
pub(crate) fn check_rows(batch: &FeedBatch, fitted: &Fitted) {
    let ids = ids(batch);
    let rows: Vec<RecordBatch> = ids.iter().map(|&id| customers(id, 1)).collect();
    let expected = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    let mut inputs = Default::default();
    fitted.encoders.bind(&expected.schema()).unwrap().encode(&expected, &mut inputs).unwrap();
    assert_eq!(batch.batch.inputs, inputs);
    assert_eq!(batch.carry.as_ref().unwrap().column_by_name("city"), expected.column_by_name("city"));
    let targets = &batch.batch.targets;
    for (row, id) in ids.iter().enumerate() {
        let of_task = |values: &[f32], task: usize| values[task * ids.len() + row];
        let observed = [id % 9 != 0, id % 8 != 0, true];
        let labels = [f32::from(u8::from(id % 3 == 0)), (id % 4) as f32 * 2.5, f32::from(u8::from(id % 17 == 0))];
        for task in 0..3 {
            let is_observed = f32::from(u8::from(observed[task]));
            assert_eq!(of_task(&targets.observed, task), is_observed);
            assert_eq!(of_task(&targets.labels, task), labels[task] * is_observed);
        }
    }
}

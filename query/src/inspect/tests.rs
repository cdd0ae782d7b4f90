use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, StringArray};
use arrow::datatypes::Int64Type;
use serde_json::json;

use super::*;
use crate::sandbox::{Sandbox, batch, integers, name, source, step};

fn sampled(inspection: &Inspection, column: usize) -> Vec<i64> {
    let batches = inspection.sample.iter();
    batches.flat_map(|batch| batch.column(column).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[tokio::test]
async fn figures_of_a_column_are_those_of_its_values() {
    let sandbox = Sandbox::new();
    let amounts = Float64Array::from(vec![Some(1.5), None, Some(f64::NAN), Some(-2.0), Some(1.5)]);
    let cities = StringArray::from(vec![Some("Rome"), Some("Oslo"), None, None, Some("Oslo")]);
    let same = StringArray::from(vec!["x"; 5]);
    let none = Float64Array::from(vec![None::<f64>; 5]);
    let columns: Vec<(&str, arrow::array::ArrayRef)> = vec![
        ("amount", Arc::new(amounts)),
        ("City", Arc::new(cities)),
        ("same", Arc::new(same)),
        ("none", Arc::new(none)),
    ];
    sandbox.write_parquet("t.parquet", &[batch(columns)], 100);
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.parquet")}))).await.unwrap();
    let summary = session.inspect(&name("t"), &InspectOptions::default()).await.unwrap().summary;
    assert_eq!((summary.rows, summary.sampled_rows), (Some(5), 5));
    let amount = &summary.columns[0];
    assert_eq!((amount.null_rate, amount.non_finite, amount.distinct), (0.2, 1, Some(3)));
    assert_eq!((amount.min.as_deref(), amount.max.as_deref()), (Some("-2.0"), Some("1.5")));
    let city = &summary.columns[1];
    assert_eq!((city.data_type.as_str(), city.null_rate, city.distinct), ("Utf8", 0.4, Some(2)));
    assert_eq!((city.min.as_deref(), city.max.as_deref(), city.is_constant), (Some("Oslo"), Some("Rome"), false));
    assert!(summary.columns[2].is_constant);
    let none = &summary.columns[3];
    assert_eq!((none.null_rate, none.distinct, none.is_constant, none.min.as_deref()), (1.0, Some(0), true, None));
}

#[tokio::test]
async fn a_parquet_table_is_sampled_from_row_groups_all_over_it() {
    let sandbox = Sandbox::new();
    for (file, from) in [("t/a.parquet", 0), ("t/b.parquet", 50_000)] {
        sandbox.write_parquet(file, &[batch(vec![("n", integers(from..from + 50_000))])], 1000);
    }
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t")}))).await.unwrap();
    let options = InspectOptions { sample_rows: 80, scan_rows: 1000 };
    let inspection = session.inspect(&name("t"), &options).await.unwrap();
    assert_eq!(inspection.summary.rows, Some(100_000));
    let values = sampled(&inspection, 0);
    assert_eq!(values.len(), 80);
    assert_eq!(
        values.iter().step_by(10).copied().collect::<Vec<_>>(),
        [0, 12_000, 25_000, 37_000, 50_000, 62_000, 75_000, 87_000]
    );
}

#[tokio::test]
async fn text_and_views_are_sampled_evenly_over_what_is_read() {
    let sandbox = Sandbox::new();
    let rows: String = (0..50_000).map(|n| format!("{n}\n")).collect();
    sandbox.write("t.csv", format!("n\n{rows}"));
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
    session.add_view(0, &step("v", "SELECT n + 1 AS n FROM t")).await.unwrap();
    for (table, first) in [("t", 0), ("v", 1)] {
        let options = InspectOptions { sample_rows: 1000, scan_rows: 1_000_000 };
        let inspection = session.inspect(&name(table), &options).await.unwrap();
        assert_eq!(inspection.summary.rows, Some(50_000));
        let values = sampled(&inspection, 0);
        assert!((1000..=2000).contains(&values.len()), "{}", values.len());
        let step = values[1] - values[0];
        assert!(values.iter().enumerate().all(|(index, value)| *value == first + index as i64 * step), "{table}");
        assert!(*values.last().unwrap() > 50_000 - 2 * step);
        let short = InspectOptions { sample_rows: 1000, scan_rows: 10_000 };
        assert_eq!(session.inspect(&name(table), &short).await.unwrap().summary.rows, None);
    }
}

#[tokio::test]
async fn a_table_without_rows_has_columns_and_no_figures() {
    let sandbox = Sandbox::new();
    sandbox.write_parquet("t.parquet", &[batch(vec![("n", integers(0..0))])], 10);
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.parquet")}))).await.unwrap();
    let summary = session.inspect(&name("t"), &InspectOptions::default()).await.unwrap().summary;
    assert_eq!((summary.rows, summary.sampled_rows), (Some(0), 0));
    assert_eq!((summary.columns[0].null_rate, summary.columns[0].is_constant), (0.0, false));
}

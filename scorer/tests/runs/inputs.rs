//! Bad inputs: each fails its unit of work with words that name the place.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use artifacts::{Attempt, ShardId, layout};
use kindred_scorer::ScorerError;
use serde_json::json;
use worker::{Cancel, FailureClass, Progress};

use crate::plant::{Plant, customers, plan_now, score_all, scorer, write_parquet};
use crate::scoring::nightly;

fn text_of(error: &ScorerError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_fails_with_its_name() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    let path = plant.path("population/part-1.parquet");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = plan_now(&run).await.unwrap_err();
    assert!(text_of(&error).contains("part-1.parquet"), "{}", text_of(&error));
    assert_eq!(error.class(), FailureClass::Input);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_after_planning_fails_its_shard() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    plan_now(&run).await.unwrap();
    write_parquet(Path::new(&plant.path("population/part-1.parquet")), &customers(5000, 700));
    let error = match scorer(&run).await {
        Ok(scorer) => scorer.score(ShardId(2), &Attempt::new(), &Progress::new(), &Cancel::never()).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(text_of(&error).contains("part-1.parquet"), "{}", text_of(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_fails_with_file_row_group_and_column() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(2000, 1);
    let path = plant.path("population/part-0.parquet");
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in &mut bytes[8..400] {
        *byte ^= 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    let run = plant.run(&model.identity, json!({})).await;
    let error = score_all(&run).await.unwrap_err();
    let told = text_of(&error);
    assert!(told.contains("part-0.parquet") && told.contains("row group 0") && told.contains("customer_id"), "{told}");
    assert_eq!(error.class(), FailureClass::Input);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_do_not_fit_the_model_are_named() {
    let without = |name: &str| {
        let rows = customers(0, 100);
        let kept: Vec<usize> = (0..rows.num_columns()).filter(|at| rows.schema().field(*at).name() != name).collect();
        rows.project(&kept).unwrap()
    };
    let with_texts = || {
        let rows = without("orders");
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["many"; rows.num_rows()]));
        let columns = rows.columns().iter().cloned().chain([texts]);
        let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        let names = names.into_iter().chain(["orders".to_owned()]);
        RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(name, column)| (name, column, true))).unwrap()
    };
    for (rows, words) in [(without("age"), vec!["`age`"]), (with_texts(), vec!["`orders`", "Utf8"])] {
        let plant = Plant::new();
        let model = plant.register().await;
        write_parquet(Path::new(&plant.path("population/part-0.parquet")), &rows);
        let run = plant.run(&model.identity, json!({})).await;
        let error = plan_now(&run).await.unwrap_err();
        let told = text_of(&error);
        for word in words.iter().chain(&["repurchase", "part-0.parquet"]) {
            assert!(told.contains(word), "{told:?} should contain {word:?}");
        }
        assert_eq!(error.class(), FailureClass::Input);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_differs_between_files_is_named_with_both_files() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(100, 1);
    let rows = customers(100, 100);
    let mut columns = rows.columns().to_vec();
    columns[3] = arrow::compute::cast(&columns[3], &DataType::Utf8).unwrap();
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let rows = names.into_iter().zip(columns).map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(rows).unwrap();
    write_parquet(Path::new(&plant.path("population/part-1.parquet")), &rows);
    let run = plant.run(&model.identity, json!({})).await;
    let told = text_of(&plan_now(&run).await.unwrap_err());
    for word in ["`orders`", "Int64", "Utf8", "part-0.parquet", "part-1.parquet"] {
        assert!(told.contains(word), "{told:?} should contain {word:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_with_a_changed_byte_is_refused() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    plan_now(&run).await.unwrap();
    let key = layout::model_file(&run.model.model, run.model.version, "weights.safetensors").unwrap();
    let mut bytes = plant.workspace.read(&key).await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    plant.workspace.write(&key, bytes).await.unwrap();
    let error = scorer(&run).await.err().expect("a package that was changed");
    assert!(text_of(&error).contains("weights.safetensors"), "{}", text_of(&error));
}

//! What cannot work ends with one clear error that names the place, and nothing half-written is visible.

use std::fs;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int8Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type};

use kindred_tests::sandbox::{Ended, Sandbox};
use kindred_tests::tables::{People, write_parquet};

use crate::documents::{MMOE, scoring, training, with_lists};

/// A sandbox whose people have been trained on.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", training(MMOE));
    sandbox.write("scoring.yaml", scoring(2));
    sandbox.kindred(["run", "training.yaml"]).expect(0);
    sandbox
}

fn assert_says(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.stderr.contains(word), "the error does not say {word:?}:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// No model version and no audience version can be seen by a reader.
fn assert_nothing_visible(sandbox: &Sandbox) {
    for name in sandbox.files("workspace").keys() {
        assert!(!name.starts_with("models/") || !name.ends_with("manifest.json"), "{name} is visible");
        assert!(!name.ends_with("_SUCCESS") && !name.contains("/pointers/"), "{name} is visible");
    }
}

fn replace_column(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, old)| {
        let new = if field.name() == name { column.clone() } else { old.clone() };
        (field.name().clone(), new)
    });
    RecordBatch::try_from_iter(columns.collect::<Vec<_>>()).expect("columns of one length")
}

fn without_column(batch: &RecordBatch, name: &str) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    let kept =
        columns.filter(|(field, _)| field.name() != name).map(|(field, column)| (field.name().clone(), column.clone()));
    RecordBatch::try_from_iter(kept.collect::<Vec<_>>()).expect("columns of one length")
}

/// Trains on one file of these people and expects the exit code.
fn train_on(batch: &RecordBatch, code: i32) -> (Sandbox, Ended) {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("people")).unwrap();
    write_parquet(&sandbox.path("people/part-0.parquet"), batch, 500);
    sandbox.write("training.yaml", training(MMOE));
    let ended = sandbox.kindred(["run", "training.yaml"]).expect(code);
    (sandbox, ended)
}

fn people() -> RecordBatch {
    People::default().batch(0..2000)
}

#[test]
fn a_missing_column_is_named_with_the_feature_that_wants_it() {
    let (sandbox, ended) = train_on(&without_column(&people(), "income"), 1);
    assert_says(&ended, &["income"]);
    assert_nothing_visible(&sandbox);
}

#[test]
fn an_all_null_label_is_refused_by_name() {
    let nulls: ArrayRef = Arc::new(Int8Array::from(vec![None; 2000]));
    let (sandbox, ended) = train_on(&replace_column(&people(), "bought", nulls), 1);
    assert_says(&ended, &["repurchase", "bought"]);
    assert_nothing_visible(&sandbox);
}

#[test]
fn a_label_of_one_class_is_refused_by_name() {
    let zeros: ArrayRef = Arc::new(Int8Array::from(vec![0; 2000]));
    let (sandbox, ended) = train_on(&replace_column(&people(), "bought", zeros), 1);
    assert_says(&ended, &["repurchase", "bought"]);
    assert_nothing_visible(&sandbox);
}

#[test]
fn a_label_that_is_neither_0_nor_1_is_refused_with_its_place() {
    let twos: ArrayRef = Arc::new(Int8Array::from_iter_values((0..2000).map(|row| (row % 3) as i8)));
    let (_, ended) = train_on(&replace_column(&people(), "bought", twos), 1);
    assert_says(&ended, &["bought", "part-0.parquet"]);
}

#[test]
fn a_row_that_a_feature_cannot_be_made_of_is_refused_with_its_place() {
    let people = people();
    let two: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some([Some(1.0); 9])]));
    let rest = people.column_by_name("seen_times").unwrap().slice(1, 1999);
    let weights = arrow::compute::concat(&[&two, &rest]).unwrap();
    let vectors = (0..2000).map(|row| Some(vec![Some(1.0f64); if row == 1234 { 4 } else { 3 }]));
    let vectors: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(vectors));
    for (column, values, words) in [
        ("seen_times", weights, ["row group 0, row 0, column `seen_times`", "feature `often_seen`: 9 weights for"]),
        ("taste", vectors, ["row group 2, row 234, column `taste`", "has 4 numbers, and 3 are expected"]),
    ] {
        let sandbox = Sandbox::new();
        fs::create_dir_all(sandbox.path("people")).unwrap();
        write_parquet(&sandbox.path("people/part-0.parquet"), &replace_column(&people, column, values), 500);
        sandbox.write("training.yaml", with_lists(&training(MMOE)));
        assert_says(&sandbox.kindred(["run", "training.yaml"]).expect(1), &[words[0], words[1], "part-0.parquet"]);
        let fault = words[1].trim_start_matches("feature `often_seen`: ");
        let checked = sandbox.kindred(["check", "training.yaml"]).expect(2);
        assert!(checked.stdout.contains(fault), "{}", checked.stdout);
        assert_nothing_visible(&sandbox);
    }
}

#[test]
fn an_empty_table_is_refused() {
    let (sandbox, ended) = train_on(&people().slice(0, 0), 1);
    assert_says(&ended, &["people", "no rows"]);
    assert_nothing_visible(&sandbox);
}

#[test]
fn an_empty_folder_is_refused() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("people")).unwrap();
    sandbox.write("training.yaml", training(MMOE));
    let ended = sandbox.kindred(["run", "training.yaml"]);
    assert!([1, 2].contains(&ended.code), "{ended:#?}");
    assert_says(&ended, &["people"]);
}

#[test]
fn nan_and_infinite_features_train_as_missing_values() {
    let hostile = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0];
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values((0..2000).map(|row| hostile[row % 6])));
    train_on(&replace_column(&people(), "income", values), 0);
}

#[test]
fn constant_and_all_null_features_train() {
    let nulls: ArrayRef = Arc::new(Float64Array::from(vec![None; 2000]));
    let same: ArrayRef = Arc::new(StringArray::from(vec!["here"; 2000]));
    train_on(&replace_column(&replace_column(&people(), "income", nulls), "city", same), 0);
}

#[test]
fn a_truncated_parquet_file_is_named_and_nothing_is_published() {
    let sandbox = trained();
    let file = sandbox.path("people/part-1.parquet");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
    assert_says(&ended, &["part-1.parquet"]);
    assert!(!sandbox.files("workspace").keys().any(|name| name.contains("/pointers/")));
}

#[test]
fn flipped_bits_in_a_row_group_fail_the_run_naming_the_file() {
    let sandbox = trained();
    let file = sandbox.path("people/part-1.parquet");
    let mut bytes = fs::read(&file).unwrap();
    bytes[100..2000].iter_mut().for_each(|byte| *byte ^= 0x5A);
    fs::write(&file, bytes).unwrap();
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
    assert_says(&ended, &["part-1.parquet"]);
    assert!(!sandbox.files("workspace").keys().any(|name| name.contains("/pointers/")));
}

#[test]
fn a_column_whose_type_changed_since_training_is_named() {
    let sandbox = trained();
    let mut batches = People::default().batch(0..4000);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["many"; 4000]));
    batches = replace_column(&batches, "income", words);
    for file in 0..2 {
        write_parquet(&sandbox.path(&format!("people/part-{file}.parquet")), &batches.slice(file * 2000, 2000), 500);
    }
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
    assert_says(&ended, &["income", &DataType::Utf8.to_string()]);
    assert!(!sandbox.files("workspace").keys().any(|name| name.contains("/pointers/")));
}

#[test]
fn two_files_of_one_table_with_different_types_are_both_named() {
    let sandbox = trained();
    let batch = People::default().batch(2000..4000);
    let words: ArrayRef = Arc::new(StringArray::from(vec!["many"; 2000]));
    write_parquet(&sandbox.path("people/part-1.parquet"), &replace_column(&batch, "age", words), 500);
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
    assert_says(&ended, &["age", "part-0.parquet", "part-1.parquet"]);
}

#[test]
fn unknown_categories_at_scoring_are_scored() {
    let sandbox = trained();
    let batch = People { seed: 2, ..People::default() }.batch(0..4000);
    let strange: ArrayRef = Arc::new(StringArray::from(vec!["Atlantis"; 4000]));
    write_parquet(&sandbox.path("people/part-0.parquet"), &replace_column(&batch, "city", strange), 500);
    fs::remove_file(sandbox.path("people/part-1.parquet")).unwrap();
    sandbox.kindred(["run", "scoring.yaml"]).expect(0);
}

#[test]
fn duplicate_keys_hold_the_audiences_back_with_their_count() {
    let sandbox = trained();
    let batch = People::default().batch(0..4000);
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values((0..4000).map(|row| 1000 + row % 3990)));
    write_parquet(&sandbox.path("people/part-0.parquet"), &replace_column(&batch, "person", keys), 500);
    fs::remove_file(sandbox.path("people/part-1.parquet")).unwrap();
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(3);
    assert_says(&ended, &["10 keys", "more than one row"]);
    assert!(!sandbox.files("workspace").keys().any(|name| name.contains("/pointers/")));
}

#[test]
fn an_audience_under_its_minimum_is_held_back_and_the_last_good_one_stays() {
    let sandbox = trained();
    sandbox.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let published = sandbox.files("workspace/audiences/likely-buyers/pointers");
    let latest = fs::read(sandbox.path("workspace/audiences/likely-buyers/latest.json")).unwrap();
    assert_eq!(published.len(), 1);
    let stricter = scoring(2).replace("age >= 21", "age >= 77");
    sandbox.write("scoring.yaml", stricter);
    let ended = sandbox.kindred(["run", "scoring.yaml", "--run-date", "2026-01-06"]).expect(3);
    assert_says(&ended, &["likely-buyers", "min_size", "100"]);
    assert_eq!(sandbox.files("workspace/audiences/likely-buyers/pointers"), published);
    assert_eq!(fs::read(sandbox.path("workspace/audiences/likely-buyers/latest.json")).unwrap(), latest);
}

#[test]
fn a_package_with_a_changed_byte_is_refused() {
    let sandbox = trained();
    let weights = sandbox.files("workspace").into_keys().find(|name| name.ends_with("weights.safetensors")).unwrap();
    let path = sandbox.path("workspace").join(&weights);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ended = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
    assert_says(&ended, &["weights.safetensors", "SHA-256"]);
}

#[test]
fn a_wrong_document_lists_every_mistake_with_its_line() {
    let sandbox = Sandbox::new();
    let wrong =
        training("{kind: metaheak}").replace("kind: numeric}", "kind: numerik}").replace("epochs: 4", "epohcs: 4");
    sandbox.write("training.yaml", wrong);
    let ended = sandbox.kindred(["run", "training.yaml"]).expect(2);
    assert_says(&ended, &["training.yaml:", "`metaheak`", "`metaheac`", "numerik", "numeric", "epohcs", "epochs"]);
}

#[test]
fn an_alias_that_no_training_gives_is_found_out_before_anything_runs() {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    let both = |aliases: &str| format!("{}---\n{}", training(MMOE).replace("[candidate]", aliases), scoring(1));
    sandbox.write("both.yaml", both("[other]"));
    let ended = sandbox.kindred(["run", "both.yaml"]).expect(2);
    assert_says(&ended, &["spec.model", "the alias `candidate`", "register: {aliases: [candidate]}"]);
    let checked = sandbox.kindred(["check", "both.yaml", "--output", "json"]).expect(2).stdout;
    assert!(checked.contains("register: {aliases: [candidate]}"), "{checked}");
    assert!(!sandbox.path("workspace/runs").exists(), "nothing has run");
    sandbox.write("both.yaml", both("[candidate]"));
    sandbox.kindred(["run", "both.yaml"]).expect(0);
}

#[test]
fn a_workspace_that_cannot_be_written_is_an_error_that_names_it() {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", training(MMOE));
    let file = sandbox.write("occupied", "a file, not a folder");
    let ended = sandbox.kindred(["run", "training.yaml", "--workspace", file.to_str().unwrap()]);
    assert!([1, 2].contains(&ended.code), "{ended:#?}");
    assert_says(&ended, &["occupied"]);
}

//! Damaged inputs that the document allows to be left out.

use std::path::Path;

use artifacts::audience::latest;
use kindred_scorer::ScorerError;
use kindred_scorer::publish::{PublishOutcome, publish};
use kindred_scorer::run::Run;
use serde_json::{Value, json};
use worker::{Cancel, FailureClass, Progress};

use crate::plant::{Plant, ROW_GROUP_ROWS, customers, plan_now, plan_of, scorer, write_parquet};

fn allowing(quarantine: Value) -> Value {
    let audiences = json!({"buyers": {"rank_by": "repurchase", "size": {"top": 300}}});
    json!({"quarantine": quarantine, "audiences": audiences})
}

/// Plans, scores and publishes.
async fn night(run: &Run) -> Result<PublishOutcome, ScorerError> {
    plan_now(run).await?;
    let scorer = scorer(run).await?;
    for shard in &plan_of(run).await.shards {
        scorer.score(shard.id, &artifacts::Attempt::new(), &Progress::new(), &Cancel::never()).await?;
    }
    publish(run, &Progress::new(), &Cancel::never()).await
}

fn truncate(path: &str) {
    let whole = std::fs::read(path).unwrap();
    std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
}

/// Makes the first pages of a file nonsense, and leaves its footer.
fn damage(path: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[8..400].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_of_three_is_left_out_counted_and_named() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(3000, 3);
    truncate(&plant.path("population/part-1.parquet"));
    let run = plant.run(&model.identity, allowing(json!({"max_files": 1}))).await;
    let outcome = night(&run).await.unwrap();
    assert_eq!(outcome.scores.rows, 2000);
    let [left_out] = outcome.quarantined.as_slice() else { panic!("{:?}", outcome.quarantined) };
    assert!(left_out.url.ends_with("part-1.parquet") && left_out.reason.contains("part-1.parquet"), "{left_out:?}");
    assert_eq!((left_out.row_group, left_out.rows), (None, None), "a file without a footer says nothing");
    let manifest = latest(&plant.workspace, &"buyers".parse().unwrap()).await.unwrap().expect("published").manifest;
    assert_eq!((manifest.population, manifest.quarantined), (2000, outcome.quarantined));
    assert_eq!(plan_of(&run).await.rows, 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_group_is_left_out_and_rows_reconcile() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(3000, 2);
    damage(&plant.path("population/part-0.parquet"));
    let run = plant.run(&model.identity, allowing(json!({"max_rows": ROW_GROUP_ROWS}))).await;
    let outcome = night(&run).await.unwrap();
    let [left_out] = outcome.quarantined.as_slice() else { panic!("{:?}", outcome.quarantined) };
    assert_eq!((left_out.row_group, left_out.rows), (Some(0), Some(ROW_GROUP_ROWS as u64)));
    assert_eq!(left_out.column.as_deref(), Some("customer_id"));
    let plan = plan_of(&run).await;
    assert_eq!(plan.rows, 3000, "the plan counts on what footers promise");
    assert_eq!(outcome.scores.rows + ROW_GROUP_ROWS as u64, plan.rows);
    let manifest = latest(&plant.workspace, &"buyers".parse().unwrap()).await.unwrap().expect("published").manifest;
    assert_eq!(manifest.population, outcome.scores.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_other_columns_is_left_out_with_its_rows() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(1000, 1);
    let rows = customers(1000, 400);
    let without_age: Vec<usize> =
        (0..rows.num_columns()).filter(|at| rows.schema().field(*at).name() != "age").collect();
    write_parquet(Path::new(&plant.path("population/part-1.parquet")), &rows.project(&without_age).unwrap());
    let run = plant.run(&model.identity, allowing(json!({"max_rows": 400}))).await;
    let outcome = night(&run).await.unwrap();
    let left_out = &outcome.quarantined[0];
    assert_eq!((left_out.column.as_deref(), left_out.rows), (Some("age"), Some(400)));
    assert_eq!(outcome.scores.rows, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_damage_than_allowed_fails_the_run_and_nothing_is_published() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(3000, 3);
    for part in [0, 2] {
        truncate(&plant.path(&format!("population/part-{part}.parquet")));
    }
    for allowed in [json!({"max_files": 1}), json!({"max_rows": 100_000})] {
        let error = night(&plant.run(&model.identity, allowing(allowed)).await).await.unwrap_err();
        assert!(matches!(error, ScorerError::Quarantine { files: 2, .. }), "{error}");
        assert_eq!(error.class(), FailureClass::Input);
    }
    plant.populate(3000, 3);
    damage(&plant.path("population/part-0.parquet"));
    damage(&plant.path("population/part-2.parquet"));
    let run = plant.run(&model.identity, allowing(json!({"max_rows": ROW_GROUP_ROWS}))).await;
    let error = night(&run).await.unwrap_err();
    assert!(matches!(error, ScorerError::Quarantine { files: 2, rows: 1000, .. }), "{error}");
    assert_eq!(latest(&plant.workspace, &"buyers".parse().unwrap()).await.unwrap(), None);
}

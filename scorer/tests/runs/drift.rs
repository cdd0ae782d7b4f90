//! A population that has moved: held back with the name of what moved, by how much, and since when.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use artifacts::audience::latest;
use artifacts::layout;
use kindred_scorer::ScorerError;
use kindred_scorer::publish::{AudienceOutcome, publish};
use kindred_scorer::run::Run;
use serde_json::{Value, json};
use spec::Version;
use worker::{Cancel, Progress};

use crate::plant::{Plant, customers, plan_now, score_all, write_parquet};

async fn night(run: &Run) -> AudienceOutcome {
    score_all(run).await.expect("shards are scored");
    publish(run, &Progress::new(), &Cancel::never()).await.expect("publishing works").audiences.remove(0)
}

fn watched(night: u32) -> Value {
    json!({
        "parameters": {"night": night},
        "audiences": {"buyers": {"rank_by": "repurchase", "size": {"top": 300}, "guards": {"max_psi": 0.25}}},
    })
}

/// The same customers, all of them so many years older.
fn aged(rows: &RecordBatch, years: f64) -> RecordBatch {
    let place = rows.schema().index_of("age").unwrap();
    let ages = rows.column(place).as_primitive::<Float64Type>();
    let older: Float64Array = ages.iter().map(|age| age.map(|age| age + years)).collect();
    let mut columns = rows.columns().to_vec();
    columns[place] = Arc::new(older) as ArrayRef;
    RecordBatch::try_new(rows.schema(), columns).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_population_that_has_moved_is_held_back_with_the_feature_s_name() {
    let plant = Plant::new();
    let model = plant.register_with_reference().await;
    let (path, rows) = (plant.path("population/part-0.parquet"), customers(3000, 2000));
    write_parquet(Path::new(&path), &rows);
    let first = plant.run(&model, watched(1)).await;
    let outcome = night(&first).await;
    assert!(outcome.published, "{:?}", outcome.held_back);
    let buyers = "buyers".parse().unwrap();
    let good = latest(&plant.workspace, &buyers).await.unwrap().expect("published");

    write_parquet(Path::new(&path), &aged(&rows, 200.0));
    let second = plant.run(&model, watched(2)).await;
    let outcome = night(&second).await;
    assert!(!outcome.published);
    let since: Vec<&String> =
        outcome.held_back.iter().filter(|reason| reason.starts_with("feature `age` has moved")).collect();
    assert_eq!(since.len(), 2, "{:?}", outcome.held_back);
    assert!(since.iter().any(|reason| reason.contains("since training: its population stability index is ")));
    assert!(
        since
            .iter()
            .any(|reason| reason.contains("since version 1") && reason.ends_with("beyond guards.max_psi, 0.25"))
    );
    assert!(!outcome.held_back.iter().any(|reason| reason.contains("`orders`")), "{:?}", outcome.held_back);
    let index = |reason: &String| {
        let words = reason.split("index is ").nth(1).expect("an index");
        words.split(',').next().expect("a number").parse::<f64>().expect("a number")
    };
    let indices: Vec<f64> = outcome.held_back.iter().map(index).collect();
    assert!(indices.windows(2).all(|pair| pair[0] >= pair[1]), "the worst comes first: {indices:?}");
    assert_eq!(latest(&plant.workspace, &buyers).await.unwrap().expect("published"), good);

    let kept = layout::audience_distributions(&buyers, Version(1));
    let mut bytes = plant.workspace.read(&kept).await.unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    plant.workspace.write(&kept, bytes).await.unwrap();
    write_parquet(Path::new(&path), &rows);
    let outcome = night(&plant.run(&model, watched(3)).await).await;
    assert_eq!(outcome.held_back.len(), 1, "{:?}", outcome.held_back);
    assert!(outcome.held_back[0].starts_with("guards.max_psi cannot be checked: "), "{:?}", outcome.held_back);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_package_has_no_reference_is_refused_when_the_run_is_planned() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(600, 1);
    let error = plan_now(&plant.run(&model.identity, watched(1)).await).await.unwrap_err();
    assert!(matches!(error, ScorerError::NoReference { version: Version(1), .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_counts_come_of_any_sharding() {
    let plant = Plant::new();
    let model = plant.register_with_reference().await;
    plant.populate(3000, 2);
    let mut merged = Vec::new();
    for shard_rows in [500, 1500, 100_000] {
        let mut changes = watched(shard_rows);
        changes["shard_rows"] = json!(shard_rows);
        let commits = score_all(&plant.run(&model, changes).await).await.unwrap();
        let mut counts = model::drift::Distributions::default();
        commits.iter().for_each(|commit| counts.merge(commit.summary.distributions.as_ref().expect("counts")));
        assert_eq!((counts.features["age"].total(), counts.outputs["repurchase"].total()), (3000, 3000));
        merged.push(counts);
    }
    assert!(merged.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_stale_holds_the_audience_back() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(600, 1);
    std::fs::write(plant.path("days.csv"), "day\n2026-02-20\n2026-02-27\n").unwrap();
    let run = async |within: &str| {
        let changes = json!({
            "tables": {"customers": {"url": plant.path("population")}, "days": {"url": plant.path("days.csv")}},
            "audiences": {"buyers": {
                "rank_by": "repurchase",
                "size": {"top": 100},
                "guards": {"fresh": [{"table": "days", "column": "day", "within": within}, {"table": "customers", "within": "1d"}]},
            }},
        });
        night(&plant.run(&model.identity, changes).await).await
    };
    let stale = run("36h").await;
    let words = "table `days` is stale: the latest `day` is 2026-02-27T00:00:00Z, and guards.fresh wants it within 36h of 2026-03-01";
    assert_eq!(stale.held_back[0], words);
    assert!(
        stale.held_back[1..].iter().all(|reason| reason.contains("its newest file is of")),
        "{:?}",
        stale.held_back
    );
    let fresh = run("48h").await;
    assert!(!fresh.held_back.iter().any(|reason| reason.contains("`days`")), "{:?}", fresh.held_back);
}

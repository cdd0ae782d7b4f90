//! Whole scoring runs on real files with a real model: the same bytes whoever scores, and clear words when inputs are bad.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::plant::{Plant, commits, customers, plan_now, plan_of, read_scores, score_all, scorer, write_parquet};
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use artifacts::{Attempt, ShardId, layout};
use kindred_scorer::ScorerError;
use kindred_scorer::plan::PlanOutcome;
use kindred_scorer::publish::publish;
use model::input::Inputs;
use model::outputs::Outputs;
use serde_json::{Value, json};
use worker::{Cancel, CancelSource, Progress};

fn audiences() -> Value {
    json!({
        "buyers": {
            "rank_by": "repurchase * spend",
            "where": "consent AND city IS NOT NULL",
            "size": {"share": 0.25},
            "tiers": {"high": 0.2, "low": "rest"},
            "holdout": {"share": 0.1, "salt": "spring"},
            "exclude": [{"table": "recent", "key": "id"}],
            "ids": [{"column": "email", "normalize": "email", "as": "hashed_email"}],
        },
        "elders": {"rank_by": "age", "size": {"top": 300}},
    })
}

/// A run over 4000 customers in two files with a CSV of recent buyers.
pub(crate) async fn nightly(plant: &Plant, changes: Value) -> kindred_scorer::run::Run {
    let model = plant.register().await;
    plant.populate(4000, 2);
    let recent: String = (0..4000).step_by(10).map(|number| format!("c{number:06}\n")).collect();
    std::fs::write(plant.path("recent.csv"), format!("id\n{recent}")).unwrap();
    let mut all = json!({
        "tables": {"customers": {"url": plant.path("population")}, "recent": {"url": plant.path("recent.csv")}},
        "audiences": audiences(),
    });
    for (field, value) in changes.as_object().unwrap() {
        all[field] = value.clone();
    }
    plant.run(&model.identity, all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_are_the_models_own_predictions_row_for_row() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(2300, 2);
    let run = plant.run(&model.identity, json!({})).await;
    let commits = score_all(&run).await.unwrap();
    assert_eq!(commits.len(), 3, "1000, 650 and 650 rows, in whole row groups");
    let scores = read_scores(&run, commits.into_iter().map(|commit| commit.file)).await;

    let names: Vec<_> = scores.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["customer_id", "city", "repurchase", "spend", "model_version", "scored_at"]);
    let rows = customers(0, 2300);
    let (mut inputs, mut outputs) = (Inputs::default(), Outputs::default());
    model.encoders.bind(&rows.schema()).unwrap().encode(&rows, &mut inputs).unwrap();
    model.predictor.predict(&inputs, &mut outputs).unwrap();
    for (task, expected) in ["repurchase", "spend"].into_iter().zip(outputs.tasks) {
        let found = scores.column_by_name(task).unwrap().as_primitive::<Float32Type>();
        assert!(expected.iter().all(|score| score.is_finite()));
        assert_eq!(found, &Float32Array::from(expected), "{task}");
    }
    assert_eq!(scores.column(0), rows.column(0));
    assert_eq!(scores.column(1), rows.column(1));
    assert!(scores.column(4).as_primitive::<Int64Type>().values().iter().all(|version| *version == 1));
    let midnight = run.scored_at().timestamp_micros();
    assert!(scores.column(5).as_primitive::<TimestampMicrosecondType>().values().iter().all(|at| *at == midnight));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_and_three_give_the_same_bytes() {
    let (one, three) = (Plant::new(), Plant::new());
    let first = nightly(&one, json!({})).await;
    let expected = score_all(&first).await.unwrap();

    let second = nightly(&three, json!({"resources": {"threads": 3, "processes": 3}})).await;
    plan_now(&second).await.unwrap();
    let processes = [scorer(&second).await.unwrap(), scorer(&second).await.unwrap(), scorer(&second).await.unwrap()];
    for (number, shard) in plan_of(&second).await.shards.iter().rev().enumerate() {
        let (attempt, progress) = (Attempt::new(), Progress::new());
        let scored = processes[number % 3].score(shard.id, &attempt, &progress, &Cancel::never()).await.unwrap();
        assert!(scored.won);
    }
    let found = commits(&second).await.unwrap();
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!((expected.rows, expected.file.sha256), (found.rows, found.file.sha256));
        let (expected, found) = (&expected.summary, &found.summary);
        assert_eq!((expected.null_keys, &expected.audiences), (found.null_keys, &found.audiences));
    }
    let publish = async |run| publish(run, &Progress::new(), &Cancel::never()).await.unwrap();
    let (first_outcome, second_outcome) = (publish(&first).await, publish(&second).await);
    for (mine, theirs) in first_outcome.audiences.iter().zip(&second_outcome.audiences) {
        assert!(mine.published, "{:?}", mine.held_back);
        assert_eq!((&mine.tiers, &mine.waterfall), (&theirs.tiers, &theirs.waterfall));
    }
    assert_eq!(parts(&one), parts(&three));
    assert!(!parts(&one).is_empty());
}

/// Published files by path.
fn parts(plant: &Plant) -> Vec<(String, Vec<u8>)> {
    let root = plant.folder.path().join("workspace/audiences");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn ranks_follow_the_documents_sql() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    let commits = score_all(&run).await.unwrap();
    let scores = read_scores(&run, commits.iter().map(|commit| commit.file.clone())).await;
    let rows = customers(0, 4000);
    let task = |name: &str| scores.column_by_name(name).unwrap().as_primitive::<Float32Type>().clone();
    let (repurchase, spend) = (task("repurchase"), task("spend"));
    let (consent, city) = (rows.column_by_name("consent").unwrap().as_boolean(), rows.column_by_name("city").unwrap());
    let (mut outside, mut excluded, mut eligible) = (0, 0, 0);
    let buyers = scores.column_by_name("rank:buyers").unwrap().as_primitive::<Float64Type>();
    for row in 0..4000 {
        let is_inside = consent.is_valid(row) && consent.value(row) && city.is_valid(row);
        let is_recent = row % 10 == 0;
        outside += u64::from(!is_inside);
        excluded += u64::from(is_inside && is_recent);
        eligible += u64::from(is_inside && !is_recent);
        let rank = f64::from(repurchase.value(row)) * f64::from(spend.value(row));
        let expected = (is_inside && !is_recent).then_some(rank);
        assert_eq!(buyers.is_valid(row).then(|| buyers.value(row)), expected, "row {row}");
    }
    let elders = scores.column_by_name("rank:elders").unwrap().as_primitive::<Float64Type>();
    let ages = rows.column_by_name("age").unwrap().as_primitive::<Float64Type>();
    for row in 0..4000 {
        let expected = ages.is_valid(row).then(|| ages.value(row)).filter(|age| !age.is_nan());
        assert_eq!(elders.is_valid(row).then(|| elders.value(row)), expected, "row {row}");
    }

    let outcome = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
    let told: Vec<_> = outcome.audiences[0].waterfall.iter().map(|s| (s.step.as_str(), s.left_out)).collect();
    let size = outcome.audiences[0].size;
    assert_eq!(size, (eligible as f64 * 0.25 + 0.5).floor() as u64);
    assert_eq!(
        told,
        [
            ("population", 0),
            ("where", outside),
            ("exclude recent", excluded),
            ("no score", 0),
            ("below the cut", eligible - size)
        ]
    );
    assert_eq!(outcome.audiences[1].size, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_loses_takes_its_own_file_away() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({"shard_rows": 4000})).await;
    plan_now(&run).await.unwrap();
    let (one, other) = (scorer(&run).await.unwrap(), scorer(&run).await.unwrap());
    let attempts = [Attempt::new(), Attempt::new()];
    let (progress, never) = (Progress::new(), Cancel::never());
    let (first, second) = tokio::join!(
        one.score(ShardId(0), &attempts[0], &progress, &never),
        other.score(ShardId(0), &attempts[1], &progress, &never),
    );
    let won = [first.unwrap().won, second.unwrap().won];
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    let winner = usize::from(won[1]);
    assert_eq!(commits(&run).await.unwrap()[0].attempt, attempts[winner]);
    let loser = layout::shard_part(&run.id, ShardId(0), &attempts[1 - winner]);
    assert_eq!(plant.workspace.size_of(&loser).await.unwrap(), None);
    let again = one.score(ShardId(0), &Attempt::new(), &progress, &never).await.unwrap();
    assert_eq!((again.won, again.rows), (false, 4000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_stopped_leaves_nothing_and_the_next_one_finishes() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    plan_now(&run).await.unwrap();
    let scorer = scorer(&run).await.unwrap();
    let (stopped, stop) = (Attempt::new(), CancelSource::new());
    stop.fire();
    let error = scorer.score(ShardId(1), &stopped, &Progress::new(), &stop.listen()).await.unwrap_err();
    assert!(matches!(error, ScorerError::Cancelled), "{error}");
    let part = layout::shard_part(&run.id, ShardId(1), &stopped);
    assert_eq!(plant.workspace.size_of(&part).await.unwrap(), None);
    // A process that was killed just before its commit leaves a whole file that nothing names.
    plant.workspace.write(&part, "of a killed attempt").await.unwrap();
    score_all(&run).await.unwrap();
    assert!(publish(&run, &Progress::new(), &Cancel::never()).await.unwrap().audiences[0].published);
    assert_eq!(plant.workspace.size_of(&part).await.unwrap(), None, "cleared when the scores are published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_frozen() {
    let plant = Plant::new();
    let run = nightly(&plant, json!({})).await;
    assert_eq!(plan_now(&run).await.unwrap(), PlanOutcome { rows: 4000, shards: 4 });
    let before = plan_of(&run).await;
    write_parquet(Path::new(&plant.path("population/part-9.parquet")), &customers(9000, 10));
    assert_eq!(plan_now(&run).await.unwrap(), PlanOutcome { rows: 4000, shards: 4 });
    assert_eq!(plan_of(&run).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_population_from_sql_or_csv_is_scored_like_any_other() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(1200, 1);
    let prepare =
        json!([{"name": "berliners", "sql": "SELECT * FROM customers WHERE city = 'Berlin' ORDER BY customer_id"}]);
    let run = plant.run(&model.identity, json!({"prepare": prepare, "population": "berliners"})).await;
    let commits = score_all(&run).await.unwrap();
    let scores = read_scores(&run, commits.into_iter().map(|commit| commit.file)).await;
    let expected =
        customers(0, 1200).column(1).as_string::<i32>().iter().filter(|city| *city == Some("Berlin")).count();
    assert_eq!(scores.num_rows(), expected);
    assert!(scores.column(1).as_string::<i32>().iter().all(|city| city == Some("Berlin")));

    let csv = "customer_id,city,age,orders,consent\n1,Berlin,33,2,true\n2,Atlantis,,1,false\n3,,41.5,0,\n";
    std::fs::write(plant.path("people.csv"), csv).unwrap();
    let changes = json!({
        "tables": {"people": {"url": plant.path("people.csv")}},
        "population": "people",
        "audiences": {"all": {"rank_by": "repurchase", "size": {"top": 2}}},
    });
    let run = plant.run(&model.identity, changes).await;
    let commits = score_all(&run).await.unwrap();
    assert_eq!(commits.iter().map(|commit| commit.rows).sum::<u64>(), 3);
    assert!(publish(&run, &Progress::new(), &Cancel::never()).await.unwrap().audiences[0].published);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_population_is_planned_scored_and_held_back() {
    let plant = Plant::new();
    let model = plant.register().await;
    write_parquet(Path::new(&plant.path("population/part-0.parquet")), &customers(0, 10).slice(0, 0));
    let audiences = json!({"all": {"rank_by": "repurchase", "size": {"share": 0.5}}});
    let run = plant.run(&model.identity, json!({"audiences": audiences})).await;
    assert!(score_all(&run).await.unwrap().is_empty());
    let outcome = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
    assert_eq!(outcome.scores.rows, 0);
    assert_eq!(outcome.audiences[0].held_back, ["0 people are fewer than guards.min_size, 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_missing_keys_are_scored_but_not_published() {
    let plant = Plant::new();
    let model = plant.register().await;
    let rows = customers(0, 1500);
    let mut keys: Vec<Option<String>> =
        rows.column(0).as_string::<i32>().iter().map(|key| key.map(str::to_owned)).collect();
    keys[3] = None;
    keys[1400] = keys[7].clone();
    let mut columns = rows.columns().to_vec();
    columns[0] = Arc::new(StringArray::from(keys)) as ArrayRef;
    let rows = RecordBatch::try_new(rows.schema(), columns).unwrap();
    write_parquet(Path::new(&plant.path("population/part-0.parquet")), &rows);
    let audiences = json!({"all": {"rank_by": "repurchase", "size": {"share": 0.5}}});
    let run = plant.run(&model.identity, json!({"audiences": audiences, "shard_rows": 500})).await;
    let commits = score_all(&run).await.unwrap();
    assert_eq!(commits.iter().map(|commit| commit.rows).sum::<u64>(), 1500);
    let outcome = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
    assert_eq!(
        outcome.audiences[0].held_back,
        ["1 rows of the population have no key", "1 keys of the population are on more than one row (2 rows)"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn integer_keys_are_published_as_the_hash_of_their_digits() {
    let plant = Plant::new();
    let model = plant.register().await;
    let rows = customers(0, 50);
    let mut columns = rows.columns().to_vec();
    columns[0] = Arc::new((1000..1050).collect::<Int64Array>()) as ArrayRef;
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let rows = names.into_iter().zip(columns).map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(rows).unwrap();
    write_parquet(Path::new(&plant.path("population/part-0.parquet")), &rows);
    let audiences = json!({"all": {
        "rank_by": "repurchase", "size": {"share": 1.0}, "format": {"kind": "csv", "compression": "none"},
    }});
    let run = plant.run(&model.identity, json!({"audiences": audiences})).await;
    score_all(&run).await.unwrap();
    publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
    let folder = "workspace/audiences/all/versions/00000000000000000001/tier=all/part-00000000000000000000.csv";
    let text = std::fs::read_to_string(plant.path(folder)).unwrap();
    let found: BTreeSet<&str> = text.lines().skip(1).map(|line| line.split_once(',').unwrap().0).collect();
    use sha2::Digest as _;
    let expected: BTreeSet<String> =
        (1000..1050).map(|key: i64| hex::encode(sha2::Sha256::digest(key.to_string()))).collect();
    assert_eq!(found, expected.iter().map(String::as_str).collect());
}

//! The nearest people to given ones, against brute force.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Int32Type};
use artifacts::rows::{Columns, open_file};
use artifacts::{Attempt, layout};
use kindred_scorer::neighbours::table::NeighboursManifest;
use kindred_scorer::publish::publish;
use kindred_scorer::run::Run;
use serde_json::{Value, json};
use worker::{Cancel, Progress};

use crate::plant::{Plant, commits, plan_now, plan_of, read_scores, score_all, scorer};

const PEOPLE: usize = 4000;

/// A run that looks for the nearest of some people, of whom two are not in the population and one is listed twice.
async fn with_neighbours(plant: &Plant, changes: Value) -> Run {
    let model = plant.register().await;
    plant.populate(PEOPLE, 2);
    let asked = (0..PEOPLE).step_by(97).map(|person| format!("c{person:06}\n")).collect::<String>();
    std::fs::write(plant.path("asked.csv"), format!("id\n{asked}nobody\nc999999\nc000000\n")).unwrap();
    let table = json!({"table": "asked", "key": "id"});
    let mut all = json!({
        "tables": {"customers": {"url": plant.path("population")}, "asked": {"url": plant.path("asked.csv")}},
        "embedding": "vector",
        "neighbours": {"like": {"of": table, "count": 7}, "along": {"of": table, "count": 3, "similarity": "dot"}},
    });
    for (field, value) in changes.as_object().unwrap() {
        all[field] = value.clone();
    }
    plant.run(&model.identity, all).await
}

/// A published table of neighbours.
async fn nearest(run: &Run, name: &str) -> RecordBatch {
    publish(run, &Progress::new(), &Cancel::never()).await.unwrap();
    let key = layout::neighbours_manifest(&run.id, &name.parse().unwrap());
    let manifest: NeighboursManifest = run.workspace.read_entry(&key).await.unwrap().body;
    assert_eq!(manifest.people, PEOPLE.div_ceil(97) as u64);
    read_scores(run, [manifest.file]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_are_those_of_brute_force_over_the_score_table() {
    let plant = Plant::new();
    let run = with_neighbours(&plant, json!({})).await;
    let files = score_all(&run).await.unwrap().into_iter().map(|commit| commit.file);
    let scores = read_scores(&run, files).await;
    let keys = scores.column(0).as_string::<i32>();
    let vectors = scores.column_by_name("vector").unwrap().as_list::<i32>();
    let vector = |row: usize| vectors.value(row).as_primitive::<Float32Type>().values().to_vec();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    for (name, count) in [("like", 7), ("along", 3)] {
        let found = nearest(&run, name).await;
        let (people, neighbours) = (found.column(0).as_string::<i32>(), found.column(2).as_string::<i32>());
        let ranks = found.column(1).as_primitive::<Int32Type>();
        let similarities = found.column(3).as_primitive::<Float32Type>();
        assert_eq!(found.num_rows(), PEOPLE.div_ceil(97) * count);
        for (place, person) in (0..PEOPLE).step_by(97).enumerate() {
            let q = vector(person);
            let similarity = |row: usize| {
                let x = vector(row);
                let lengths = (dot(&q, &q) * dot(&x, &x)).sqrt();
                match name {
                    "along" => dot(&q, &x),
                    _ if lengths > 0.0 => dot(&q, &x) / lengths,
                    _ => 0.0,
                }
            };
            let mut expected: Vec<f64> = (0..PEOPLE).filter(|row| *row != person).map(similarity).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            for (rank, expected) in expected.iter().enumerate().take(count) {
                let line = place * count + rank;
                assert_eq!((people.value(line), ranks.value(line)), (keys.value(person), rank as i32 + 1));
                let told = f64::from(similarities.value(line));
                assert!((told - expected).abs() < 1e-6, "{name} {person} {rank}: {told} {expected}");
                let row: usize = neighbours.value(line)[1..].parse().unwrap();
                assert!(row != person && (similarity(row) - told).abs() < 1e-6, "{name} {person} {rank}");
            }
            let of_person: Vec<&str> =
                (place * count..(place + 1) * count).map(|line| neighbours.value(line)).collect();
            assert!((1..count).all(|rank| !of_person[..rank].contains(&of_person[rank])), "{of_person:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_and_three_find_the_same_and_so_does_another_cut_into_shards() {
    let expected = {
        let plant = Plant::new();
        let run = with_neighbours(&plant, json!({})).await;
        score_all(&run).await.unwrap();
        (nearest(&run, "like").await, nearest(&run, "along").await)
    };
    for changes in [json!({"resources": {"threads": 1, "processes": 3}}), json!({"shard_rows": 500})] {
        let plant = Plant::new();
        let run = with_neighbours(&plant, changes).await;
        plan_now(&run).await.unwrap();
        let processes = [scorer(&run).await.unwrap(), scorer(&run).await.unwrap(), scorer(&run).await.unwrap()];
        for (number, shard) in plan_of(&run).await.shards.iter().rev().enumerate() {
            let process = &processes[number % 3];
            let scored = process.score(shard.id, &Attempt::new(), &Progress::new(), &Cancel::never()).await;
            assert!(scored.unwrap().won);
        }
        assert_eq!((nearest(&run, "like").await, nearest(&run, "along").await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_lost_leaves_nothing_and_a_publication_may_be_done_again() {
    let plant = Plant::new();
    let run = with_neighbours(&plant, json!({})).await;
    score_all(&run).await.unwrap();
    let shard = plan_of(&run).await.shards[0].id;
    // What an attempt that was killed has left: its files are no commit's.
    let attempt = Attempt::new();
    let left = layout::shard_neighbours(&run.id, shard, &attempt, &"like".parse().unwrap());
    plant.workspace.write(&left, "torn").await.unwrap();
    let first = nearest(&run, "like").await;
    assert!(plant.workspace.read_if_there(&left).await.unwrap().is_none());
    assert_eq!(nearest(&run, "like").await, first);
    let kept = &commits(&run).await.unwrap()[0].summary.neighbours["like"];
    let file = open_file(&kept.input_file(&run.workspace)).await.unwrap();
    assert!(file.project(&Columns::new(["query", "similarity", "tie", "row"])).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_are_not_there_or_too_many_are_refused_by_name() {
    let plant = Plant::new();
    let run = with_neighbours(&plant, json!({})).await;
    std::fs::write(plant.path("asked.csv"), "id\nnobody\n").unwrap();
    let model = run.model.clone();
    let tables = json!({"customers": {"url": plant.path("population")}, "asked": {"url": plant.path("asked.csv")}});
    let changes = json!({"tables": tables, "neighbours": {"like": {"of": {"table": "asked", "key": "id"}}}});
    let error = plan_now(&plant.run(&model, changes).await).await.unwrap_err().to_string();
    assert!(error.starts_with("neighbours.like: none of its 1 people is in the population"), "{error}");

    let all = json!({"neighbours": {"like": {"of": {"table": "customers"}, "count": 1000}}});
    let error = plan_now(&plant.run(&model, all).await).await.unwrap_err().to_string();
    assert!(error.contains("more than 1000 of its people"), "{error}");
}

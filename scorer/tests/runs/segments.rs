//! Putting people into segments, and telling who is in them.

use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use artifacts::{Attempt, layout};
use kindred_scorer::publish::{PublishOutcome, SegmentsOutcome, publish};
use kindred_scorer::run::Run;
use kindred_scorer::segments::RunSegments;
use kindred_scorer::segments::profile::SegmentationProfile;
use serde_json::{Value, json};
use worker::{Cancel, Progress};

use crate::plant::{Plant, commits, customers, plan_now, plan_of, read_scores, score_all, scorer};

const PEOPLE: usize = 4000;

/// A run with segments of columns and of the embedding.
async fn with_segments(plant: &Plant, changes: Value) -> Run {
    let model = plant.register().await;
    plant.populate(PEOPLE, 2);
    let mut all = json!({
        "segments": {
            "habits": {"columns": ["age", "orders"], "k": {"from": 2, "to": 4}, "sample": 1500, "restarts": 2, "profile": ["city"]},
            "tastes": {"of": "embedding", "k": 3, "sample": 1000, "batch_size": 100, "profile": ["age"]},
        },
        "audiences": {"second": {"rank_by": "-tastes_distance", "where": "tastes = 1 and habits <> 0", "size": {"share": 1.0}}},
    });
    for (field, value) in changes.as_object().unwrap() {
        all[field] = value.clone();
    }
    plant.run(&model.identity, all).await
}

async fn scores_of(run: &Run) -> RecordBatch {
    let files = score_all(run).await.unwrap().into_iter().map(|commit| commit.file);
    read_scores(run, files).await
}

async fn frozen(run: &Run) -> RunSegments {
    artifacts::runs::read_segments(&run.workspace, &run.id).await.unwrap().unwrap()
}

async fn published(run: &Run) -> PublishOutcome {
    publish(run, &Progress::new(), &Cancel::never()).await.unwrap()
}

fn numbers(scores: &RecordBatch, name: &str) -> Vec<i32> {
    scores.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_in_the_segment_of_the_nearest_centre() {
    let plant = Plant::new();
    let run = with_segments(&plant, json!({})).await;
    let scores = scores_of(&run).await;
    let names: Vec<_> = scores.schema().fields().iter().map(|field| field.name().clone()).collect();
    let expected =
        ["customer_id", "city", "repurchase", "spend", "habits", "habits_distance", "tastes", "tastes_distance"];
    assert_eq!(names[..8], expected);

    let habits = &frozen(&run).await.segmentations["habits"];
    let rows = customers(0, PEOPLE);
    let column = |name: &str| {
        let column =
            arrow::compute::cast(rows.column_by_name(name).unwrap(), &arrow::datatypes::DataType::Float64).unwrap();
        let column: &Float64Array = column.as_primitive::<Float64Type>();
        column.iter().map(|number| number.unwrap_or(f64::NAN) as f32).collect::<Vec<f32>>()
    };
    let raw: Vec<f32> =
        column("age").into_iter().zip(column("orders")).flat_map(|(age, orders)| [age, orders]).collect();
    let mut scaled = raw.clone();
    habits.segments.scaling.apply(&mut scaled);
    let distance =
        |x: &[f32], c: &[f32]| x.iter().zip(c).map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2)).sum::<f64>();
    let distances = scores.column(5).as_primitive::<Float32Type>();
    for (row, (x, segment)) in scaled.chunks_exact(2).zip(numbers(&scores, "habits")).enumerate() {
        let all: Vec<f64> = habits.segments.centres.points().rows().map(|centre| distance(x, centre)).collect();
        let best = (0..all.len()).min_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap();
        assert_eq!(usize::try_from(segment).unwrap(), best, "row {row}");
        assert!((f64::from(distances.value(row)) - all[best].sqrt()).abs() < 1e-6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_counts_everybody_and_audiences_are_cut_by_segments() {
    let plant = Plant::new();
    let run = with_segments(&plant, json!({})).await;
    let scores = scores_of(&run).await;
    let outcome = published(&run).await;
    let [SegmentsOutcome { profile: habits, page_url }, SegmentsOutcome { profile: tastes, .. }] =
        &outcome.segments[..]
    else {
        panic!("two segmentations")
    };
    for (profile, name) in [(habits, "habits"), (tastes, "tastes")] {
        let found = numbers(&scores, name);
        let people: Vec<u64> = profile.segments.iter().map(|segment| segment.people).collect();
        let counted = |segment: usize| found.iter().filter(|number| **number as usize == segment).count() as u64;
        assert_eq!(people, (0..people.len()).map(counted).collect::<Vec<_>>());
        assert_eq!(people.iter().sum::<u64>(), PEOPLE as u64);
        let spend = scores.column_by_name("spend").unwrap().as_primitive::<Float32Type>();
        let of_first: Vec<f64> = found
            .iter()
            .zip(spend.values())
            .filter(|(segment, _)| **segment == 0)
            .map(|(_, spend)| f64::from(*spend))
            .collect();
        let mean = of_first.iter().sum::<f64>() / of_first.len() as f64;
        assert!((profile.segments[0].scores["spend"].mean.unwrap() - mean).abs() < 1e-9 * mean);
    }
    assert_eq!(habits.choices.len(), 3);
    // Segments of age and orders differ by them, and cities are told by their share.
    assert!(habits.segments.iter().any(|segment| segment.typical.iter().any(|value| value.column.as_str() == "age")));
    let values = habits.segments.iter().flat_map(|segment| &segment.typical);
    assert!(
        values
            .clone()
            .all(|value| value.people >= 30 && value.low > 100.0 && value.low <= value.tgi && value.tgi <= value.high)
    );
    let expected = numbers(&scores, "tastes").into_iter().zip(numbers(&scores, "habits"));
    let expected = expected.filter(|(tastes, habits)| *tastes == 1 && *habits != 0).count();
    assert!(expected > 100 && outcome.audiences[0].size == expected as u64, "{expected}");

    let key = layout::run_segment_profile(&run.id, &habits.name);
    let stored: SegmentationProfile = run.workspace.read_entry(&key).await.unwrap().body;
    assert_eq!(stored.segments.len(), habits.segments.len());
    assert_eq!(
        serde_json::to_value(&published(&run).await.segments[0].profile).unwrap(),
        serde_json::to_value(&stored).unwrap()
    );
    let page = layout::run_segment_page(&run.id, &habits.name);
    assert_eq!(*page_url, run.workspace.url_of(&page));
    let shown = String::from_utf8(run.workspace.read(&page).await.unwrap().to_vec()).unwrap();
    let first = format!("Segment 0<span class=\"kind\">{} people", page::numbers::count(habits.segments[0].people));
    assert!(shown.contains(&first) && shown.contains("What tells them apart"), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_and_three_give_the_same_segments() {
    let (one, three) = (Plant::new(), Plant::new());
    let first = with_segments(&one, json!({})).await;
    let expected = score_all(&first).await.unwrap();
    let run = with_segments(&three, json!({"resources": {"threads": 1, "processes": 3}})).await;
    plan_now(&run).await.unwrap();
    let processes = [scorer(&run).await.unwrap(), scorer(&run).await.unwrap(), scorer(&run).await.unwrap()];
    for (number, shard) in plan_of(&run).await.shards.iter().rev().enumerate() {
        let scored = processes[number % 3].score(shard.id, &Attempt::new(), &Progress::new(), &Cancel::never()).await;
        assert!(scored.unwrap().won);
    }
    assert_eq!(frozen(&first).await.segmentations, frozen(&run).await.segmentations);
    for (expected, found) in expected.iter().zip(&commits(&run).await.unwrap()) {
        assert_eq!((expected.rows, expected.file.sha256), (found.rows, found.file.sha256));
        assert_eq!(expected.summary.segments, found.summary.segments);
    }
    let profiles = |outcome: PublishOutcome| outcome.segments.into_iter().map(|told| told.profile).collect::<Vec<_>>();
    assert_eq!(profiles(published(&first).await), profiles(published(&run).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_cut_off_goes_on_with_the_segments_that_were_frozen() {
    let plant = Plant::new();
    let run = with_segments(&plant, json!({})).await;
    plan_now(&run).await.unwrap();
    let stored = plant.workspace.read(&layout::run_segments(&run.id)).await.unwrap();
    plant.workspace.delete(&layout::run_plan(&run.id)).await.unwrap();
    plan_now(&run).await.unwrap();
    assert_eq!(plant.workspace.read(&layout::run_segments(&run.id)).await.unwrap(), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_an_earlier_run_keep_their_numbers() {
    let plant = Plant::new();
    let run = with_segments(&plant, json!({})).await;
    let before = numbers(&scores_of(&run).await, "habits");
    let kept = |name: &str| json!({"segments": {name: {"columns": ["age", "orders"], "from_run": run.id.to_string(), "seed": 9}}, "audiences": {}});
    let again = plant.run(&run.model, kept("habits")).await;
    assert_ne!(again.id, run.id);
    assert_eq!(numbers(&scores_of(&again).await, "habits"), before);

    let error = plan_now(&plant.run(&run.model, kept("other")).await).await.unwrap_err().to_string();
    assert_eq!(error, format!("segments.other.from_run: run {} has no segments of this name", run.id));
    let mut of_others = kept("habits");
    of_others["segments"]["habits"]["columns"] = json!(["orders"]);
    let error = plan_now(&plant.run(&run.model, of_others).await).await.unwrap_err().to_string();
    assert!(error.contains("are of other columns"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_cannot_be_made_are_refused_by_name() {
    let refused = async |segmentation: Value| {
        let plant = Plant::new();
        let changes = json!({"segments": {"habits": segmentation}, "audiences": {}});
        plan_now(&with_segments(&plant, changes).await).await.unwrap_err().to_string()
    };
    let error = refused(json!({"columns": ["city"], "k": 3})).await;
    assert!(error.starts_with("segments.habits: column `city` is Utf8") && error.contains("cast it"), "{error}");
    let error = refused(json!({"columns": ["Age"], "k": 3})).await;
    assert!(error.contains("no column `Age`") && error.contains("did you mean `age`?"), "{error}");
    let error = refused(json!({"columns": ["consent"], "k": 6})).await;
    assert!(error.contains("6 segments are asked for") && error.contains("3 alone"), "{error}");
}

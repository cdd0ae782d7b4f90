//! Scoring people for seed lists that no task was trained for.

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::{Float32Type, Float64Type};
use artifacts::Attempt;
use artifacts::registry::ModelIdentity;
use kindred_scorer::run::Run;
use serde_json::{Value, json};
use worker::{Cancel, Progress};

use crate::plant::{Plant, commits, customers, plan_now, plan_of, read_scores, score_all, scorer};

const PEOPLE: usize = 4000;

/// The ages of all people; NaN where there is none.
fn ages() -> Vec<f64> {
    let rows = customers(0, PEOPLE);
    let ages: &Float64Array = rows.column_by_name("age").unwrap().as_primitive::<Float64Type>();
    ages.iter().map(|age| age.unwrap_or(f64::NAN)).collect()
}

/// A run with two lists of campaigns, `old` of every second person over 60 and `few` of three people.
async fn with_lists(plant: &Plant, changes: Value) -> Run {
    let model = plant.register().await;
    with_lists_of(plant, &model.identity, changes).await
}

/// The same with another model.
async fn with_lists_of(plant: &Plant, model: &ModelIdentity, changes: Value) -> Run {
    plant.populate(PEOPLE, 2);
    let old = (0..PEOPLE).filter(|person| ages()[*person] > 60.0 && person % 2 == 0);
    let old: String = old.map(|person| format!("c{person:06},old\n")).collect();
    let few = "c000001,few\nc000002,few\nc000003,few\nnobody,old\nc000000,old\n";
    std::fs::write(plant.path("mailings.csv"), format!("id,campaign\n{old}{few}")).unwrap();
    let mut all = json!({
        "tables": {"customers": {"url": plant.path("population")}, "mailings": {"url": plant.path("mailings.csv")}},
        "embedding": "vector",
        "seed_lists": {"mailing": {"seeds": {"table": "mailings", "key": "id", "campaign": "campaign"}, "sample": 1000}},
        "audiences": {"like-the-old": {"rank_by": "mailing_old", "size": {"share": 0.1}}},
    });
    for (field, value) in changes.as_object().unwrap() {
        all[field] = value.clone();
    }
    plant.run(model, all).await
}

/// The share of pairs of one of each in which the first has the higher score.
fn auc(positives: &[f32], negatives: &[f32]) -> f64 {
    let won = positives
        .iter()
        .map(|positive| negatives.iter().filter(|negative| positive > *negative).count())
        .sum::<usize>();
    won as f64 / (positives.len() * negatives.len()) as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn people_like_the_seeds_score_higher_and_small_lists_are_left_out() {
    let plant = Plant::new();
    let run = with_lists(&plant, json!({})).await;
    let files = score_all(&run).await.unwrap().into_iter().map(|commit| commit.file);
    let scores = read_scores(&run, files).await;
    let names: Vec<_> = scores.schema().fields().iter().map(|field| field.name().clone()).collect();
    let expected = ["customer_id", "city", "repurchase", "spend", "mailing_old", "vector", "rank:like-the-old"];
    assert_eq!(names[..7], expected);
    let vectors = scores.column(5).as_list::<i32>();
    assert!(vectors.iter().all(|vector| vector.unwrap().len() == 16), "two experts of 8");

    let found = scores.column(4).as_primitive::<Float32Type>().values().to_vec();
    assert!(found.iter().all(|score| (0.0..=1.0).contains(score)));
    let of = |is: &dyn Fn(usize, f64) -> bool| {
        let ages = ages();
        (0..PEOPLE).filter(|person| is(*person, ages[*person])).map(|person| found[person]).collect::<Vec<f32>>()
    };
    // Old people who are not on the list, which has never seen them.
    let alike = of(&|person, age| age > 60.0 && person % 2 == 1);
    let others = of(&|_, age| age <= 60.0);
    assert!(alike.len() > 300 && auc(&alike, &others) > 0.8, "{}", auc(&alike, &others));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_and_three_give_the_same_scores() {
    let (one, three) = (Plant::new(), Plant::new());
    let expected = score_all(&with_lists(&one, json!({})).await).await.unwrap();
    let run = with_lists(&three, json!({"resources": {"threads": 1, "processes": 3}})).await;
    plan_now(&run).await.unwrap();
    let processes = [scorer(&run).await.unwrap(), scorer(&run).await.unwrap(), scorer(&run).await.unwrap()];
    for (number, shard) in plan_of(&run).await.shards.iter().rev().enumerate() {
        let scored = processes[number % 3].score(shard.id, &Attempt::new(), &Progress::new(), &Cancel::never()).await;
        assert!(scored.unwrap().won);
    }
    for (expected, found) in expected.iter().zip(&commits(&run).await.unwrap()) {
        assert_eq!((expected.rows, expected.file.sha256), (found.rows, found.file.sha256));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_trained_model_is_fine_tuned_to_each_list_once() {
    let scores_of = async |resources: Value| {
        let plant = Plant::new();
        let model = plant.register_campaigns().await;
        let changes = json!({"embedding": null, "resources": resources});
        let run = with_lists_of(&plant, &model.identity, changes).await;
        let files: Vec<_> = score_all(&run).await.unwrap().into_iter().map(|commit| commit.file).collect();
        let frozen =
            std::fs::read_to_string(plant.path(&format!("workspace/runs/{}/seed_lists.json", run.id))).unwrap();
        assert!(frozen.contains("\"tuned\"") && !frozen.contains("\"standard\""), "{}", &frozen[..200]);
        let sums: Vec<_> = files.iter().map(|file| file.sha256).collect();
        (read_scores(&run, files).await, sums)
    };
    let (scores, sums) = scores_of(json!({"threads": 2})).await;
    let names: Vec<_> = scores.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names[..6], ["customer_id", "city", "first", "second", "mailing_old", "rank:like-the-old"]);
    let found = scores.column(4).as_primitive::<Float32Type>().values().to_vec();
    assert!(found.iter().all(|score| (0.0..=1.0).contains(score)));
    let ages = ages();
    let of = |is: &dyn Fn(usize, f64) -> bool| {
        (0..PEOPLE).filter(|person| is(*person, ages[*person])).map(|person| found[person]).collect::<Vec<f32>>()
    };
    let (alike, others) = (of(&|person, age| age > 60.0 && person % 2 == 1), of(&|_, age| age <= 60.0));
    assert!(auc(&alike, &others) > 0.7, "{}", auc(&alike, &others));
    assert_eq!(scores_of(json!({"threads": 1})).await.1, sums, "the same bytes on one thread");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_make_no_scores_are_refused_by_name() {
    let refused = async |lists: Value| {
        let plant = Plant::new();
        let run = with_lists(&plant, json!({"seed_lists": {"mailing": lists}, "audiences": {}})).await;
        plan_now(&run).await.unwrap_err().to_string()
    };
    let seeds = |rest: Value| {
        let mut seeds = json!({"table": "mailings", "key": "id"});
        for (field, value) in rest.as_object().unwrap() {
            seeds[field] = value.clone();
        }
        json!({"seeds": seeds})
    };
    let error = refused(seeds(json!({"campaign": "campaign", "min_size": 3000}))).await;
    assert!(error.starts_with("seed_lists.mailing: no list has enough seeds in the population"), "{error}");
    let error = refused(seeds(json!({"campaign": "campaign", "value": "few", "min_size": 4}))).await;
    assert_eq!(error, "seed list `mailing`: 3 of its seeds are in the population, fewer than its `min_size` 4");
    let error = refused(seeds(json!({"campaign": "campaign", "max_lists": 1}))).await;
    assert!(error.contains("column `campaign` of table `mailings` has more than 1 values"), "{error}");
    let plant = Plant::new();
    let run = with_lists(&plant, json!({"audiences": {"few": {"rank_by": "mailing_few", "size": {"top": 10}}}})).await;
    let error = plan_now(&run).await.unwrap_err().to_string();
    assert!(error.contains("mailing_few"), "{error}");
}

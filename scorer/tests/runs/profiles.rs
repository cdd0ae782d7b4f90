//! What is told of audiences: counted once more from the raw tables and the published files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use artifacts::audience::{AudienceManifest, DescriptionKind, latest};
use artifacts::{Attempt, Digest, layout};
use kindred_scorer::profile::told::{Profile, ValueKind, ValueProfile};
use kindred_scorer::publish::{PublishOutcome, publish};
use kindred_scorer::run::Run;
use page::testing::{assert_self_contained, assert_well_formed};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spec::Version;
use worker::{Cancel, Progress};

use crate::night::read_parquet;
use crate::plant::{Plant, customers, plan_now, plan_of, read_scores, score_all, scorer, write_parquet};
use crate::scoring::nightly;

const PEOPLE: usize = 4000;

fn audience(profile: Value) -> Value {
    json!({"audiences": {"likely": {
        "rank_by": "repurchase * spend + orders",
        "where": "consent",
        "size": {"share": 0.4},
        "tiers": {"high": 0.2, "mid": 0.3, "low": "rest"},
        "holdout": {"share": 0.1, "salt": "spring"},
        "ids": [{"column": "customer_id"}],
        "profile": profile,
    }}})
}

async fn published(run: &Run) -> PublishOutcome {
    publish(run, &Progress::new(), &Cancel::never()).await.expect("publishing works")
}

async fn manifest_of(run: &Run) -> AudienceManifest {
    latest(&run.workspace, &"likely".parse().unwrap()).await.unwrap().expect("published").manifest
}

async fn bytes_of(run: &Run, manifest: &AudienceManifest, kind: DescriptionKind) -> Vec<u8> {
    let file = manifest.descriptions.iter().find(|file| file.kind == kind).expect("a description");
    let key = layout::audience_file(&manifest.audience, manifest.version, &file.path).unwrap();
    let bytes = run.workspace.read(&key).await.unwrap().to_vec();
    assert_eq!((Digest::of(&bytes), bytes.len() as u64), (file.sha256, file.bytes), "{}", file.path);
    bytes
}

async fn profile_of(run: &Run) -> Profile {
    let manifest = manifest_of(run).await;
    serde_json::from_slice(&bytes_of(run, &manifest, DescriptionKind::Profile).await).expect("a profile")
}

/// The tier of every customer, and whether they are held out, from the published files.
async fn tiers_of(run: &Run, manifest: &AudienceManifest) -> Vec<Option<(usize, bool)>> {
    let sha256 = |number: usize| hex::encode(Sha256::digest(format!("c{number:06}")));
    let place: BTreeMap<String, usize> = (0..PEOPLE).map(|number| (sha256(number), number)).collect();
    let mut tiers = vec![None; PEOPLE];
    for file in &manifest.files {
        let key = layout::audience_version(&manifest.audience, manifest.version).below(&file.path).unwrap();
        let rows = read_parquet(&run.workspace, &run.workspace.url_of(&key), file.bytes).await;
        let tier = manifest.tiers.get_index_of(&file.tier).unwrap();
        for id in crate::night::texts(&rows, "sha256_customer_id").into_iter().flatten() {
            tiers[place[&id]] = Some((tier, file.holdout));
        }
    }
    tiers
}

/// A column's values as words, and as numbers where they are.
fn values_of(rows: &RecordBatch, column: &str) -> (Vec<Option<String>>, Vec<f64>) {
    let values = rows.column_by_name(column).unwrap();
    let texts = cast(values, &DataType::Utf8).unwrap();
    let texts = texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect();
    let numbers = match values.data_type() {
        DataType::Int64 | DataType::Float64 => {
            let numbers = cast(values, &DataType::Float64).unwrap();
            let numbers: &Float64Array = numbers.as_primitive::<Float64Type>();
            numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect()
        }
        _ => Vec::new(),
    };
    (texts, numbers)
}

/// Whether each person has a told value.
fn having((texts, numbers): &(Vec<Option<String>>, Vec<f64>), told: &ValueProfile) -> Vec<bool> {
    let is_number = !numbers.is_empty();
    let parse = |text: &str| text.parse::<f64>().expect("a number");
    (0..texts.len())
        .map(|row| match told.kind {
            ValueKind::Missing if is_number => numbers[row].is_nan(),
            ValueKind::Missing => texts[row].is_none(),
            ValueKind::Other => panic!("all values are told apart here"),
            ValueKind::Value if is_number => {
                let number = numbers[row];
                match told.value.split(' ').collect::<Vec<_>>()[..] {
                    ["below", high] => number < parse(high),
                    [low, "or", "more"] => number >= parse(low),
                    [low, "to", "below", high] => number >= parse(low) && number < parse(high),
                    _ => number == parse(&told.value),
                }
            }
            ValueKind::Value => texts[row].as_ref() == Some(&told.value),
        })
        .collect()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_told_figure_is_that_of_the_raw_tables() {
    let plant = Plant::new();
    let columns = json!(["city", "age", "orders", "consent", "email"]);
    let profile = json!({"columns": columns, "min_cell": 1, "values": 5000, "bins": 4, "seeds": {"table": "recent", "key": "id"}});
    let run = nightly(&plant, audience(profile)).await;
    let commits = score_all(&run).await.unwrap();
    let scores = read_scores(&run, commits.into_iter().map(|commit| commit.file)).await;
    let outcome = published(&run).await;
    let (manifest, profile) = (manifest_of(&run).await, profile_of(&run).await);
    let report = layout::audience_file(&manifest.audience, manifest.version, "report.html").unwrap();
    assert_eq!(outcome.audiences[0].report_url, Some(run.workspace.url_of(&report)));
    let (rows, tiers) = (customers(0, PEOPLE), tiers_of(&run, &manifest).await);
    let count = |is_wanted: &dyn Fn(usize) -> bool| (0..PEOPLE).filter(|row| is_wanted(*row)).count() as u64;
    assert_eq!((profile.population, profile.selected), (PEOPLE as u64, count(&|row| tiers[row].is_some())));

    let names: Vec<&str> = profile.columns.iter().map(|column| column.column.as_str()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let mut told = 0;
    for column in &profile.columns {
        let mut people = 0;
        let values = values_of(&rows, column.column.as_str());
        for value in &column.values {
            let having = having(&values, value);
            let everybody = count(&|row| having[row]);
            assert_eq!(value.population, everybody, "{} {}", column.column, value.value);
            let selected = count(&|row| having[row] && tiers[row].is_some());
            assert_eq!(value.audience.people, selected, "{} {}", column.column, value.value);
            close(
                value.audience.tgi,
                100.0 * (selected as f64 / profile.selected as f64) / (everybody as f64 / PEOPLE as f64),
            );
            assert!(value.audience.low <= value.audience.tgi && value.audience.tgi <= value.audience.high);
            for (tier, name) in manifest.tiers.keys().enumerate() {
                let of_tier = |row: usize| tiers[row].is_some_and(|(of, _)| of == tier);
                let (of_value, all) = (count(&|row| having[row] && of_tier(row)), count(&of_tier));
                close(
                    value.tiers[name].tgi,
                    100.0 * (of_value as f64 / all as f64) / (everybody as f64 / PEOPLE as f64),
                );
            }
            let seeds = value.seeds.expect("seeds are compared");
            assert_eq!(seeds.people, count(&|row| having[row] && row % 10 == 0), "{} {}", column.column, value.value);
            people += everybody;
            told += 1;
        }
        assert_eq!((people, column.suppressed, column.beyond), (PEOPLE as u64, 0, 0), "{}", column.column);
        assert!(column.values.is_sorted_by(|one, next| one.audience.z.abs() >= next.audience.z.abs()));
    }
    assert!(told > 3000, "emails too: {told}");

    let seeds = profile.seeds.as_ref().expect("seeds");
    assert_eq!((seeds.listed, seeds.population), (400, 400));
    assert_eq!(seeds.selected, count(&|row| row % 10 == 0 && tiers[row].is_some()));
    for (task, output) in &profile.outputs {
        let outputs = scores.column_by_name(task.as_str()).unwrap().as_primitive::<Float32Type>();
        let sum = |is_wanted: &dyn Fn(usize) -> bool| -> f64 {
            (0..PEOPLE).filter(|row| is_wanted(*row)).map(|row| f64::from(outputs.value(row))).sum()
        };
        close(output.population.sum, sum(&|_| true));
        for (tier, name) in manifest.tiers.keys().enumerate() {
            close(output.tiers[name].sum, sum(&|row| tiers[row] == Some((tier, false))));
            close(output.holdout[name].sum, sum(&|row| tiers[row] == Some((tier, true))));
            assert_eq!(output.tiers[name].people, manifest.tiers[name].people);
        }
    }
    assert_eq!(profile.outputs.len(), 2);

    let ranks = scores.column_by_name("rank:likely").unwrap().as_primitive::<Float64Type>();
    let eligible: Vec<f64> = ranks.iter().flatten().collect();
    assert_eq!(profile.scores.iter().map(|cell| cell.eligible).sum::<u64>(), eligible.len() as u64);
    for point in &profile.reach {
        let at_least = eligible.iter().filter(|rank| **rank >= point.rank.unwrap()).count() as u64;
        assert_eq!(point.people, at_least);
    }
    assert_eq!(profile.scores.iter().map(|cell| cell.selected()).sum::<u64>(), profile.selected);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_processes_and_threads_change_no_byte() {
    let (one, three) = (Plant::new(), Plant::new());
    let profile = json!({"seeds": {"table": "recent", "key": "id"}, "min_cell": 10});
    let first = nightly(&one, audience(profile.clone())).await;
    score_all(&first).await.unwrap();
    let mut changes = audience(profile);
    changes["shard_rows"] = json!(500);
    changes["resources"] = json!({"threads": 1, "processes": 3});
    let second = nightly(&three, changes).await;
    plan_now(&second).await.unwrap();
    let processes = [scorer(&second).await.unwrap(), scorer(&second).await.unwrap(), scorer(&second).await.unwrap()];
    for (number, shard) in plan_of(&second).await.shards.iter().rev().enumerate() {
        let scored = processes[number % 3].score(shard.id, &Attempt::new(), &Progress::new(), &Cancel::never()).await;
        assert!(scored.unwrap().won);
    }
    let mut texts = Vec::new();
    for run in [&first, &second] {
        published(run).await;
        let manifest = manifest_of(run).await;
        for kind in [DescriptionKind::Profile, DescriptionKind::Report] {
            let text = String::from_utf8(bytes_of(run, &manifest, kind).await).unwrap();
            // The model's manifest has an id of its own in each workspace.
            texts.push(text.replace(run.id.as_str(), "run").replace(&run.model.manifest.to_string(), "model"));
        }
    }
    assert_eq!(texts[0], texts[2]);
    assert_eq!(texts[1], texts[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_said_means_the_models_features_and_no_small_count() {
    let plant = Plant::new();
    let mut changes = audience(Value::Null);
    changes["audiences"]["likely"].as_object_mut().unwrap().remove("profile");
    let run = nightly(&plant, changes).await;
    score_all(&run).await.unwrap();
    published(&run).await;
    let profile = profile_of(&run).await;
    let mut columns: Vec<&str> = profile.columns.iter().map(|column| column.column.as_str()).collect();
    columns.sort_unstable();
    assert_eq!(columns, ["age", "city", "consent", "orders"]);
    let values: Vec<_> = profile.columns.iter().flat_map(|column| &column.values).collect();
    assert!(values.len() > 10, "{values:?}");
    for value in values {
        assert!(value.audience.people >= 30 && value.tiers.values().all(|tier| tier.people >= 30), "{value:?}");
        let outside = value.population - value.audience.people;
        assert!(outside == 0 || outside >= 30, "{value:?}");
    }
    assert_eq!(profile.seeds, None);
    let manifest = manifest_of(&run).await;
    let page = String::from_utf8(bytes_of(&run, &manifest, DescriptionKind::Report).await).unwrap();
    assert_well_formed(&page);
    assert_self_contained(&page);
    assert!(page.contains("S\u{e3}o Paulo") && page.contains("From everybody to the audience"));
    assert!(manifest.files.iter().all(|file| file.path.contains("tier=")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_compared_with_the_last_unless_its_profile_cannot_be_read() {
    let plant = Plant::new();
    let with = |bins: u32| audience(json!({"columns": ["city"], "bins": bins}));
    plant.populate(PEOPLE, 3);
    let model = plant.register().await.identity;
    let publish_with = async |bins: u32| {
        let run = plant.run(&model, with(bins)).await;
        score_all(&run).await.unwrap();
        published(&run).await;
        (profile_of(&run).await, manifest_of(&run).await, run)
    };
    let (first, _, _) = publish_with(10).await;
    assert_eq!(first.last, None);
    let (second, manifest, run) = publish_with(11).await;
    let last = second.last.expect("the first version");
    assert_eq!((last.version, last.selected), (Version(1), first.selected));
    let before: Vec<(u16, u64)> = first.scores.iter().map(|cell| (cell.cell, cell.eligible)).collect();
    assert_eq!((last.eligible, last.distance), (before, 0.0));

    let key = layout::audience_file(&manifest.audience, manifest.version, "profile.json").unwrap();
    let whole = run.workspace.read(&key).await.unwrap();
    run.workspace.write(&key, whole.slice(..whole.len() - 1)).await.unwrap();
    let (third, manifest, run) = publish_with(12).await;
    assert_eq!((third.version, third.last), (Version(3), None));
    run.workspace
        .delete(&layout::audience_file(&manifest.audience, manifest.version, "profile.json").unwrap())
        .await
        .unwrap();
    assert_eq!(publish_with(13).await.0.last, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn audiences_of_few_or_nobody_are_described_without_telling_of_them() {
    for (size, guards) in [(json!({"top": 2}), 1), (json!({"threshold": 1e9}), 0)] {
        let plant = Plant::new();
        let mut changes = audience(json!({"columns": ["city", "age"]}));
        changes["audiences"]["likely"]["size"] = size;
        changes["audiences"]["likely"]["guards"] = json!({"min_size": guards});
        let run = nightly(&plant, changes).await;
        score_all(&run).await.unwrap();
        published(&run).await;
        let profile = profile_of(&run).await;
        assert!(profile.columns.iter().all(|column| column.values.is_empty()), "{:?}", profile.columns);
        let manifest = manifest_of(&run).await;
        assert_well_formed(&String::from_utf8(bytes_of(&run, &manifest, DescriptionKind::Report).await).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_list_that_ranks_is_what_people_are_compared_with() {
    let plant = Plant::new();
    let mut changes = audience(json!({"columns": []}));
    changes["seed_lists"] = json!({"vips": {"seeds": {"table": "recent", "key": "id"}, "sample": 500}});
    changes["audiences"]["likely"]["rank_by"] = json!("vips");
    let run = nightly(&plant, changes).await;
    score_all(&run).await.unwrap();
    published(&run).await;
    let profile = profile_of(&run).await;
    let seeds = profile.seeds.expect("seeds");
    assert_eq!((seeds.table.as_str(), seeds.population), ("recent", 400));
    assert_eq!(profile.reach.last().and_then(|point| point.seeds), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_cannot_be_told_are_refused_by_name_before_anything_is_scored() {
    let refused = async |profile: Value| {
        let plant = Plant::new();
        let run = nightly(&plant, audience(profile)).await;
        plan_now(&run).await.unwrap_err().to_string()
    };
    let error = refused(json!({"columns": ["City"]})).await;
    assert!(error.contains("no column `City`") && error.contains("did you mean `city`?"), "{error}");
    let error = refused(json!({"columns": [], "seeds": {"table": "recent", "key": "buyer"}})).await;
    assert!(error.contains("buyer") && error.contains("recent"), "{error}");

    let plant = Plant::new();
    let model = plant.register().await;
    let rows = customers(0, 200);
    let mut lists = ListBuilder::new(StringBuilder::new());
    (0..200).for_each(|_| lists.append_value([Some("tea")]));
    let columns = rows.columns().iter().cloned().chain([Arc::new(lists.finish()) as ArrayRef]);
    let names = rows.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let names = names.into_iter().chain(["basket".to_owned()]);
    let rows = RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(name, column)| (name, column, true)));
    write_parquet(Path::new(&plant.path("population/part-0.parquet")), &rows.unwrap());
    let run = plant.run(&model.identity, audience(json!({"columns": ["basket"]}))).await;
    let error = plan_now(&run).await.unwrap_err().to_string();
    assert!(error.starts_with("audiences.likely.profile names column `basket`") && error.contains("List"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_nulls_of_one_value_and_of_very_many_are_told() {
    const ROWS: usize = 12_000;
    let plant = Plant::new();
    let model = plant.register().await;
    let rows = customers(0, ROWS);
    // Everybody of more than 6 orders has the same token, and everybody else one of their own.
    let orders = rows.column_by_name("orders").unwrap().clone();
    let orders = orders.as_primitive::<arrow::datatypes::Int64Type>();
    let token = |row: usize| if orders.value(row) > 6 { "often".to_owned() } else { format!("token {row}") };
    let more: [(&str, ArrayRef); 3] = [
        ("nothing", Arc::new(StringArray::from(vec![None::<&str>; ROWS]))),
        ("constant", Arc::new(Float64Array::from(vec![7.5; ROWS]))),
        ("token", Arc::new((0..ROWS).map(|row| Some(token(row))).collect::<StringArray>())),
    ];
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let all = names.into_iter().zip(rows.columns().iter().cloned());
    let all = all.chain(more.into_iter().map(|(name, column)| (name.to_owned(), column)));
    let rows = RecordBatch::try_from_iter_with_nullable(all.map(|(name, column)| (name, column, true))).unwrap();
    write_parquet(Path::new(&plant.path("population/part-0.parquet")), &rows);
    let mut changes = audience(json!({"columns": ["nothing", "constant", "token"]}));
    changes["audiences"]["likely"]["rank_by"] = json!("orders");
    let run = plant.run(&model.identity, changes).await;
    score_all(&run).await.unwrap();
    published(&run).await;
    let profile = profile_of(&run).await;
    let column = |name: &str| profile.columns.iter().find(|column| column.column.as_str() == name).unwrap();
    let only = |name: &str| {
        let [value] = &column(name).values[..] else { panic!("{:?}", column(name)) };
        close(value.audience.tgi, 100.0);
        (value.value.clone(), value.population)
    };
    assert_eq!(only("nothing"), ("(missing)".to_owned(), ROWS as u64));
    assert_eq!(only("constant"), ("7.5".to_owned(), ROWS as u64));
    let often = column("token").values.iter().find(|value| value.value == "often").expect("a frequent text is found");
    let expected = (0..ROWS).filter(|row| orders.value(*row) > 6).count() as u64;
    assert_eq!(often.population, expected, "counted exactly");
    assert!(column("token").surely_above.is_some_and(|above| above > 0 && above <= ROWS as u64 / 4097));
    assert!(column("token").values.iter().all(|value| value.audience.people >= 30));
    assert_eq!(profile.columns[0].column.as_str(), "token");
}

//! What audiences brought, against a count of everybody one by one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use artifacts::audience::{AudienceManifest, latest};
use artifacts::layout;
use futures::TryStreamExt;
use kindred_scorer::lift::figures::Warning;
use kindred_scorer::lift::statistics::{Count, Sample, difference, welch_p_value};
use kindred_scorer::lift::{Asked, AudienceLift, LiftAnswer, LiftRequest, OutcomeTable, lift};
use query::{Session, SessionOptions};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spec::{Document, SourceFile};

use crate::night::{Office, Person, people, publish_one, read_parquet, texts, tied_ranks};

const PEOPLE: usize = 3000;

/// What came of somebody: bought, spent, reached.
type Came = (bool, f64, bool);

fn came_of(key: usize) -> Vec<Came> {
    let mixed = (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    match mixed % 5 {
        0 => vec![(true, (mixed % 40) as f64 + 0.25, true), (true, 3.5, false)],
        1 => vec![(false, 0.0, true)],
        2 if mixed.is_multiple_of(2) => vec![(true, 1.0, false)],
        _ => Vec::new(),
    }
}

/// A row an event, of everybody and of some whom nobody knows; `id` makes the id of a key.
fn outcomes(office: &Office, name: &str, column: &str, id: impl Fn(usize) -> String) -> String {
    let mut text = format!("{column},bought,spent,seen\n");
    for key in 0..PEOPLE + 50 {
        for (bought, spent, seen) in came_of(key) {
            writeln!(text, "{},{bought},{spent},{seen}", id(key)).unwrap();
        }
    }
    writeln!(text, ",true,5,true").unwrap();
    let path = office.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn request(office: &Office, url: &str, changes: Value) -> LiftRequest {
    let mut request = json!({
        "workspace": office.workspace.url(),
        "audiences": [{"audience": "buyers", "version": null, "cost": null}],
        "outcomes": {"url": url, "key": "customer_id", "id": null, "converted": "bought", "value": "spent",
                     "exposed": "seen"},
        "confidence": 0.95,
    });
    for (field, value) in changes.as_object().unwrap() {
        match request.pointer_mut(field) {
            Some(place) => *place = value.clone(),
            None => panic!("no {field}"),
        }
    }
    serde_json::from_value(request).unwrap()
}

async fn measured(request: LiftRequest) -> Vec<AudienceLift> {
    match lift(request).await.unwrap() {
        LiftAnswer::Lift(lifts) => lifts,
        LiftAnswer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

async fn refused(request: LiftRequest) -> String {
    match lift(request).await.unwrap() {
        LiftAnswer::Refused(refusal) => refusal.message,
        LiftAnswer::Lift(lifts) => panic!("{lifts:?}"),
    }
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Publishes an audience of half the people in two tiers, a tenth of each held out.
async fn published(office: &Office, night: &str, changes: Value) -> AudienceManifest {
    let everybody = people(tied_ranks(PEOPLE));
    publish(office, night, &everybody, changes).await
}

async fn publish(office: &Office, night: &str, everybody: &[Person], changes: Value) -> AudienceManifest {
    let mut audience = json!({
        "size": {"top": PEOPLE / 2},
        "tiers": {"high": 0.2, "low": "rest"},
        "holdout": {"share": 0.1, "salt": "spring"},
    });
    for (field, value) in changes.as_object().unwrap() {
        audience[field] = value.clone();
    }
    let run = office.scored(night, everybody, 700, json!({"buyers": audience})).await;
    assert!(publish_one(&run).await.held_back.is_empty());
    latest(&office.workspace, &"buyers".parse().unwrap()).await.unwrap().unwrap().manifest
}

/// Keys by tier and group, read from the package's files.
async fn members(office: &Office, manifest: &AudienceManifest) -> BTreeMap<(String, bool), Vec<usize>> {
    let keys: BTreeMap<String, usize> = (0..PEOPLE).map(|key| (sha256_hex(&format!("c{key}")), key)).collect();
    let folder = layout::audience_version(&manifest.audience, manifest.version);
    let mut members: BTreeMap<(String, bool), Vec<usize>> = BTreeMap::new();
    for file in &manifest.files {
        let url = office.workspace.url_of(&folder.below(&file.path).unwrap());
        let batch = read_parquet(&office.workspace, &url, file.bytes).await;
        let ids = texts(&batch, "sha256_customer_id").into_iter().flatten().map(|id| keys[&id]);
        members.entry((file.tier.to_string(), file.holdout)).or_default().extend(ids);
    }
    members
}

/// People, people who bought, people reached, what each of them spent.
fn counted(keys: &[usize]) -> (u64, u64, u64, Vec<f64>) {
    let of = |wanted: fn(&Came) -> bool| keys.iter().filter(|key| came_of(**key).iter().any(wanted)).count() as u64;
    let spent = keys.iter().map(|key| came_of(*key).iter().map(|came| came.1).sum()).collect();
    (keys.len() as u64, of(|came| came.0), of(|came| came.2), spent)
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_those_of_counting_everybody_one_by_one() {
    let office = Office::new();
    let manifest = published(&office, "one", json!({})).await;
    let url = outcomes(&office, "outcomes.csv", "customer_id", |key| format!("c{key}"));
    let found = measured(request(&office, &url, json!({}))).await.remove(0);
    let members = members(&office, &manifest).await;
    let all = |holdout: bool| -> Vec<usize> {
        let of = members.iter().filter(|((_, held), _)| *held == holdout);
        of.flat_map(|(_, keys)| keys.clone()).collect()
    };
    let tiers = ["high", "low"].map(|tier| {
        let of = |holdout| members[&(tier.to_owned(), holdout)].clone();
        (of(false), of(true))
    });
    let figures = found.tiers.iter().map(|tier| &tier.figures).chain([&found.overall]);
    for (figures, (treated, holdout)) in figures.zip(tiers.into_iter().chain([(all(false), all(true))])) {
        for (arm, keys) in [(&figures.treated, &treated), (&figures.holdout, &holdout)] {
            let (people, bought, reached, spent) = counted(keys);
            assert_eq!((arm.people, arm.converted, arm.exposed, arm.without_id), (people, bought, Some(reached), 0));
            assert!((arm.value.unwrap() - spent.iter().sum::<f64>()).abs() < 1e-9);
        }
        let count = |keys: &[usize]| Count { people: counted(keys).0, converted: counted(keys).1 };
        let conversions = figures.conversions.unwrap();
        assert_eq!(Some(conversions.absolute), difference(count(&treated), count(&holdout), 0.95));
        let incremental = conversions.absolute.estimate * treated.len() as f64;
        assert!((conversions.incremental.estimate - incremental).abs() < 1e-9);
        let sample = |keys: &[usize]| Sample::of(&counted(keys).3, keys.len() as u64);
        let p_value = welch_p_value(&sample(&treated), &sample(&holdout)).unwrap();
        assert!((figures.value.unwrap().p_value - p_value).abs() < 1e-9);
    }
    let ids = (0..PEOPLE + 50).filter(|key| !came_of(*key).is_empty()).count() as u64;
    let matched = members.values().flatten().filter(|key| !came_of(**key).is_empty()).count() as u64;
    let outcomes = found.outcomes;
    assert_eq!((outcomes.ids, outcomes.matched, outcomes.unmatched), (ids, matched, ids - matched));
    assert_eq!((outcomes.without_id, outcomes.shared), (1, 0));
    assert_eq!(found.warnings, [Warning::HoldoutExposed]);
    assert!((found.sample_ratio.found - 0.1).abs() < 1e-3 && found.sample_ratio.p_value.unwrap() > 0.9);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_ids_and_other_formats_tell_the_same() {
    let office = Office::new();
    published(&office, "one", json!({})).await;
    let raw = outcomes(&office, "raw.csv", "customer_id", |key| format!("c{key}"));
    let expected = measured(request(&office, &raw, json!({}))).await.remove(0);
    let hashed = outcomes(&office, "hashed.csv", "sha256_customer_id", |key| sha256_hex(&format!("c{key}")));
    let by_id = json!({"/outcomes/key": null, "/outcomes/id": "sha256_customer_id"});
    let found = measured(request(&office, &hashed, by_id)).await.remove(0);
    assert_eq!((&found.overall, &found.tiers), (&expected.overall, &expected.tiers));

    let format = json!({"format": {"kind": "csv", "compression": "gzip", "rows_per_file": 200},
                        "ids": [{"column": "email", "normalize": "email"}]});
    published(&office, "two", format).await;
    let emails = outcomes(&office, "emails.csv", "email", |key| format!(" C{key}@Example.com"));
    let found = measured(request(&office, &emails, json!({"/outcomes/key": "email"}))).await.remove(0);
    assert_eq!((found.id.as_str(), found.version.0), ("sha256_email", 2));
    for (found, expected) in found.tiers.iter().zip(&expected.tiers) {
        let (found, expected) = (&found.figures, &expected.figures);
        assert_eq!((&found.treated, &found.holdout), (&expected.treated, &expected.holdout));
        assert_eq!(found.conversions, expected.conversions);
        // Values are added up in the order of other ids.
        assert!((found.value.unwrap().p_value - expected.value.unwrap().p_value).abs() < 1e-9);
    }
    let first = measured(request(&office, &raw, json!({"/audiences/0/version": 1}))).await.remove(0);
    assert_eq!(first, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_both_groups_with_one_id_are_left_out() {
    let office = Office::new();
    let mut everybody = people(tied_ranks(PEOPLE));
    let ids = json!({"ids": [{"column": "email", "normalize": "email"}]});
    for (number, person) in everybody.iter_mut().enumerate() {
        person.email = (!number.is_multiple_of(11)).then(|| format!("family-{}@example.com", number / 2));
    }
    let manifest = publish(&office, "one", &everybody, ids).await;
    let url = outcomes(&office, "families.csv", "email", |key| format!("family-{}@example.com", key / 2));
    let found = measured(request(&office, &url, json!({"/outcomes/key": "email"}))).await.remove(0);
    assert!(found.warnings.contains(&Warning::SharedIds), "{:?}", found.warnings);
    let without: u64 = found.overall.treated.without_id + found.overall.holdout.without_id;
    assert_eq!(without, manifest.missing_ids["sha256_email"]);
    let counted = found.overall.treated.people + found.overall.holdout.people + without;
    assert!(counted < manifest.selected, "{counted}");
    assert!(found.outcomes.shared > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_adjusts_p_values_and_says_what_was_paid() {
    let office = Office::new();
    published(&office, "one", json!({})).await;
    published(&office, "two", json!({"size": {"top": 600}})).await;
    let url = outcomes(&office, "outcomes.csv", "customer_id", |key| format!("c{key}"));
    let version = |number: u64, cost: Value| json!({"audience": "buyers", "version": number, "cost": cost});
    let both = json!([version(1, Value::Null), version(2, json!(540.0))]);
    let found = measured(request(&office, &url, json!({"/audiences": both}))).await;
    let p = |at: usize| found[at].overall.conversions.unwrap().p_value;
    let smaller = p(0).min(p(1));
    let adjusted: Vec<f64> = found.iter().map(|lift| lift.reviewed.p_value_of_all.unwrap()).collect();
    assert!((adjusted[0].min(adjusted[1]) - (2.0 * smaller).min(1.0)).abs() < 1e-12);
    assert_eq!(found[0].reviewed.costs, None);
    let costs = found[1].reviewed.costs.unwrap();
    let overall = &found[1].overall;
    assert_eq!((overall.treated.people, costs.per_contact), (540, Some(1.0)));
    assert_eq!(costs.per_conversion, Some(540.0 / overall.treated.converted as f64));
    assert_eq!(costs.return_on_spend, Some(overall.treated.value.unwrap() / 540.0));
    assert_eq!(costs.incremental_return_on_spend, Some(overall.value.unwrap().incremental.estimate / 540.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_makes_no_sense_is_refused_with_what_to_do() {
    let office = Office::new();
    let url = outcomes(&office, "outcomes.csv", "customer_id", |key| format!("c{key}"));
    let ask = |changes: Value| request(&office, &url, changes);
    assert!(refused(ask(json!({}))).await.contains("`buyers` is published; there are none"));
    published(&office, "one", json!({})).await;
    let cases = [
        (json!({"/audiences/0/audience": "byers"}), "there are: buyers"),
        (json!({"/audiences/0/version": 9}), "no published version 9; there are: 1"),
        (json!({"/outcomes/id": "md5_email"}), "publishes no id `md5_email`; there are: sha256_customer_id"),
        (json!({"/outcomes/key": "customer"}), "`customer`"),
        (json!({"/outcomes/key": null}), "`--key`"),
        (json!({"/outcomes/value": "customer_id"}), "column `customer_id` of the outcomes is Utf8"),
        (json!({"/outcomes/converted": null, "/outcomes/value": null}), "`--converted` or `--value`"),
        (json!({"/outcomes/url": "/nowhere/at/all.csv"}), "`outcomes`"),
    ];
    for (changes, words) in cases {
        let message = refused(ask(changes.clone())).await;
        assert!(message.contains(words), "{changes}: {message}");
    }
    published(&office, "two", json!({"holdout": null})).await;
    assert!(refused(ask(json!({}))).await.contains("holdout: {share: 0.1, salt: spring}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_become_labels_and_seeds_as_the_example_says() {
    let office = Office::new();
    let manifest = published(&office, "one", json!({})).await;
    let outcomes = outcomes(&office, "outcomes.csv", "customer_id", |key| format!("c{key}"));
    let customers = office.folder.path().join("customers.csv");
    let rows = (0..PEOPLE).map(|key| format!("c{key},Zug,{},{}\n", key % 70, key % 9)).collect::<String>();
    std::fs::write(&customers, format!("customer_id,city,age,orders\n{rows}")).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/outcomes.yaml");
    let package = office.workspace.url_of_folder(&layout::audience_version(&manifest.audience, manifest.version));
    let set = [("package", package), ("customers", customers.to_str().unwrap().to_owned()), ("outcomes", outcomes)];
    let settings = spec::Settings {
        set: set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        run_date: "2026-03-01".parse().unwrap(),
    };
    let text = std::fs::read_to_string(path).unwrap();
    let documents = spec::parse(&[SourceFile { name: path.to_owned(), text }], &settings).unwrap();
    let Document::Training(training) = &documents[0] else { panic!("no training") };
    assert!(training.spec.features.keys().all(|name| name.as_str() != "held_out"));

    let options =
        SessionOptions { memory_bytes: 1 << 28, spill_folder: office.folder.path().join("spill"), threads: 1 };
    let mut session = Session::new(options).unwrap();
    for (name, source) in &training.spec.tables {
        session.add_table(name, source).await.unwrap();
    }
    for (index, step) in training.spec.prepare.iter().enumerate() {
        session.add_view(index, step).await.unwrap();
    }
    let members = members(&office, &manifest).await;
    let examples = "SELECT count(*) AS people, sum(CAST(held_out AS INT)) AS held, sum(CAST(responded AS INT)) AS bought, \
                    sum(spent) AS spent FROM examples";
    let mut found = numbers_of(&session, examples).await;
    found.extend(numbers_of(&session, "SELECT count(*) AS seeds FROM responders").await);
    let everybody: Vec<usize> = members.values().flatten().copied().collect();
    let addressed: Vec<usize> =
        members.iter().filter(|((_, held), _)| !held).flat_map(|(_, keys)| keys.clone()).collect();
    let (people, bought, _, spent) = counted(&everybody);
    let held = people as usize - addressed.len();
    let expected = [people as f64, held as f64, bought as f64, spent.iter().sum(), counted(&addressed).1 as f64];
    assert_eq!(found, expected);
}

/// The first row of a query, as numbers.
async fn numbers_of(session: &Session, sql: &str) -> Vec<f64> {
    let batches: Vec<_> = session.stream(sql).await.unwrap().try_collect().await.unwrap();
    let first = |column: &ArrayRef| cast(column, &DataType::Float64).unwrap().as_primitive::<Float64Type>().value(0);
    batches[0].columns().iter().map(first).collect()
}

#[test]
fn a_question_reads_back_as_it_was_written() {
    let asked = Asked { audience: "buyers".parse().unwrap(), version: None, cost: Some(1.5) };
    let outcomes = OutcomeTable {
        url: "o.csv".to_owned(),
        key: Some("id".parse().unwrap()),
        id: None,
        converted: None,
        value: None,
        exposed: None,
    };
    let request = LiftRequest { workspace: "w".to_owned(), audiences: vec![asked], outcomes, confidence: 0.9 };
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<LiftRequest>(&text).unwrap(), request);
}

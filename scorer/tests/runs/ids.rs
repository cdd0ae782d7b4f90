//! Published ids on real files: secret keys, lists, rows for each id, JSON lines; judged by Python's hashlib and hmac.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, RecordBatch, StringArray, StringBuilder};
use artifacts::audience::{AudienceManifest, latest};
use kindred_scorer::ScorerError;
use kindred_scorer::publish::publish;
use kindred_scorer::run::Run;
use serde_json::{Value, json};
use worker::{Cancel, FailureClass, Progress};

use crate::judged::peers;
use crate::plant::{Plant, customers, plan_now, score_all, write_parquet};

const KEY: &str = "correct horse battery staple, 32+";

/// Customers with telephone numbers as people write them, and up to three emails each.
fn reachable(first: usize, rows: usize) -> RecordBatch {
    let numbers = first..first + rows;
    let phone = |number: usize| match number % 5 {
        0 => None,
        1 => Some(format!("0151 {:08}", 10_000_000 + number)),
        2 => Some(format!("+49 (0)151/{:08}", 10_000_000 + number)),
        3 => Some(format!("0044 7700 9{:05}", number)),
        _ => Some("on request".to_owned()),
    };
    let mut emails = ListBuilder::new(StringBuilder::new());
    for number in numbers.clone() {
        let name = format!("C{number}@Example.com");
        match number % 4 {
            0 => emails.append_null(),
            1 => emails.append_value([Some(name)]),
            2 => emails.append_value([
                Some(name.clone()),
                None,
                Some(format!(" {} ", name.to_lowercase())),
                Some(format!("x{name}")),
            ]),
            _ => emails.append_value([Some("  ".to_owned()), None]),
        }
    }
    let rows = customers(first, rows);
    let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let phones: ArrayRef = Arc::new(numbers.map(phone).collect::<StringArray>());
    let more: [(String, ArrayRef); 2] =
        [("phone".to_owned(), phones), ("emails".to_owned(), Arc::new(emails.finish()))];
    let columns = names.into_iter().zip(rows.columns().to_vec()).chain(more);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

async fn run(plant: &Plant, audiences: Value) -> Run {
    let model = plant.register().await;
    for file in 0..2 {
        let path = plant.path(&format!("population/part-{file}.parquet"));
        write_parquet(Path::new(&path), &reachable(file * 1100, 1100));
    }
    plant.run(&model.identity, json!({"audiences": audiences})).await
}

fn audiences(plant: &Plant) -> Value {
    let key = json!({"file": plant.path("key")});
    let audience = |ids: Value, format: Value| {
        json!({
            "rank_by": "spend",
            "size": {"share": 0.5},
            "tiers": {"high": 0.3, "low": "rest"},
            "holdout": {"share": 0.1, "salt": "spring"},
            "ids": ids,
            "format": format,
        })
    };
    json!({
        "partner": audience(
            json!([
                {"column": "emails", "normalize": "email", "hash": "hmac_sha256", "key": key, "as": "partner_ids"},
                {"column": "phone", "normalize": "e164", "country": "DE", "hash": "none"},
                {"column": "customer_id", "hash": "hmac_sha256", "key": key},
            ]),
            json!({"kind": "jsonl", "compression": "gzip"}),
        ),
        "search": audience(
            json!([
                {"column": "emails", "normalize": "email", "explode": true, "as": "hashed_email"},
                {"column": "phone", "normalize": "e164_digits", "country": "DE", "as": "hashed_phone"},
                {"column": "customer_id", "hash": "none"},
            ]),
            json!({"kind": "csv", "compression": "none", "rows_per_file": 200}),
        ),
        "lists": audience(
            json!([{"column": "emails", "normalize": "email", "hash": "none"}, {"column": "customer_id", "hash": "none"}]),
            json!({"kind": "parquet"}),
        ),
    })
}

async fn manifest_of(run: &Run, audience: &str) -> AudienceManifest {
    latest(&run.workspace, &audience.parse().unwrap()).await.unwrap().expect("published").manifest
}

/// Every file below a folder holds none of these bytes.
fn assert_nowhere(folder: &Path, secret: &[u8]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path, secret);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn published_ids_are_those_that_python_makes_of_the_same_rows() {
    let plant = Plant::new();
    std::fs::write(plant.path("key"), format!("{KEY}\n")).unwrap();
    let run = run(&plant, audiences(&plant)).await;
    score_all(&run).await.unwrap();
    let outcome = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
    assert!(outcome.audiences.iter().all(|audience| audience.published), "{outcome:?}");

    let (partner, search, lists) =
        (manifest_of(&run, "partner").await, manifest_of(&run, "search").await, manifest_of(&run, "lists").await);
    assert_eq!(partner.id_keys.keys().collect::<Vec<_>>(), ["partner_ids", "hmac_sha256_customer_id"]);
    assert_eq!(partner.id_keys[0], partner.id_keys[1]);
    assert_eq!(partner.invalid_ids.keys().collect::<Vec<_>>(), ["phone"]);
    assert!(partner.rows.is_empty() && lists.rows.is_empty() && lists.invalid_ids.is_empty());
    assert_eq!((&partner.tiers, &search.tiers), (&lists.tiers, &lists.tiers), "people, whatever rows they have");
    for (tier, rows) in &search.rows {
        let people = &search.tiers[tier];
        assert!(rows.people > people.people && rows.holdout >= people.holdout, "{rows:?} {people:?}");
    }
    assert_nowhere(&plant.folder.path().join("workspace"), KEY.as_bytes());

    let Some(peers) = peers() else {
        eprintln!("skipped: .setup/peers is missing; run `python3 scripts/setup.py peers`");
        return;
    };
    let judged = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge_ids.py"))
        .args([plant.path("workspace"), plant.path("population"), plant.path("key")])
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let (told, complaint) = (String::from_utf8_lossy(&judged.stdout), String::from_utf8_lossy(&judged.stderr));
    assert!(judged.status.success(), "{complaint}");
    assert_eq!(told.trim(), "judged 1100 people in each of 3 audiences");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_or_changes_on_the_way_stops_the_run() {
    let plant = Plant::new();
    let run = run(&plant, audiences(&plant)).await;
    let missing = plan_now(&run).await.unwrap_err();
    assert!(matches!(missing, ScorerError::Secret(_)), "{missing}");
    assert_eq!(missing.class(), FailureClass::Environment);
    let plan = artifacts::runs::read_plan(&run.workspace, &run.id).await.unwrap();
    assert_eq!(plan, None, "nothing was planned");

    std::fs::write(plant.path("key"), KEY).unwrap();
    score_all(&run).await.unwrap();
    std::fs::write(plant.path("key"), KEY.to_uppercase()).unwrap();
    let changed = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap_err();
    assert!(matches!(changed, ScorerError::SecretChanged { .. }), "{changed}");
    let told = changed.to_string();
    assert!(told.contains("put the old key back") && !told.to_lowercase().contains("horse"), "{told}");

    std::fs::write(plant.path("key"), KEY).unwrap();
    publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_single_ids_are_told_apart_before_anything_is_scored() {
    for (id, kind, words) in [
        (
            json!({"column": "emails"}),
            "csv",
            "column `emails` is a list, which CSV has no form for: add `explode: true`",
        ),
        (
            json!({"column": "email", "explode": true}),
            "parquet",
            "`explode` gives a row for each id of a list, and column `email` is Utf8",
        ),
    ] {
        let plant = Plant::new();
        let audience = json!({"all": {"rank_by": "spend", "size": {"top": 5}, "ids": [id], "format": {"kind": kind}}});
        let error = plan_now(&run(&plant, audience).await).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.class(), FailureClass::Input);
    }
}

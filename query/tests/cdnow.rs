//! The demo's SQL on the real purchases: figures worked out by hand, by an independent program, and without the future.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches;
use artifacts::{Attempt, Workspace};
use futures::TryStreamExt;
use kindred_query::{PrepareTarget, Session, SessionOptions};
use spec::{Document, PrepareStep, Settings, SourceFile, TableName, TableSource, parse};
use tempfile::TempDir;

fn clone_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn purchases() -> PathBuf {
    let path = clone_folder().join(".setup/cdnow/CDNOW_master.txt");
    assert!(path.exists(), "{} is missing: run `python3 scripts/setup.py demo`", path.display());
    path
}

/// The tables and steps of the demo's Training and Scoring documents.
fn documents() -> [(BTreeMap<TableName, TableSource>, Vec<PrepareStep>); 2] {
    let path = clone_folder().join("examples/cdnow/kindred.yaml");
    let file = SourceFile { name: "kindred.yaml".to_owned(), text: std::fs::read_to_string(path).unwrap() };
    let settings = Settings { set: BTreeMap::new(), run_date: "1998-07-01".parse().unwrap() };
    let parsed = parse(&[file], &settings).unwrap_or_else(|problems| panic!("{problems}"));
    let [Document::Training(training), Document::Scoring(scoring)] = <[Document; 2]>::try_from(parsed).unwrap() else {
        panic!("a Training and a Scoring document are expected")
    };
    [(training.spec.tables, training.spec.prepare), (scoring.spec.tables, scoring.spec.prepare)]
}

/// A session with everything that a document prepares, from the purchases in `file`.
async fn prepared(folder: &TempDir, document: usize, file: &Path) -> Session {
    let (tables, steps) = documents()[document].clone();
    let options = SessionOptions { memory_bytes: 1 << 30, spill_folder: folder.path().join("spill"), threads: 2 };
    let mut session = Session::new(options).unwrap();
    for (name, mut source) in tables {
        source.url = file.to_str().unwrap().to_owned();
        session.add_table(&name, &source).await.unwrap();
    }
    let workspace = Workspace::open(folder.path().join("workspace").to_str().unwrap()).unwrap();
    let run = format!("cdnow-{document}").parse().unwrap();
    let attempt = Attempt::new();
    let target = PrepareTarget { workspace: &workspace, run: &run, attempt: &attempt, progress: &|_, _| {} };
    session.prepare_all(&steps, &target).await.unwrap();
    session
}

async fn batches(session: &Session, sql: &str) -> Vec<RecordBatch> {
    session.stream(sql).await.unwrap().try_collect().await.unwrap()
}

/// The one row of a query, by column.
async fn row(session: &Session, sql: &str) -> BTreeMap<String, String> {
    let batches = batches(session, sql).await;
    let options = FormatOptions::default().with_null("null");
    let schema = batches[0].schema();
    let columns = schema.fields().iter().zip(batches[0].columns()).map(|(field, column)| {
        (field.name().clone(), ArrayFormatter::try_new(column, &options).unwrap().value(0).to_string())
    });
    columns.collect()
}

fn assert_row(found: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (column, value) in expected {
        let close = |found: &str| match (found.parse::<f64>(), value.parse::<f64>()) {
            (Ok(found), Ok(value)) => (found - value).abs() < 1e-6,
            _ => found == *value,
        };
        assert!(close(&found[*column]), "{column}: {} instead of {value}", found[*column]);
    }
}

#[tokio::test]
async fn features_and_labels_of_two_customers_are_those_worked_out_by_hand() {
    let folder = TempDir::new().unwrap();
    let session = prepared(&folder, 0, &purchases()).await;
    // 00004: 2 CDs on Jan 1 for 29.33, 2 on Jan 18 for 29.73, 1 on Aug 2 for 14.96; then 26.48 on Dec 12.
    let regular = row(&session, "SELECT * FROM examples WHERE customer_id = '00004'").await;
    assert_row(
        &regular,
        &[
            ("orders", "3"),
            ("baskets", "3"),
            ("cds", "5"),
            ("dollars", "74.02"),
            ("mean_order", "24.67333333"),
            ("largest_order", "29.73"),
            ("smallest_order", "14.96"),
            ("dollars_per_cd", "14.804"),
            ("first_order", "29.33"),
            ("first_order_cds", "2"),
            ("last_order", "14.96"),
            ("last_order_cds", "1"),
            ("recency_days", "60"),
            ("tenure_days", "273"),
            ("active_days", "213"),
            ("active_share", "0.78021978"),
            ("mean_gap_days", "106.5"),
            ("longest_gap_days", "196"),
            ("shortest_gap_days", "17"),
            ("gap_deviation", "89.5"),
            ("first_gap_days", "17"),
            ("last_gap_days", "196"),
            ("gaps_since_last", "0.56338028"),
            ("orders_a_month", "0.32967033"),
            ("orders_4_weeks", "0"),
            ("orders_13_weeks", "1"),
            ("orders_26_weeks", "1"),
            ("trend_13_weeks", "1"),
            ("dollars_13_weeks", "14.96"),
            ("dollars_26_weeks", "14.96"),
            ("weekend_share", "0.66666667"),
            ("last_to_mean", "0.60632262"),
            ("first_month", "1997-01"),
            ("months_since_orders", "[9, 8, 2]"),
            ("bought_again", "true"),
            ("spend_next_39_weeks", "26.48"),
        ],
    );
    // 00002: 1 CD for 12.00 and 5 for 77.00, both on Jan 12, and nothing ever again.
    let once = row(&session, "SELECT * FROM examples WHERE customer_id = '00002'").await;
    assert_row(
        &once,
        &[
            ("orders", "1"),
            ("baskets", "2"),
            ("cds", "6"),
            ("dollars", "89"),
            ("order_deviation", "0"),
            ("recency_days", "262"),
            ("active_share", "0"),
            ("mean_gap_days", "null"),
            ("gaps_since_last", "null"),
            ("months_since_orders", "[8]"),
            ("bought_again", "false"),
            ("spend_next_39_weeks", "0"),
        ],
    );
}

#[tokio::test]
async fn all_figures_are_those_of_an_independent_program() {
    let folder = TempDir::new().unwrap();
    let session = prepared(&folder, 0, &purchases()).await;
    let oracle = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cdnow_oracle.py"))
        .arg(purchases())
        .args(["1997-10-01", "1998-07-01"])
        .output()
        .unwrap();
    assert!(oracle.status.success(), "{}", String::from_utf8_lossy(&oracle.stderr));
    let expected: serde_json::Value = serde_json::from_slice(&oracle.stdout).unwrap();
    let value_of = |column: &str| match column {
        "bought_again" => "CAST(bought_again AS INT)".to_owned(),
        "january" => "CASE WHEN first_month = '1997-01' THEN 1 ELSE 0 END".to_owned(),
        other => other.to_owned(),
    };
    for (column, figures) in expected["figures"].as_object().unwrap() {
        let value = value_of(column);
        let sql = match column.as_str() {
            "months_since_orders" => "SELECT sum(m) AS s, (SELECT count(*) FROM examples) AS n FROM \
                                      (SELECT unnest(months_since_orders) AS m FROM examples)"
                .to_owned(),
            _ => format!("SELECT sum({value}) AS s, count({value}) AS n FROM examples"),
        };
        let found = row(&session, &sql).await;
        let (sum, expected_sum) = (found["s"].parse::<f64>().unwrap(), figures[0].as_f64().unwrap());
        assert!((sum - expected_sum).abs() <= 1e-9 * expected_sum.abs().max(1.0), "{column}: {sum} not {expected_sum}");
        assert_eq!(found["n"], figures[1].to_string(), "{column}");
    }
    let totals = row(&session, "SELECT count(*) AS n, sum(CAST(bought_again AS INT)) AS b FROM examples").await;
    assert_row(&totals, &[("n", "23570"), ("b", "7058")]);
    assert_eq!(row(&session, "SELECT count(*) AS n FROM purchases").await["n"], "69659");
    let best = row(&session, "SELECT array_agg(customer_id ORDER BY customer_id) AS best FROM best_customers").await;
    let expected: Vec<_> = expected["best"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(best["best"], format!("[{}]", expected.join(", ")));
}

#[tokio::test]
async fn features_do_not_change_when_the_future_is_taken_away() {
    let folder = TempDir::new().unwrap();
    let all = prepared(&folder, 0, &purchases()).await;
    let text = std::fs::read_to_string(purchases()).unwrap();
    let is_past = |line: &&str| line.split_whitespace().nth(1).is_some_and(|day| day == "date" || day < "19971001");
    let past: Vec<_> = text.lines().filter(is_past).collect();
    let path = folder.path().join("past.txt");
    std::fs::write(&path, past.join("\n")).unwrap();
    let other = TempDir::new().unwrap();
    let without = prepared(&other, 0, &path).await;
    let sql = "SELECT * FROM customers ORDER BY customer_id";
    let (with, without) = (batches(&all, sql).await, batches(&without, sql).await);
    assert_eq!(with.iter().map(RecordBatch::num_rows).sum::<usize>(), 23_570);
    assert!(pretty_format_batches(&with).unwrap().to_string() == pretty_format_batches(&without).unwrap().to_string());
}

#[tokio::test]
async fn scoring_prepares_the_same_columns_as_of_the_end_of_the_data() {
    let folder = TempDir::new().unwrap();
    let (training, scoring) = (prepared(&folder, 0, &purchases()).await, prepared(&folder, 1, &purchases()).await);
    let customers: TableName = "customers".parse().unwrap();
    assert_eq!(training.schema(&customers).unwrap(), scoring.schema(&customers).unwrap());
    let [(_, training_steps), (_, scoring_steps)] = documents();
    let shared = |steps: &[PrepareStep], day: &str| -> Vec<String> {
        steps[..4].iter().map(|step| step.sql.replace(day, "AS_OF")).collect()
    };
    assert_eq!(shared(&training_steps, "1997-10-01"), shared(&scoring_steps, "1998-07-01"));
    let totals = row(
        &scoring,
        "SELECT count(*) AS n, sum(orders) AS o, sum(baskets) AS b, sum(cds) AS c, \
                                round(sum(dollars), 2) AS d, min(recency_days) AS r FROM customers",
    )
    .await;
    assert_row(
        &totals,
        &[("n", "23570"), ("o", "67591"), ("b", "69659"), ("c", "167881"), ("d", "2500315.63"), ("r", "1")],
    );
    let best = "SELECT array_agg(customer_id ORDER BY customer_id) AS best FROM best_customers";
    assert_eq!(row(&training, best).await, row(&scoring, best).await);
    let rested = row(&scoring, "SELECT count(*) AS n FROM last_week_buyers").await["n"].parse::<u32>().unwrap();
    assert!((100..2000).contains(&rested), "{rested}");
}

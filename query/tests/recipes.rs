//! The recipes of `examples/recipes` on small tables whose results were worked out by hand (`recipes/*.cases`).
//!
//! A case has a title (`===`), parameters (`--- set`), tables in CSV (`--- table <name>`), and what queries over the
//! recipe's tables give, a line a row (`--- rows: <select list> FROM …`). Rows are in the order that the recipe says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use artifacts::{Attempt, Workspace};
use futures::TryStreamExt;
use kindred_query::{PrepareTarget, Session, SessionOptions};
use spec::{Preparation, Settings, SourceFile, preparations};
use tempfile::TempDir;

const RECIPES: [&str; 7] = ["rfm", "lifecycle", "four_a", "labels", "next_product", "related", "interest"];

fn clone_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One case of a recipe.
struct Case {
    title: String,
    set: BTreeMap<String, String>,
    /// CSV, by table.
    tables: Vec<(String, String)>,
    /// Select lists, each with its rows.
    expected: Vec<(String, Vec<String>)>,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut parts = text.split("\n--- ");
        let title = parts.next().unwrap().trim().to_owned();
        let mut case = Self { title, set: BTreeMap::new(), tables: Vec::new(), expected: Vec::new() };
        for part in parts {
            let (head, body) = part.split_once('\n').unwrap_or((part, ""));
            let lines = body.lines().map(str::to_owned);
            if head == "set" {
                case.set.extend(lines.map(|line| {
                    let (name, value) = line.split_once('=').unwrap();
                    (name.to_owned(), value.to_owned())
                }));
            } else if let Some(name) = head.strip_prefix("table ") {
                case.tables.push((name.to_owned(), format!("{body}\n")));
            } else {
                case.expected.push((head.strip_prefix("rows: ").unwrap().to_owned(), lines.collect()));
            }
        }
        case
    }
}

fn cases(recipe: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes").join(format!("{recipe}.cases"));
    let text = format!("\n{}", std::fs::read_to_string(path).unwrap());
    text.split("\n=== ").skip(1).map(|case| Case::read(case.trim_end())).collect()
}

/// A recipe with parameters put in.
fn recipe(name: &str, set: BTreeMap<String, String>) -> Preparation {
    let path = clone_folder().join(format!("examples/recipes/{name}.yaml"));
    let file = SourceFile { name: format!("{name}.yaml"), text: std::fs::read_to_string(path).unwrap() };
    let settings = Settings { set, run_date: "2026-03-31".parse().unwrap() };
    preparations(&[file], &settings).unwrap_or_else(|problems| panic!("{problems}")).remove(0)
}

/// A session with everything that a recipe makes of the tables.
async fn prepared(
    folder: &TempDir,
    name: &str,
    set: &BTreeMap<String, String>,
    tables: &[(String, String)],
) -> Session {
    let mut set = set.clone();
    for (table, csv) in tables {
        let path = folder.path().join(format!("{table}.csv"));
        std::fs::write(&path, csv).unwrap();
        set.insert(table.clone(), path.to_str().unwrap().to_owned());
    }
    let spec = recipe(name, set).spec;
    let options = SessionOptions { memory_bytes: 64 << 20, spill_folder: folder.path().join("spill"), threads: 1 };
    let mut session = Session::new(options).unwrap();
    for (table, source) in &spec.tables {
        session.add_table(table, source).await.unwrap();
    }
    let workspace = Workspace::open(folder.path().join("workspace").to_str().unwrap()).unwrap();
    let (run, attempt) = ("recipe".parse().unwrap(), Attempt::new());
    let target = PrepareTarget { workspace: &workspace, run: &run, attempt: &attempt, progress: &|_, _| {} };
    session.prepare_all(&spec.prepare, &target).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    session
}

async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches: Vec<RecordBatch> = session.stream(sql).await.unwrap().try_collect().await.unwrap();
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

#[tokio::test]
async fn recipes_give_the_rows_that_were_worked_out_by_hand() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for recipe in RECIPES {
        for case in cases(recipe) {
            let folder = TempDir::new().unwrap();
            let session = prepared(&folder, recipe, &case.set, &case.tables).await;
            for (select, expected) in &case.expected {
                let found = rows(&session, &format!("SELECT {select}")).await;
                compared += expected.len();
                if found != *expected {
                    wrong.push(format!("{recipe}: {}: {select}\n  {found:#?}\n  is not\n  {expected:#?}", case.title));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 70, "{compared} rows are all that the cases have");
}

#[tokio::test]
async fn every_recipe_has_a_case_without_rows_and_cases_on_both_sides_of_its_days() {
    let folder = std::fs::read_dir(clone_folder().join("examples/recipes")).unwrap();
    let mut shipped: Vec<_> = folder.map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned()).collect();
    shipped.sort();
    let mut tested = RECIPES;
    tested.sort_unstable();
    assert_eq!(shipped, tested, "each shipped recipe is tested");
    for recipe in RECIPES {
        let cases = cases(recipe);
        assert!(cases.len() > 1, "{recipe}");
        let is_empty = |case: &Case| case.tables.iter().all(|(_, csv)| csv.lines().count() == 1);
        assert!(cases.iter().any(is_empty), "{recipe}");
    }
}

/// A copy of a case's table without some rows.
fn without(tables: &[(String, String)], is_left_out: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let kept = |csv: &str| csv.lines().filter(|line| !is_left_out(line)).map(|line| format!("{line}\n")).collect();
    tables.iter().map(|(name, csv)| (name.clone(), kept(csv))).collect()
}

fn day_of(line: &str) -> &str {
    line.split(',').nth(1).unwrap()
}

#[tokio::test]
async fn what_is_known_at_a_cut_off_does_not_change_when_the_future_is_taken_away() {
    let cut_off = "2024-03-01";
    let known = [
        ("labels", "customer_id, recency_days, tenure_days, orders, spent FROM labels"),
        ("next_product", "customer_id, recency_days, distinct_products, last_product, products FROM next_products"),
    ];
    for (recipe, select) in known {
        let case = cases(recipe).remove(0);
        let past = without(&case.tables, |line| day_of(line) != "date" && day_of(line) >= cut_off);
        assert!(past[0].1.lines().count() < case.tables[0].1.lines().count(), "there is a future to take away");
        let (with, alone) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let with = prepared(&with, recipe, &case.set, &case.tables).await;
        let alone = prepared(&alone, recipe, &case.set, &past).await;
        let sql = format!("SELECT {select}");
        assert_eq!(rows(&with, &sql).await, rows(&alone, &sql).await, "{recipe}");
    }
}

#[tokio::test]
async fn nothing_of_today_or_later_is_looked_at() {
    for recipe in RECIPES {
        for case in cases(recipe).into_iter().filter(|case| case.set.contains_key("today")) {
            let today = case.set["today"].clone();
            let past = without(&case.tables, |line| day_of(line) != "date" && day_of(line) >= today.as_str());
            let (all, before) = (TempDir::new().unwrap(), TempDir::new().unwrap());
            let all = prepared(&all, recipe, &case.set, &case.tables).await;
            let before = prepared(&before, recipe, &case.set, &past).await;
            for (select, _) in &case.expected {
                let sql = format!("SELECT {select}");
                assert_eq!(rows(&all, &sql).await, rows(&before, &sql).await, "{recipe}: {}", case.title);
            }
        }
    }
}

#[tokio::test]
async fn the_order_of_the_rows_that_come_in_changes_nothing() {
    for recipe in RECIPES {
        for case in cases(recipe) {
            let backwards = |csv: &str| {
                let mut lines: Vec<&str> = csv.lines().collect();
                lines[1..].reverse();
                lines.join("\n") + "\n"
            };
            let turned: Vec<_> = case.tables.iter().map(|(name, csv)| (name.clone(), backwards(csv))).collect();
            let folder = TempDir::new().unwrap();
            let session = prepared(&folder, recipe, &case.set, &turned).await;
            for (select, expected) in &case.expected {
                assert_eq!(rows(&session, &format!("SELECT {select}")).await, *expected, "{recipe}: {}", case.title);
            }
        }
    }
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StringArray};
use arrow::datatypes::Int64Type;
use artifacts::FailureClass;
use serde_json::json;

use super::*;
use crate::RunError;
use crate::sandbox::{Sandbox, batch, chain, files_below, integers, lines, name, source, step};

const TRANSACTIONS: &str = "customer,amount,day\na,1.5,2024-01-01\nb,2.5,2024-01-03\na,3,2024-01-04\nc,,2024-02-01\n";

async fn with_transactions(sandbox: &Sandbox) -> Session {
    sandbox.write("t.csv", TRANSACTIONS);
    over_transactions(sandbox).await
}

async fn over_transactions(sandbox: &Sandbox) -> Session {
    let mut session = sandbox.session();
    session.add_table(&name("transactions"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
    session
}

#[tokio::test]
async fn steps_build_on_one_another_and_end_as_parquet_in_the_workspace() {
    let sandbox = Sandbox::new();
    let mut session = with_transactions(&sandbox).await;
    let steps = [
        step("sums", "SELECT customer, sum(amount) AS total, count(*) AS n FROM transactions GROUP BY customer"),
        step(
            "Best",
            "SELECT customer, total, substr(customer, 1, 1) AS initial FROM sums WHERE total > 2 ORDER BY total DESC",
        ),
    ];
    session.prepare_all(&steps, &sandbox.target()).await.unwrap();
    assert_eq!(lines(&session, "SELECT * FROM Best").await, ["a|4.5|a", "b|2.5|b"]);
    let files = session.parquet_files(&name("Best")).unwrap().unwrap();
    assert_eq!(files.len(), 1);
    assert!(files[0].url.contains("/runs/test-0123456789ab/tables/"), "{}", files[0].url);
    let types: Vec<_> =
        session.schema(&name("Best")).unwrap().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(types, ["Utf8", "Float64", "Utf8"]);
}

#[tokio::test]
async fn the_same_step_of_the_same_run_is_made_once() {
    let sandbox = Sandbox::new();
    let made = step("sums", "SELECT customer, sum(amount) AS total FROM transactions GROUP BY customer");
    let first = with_transactions(&sandbox).await.prepare(0, &made, &sandbox.target()).await.unwrap();
    let other = Sandbox::new();
    let target = PrepareTarget { attempt: &other.attempt, ..sandbox.target() };
    let again = with_transactions(&sandbox).await.prepare(0, &made, &target).await.unwrap();
    assert_eq!(again.files, first.files);
    assert_eq!((again.rows, again.schema), (3, first.schema));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_query_gives_the_same_bytes() {
    let run = async || {
        let sandbox = Sandbox::new();
        let amounts = |seed: i64| integers((0..60_000).map(move |n| (n * 7919 + seed) % 10_007));
        let parts =
            [batch(vec![("k", amounts(1)), ("v", amounts(2))]), batch(vec![("k", amounts(3)), ("v", amounts(4))])];
        sandbox.write_parquet("t/a.parquet", &parts[..1], 9000);
        sandbox.write_parquet("t/b.parquet", &parts[1..], 11_000);
        let mut session = sandbox.session();
        session.add_table(&name("t"), &source(json!({"url": sandbox.url("t")}))).await.unwrap();
        let sql = "SELECT t.k, sum(t.v * 0.1) AS s, count(*) AS n, max(u.v) AS m FROM t JOIN (SELECT k, v FROM t WHERE v < 50 \
                   UNION ALL SELECT k, v + 1 FROM t WHERE v > 9990) u ON t.k = u.k GROUP BY t.k";
        let table = session.prepare(0, &step("joined", sql), &sandbox.target()).await.unwrap();
        assert!(table.rows > 50, "{}", table.rows);
        let path = table.files[0].url.strip_prefix("file://").unwrap().to_owned();
        std::fs::read(path).unwrap()
    };
    let first = run().await;
    for _ in 0..3 {
        assert!(run().await == first);
    }
}

#[tokio::test]
async fn text_tables_are_materialized_and_parquet_tables_are_used_as_they_are() {
    let sandbox = Sandbox::new();
    let mut session = with_transactions(&sandbox).await;
    let table = session.materialize(&name("transactions"), &sandbox.target()).await.unwrap();
    assert_eq!(table.rows, 4);
    assert_eq!(session.parquet_files(&name("transactions")).unwrap().unwrap(), table.files);
    assert_eq!(lines(&session, "SELECT customer, amount, day FROM transactions LIMIT 1").await, ["a|1.5|2024-01-01"]);
    let again = session.materialize(&name("transactions"), &sandbox.target()).await.unwrap();
    assert_eq!(again.files, table.files);

    sandbox.write_parquet("p.parquet", &[batch(vec![("n", integers(0..5))])], 10);
    session.add_table(&name("p"), &source(json!({"url": sandbox.url("p.parquet")}))).await.unwrap();
    let table = session.materialize(&name("p"), &sandbox.target()).await.unwrap();
    assert_eq!(table.rows, 5);
    assert!(table.files[0].url.ends_with("/p.parquet"));
}

#[tokio::test]
async fn a_step_without_rows_is_a_table_without_rows() {
    let sandbox = Sandbox::new();
    let mut session = with_transactions(&sandbox).await;
    let made = step("none", "SELECT customer, amount FROM transactions WHERE amount > 100");
    let table = session.prepare(0, &made, &sandbox.target()).await.unwrap();
    assert_eq!((table.rows, table.files.len()), (0, 1));
    assert_eq!(lines(&session, "SELECT count(*), max(amount) FROM none").await, ["0|-"]);
}

#[tokio::test]
async fn results_that_cannot_be_stored_name_the_column() {
    let sandbox = Sandbox::new();
    let mut session = with_transactions(&sandbox).await;
    let cases = [
        ("SELECT customer, NULL AS x FROM transactions", "column `x` of the result is NULL without a type"),
        (
            "SELECT a.customer, b.customer FROM transactions a, transactions b",
            "column `customer` of the result is there twice",
        ),
        ("SELECT INTERVAL '1 day' AS d", "column `d` of the result is Interval(MonthDayNano), which cannot be stored"),
    ];
    for (sql, words) in cases {
        let error = chain(&session.prepare(1, &step("x", sql), &sandbox.target()).await.unwrap_err());
        assert!(error.starts_with("spec.prepare[1].sql (table `x`): ") && error.contains(words), "{error}");
    }
    let twice = session.prepare(1, &step("transactions", "SELECT 1 AS a"), &sandbox.target()).await.unwrap_err();
    assert!(chain(&twice).contains("table `transactions` is named twice"), "{}", chain(&twice));
}

#[tokio::test]
async fn a_step_that_fails_on_a_row_names_the_step_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let mut session = with_transactions(&sandbox).await;
    let made = step("x", "SELECT CAST(customer AS INT) AS n FROM transactions");
    let error = session.prepare(3, &made, &sandbox.target()).await.unwrap_err();
    let words = chain(&error);
    assert!(words.starts_with("spec.prepare[3].sql (table `x`) failed: a row cannot be computed"), "{words}");
    assert_eq!(error.class(), FailureClass::Input);
    assert_eq!(files_below(&sandbox.path("workspace")), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_damaged_file_under_a_step_is_named() {
    let sandbox = Sandbox::new();
    let path = sandbox.write_parquet("t.parquet", &[batch(vec![("n", integers(0..100_000))])], 10_000);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2000].fill(0xAB);
    std::fs::write(&path, bytes).unwrap();
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.parquet")}))).await.unwrap();
    let error = session.prepare(0, &step("x", "SELECT sum(n) AS s FROM t"), &sandbox.target()).await.unwrap_err();
    let words = chain(&error);
    assert!(words.starts_with("spec.prepare[0].sql (table `x`) failed: "), "{words}");
    assert!(words.contains("t.parquet: row group") && words.contains("the file is damaged"), "{words}");
}

#[tokio::test]
async fn parquet_files_that_disagree_are_both_named() {
    let sandbox = Sandbox::new();
    sandbox.write_parquet("t/a.parquet", &[batch(vec![("n", integers(0..3)), ("m", integers(0..3))])], 10);
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    sandbox.write_parquet("t/b.parquet", &[batch(vec![("n", texts), ("m", integers(0..1))])], 10);
    let declared = source(json!({"url": sandbox.url("t")}));
    let words = chain(&sandbox.session().add_table(&name("t"), &declared).await.unwrap_err());
    assert!(words.contains("column `n` is Int64 in") && words.contains("a.parquet but Utf8 in"), "{words}");
    sandbox.write_parquet("t/b.parquet", &[batch(vec![("n", integers(0..1))])], 10);
    let words = chain(&sandbox.session().add_table(&name("t"), &declared).await.unwrap_err());
    assert!(words.contains("b.parquet has no column `m`"), "{words}");
    sandbox.write_parquet("t/b.parquet", &[batch(vec![("m", integers(5..6)), ("n", integers(7..8))])], 10);
    let mut session = sandbox.session();
    session.add_table(&name("t"), &declared).await.unwrap();
    assert_eq!(lines(&session, "SELECT n, m FROM t").await, ["0|0", "1|1", "2|2", "7|5"]);
}

/// 400,000 rows of 100 bytes and more, in shuffled order.
fn wide_table(sandbox: &Sandbox) -> u64 {
    let rows = 400_000;
    let keys = || (0..rows).map(|n: i64| (n * 48_271) % rows);
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(keys().map(|n| format!("{n:0>100}"))));
    let amounts: ArrayRef = Arc::new(Float64Array::from_iter_values(keys().map(|n| n as f64)));
    let table = batch(vec![("k", integers(keys())), ("text", texts), ("amount", amounts)]);
    let bytes = table.get_array_memory_size() as u64;
    sandbox.write_parquet("wide.parquet", &[table], 50_000);
    bytes
}

async fn with_little_memory(sandbox: &Sandbox, bytes: u64) -> Session {
    let mut session = sandbox.session_with_memory(bytes);
    session.add_table(&name("wide"), &source(json!({"url": sandbox.url("wide.parquet")}))).await.unwrap();
    session
}

#[tokio::test]
async fn sorts_and_groups_several_times_larger_than_memory_spill_and_are_right() {
    let sandbox = Sandbox::new();
    let limit = 8 << 20;
    assert!(wide_table(&sandbox) > 5 * limit);
    let mut session = with_little_memory(&sandbox, limit).await;
    let runtime = Arc::clone(session.state().runtime_env());
    let spilled = AtomicU64::new(0);
    let watch = |_: &TableName, _: u64| {
        spilled.fetch_max(runtime.disk_manager.used_disk_space(), Ordering::Relaxed);
    };
    let target = PrepareTarget { progress: &watch, ..sandbox.target() };
    let sorted = step("sorted", "SELECT k, text, amount FROM wide ORDER BY k");
    let table = session.prepare(0, &sorted, &target).await.unwrap();
    assert_eq!(table.rows, 400_000);
    let ordered = "SELECT count(*) FROM (SELECT k, row_number() OVER () - 1 AS place FROM sorted) WHERE k <> place";
    assert_eq!(lines(&session, ordered).await, ["0"]);
    assert!(spilled.swap(0, Ordering::Relaxed) > 3 * limit, "the sort did not spill");

    let grouped = step("grouped", "SELECT text, sum(amount) AS s, count(*) AS n FROM wide GROUP BY text");
    let table = session.prepare(1, &grouped, &target).await.unwrap();
    assert_eq!(table.rows, 400_000);
    assert!(spilled.load(Ordering::Relaxed) > 3 * limit, "the groups did not spill");
    let sums = lines(&session, "SELECT sum(s), sum(n), count(DISTINCT s) FROM grouped").await;
    assert_eq!(sums, ["79999800000.0|400000|400000"]);
    assert_eq!(files_below(&sandbox.path("spill")), Vec::<std::path::PathBuf>::new(), "spilled rows are taken away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn spilling_changes_no_bytes_from_run_to_run() {
    let run = async || {
        let sandbox = Sandbox::new();
        wide_table(&sandbox);
        let mut session = with_little_memory(&sandbox, 8 << 20).await;
        let sql = "SELECT k % 1000 AS part, text, sum(amount * 0.1) AS s, row_number() OVER (ORDER BY k % 1000) AS place \
                   FROM wide GROUP BY k % 1000, text ORDER BY k % 1000";
        let table = session.prepare(0, &step("ties", sql), &sandbox.target()).await.unwrap();
        assert_eq!(table.rows, 400_000);
        std::fs::read(table.files[0].url.strip_prefix("file://").unwrap()).unwrap()
    };
    let first = run().await;
    for _ in 0..3 {
        assert!(run().await == first);
    }
}

#[tokio::test]
async fn of_two_that_make_a_step_at_once_one_wins_and_the_other_s_files_are_gone() {
    let sandbox = Sandbox::new();
    let made = step("sums", "SELECT customer, sum(amount) AS total FROM transactions GROUP BY customer");
    let (mut first, mut second) = (with_transactions(&sandbox).await, over_transactions(&sandbox).await);
    let other = Attempt::new();
    let target = PrepareTarget { attempt: &other, ..sandbox.target() };
    let (first_target, second_target) = (sandbox.target(), target);
    let (a, b) = tokio::join!(first.prepare(0, &made, &first_target), second.prepare(0, &made, &second_target));
    assert_eq!(a.unwrap().files, b.unwrap().files);
    let parquet = files_below(&sandbox.path("workspace"));
    let parquet: Vec<_> = parquet.iter().filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect();
    assert_eq!(parquet.len(), 1, "{parquet:?}");
}

#[tokio::test]
async fn a_prepared_file_that_was_cut_is_not_used() {
    let sandbox = Sandbox::new();
    let made = step("sums", "SELECT customer, sum(amount) AS total FROM transactions GROUP BY customer");
    let table = with_transactions(&sandbox).await.prepare(0, &made, &sandbox.target()).await.unwrap();
    let path = table.files[0].url.strip_prefix("file://").unwrap();
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 7]).unwrap();
    let error = with_transactions(&sandbox).await.prepare(0, &made, &sandbox.target()).await.unwrap_err();
    assert!(chain(&error).contains("bytes, and") && chain(&error).contains("were committed"), "{}", chain(&error));
}

#[tokio::test]
async fn a_table_of_two_thousand_columns_is_read_prepared_and_inspected() {
    let sandbox = Sandbox::new();
    let header: Vec<_> = (0..2000).map(|n| format!("Column {n}")).collect();
    let row: Vec<_> = (0..2000).map(|n| n.to_string()).collect();
    sandbox.write("wide.csv", format!("{}\n{}\n{}\n", header.join(","), row.join(","), row.join(",")));
    let mut session = sandbox.session();
    session.add_table(&name("wide"), &source(json!({"url": sandbox.url("wide.csv")}))).await.unwrap();
    let copied = step("copied", "SELECT *, \"Column 7\" + \"Column 1999\" AS both FROM wide");
    let table = session.prepare(0, &copied, &sandbox.target()).await.unwrap();
    assert_eq!((table.rows, table.schema.fields().len()), (2, 2001));
    assert_eq!(lines(&session, "SELECT both FROM copied LIMIT 1").await, ["2006"]);
    let summary = session.inspect(&name("copied"), &crate::InspectOptions::default()).await.unwrap().summary;
    assert!(summary.columns.iter().all(|column| column.is_constant));
}

#[tokio::test]
async fn a_step_that_cannot_do_with_the_memory_says_so() {
    let sandbox = Sandbox::new();
    wide_table(&sandbox);
    let mut session = with_little_memory(&sandbox, 8 << 20).await;
    let collected = step("all", "SELECT array_agg(text ORDER BY k) AS texts FROM wide");
    let error = session.prepare(4, &collected, &sandbox.target()).await.unwrap_err();
    let words = chain(&error);
    assert!(
        words.starts_with("spec.prepare[4].sql (table `all`) failed: it needs more memory than the 8388608 bytes"),
        "{words}"
    );
    assert!(matches!(error, QueryError::Run { source: RunError::Memory { .. }, .. }));
    assert_eq!(files_below(&sandbox.path("workspace")), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_join_larger_than_memory_is_made_by_sorting() {
    let sandbox = Sandbox::new();
    wide_table(&sandbox);
    let mut session = with_little_memory(&sandbox, 16 << 20).await;
    let sql = "SELECT a.k, b.amount FROM wide a JOIN wide b ON a.text = b.text";
    let hashed: Result<Vec<_>> = session.stream(sql).await.unwrap().try_collect().await;
    assert!(matches!(hashed, Err(QueryError::Run { source: RunError::Memory { .. }, .. })), "it fits as a hash join");
    let joined = step("joined", sql);
    let table = session.prepare(0, &joined, &sandbox.target()).await.unwrap();
    assert_eq!(table.rows, 400_000);
    assert_eq!(lines(&session, "SELECT count(*) FROM joined WHERE k <> amount").await, ["0"]);
}

#[tokio::test]
async fn projections_limits_and_counts_read_what_they_need() {
    let sandbox = Sandbox::new();
    let values = batch(vec![("a", integers(0..1000)), ("b", integers(1000..2000))]);
    sandbox.write_parquet("t.parquet", &[values], 100);
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.parquet")}))).await.unwrap();
    assert_eq!(lines(&session, "SELECT count(*) FROM t").await, ["1000"]);
    assert_eq!(lines(&session, "SELECT count(*) FROM t WHERE a >= 990").await, ["10"]);
    assert_eq!(lines(&session, "SELECT b, a FROM t LIMIT 2 OFFSET 150").await, ["1150|150", "1151|151"]);
    assert_eq!(lines(&session, "SELECT 1 AS one FROM t LIMIT 2").await, ["1", "1"]);
    let streamed: Vec<_> = session.stream("SELECT b FROM t").await.unwrap().try_collect().await.unwrap();
    assert!(streamed.iter().all(|batch| batch.num_columns() == 1));
    assert_eq!(streamed[0].column(0).as_primitive::<Int64Type>().value(0), 1000);
    assert_eq!(streamed.iter().map(|batch| batch.column(0).len()).sum::<usize>(), 1000);
}

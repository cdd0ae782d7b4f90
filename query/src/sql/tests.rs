use serde_json::json;

use crate::Session;
use crate::sandbox::{Sandbox, chain, lines, name, source, step};

async fn session(sandbox: &Sandbox) -> Session {
    sandbox.write("t.csv", "Customer,amount,day\na,1.5,2024-01-01\nb,2.5,2024-01-03\na,3,2024-01-04\n");
    let mut session = sandbox.session();
    session.add_table(&name("transactions"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
    session.add_table(&name("Odd-name"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
    session
}

async fn refused(session: &mut Session, sql: &str) -> String {
    chain(&session.add_view(2, &step("new", sql)).await.unwrap_err())
}

#[tokio::test]
async fn names_are_exact_with_capitals_and_without() {
    let sandbox = Sandbox::new();
    let session = session(&sandbox).await;
    let sql = "SELECT Customer, SUM(amount) AS Total FROM transactions GROUP BY Customer ORDER BY Total";
    assert_eq!(lines(&session, sql).await, ["b|2.5", "a|4.5"]);
    let sql = "SELECT \"Customer\" FROM \"Odd-name\" AS T WHERE T.amount > 2 ORDER BY T.amount";
    assert_eq!(lines(&session, sql).await, ["b", "a"]);
    assert_eq!(lines(&session, "SELECT max(day) - min(day) FROM transactions").await, ["3"]);
}

#[tokio::test]
async fn errors_name_the_step_the_line_the_column_and_what_is_meant() {
    let sandbox = Sandbox::new();
    let mut session = session(&sandbox).await;
    let cases = [
        (
            "SELECT customer\nFROM transactions",
            "spec.prepare[2].sql (table `new`), line 1, column 8: there is no column `customer`; did you mean `Customer`?",
        ),
        (
            "SELECT Customer,\n  t.amuont\nFROM transactions t",
            "spec.prepare[2].sql (table `new`), line 2, column 3: there is no column `t.amuont`; did you mean `amount`?",
        ),
        (
            "SELECT 1\nFROM transaction",
            "spec.prepare[2].sql (table `new`), line 2, column 6: there is no table `transaction`; did you mean `transactions`?",
        ),
        (
            "SELECT Customer FROM transactions WHERE amount > (SELECT avg(amount) FROM nowhere)",
            "spec.prepare[2].sql (table `new`), line 1, column 75: there is no table `nowhere`; there are `Odd-name`, `transactions`",
        ),
        (
            "SELECT sume(amount) FROM transactions",
            "spec.prepare[2].sql (table `new`), line 1, column 8: there is no function `sume`; did you mean `sum`?",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(refused(&mut session, sql).await, expected);
    }
    let garbled = refused(&mut session, "SELECT Customer\nFORM transactions").await;
    assert!(garbled.starts_with("spec.prepare[2].sql (table `new`), line 2, column "), "{garbled}");
    let ungrouped = refused(&mut session, "SELECT Customer, amount FROM transactions GROUP BY Customer").await;
    assert!(ungrouped.contains("amount") && ungrouped.contains("GROUP BY"), "{ungrouped}");
    let types = refused(&mut session, "SELECT day + Customer AS x FROM transactions").await;
    assert!(types.contains("spec.prepare[2].sql"), "{types}");
}

#[tokio::test]
async fn only_queries_over_the_tables_are_allowed() {
    let sandbox = Sandbox::new();
    let mut session = session(&sandbox).await;
    let statements = [
        ("CREATE TABLE x AS SELECT 1", "not CREATE"),
        ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", "not CREATE"),
        ("COPY transactions TO '/tmp/out.csv'", "not COPY"),
        ("INSERT INTO transactions VALUES (1)", "not INSERT"),
        ("DELETE FROM transactions", "not DELETE"),
        ("SET datafusion.execution.target_partitions = 8", "not SET"),
        ("DROP TABLE transactions", "not DROP"),
        ("EXPLAIN SELECT 1", "not EXPLAIN"),
        ("SHOW TABLES", "not SHOW"),
        ("SELECT 1; SELECT 2", "one query is expected"),
        ("", "there is no SQL here"),
        ("-- nothing\n;", "there is no SQL here"),
    ];
    for (sql, words) in statements {
        let error = refused(&mut session, sql).await;
        assert!(error.contains(words), "{sql}: {error}");
    }
    let reading = refused(&mut session, "SELECT * FROM '/etc/passwd'").await;
    assert!(reading.contains("there is no table `/etc/passwd`"), "{reading}");
    let into = refused(&mut session, "SELECT 1 AS a INTO other FROM transactions").await;
    assert!(into.starts_with("spec.prepare[2].sql"), "{into}");
    let catalog = refused(&mut session, "SELECT * FROM information_schema.tables").await;
    assert!(catalog.starts_with("spec.prepare[2].sql"), "{catalog}");
}

#[tokio::test]
async fn functions_that_change_from_run_to_run_are_refused_wherever_they_are() {
    let sandbox = Sandbox::new();
    let mut session = session(&sandbox).await;
    let cases = [
        ("SELECT now() AS t", "`now`"),
        ("SELECT current_date AS t", "`current_date`"),
        ("SELECT * FROM transactions ORDER BY random()", "`random`"),
        ("SELECT * FROM transactions WHERE amount > (SELECT random())", "`random`"),
        ("WITH x AS (SELECT uuid() AS u) SELECT * FROM x", "`uuid`"),
    ];
    for (sql, words) in cases {
        let error = refused(&mut session, sql).await;
        assert!(error.contains(words) && error.contains("gives another value in every run"), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_union_keeps_its_inputs_one_behind_the_other() {
    let sandbox = Sandbox::new();
    let rows = |from: u32| (from..from + 30_000).map(|n| format!("{n}\n")).collect::<String>();
    let mut session = sandbox.session();
    for (table, from) in [("a", 0), ("b", 30_000), ("c", 60_000)] {
        sandbox.write(&format!("{table}.csv"), format!("n\n{}", rows(from)));
        let declared = source(json!({"url": sandbox.url(&format!("{table}.csv"))}));
        session.add_table(&name(table), &declared).await.unwrap();
    }
    let union = "SELECT n FROM a UNION ALL SELECT n FROM b UNION ALL SELECT n FROM c";
    let expected: Vec<_> = (0..90_000).map(|n: u32| n.to_string()).collect();
    assert_eq!(lines(&session, union).await, expected);
    let counted = format!("SELECT count(*), count(DISTINCT n), first_value(n), last_value(n) FROM ({union})");
    assert_eq!(lines(&session, &counted).await, ["90000|90000|0|89999"]);
    let grouped = format!("SELECT n % 3 AS k, count(*) FROM ({union}) GROUP BY n % 3");
    assert_eq!(lines(&session, &grouped).await, ["0|30000", "1|30000", "2|30000"]);
    let limited = format!("SELECT n FROM ({union}) LIMIT 3 OFFSET 29999");
    assert_eq!(lines(&session, &limited).await, ["29999", "30000", "30001"]);
}

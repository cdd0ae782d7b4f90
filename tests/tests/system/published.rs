//! What is published is what it says it is: every file read and worked out again by DuckDB, from the raw tables.

use std::process::Command;

use kindred_tests::sandbox::{Sandbox, clone_folder};
use kindred_tests::tables::People;

use crate::documents::training;

/// Eight shards; tiers, holdouts, a predicate, exclusions, ids in three forms, ties at the cut, files of 100 rows, CSV.
const SCORING: &str = r#"apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: nightly}
spec:
  model: buyers@candidate
  tables: {people: {url: people}}
  prepare:
    - {name: best, sql: SELECT person FROM people WHERE spend > 150}
    - {name: blocked, sql: SELECT person FROM people WHERE person % 17 = 3}
  population: people
  key: person
  device: cpu
  shard_rows: 500
  resources: {processes: 2}
  audiences:
    likely-buyers:
      rank_by: repurchase * spend
      where: age >= 21 AND city IS NOT NULL
      exclude: [{table: best}, {table: blocked}]
      size: {top: 1000}
      tiers: {high: 0.2, mid: 0.3, low: rest}
      holdout: {share: 0.1, salt: spring}
      ids: [{column: email, normalize: email, as: hashed_email}, {column: person, hash: none}]
      format: {kind: parquet, rows_per_file: 100}
    by-income:
      rank_by: income
      exclude: [{table: blocked}]
      size: {share: 0.3}
      tiers: {first: 0.145, second: rest}
      holdout: {share: 0.25, salt: autumn}
      format: {kind: csv, compression: gzip}
    grown-up:
      rank_by: age
      size: {threshold: 40}
      holdout: {share: 0.1, salt: spring}
      ids:
        - {column: email, normalize: email, hash: md5, as: email}
        - {column: city, normalize: lower, as: place}
        - {column: person, as: sha256_person}
    nobody-held-out:
      rank_by: -best
      where: channel = 2
      size: {top: 100000}
"#;

#[test]
fn duckdb_works_out_every_published_file_from_the_raw_tables() {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", training("{kind: linear}"));
    sandbox.write("scoring.yaml", SCORING);
    sandbox.kindred(["run", "training.yaml", "scoring.yaml"]).expect(0);
    let read = Command::new("python3")
        .arg(clone_folder().join("tests/tests/system/published_oracle.py"))
        .args([sandbox.path("workspace"), sandbox.path("people")])
        .env("PYTHONPATH", clone_folder().join(".setup/peers"))
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let told = String::from_utf8_lossy(&read.stdout);
    assert_eq!(told.lines().count(), 4, "{told}");
}

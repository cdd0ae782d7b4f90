//! `kindred prepare`: recipes make tables in a folder, without a run and without a model.

use std::process::Command;

use kindred_tests::sandbox::{Sandbox, clone_folder};

const TRANSACTIONS: &str = "customer_id,date,amount\nann,2024-02-29,100\nbob,2024-01-01,40\nbob,2024-01-02,-5\n";

fn recipe(name: &str) -> String {
    clone_folder().join("examples/recipes").join(name).to_string_lossy().into_owned()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", TRANSACTIONS);
    sandbox
}

const SET: [&str; 4] = ["--set", "transactions=t.csv", "--set", "today=2024-03-01"];

#[test]
fn the_tables_of_a_recipe_are_written_to_a_folder_that_is_empty() {
    let sandbox = sandbox();
    let (rfm, output) = (recipe("rfm.yaml"), ["--output", "tables", "--format", "json"]);
    let arguments: Vec<&str> = ["prepare", &rfm].into_iter().chain(SET).chain(output).collect();
    let made = sandbox.kindred(&arguments).expect(0).json();
    let tables: Vec<_> = made["tables"].as_array().unwrap().iter().map(|table| &table["table"]).collect();
    assert_eq!(tables, ["purchases", "habits", "rfm", "cells"]);
    assert_eq!(made["tables"][2]["document"], "rfm");
    assert_eq!(made["tables"][2]["rows"], 2);
    let files = sandbox.files("tables");
    assert!(files.keys().all(|name| name.starts_with("rfm/") && name.ends_with(".parquet")), "{:?}", files.keys());

    let read = Command::new("python3")
        .args(["-c", "import duckdb, sys; print(duckdb.sql(f\"SELECT customer_id, cell FROM '{sys.argv[1]}/rfm/rfm/*.parquet'\").fetchall())"])
        .arg(sandbox.path("tables"))
        .env("PYTHONPATH", clone_folder().join(".setup/peers"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "[('ann', '313'), ('bob', '111')]");

    let again = sandbox.kindred(&arguments).expect(1);
    assert!(again.stderr.contains("tables/rfm/purchases holds `part-"), "{}", again.stderr);
    assert_eq!(sandbox.files("tables"), files, "nothing was touched");
    assert!(!sandbox.path("workspace").exists(), "there is no run");
}

#[test]
fn one_table_can_be_asked_for_and_a_step_that_fails_leaves_nothing() {
    let sandbox = sandbox();
    let rfm = recipe("rfm.yaml");
    let one: Vec<&str> = ["prepare", &rfm, "--output", "one", "--table", "cells"].into_iter().chain(SET).collect();
    sandbox.kindred(&one).expect(0);
    assert_eq!(sandbox.files("one").keys().collect::<Vec<_>>(), ["rfm/cells/part-00000000000000000000.parquet"]);

    let wrong: Vec<&str> = one.iter().map(|part| if *part == "cells" { "cels" } else { *part }).collect();
    let wrong = sandbox.kindred(&wrong).expect(2);
    assert!(wrong.stderr.contains("no step makes a table `cels` (did you mean `cells`?)"), "{}", wrong.stderr);

    let failing = ["--set", "amount=CAST(customer_id AS DOUBLE)", "--output", "failed"];
    let failing: Vec<&str> = ["prepare", &rfm].into_iter().chain(SET).chain(failing).collect();
    let failed = sandbox.kindred(&failing).expect(1);
    assert!(failed.stderr.contains("spec.prepare[0].sql (table `purchases`) failed"), "{}", failed.stderr);
    assert!(sandbox.files("failed").is_empty());

    let run = sandbox.kindred(["run", &rfm]).expect(2);
    assert!(run.stderr.contains("there is nothing to run in a Preparation document"), "{}", run.stderr);
}

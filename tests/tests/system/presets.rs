//! A preset from the transactions to the audience: what it fills is what is run, and `check` names what is amiss.

use std::collections::BTreeMap;
use std::fmt::Write;

use kindred_tests::sandbox::Sandbox;

const PRESET: &str = "  preset:
    kind: upsell
    as_of: ${run_date}
    horizon: 60d
    window: 200d
    transactions: {table: sales, customer: customer id, time: at, amount: paid, category: shelf}
  tables: {sales: {url: sales.csv, types: {at: date}}}
";

/// 600 customers over 300 days before 2026-03-31, each with a rhythm and a basket of its own.
fn sales() -> String {
    let mut csv = String::from("customer id,at,paid,shelf\n");
    let first: chrono::NaiveDate = "2025-06-04".parse().unwrap();
    for customer in 0..600u64 {
        let rhythm = 9 + customer % 40;
        for order in 0..300 / rhythm {
            let day = first + chrono::Days::new(order * rhythm + customer % 7);
            let paid = 5 + (customer * 7 + order * order * 13) % 60;
            writeln!(csv, "c{customer:04},{day},{paid},s{}", (customer + order) % 5).unwrap();
        }
    }
    csv
}

fn documents() -> String {
    format!(
        "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {{name: more}}\nspec:\n{PRESET}  training: {{epochs: 2}}\n  \
         register: {{aliases: [production]}}\n---\napiVersion: kindred.dev/v1\nkind: Scoring\nmetadata: {{name: nightly}}\n\
         spec:\n{PRESET}  model: more@production\n  audiences:\n    buyers: {{rank_by: upsell, size: {{top: 50}}}}\n"
    )
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("sales.csv", sales());
    sandbox.write("preset.yaml", documents());
    sandbox
}

fn files(sandbox: &Sandbox, ends: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let files = sandbox.files("workspace").into_iter();
    files.filter(|(name, _)| ends.iter().any(|end| name.ends_with(end)) || name.contains("tier=")).collect()
}

#[test]
fn an_expanded_document_is_the_same_run_and_by_itself_gives_the_same_model_and_audience() {
    let filled = sandbox();
    filled.kindred(["run", "preset.yaml", "--run-date", "2026-03-31"]).expect(0);
    let whole = filled.kindred(["check", "--expand", "preset.yaml", "--run-date", "2026-03-31"]).expect(0).stdout;
    assert!(!whole.contains("preset:") && whole.contains("after: purchase"), "{whole}");
    filled.write("whole.yaml", &whole);
    let again = filled.kindred(["run", "whole.yaml", "--run-date", "2026-03-31"]).expect(0);
    assert_eq!(again.stdout.matches("finished before, nothing to do").count(), 2, "{}", again.stdout);

    let by_itself = Sandbox::new();
    by_itself.write("sales.csv", sales());
    by_itself.write("whole.yaml", &whole);
    by_itself.kindred(["run", "whole.yaml", "--run-date", "2026-04-02"]).expect(0);
    let promised = ["weights.safetensors", "encoders.json", "calibration.json"];
    let (left, right) = (files(&filled, &promised), files(&by_itself, &promised));
    assert!(left.keys().any(|name| name.contains("tier=")) && left.len() > 3, "{:?}", left.keys());
    assert!(left == right, "{:?} and {:?}", left.keys(), right.keys());
}

#[test]
fn a_column_that_the_table_does_not_have_is_named_where_the_preset_states_it() {
    let sandbox = sandbox();
    sandbox.kindred(["check", "preset.yaml", "--run-date", "2026-03-31"]).expect(0);
    let wrong = documents().replace("time: at, amount: paid", "time: shelf, amount: payd");
    sandbox.write("wrong.yaml", wrong.replace("customer: customer id", "customer: customer_id"));
    let checked =
        sandbox.kindred(["check", "wrong.yaml", "--run-date", "2026-03-31", "--output", "json"]).expect(2).json();
    let findings: Vec<String> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["document"] == "more")
        .map(|finding| format!("{}: {}", finding["path"].as_str().unwrap(), finding["message"].as_str().unwrap()))
        .collect();
    assert_eq!(
        findings,
        [
            "spec.preset.transactions.customer: table `sales` has no column `customer_id`; did you mean `customer id`?",
            "spec.preset.transactions.time: column `shelf` of table `sales` is Utf8; it must be a date or timestamp: \
             cast it in a prepare step, or say so under the table's `types`",
            "spec.preset.transactions.amount: table `sales` has no column `payd`; did you mean `paid`?",
        ]
    );
}

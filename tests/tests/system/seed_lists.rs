//! A table of seed lists, from its declaration to audiences: a task a list.

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::{MMOE, scoring, training};

/// The best customers of each channel are a list; of channel 3 there are but four.
const LISTS: &str = "SELECT person, channel FROM people WHERE spend > 100 AND (channel < 3 OR person < 1100)";

fn documents() -> String {
    let training = training(MMOE)
        .replace("SELECT person FROM people WHERE spend > 150", LISTS)
        .replace(
            "seeds: {table: best, key: person}",
            "seeds: {table: best, campaign: channel}, exclude: [{table: minors}], negatives: {ratio: 2}",
        )
        .replace(
            "  examples: people",
            "    - {name: minors, sql: SELECT person FROM people WHERE age < 21}\n  examples: people",
        )
        .replace("repurchase.auc >= 0.5", "best.recall_at_20_percent > 0.1 and best_2.auc > 0.4");
    let scoring = scoring(2)
        .replace("SELECT person FROM people WHERE spend > 150", LISTS)
        .replace("rank_by: best\n", "rank_by: best_2\n");
    format!("{training}---\n{scoring}")
}

fn people() -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("kindred.yaml", documents());
    sandbox
}

/// The file of the model's first version.
fn of_version(sandbox: &Sandbox, name: &str) -> Value {
    let path = sandbox.path("workspace/models/buyers/versions/00000000000000000001").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn each_list_becomes_a_task_that_an_audience_can_be_cut_by() {
    let sandbox = people();
    let run = sandbox.kindred(["run", "kindred.yaml", "--output", "json"]).expect(0).json();
    let trained = &run["runs"][0]["outcome"];
    let tasks: Vec<&String> = trained["measures"].as_object().unwrap().keys().collect();
    assert_eq!(tasks, ["repurchase", "spend", "best_0", "best_1", "best_2"]);
    let notes = trained["notes"].to_string();
    assert!(notes.contains("Campaign 3 of best is left out"), "{notes}");
    assert_eq!(trained["aliases"], serde_json::json!(["candidate", "production"]));

    let task = &of_version(&sandbox, "manifest.json")["document"]["spec"]["tasks"]["best_2"];
    assert_eq!(task["seeds"]["value"], "2");
    assert_eq!(task["negatives"], Value::Null);
    let quality = &of_version(&sandbox, "metrics.json")["seeds"]["best_2"];
    let number = |name: &str| quality[name].as_f64().unwrap();
    assert_eq!(number("found"), number("size"));
    assert_eq!(number("rows") + number("excluded_rows") + number("others"), 4000.0);
    assert!((number("negative_rate") - (2.0 * number("rows") / number("others")).min(1.0)).abs() < 1e-12);
    assert_eq!(task["negative_rate"], quality["negative_rate"]);
    assert!(quality["signs"][0]["lift"].as_f64().unwrap() > 1.2, "{quality:#}");

    let audiences = run["runs"][1]["outcome"]["audiences"].to_string();
    assert!(audiences.contains("like-the-best"), "{audiences}");
}

#[test]
fn a_check_says_what_lists_are_worth() {
    let sandbox = people();
    let checked = sandbox.kindred(["check", "kindred.yaml", "--output", "json"]).expect(0).json().to_string();
    for words in ["seeds from best, ", "what tells most: channel = 2: ", "Campaign 3 of best is left out"] {
        assert!(checked.contains(words), "{words}: {checked}");
    }
    sandbox.write("kindred.yaml", documents().replace("rank_by: best_2", "rank_by: best_9"));
    let checked = sandbox.kindred(["check", "kindred.yaml"]);
    assert_ne!(checked.code, 0, "{}", checked.stdout);
    assert!(format!("{}{}", checked.stdout, checked.stderr).contains("best_9"));
}

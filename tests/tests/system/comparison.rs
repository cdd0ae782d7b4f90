//! A new version is shown beside the linear baseline and beside the version in production.

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::{MMOE, training};

fn outcome(sandbox: &Sandbox, document: &str) -> Value {
    sandbox.write("training.yaml", document);
    let result = sandbox.kindred(["run", "training.yaml", "--output", "json"]).expect(0).json();
    result["runs"][0]["outcome"].clone()
}

fn people() -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox
}

#[test]
fn a_new_version_is_compared_with_the_baseline_and_with_production() {
    let sandbox = people();
    let first = outcome(&sandbox, &training("{kind: linear}"));
    assert_eq!(first["comparisons"].as_array().unwrap().len(), 0, "it is the baseline itself, and the first version");
    assert_eq!(first["aliases"], serde_json::json!(["candidate", "production"]));

    let second = outcome(&sandbox, &training(MMOE));
    let comparisons = second["comparisons"].as_array().unwrap();
    let with: Vec<_> = comparisons.iter().map(|comparison| comparison["with"].as_str().unwrap()).collect();
    assert_eq!(with, ["the linear baseline", "version 1 in production"]);
    for comparison in comparisons {
        assert_eq!(
            (&comparison["part"], &comparison["missing"]),
            (&Value::from("test"), &Value::Null),
            "{comparison:#}"
        );
        let tasks = comparison["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 3);
        for task in tasks {
            let leading = &task["measures"][0];
            let measured =
                &second["measures"][task["task"].as_str().unwrap()]["test"][leading["name"].as_str().unwrap()];
            let off = leading["model"].as_f64().unwrap() - measured.as_f64().unwrap();
            assert!(off.abs() < 1e-12, "{task:#} {measured}");
        }
    }
    // The baseline and the first version are the same network with the same seed and rows.
    let of_other = |comparison: &Value| comparison["tasks"][0]["measures"][0]["other"].as_f64().unwrap();
    assert!((of_other(&comparisons[0]) - of_other(&comparisons[1])).abs() < 1e-9, "{comparisons:#?}");

    let page = std::fs::read_to_string(second["report_url"].as_str().unwrap().trim_start_matches("file://")).unwrap();
    assert!(page.contains("Beside others on the same rows") && page.contains("version 1 in production"));

    let alone = outcome(&sandbox, &format!("{}  baseline: none\n", training(MMOE)));
    assert_eq!(alone["comparisons"].as_array().unwrap().len(), 1, "{alone:#}");
}

#[test]
fn a_version_that_reads_other_columns_is_not_compared_and_the_outcome_says_why() {
    let sandbox = people();
    let enriched = training("{kind: linear}")
        .replace("prepare:\n", "prepare:\n    - {name: enriched, sql: 'SELECT *, age / 10 AS decade FROM people'}\n")
        .replace("examples: people", "examples: enriched")
        .replace("  features:\n", "  features:\n    decade: {kind: numeric}\n");
    outcome(&sandbox, &enriched);
    let second = outcome(&sandbox, &training("{kind: linear}"));
    let comparisons = second["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 1, "{second:#}");
    assert!(comparisons[0]["missing"].as_str().unwrap().contains("decade"), "{comparisons:#?}");
}

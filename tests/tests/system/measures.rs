//! Measures within groups and by the values of columns, and what a model leans on.

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::training;

/// Trains on people with a column of their generation, which is no feature, and watches the AUC within cities.
fn document(threads: u32) -> String {
    let sql = "SELECT *, CASE WHEN age < 40 THEN 'young' WHEN age < 60 THEN 'middle' END AS generation FROM people";
    training("{kind: linear}")
        .replace("label: bought}", "label: bought, group_by: city}")
        .replace("{epochs: 4,", "{epochs: 4, early_stopping: {measure: repurchase.grouped_auc},")
        .replace("prepare:\n", &format!("prepare:\n    - {{name: grown, sql: \"{sql}\"}}\n"))
        .replace("examples: people", "examples: grown")
        + &format!("  slices: {{columns: [generation, email], min_rows: 30}}\n  resources: {{threads: {threads}}}\n")
}

/// `metrics.json` of a training.
fn metrics(document: &str) -> Value {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", document);
    let result = sandbox.kindred(["run", "training.yaml", "--output", "json"]).expect(0).json();
    let report = result["runs"][0]["outcome"]["report_url"].as_str().unwrap();
    let folder = report.trim_start_matches("file://").trim_end_matches("report.html");
    serde_json::from_slice(&std::fs::read(format!("{folder}metrics.json")).unwrap()).unwrap()
}

#[test]
fn groups_slices_and_importance_are_measured_and_are_the_same_for_any_number_of_threads() {
    let mut found = metrics(&document(1));
    let [generation, email] = found["slices"].as_array().unwrap().as_slice() else { panic!("{:#}", found["slices"]) };
    let of_task = &generation["tasks"]["repurchase"];
    let values: Vec<_> = of_task["slices"].as_array().unwrap().iter().map(|slice| slice["value"].clone()).collect();
    assert!(values.len() == 3 && values.contains(&Value::Null) && values.contains(&"young".into()), "{values:?}");
    let rows = |slice: &Value| slice["rows"].as_u64().unwrap();
    let of_slices: u64 = of_task["slices"].as_array().unwrap().iter().map(rows).sum();
    assert_eq!(Value::from(of_slices), found["tasks"]["repurchase"]["test"]["rows"]);
    let of_emails = &email["tasks"]["repurchase"];
    assert_eq!((&of_emails["left_out_values"], &of_emails["slices"]), (&of_emails["rows"], &serde_json::json!([])));

    let grouped = &found["tasks"]["repurchase"]["test"]["grouped"];
    assert_eq!(found["timeline"]["watched"], "repurchase.grouped_auc");
    assert!(grouped["groups"].as_u64().unwrap() > 1, "{grouped:#}");
    assert!((grouped["auc"].as_f64().unwrap() - 0.5) > 0.05, "{grouped:#}");

    let importance = &found["importance"];
    let of_task = &importance["tasks"]["repurchase"];
    let features = of_task["features"].as_array().unwrap();
    assert_eq!((features.len(), &importance["part"]), (5, &"validation".into()));
    let most = &features[0];
    assert!(most["drop"].as_f64().unwrap() > 5.0 * most["standard_error"].as_f64().unwrap(), "{of_task:#}");

    let mut others = metrics(&document(2));
    for metrics in [&mut found, &mut others] {
        metrics["importance"]["seconds"].take();
    }
    for measured in ["tasks", "slices", "importance"] {
        assert_eq!(found[measured], others[measured], "{measured}");
    }
}

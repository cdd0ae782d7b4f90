//! The demo on the real purchases that the setup installs.

use kindred_tests::sandbox::{Sandbox, clone_folder};

#[test]
fn the_demo_finds_buyers_on_real_purchases_and_publishes_two_audiences() {
    let purchases = clone_folder().join(".setup/cdnow/CDNOW_master.txt");
    assert!(purchases.exists(), "{} is missing: run `python3 scripts/setup.py demo`", purchases.display());
    let sandbox = Sandbox::new();
    let document = std::fs::read_to_string(clone_folder().join("examples/cdnow/kindred.yaml")).unwrap();
    let folder = purchases.parent().unwrap().to_string_lossy().into_owned();
    sandbox.write("kindred.yaml", document.replace(".setup/cdnow", &folder));
    let result = sandbox.kindred(["run", "kindred.yaml", "--output", "json"]).expect(0).json();
    let outcome = |kind: &str| {
        let runs = result["runs"].as_array().unwrap();
        runs.iter().find(|run| run["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {result:#}"))["outcome"]
            .clone()
    };
    let auc = outcome("Training")["measures"]["repurchase"]["test"]["auc"].as_f64().unwrap();
    assert!(auc > 0.75, "AUC {auc}");
    let audiences = outcome("Scoring")["audiences"].as_array().unwrap().clone();
    assert_eq!(audiences.len(), 2);
    for audience in &audiences {
        assert_eq!(audience["published"], true, "{audience:#}");
    }
    assert_eq!(outcome("Scoring")["scores"]["rows"], 23_570);
    let files = sandbox.files("workspace/audiences");
    assert!(files.keys().any(|name| name.ends_with("latest.json")));
}

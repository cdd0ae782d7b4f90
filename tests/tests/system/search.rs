//! Searches: the same bytes for any number of processes, whatever is killed; a diverging trial is a result.

use std::collections::BTreeMap;
use std::fs;

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use serde_json::Value;

use crate::documents::{MMOE, training};
use crate::interruption::{kill, wait_for, workers};

/// Four trials for an epoch, two for two, one for four, and the best once more: 7 trainings before the last.
fn searching(parallel: u32) -> String {
    format!(
        "{}  search:
    method: {{kind: successive_halving, factor: 2}}
    trials: 4
    parallel: {parallel}
    objective: repurchase.auc
    space:
      network.dropout: {{uniform: [0, 0.5]}}
      training.optimizer.learning_rate: {{log_uniform: [0.0005, 0.01]}}
      training.batch_size: {{choice: [128, 256]}}
",
        training(MMOE)
    )
}

fn prepared(document: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", document);
    sandbox
}

fn run(document: &str) -> (Sandbox, Value) {
    let sandbox = prepared(document);
    let outcome = outcome(&sandbox);
    (sandbox, outcome)
}

fn outcome(sandbox: &Sandbox) -> Value {
    let result = sandbox.kindred(["run", "training.yaml", "--output", "json"]).expect(0).json();
    result["runs"][0]["outcome"].clone()
}

/// The files of the package whose bytes are promised.
fn package(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut files = sandbox.files("workspace/models");
    files.retain(|name, _| {
        ["weights.safetensors", "encoders.json", "calibration.json"].iter().any(|file| name.ends_with(file))
    });
    assert_eq!(files.len(), 3, "{:?}", files.keys());
    files
}

/// What is stored of each training.
fn results(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut files = sandbox.files("workspace/runs");
    // Beside results there may be what a killed process was about to write.
    files.retain(|name, _| name.contains("/search/") && name.ends_with(".json"));
    files
}

/// The trials with what they came to, without the times.
fn trials(outcome: &Value) -> Value {
    let mut trials = outcome["search"]["trials"].clone();
    for trial in trials.as_array_mut().unwrap() {
        for training in trial["trainings"].as_array_mut().unwrap() {
            training.as_object_mut().unwrap().remove("seconds");
        }
    }
    trials
}

#[test]
fn a_search_gives_the_same_bytes_with_one_process_and_with_three_and_those_of_the_winner_alone() {
    let (once, of_one) = run(&searching(1));
    let (many, of_three) = run(&searching(3));
    assert!(package(&once) == package(&many), "the packages differ");
    assert_eq!(trials(&of_one), trials(&of_three));
    assert_eq!(results(&many).len(), 7);
    let trainings = of_one["search"]["trials"].as_array().unwrap().iter().map(|trial| &trial["trainings"]);
    assert_eq!(trainings.map(|trainings| trainings.as_array().unwrap().len()).sum::<usize>(), 7);

    let manifest =
        many.files("workspace/models").into_iter().find(|(name, _)| name.ends_with("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest.1).unwrap();
    let mut document = manifest["document"].clone();
    assert!(document["spec"].get("search").is_none(), "the package holds the winner's own document");
    document["kind"] = "Training".into();
    let (alone, _) = run(&document.to_string());
    assert!(package(&alone) == package(&many), "the winner's document alone gives another model");
    let report = many.files("workspace/models").into_iter().find(|(name, _)| name.ends_with("report.html")).unwrap();
    assert!(String::from_utf8_lossy(&report.1).contains("<h2>Search</h2>"));
}

#[test]
fn trainers_and_the_command_killed_in_the_middle_cost_their_trials_alone() {
    let (undisturbed, expected) = run(&searching(2));
    let sandbox = prepared(&searching(2));
    let mut search = sandbox.spawn(["run", "training.yaml"]);
    wait_for("a trial to be trained", || (!results(&sandbox).is_empty()).then_some(()));
    if let Some(&victim) = workers(&sandbox, "kindred-trainer", "search").first() {
        kill(victim);
    }
    wait_for("more trials to be trained", || (results(&sandbox).len() >= 2).then_some(()));
    search.kill().unwrap();
    search.wait().unwrap();
    let before = results(&sandbox);
    let disturbed = outcome(&sandbox);
    let after = results(&sandbox);
    for (name, bytes) in &before {
        assert_eq!(&after[name], bytes, "a finished training was done again");
    }
    assert_eq!(trials(&disturbed), trials(&expected));
    assert!(package(&sandbox) == package(&undisturbed), "the packages differ");
}

#[test]
fn a_diverging_trial_is_shown_with_its_reason_and_does_not_fail_the_search() {
    let search = "  search: {trials: 5, space: {training.optimizer.learning_rate: {choice: [1.0e+38]}}}\n";
    let (sandbox, outcome) = run(&format!("{}{search}", training(MMOE)));
    let trials = outcome["search"]["trials"].as_array().unwrap();
    assert_eq!((trials.len(), &outcome["search"]["winner"]), (2, &Value::from(0)), "{outcome:#}");
    let reason = trials[1]["trainings"][0]["failure"].as_str().unwrap();
    assert!(reason.contains("lower the learning rates"), "{reason}");
    let (alone, _) = run(&training(MMOE));
    assert!(package(&sandbox) == package(&alone), "the document as it is written won");
}

#[test]
fn a_search_in_which_every_trial_fails_says_why() {
    let document = training(MMOE).replace("batch_size: 256", "batch_size: 256, optimizer: {learning_rate: 1.0e+38}");
    let search = "  search: {trials: 2, space: {network.dropout: {uniform: [0, 0.5]}}}\n";
    let sandbox = prepared(&format!("{document}{search}"));
    let ended = sandbox.kindred(["run", "training.yaml"]).expect(1);
    assert!(ended.stderr.contains("no trial of the search came to its end"), "{}", ended.stderr);
    assert!(ended.stderr.contains("lower the learning rates"), "{}", ended.stderr);
    assert!(fs::read_dir(sandbox.path("workspace/models/buyers/aliases")).is_err(), "no alias was moved");
}

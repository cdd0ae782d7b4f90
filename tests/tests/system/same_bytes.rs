//! The same document, data and random seed give the same bytes, however many processes and threads did the work.

use std::collections::BTreeMap;

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;

use crate::documents::{MMOE, scoring, training};

fn run(processes: u32, threads: Option<u32>) -> Sandbox {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    let mut training = training(MMOE).replace("members: 1", "members: 2");
    if let Some(threads) = threads {
        training.push_str(&format!("  resources: {{threads: {threads}}}\n"));
    }
    sandbox.write("kindred.yaml", format!("{training}---\n{}", scoring(processes)));
    sandbox.kindred(["run", "kindred.yaml", "--run-date", "2026-01-05"]).expect(0);
    sandbox
}

/// The files whose bytes are promised: weights, encoders, calibration, scores, audiences.
fn promised(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (name, bytes) in sandbox.files("workspace") {
        let model =
            ["weights.safetensors", "encoders.json", "calibration.json"].iter().any(|file| name.ends_with(file));
        let audience = name.starts_with("audiences/") && (name.contains("tier=") || name.contains("holdout"));
        if model || audience {
            files.insert(name, bytes);
        } else if name.starts_with("runs/") && name.contains("/data/") {
            let mut parts: Vec<&str> = name.split('/').collect();
            // Neither the run's digest (of paths) nor the attempt's id is promised.
            parts[1] = "run";
            let attempt = parts.len() - 2;
            parts[attempt] = "attempt";
            files.insert(parts.join("/"), bytes);
        }
    }
    files
}

fn assert_same(left: &Sandbox, right: &Sandbox) {
    let (left, right) = (promised(left), promised(right));
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    assert!(left.keys().any(|name| name.starts_with("models/")), "{:?}", left.keys());
    assert!(left.keys().any(|name| name.starts_with("runs/")), "{:?}", left.keys());
    assert!(left.keys().any(|name| name.starts_with("audiences/")), "{:?}", left.keys());
    for (name, bytes) in &left {
        assert!(bytes == &right[name], "{name} differs");
    }
}

#[test]
fn the_same_document_and_data_give_the_same_bytes_with_any_number_of_processes_and_threads() {
    let once = run(1, None);
    assert_same(&once, &run(1, None));
    assert_same(&once, &run(3, Some(1)));
}

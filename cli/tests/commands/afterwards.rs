//! What comes after publishing: lift, reviews, retention.

use crate::both;
use crate::sandbox::Sandbox;

#[test]
fn lift_is_asked_of_the_scorer_and_shown_as_tables_or_json() {
    let sandbox = Sandbox::new();
    let line = "lift --audience buyers --version 2 --outcomes outcomes.csv --key person --value spent";
    let shown = sandbox.kindred(line).expect(0).stdout;
    for words in ["audience buyers, version 2", "overall", "33.33 %", "0.0552", "10.00 % declared"] {
        assert!(shown.contains(words), "{words} in\n{shown}");
    }
    let json = sandbox.kindred(&format!("{line} --output json")).expect(0).json();
    assert_eq!((json["audience"].as_str(), json["version"].as_u64()), (Some("buyers"), Some(2)));
    let both = "review --audience buyers --audience winback@3 --cost winback@3=100 --outcomes o.csv --key person";
    let json = sandbox.kindred(&format!("{both} --output json")).expect(0).json();
    let audiences = json["audiences"].as_array().unwrap();
    assert_eq!((audiences.len(), &audiences[1]["costs"]["total"]), (2, &serde_json::json!(100.0)));
    assert!(sandbox.kindred(both).expect(0).stdout.contains("winback@3"));
}

#[test]
fn a_question_that_the_scorer_refuses_is_a_mistake_of_the_command_line() {
    let sandbox = Sandbox::new();
    let ended = sandbox.kindred("lift --audience nobody --outcomes outcomes.csv --key person").expect(2);
    assert_eq!(ended.stderr, "error: no version of audience `nobody` is published\n  caused by: there are none\n");
    let cost = "review --audience buyers --cost bayers=1 --outcomes o.csv --key person";
    assert!(sandbox.kindred(cost).expect(2).stderr.contains("--cost bayers is of no audience of this review"));
}

#[test]
fn rows_of_a_finished_run_go_and_the_run_stays_finished() {
    let sandbox = both();
    let run = "run kindred.yaml --run-date 2026-01-05";
    sandbox.kindred(run).expect(0);
    assert!(sandbox.kindred("gc --output json").expect(0).json()["deleted"].as_array().unwrap().is_empty());
    sandbox.write("workspace/runs/killed/data/part.parquet#123", "rows");
    let line = "gc --runs-older-than 0s --leftovers-older-than 0s --output json";
    let planned = sandbox.kindred(&format!("{line} --dry-run")).expect(0).json();
    let kinds: Vec<&str> =
        planned["deleted"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds.as_slice(), planned["objects"].as_u64()), (["run_rows", "staging_files"].as_slice(), Some(7)));
    let deleted = sandbox.kindred(line).expect(0).json();
    assert_eq!((&deleted["deleted"], &deleted["dry_run"]), (&planned["deleted"], &serde_json::json!(false)));
    assert!(sandbox.kindred(line).expect(0).json()["deleted"].as_array().unwrap().is_empty());
    assert!(!sandbox.path("workspace/runs/killed/data/part.parquet#123").exists());
    let again = sandbox.kindred(run).expect(0);
    assert_eq!(again.stdout.matches("finished before, nothing to do").count(), 2, "{}", again.stdout);
    assert!(sandbox.kindred("gc --dry-run").expect(0).stdout.contains("would be deleted: 0 objects, 0 bytes"));
}

#[test]
fn a_run_that_can_go_on_keeps_its_rows() {
    let sandbox = both();
    sandbox.write("fail publish", "input");
    sandbox.kindred("run kindred.yaml --run-date 2026-01-05").expect(1);
    let gc = sandbox.kindred("gc --runs-older-than 0s --leftovers-older-than 0s --output json").expect(0).json();
    assert!(gc["deleted"].as_array().unwrap().is_empty(), "{gc}");
    assert_eq!(gc["left"][0]["reason"], "may_go_on");
    sandbox.kindred("run kindred.yaml --run-date 2026-01-05").expect(0);
}

//! The `kindred` command as its users meet it: exit codes, stdout, stderr. Stand-ins do the work of `kindred-trainer` and
//! `kindred-scorer`; everything else is real.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod afterwards;
mod coordinated;
mod released;
mod sandbox;
mod understudy;

use std::process::Stdio;

use sandbox::{Sandbox, TRAINING, scoring};
use serde_json::Value;

fn both() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("kindred.yaml", &format!("{TRAINING}---\n{}", scoring("buyers")));
    sandbox
}

#[test]
fn a_run_shows_what_it_made_and_a_second_one_that_nothing_is_left_to_do() {
    let sandbox = both();
    let first = sandbox.kindred("run kindred.yaml --run-date 2026-01-05").expect(0);
    for words in ["model repurchase@1", "aliases: candidate", "0.7900", "audience buyers, version 1: 1,000 people"] {
        assert!(first.stdout.contains(words), "{words} in\n{}", first.stdout);
    }
    for words in ["begins (logs: ", "train: done", "score: 6 of 6 shards", "publish: done"] {
        assert!(first.stderr.contains(words), "{words} in\n{}", first.stderr);
    }
    let second = sandbox.kindred("run kindred.yaml --run-date 2026-01-05").expect(0);
    assert_eq!(second.stdout.matches("finished before, nothing to do").count(), 2, "{}", second.stdout);
    assert!(second.stdout.contains("model repurchase@1"), "{}", second.stdout);
    assert_eq!(second.stderr, "");
}

#[test]
fn a_run_in_json_is_for_scripts() {
    let sandbox = both();
    let printed = sandbox.kindred("run kindred.yaml --output json").expect(0).json();
    let runs = printed["runs"].as_array().unwrap();
    let kinds: Vec<&str> = runs.iter().map(|run| run["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Training", "Scoring"]);
    for run in runs {
        assert_eq!((run["state"].as_str(), run["was_finished"].as_bool()), (Some("succeeded"), Some(false)));
        assert_eq!(run["failure"], Value::Null);
        assert!(run["run"].as_str().unwrap().starts_with(run["name"].as_str().unwrap()));
    }
    assert_eq!(runs[0]["outcome"]["measures"]["repurchase"]["test"]["auc"], 0.79);
    assert_eq!(runs[1]["outcome"]["audiences"][0]["size"], 1000);
    let yaml = sandbox.kindred("run kindred.yaml --output yaml").expect(0).stdout;
    assert!(yaml.contains("was_finished: true"), "{yaml}");
}

#[test]
fn a_wrong_document_is_told_with_its_places_and_nothing_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("kindred.yaml", &TRAINING.replace("kind: linear", "kind: linaer").replace("examples:", "exampels:"));
    let ended = sandbox.kindred("run kindred.yaml").expect(2);
    assert!(ended.stderr.contains("kindred.yaml:") && ended.stderr.contains("linaer"), "{}", ended.stderr);
    assert!(ended.stderr.contains("mistakes, nothing was run"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    assert!(!sandbox.path("workspace").exists());
    sandbox.kindred("check kindred.yaml").expect(2);
}

#[test]
fn files_tables_and_models_that_are_not_there_are_named() {
    let sandbox = Sandbox::new();
    let ended = sandbox.kindred("run missing.yaml").expect(2);
    assert!(ended.stderr.contains("missing.yaml"), "{}", ended.stderr);
    sandbox.write("training.yaml", &TRAINING.replace("people.csv", "nobody.csv"));
    let ended = sandbox.kindred("run training.yaml").expect(2);
    assert!(ended.stderr.contains("`people`") && ended.stderr.contains("nobody.csv"), "{}", ended.stderr);
    sandbox.write("scoring.yaml", &scoring("buyers"));
    let ended = sandbox.kindred("run scoring.yaml").expect(2);
    assert!(ended.stderr.contains("repurchase"), "{}", ended.stderr);
}

#[test]
fn an_audience_that_is_held_back_ends_with_its_own_code_and_its_reason() {
    let sandbox = Sandbox::new();
    sandbox.write("kindred.yaml", &format!("{TRAINING}---\n{}", scoring("too-small")));
    let ended = sandbox.kindred("run kindred.yaml --output json").expect(3);
    assert!(ended.stderr.contains("audience too-small was held back: min_size: 9 people"), "{}", ended.stderr);
    let run = &ended.json()["runs"][1];
    assert_eq!(run["state"], "held_back");
    assert_eq!(run["held_back"][0]["audience"], "too-small");
    let again = sandbox.kindred("run kindred.yaml").expect(3);
    assert!(again.stdout.contains("finished before") && again.stderr.contains("held back"), "{}", again.stdout);
}

#[test]
fn a_failure_is_told_once_with_its_causes_and_where_to_look() {
    let sandbox = both();
    sandbox.write("fail train", "input");
    let ended = sandbox.kindred("run kindred.yaml --output json").expect(1);
    let lines: Vec<&str> = ended.stderr.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    assert!(lines[0].contains("failed: train: column `age` is all null"), "{}", ended.stderr);
    assert_eq!(lines[1], "  caused by: people.csv has 3 rows");
    assert!(lines[2].starts_with("  logs: ") && lines[2].contains("workspace/runs/repurchase-"), "{}", ended.stderr);
    assert!(lines[3].contains("run the same command again"), "{}", ended.stderr);
    let runs = ended.json()["runs"].as_array().unwrap().clone();
    assert_eq!(runs.len(), 1, "nothing runs after a failure");
    assert_eq!(
        (runs[0]["failure"]["subject"].as_str(), runs[0]["failure"]["class"].as_str()),
        (Some("train"), Some("input"))
    );

    let again = sandbox.kindred("run kindred.yaml").expect(0);
    assert!(again.stderr.contains("goes on"), "{}", again.stderr);
}

#[test]
fn interrupted_runs_exit_with_130_and_go_on() {
    let sandbox = both();
    sandbox.write("hold shard 2", "");
    let running = sandbox.spawn("run kindred.yaml --run-date 2026-01-05", Stdio::piped());
    let scorer = sandbox.began("shard 2");
    sandbox::signal(running.id(), libc::SIGINT);
    let ended = sandbox::Ended::of(running.wait_with_output().unwrap()).expect(130);
    assert!(ended.stderr.contains("was interrupted"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--run-date 2026-01-05"), "{}", ended.stderr);
    assert!(!sandbox::is_running(scorer));
    sandbox.remove("hold shard 2");
    let again = sandbox.kindred("run kindred.yaml --run-date 2026-01-05").expect(0);
    assert!(again.stderr.contains("shards are done already"), "{}", again.stderr);
}

#[test]
fn a_killed_command_leaves_no_process_behind() {
    let sandbox = both();
    sandbox.write("hold train", "");
    let mut running = sandbox.spawn("run kindred.yaml", Stdio::null());
    let trainer = sandbox.began("train");
    running.kill().unwrap();
    running.wait().unwrap();
    while sandbox::is_running(trainer) {
        std::thread::yield_now();
    }
}

#[test]
fn programs_that_are_not_beside_the_command_are_named() {
    let sandbox = both();
    sandbox.remove("bin/kindred-trainer");
    let ended = sandbox.kindred("run kindred.yaml").expect(1);
    assert!(ended.stderr.contains("bin/kindred-trainer") && ended.stderr.contains("beside"), "{}", ended.stderr);
    let ended = sandbox.kindred("check kindred.yaml").expect(1);
    assert!(ended.stderr.contains("bin/kindred-trainer"), "{}", ended.stderr);
}

#[test]
fn a_workspace_that_cannot_be_used_is_named() {
    let sandbox = both();
    sandbox.write("occupied", "a file");
    let ended = sandbox.kindred("run kindred.yaml --workspace occupied");
    assert!([1, 2].contains(&ended.code), "{ended:?}");
    assert!(ended.stderr.contains("occupied"), "{}", ended.stderr);
    let ended = sandbox.kindred("models --workspace ftp://nowhere/x").expect(2);
    assert!(ended.stderr.contains("ftp://nowhere/x"), "{}", ended.stderr);
}

#[test]
fn checking_shows_the_findings_and_errors_have_their_code() {
    let sandbox = both();
    let fine = sandbox.kindred("check kindred.yaml").expect(0);
    assert!(fine.stdout.contains("table people: 3 rows"), "{}", fine.stdout);
    sandbox.write("finding", "error");
    let bad = sandbox.kindred("check kindred.yaml --output json").expect(2);
    let checked = bad.json();
    assert_eq!(checked["findings"][0]["level"], "error");
    assert_eq!(checked["findings"][0]["document"], "repurchase");
    assert_eq!(checked["tables"][0]["columns"][0]["type"], "Int64");
    assert!(!sandbox.path("workspace").exists(), "checking writes nothing");
    sandbox.write("finding", "crash");
    let crashed = sandbox.kindred("check kindred.yaml").expect(1);
    assert!(crashed.stderr.contains("the understudy forgot its lines"), "{}", crashed.stderr);
}

#[test]
fn scoring_without_a_document_leaves_the_scores_where_they_were_wanted() {
    let sandbox = Sandbox::new();
    sandbox.write("training.yaml", TRAINING);
    sandbox.kindred("run training.yaml").expect(0);
    let line = "score --model repurchase@candidate --input people.csv --run-date 2026-01-05";
    let scored = sandbox.kindred(&format!("{line} --output scores --format json")).expect(0).json();
    assert_eq!((scored["rows"].as_u64(), scored["model"].as_str()), (Some(60), Some("repurchase@1")));
    assert_eq!(scored["files"].as_array().unwrap().len(), 6);
    let part = std::fs::read_to_string(sandbox.path("scores/part-00000000000000000003.parquet")).unwrap();
    assert_eq!(part, "scores of shard 3");
    sandbox.kindred(&format!("{line} --output scores")).expect(0);

    let one = sandbox.kindred(&format!("{line} --output one/scores.parquet")).expect(0);
    assert!(one.stdout.contains("60 rows scored with repurchase@1"), "{}", one.stdout);
    assert_eq!(std::fs::read_to_string(sandbox.path("one/scores.parquet")).unwrap(), "scores of shard 0");

    sandbox.write("other/somebody-else.parquet", "");
    let refused = sandbox.kindred(&format!("{line} --output other")).expect(2);
    assert!(refused.stderr.contains("somebody-else.parquet"), "{}", refused.stderr);
}

#[test]
fn models_can_be_listed_shown_and_promoted() {
    let sandbox = Sandbox::new();
    let none = sandbox.kindred("models").expect(0);
    assert!(none.stdout.contains("no models in"), "{}", none.stdout);
    sandbox.write("training.yaml", TRAINING);
    sandbox.kindred("run training.yaml").expect(0);
    sandbox.kindred("models promote repurchase@candidate production").expect(0);
    let listed = sandbox.kindred("models --output json").expect(0).json();
    assert_eq!(listed["models"][0]["aliases"]["production"], 1);
    let shown = sandbox.kindred("models show repurchase").expect(0);
    for words in ["candidate, production", "0.7900", "report.html"] {
        assert!(shown.stdout.contains(words), "{words} in\n{}", shown.stdout);
    }
    let unknown = sandbox.kindred("models show churn").expect(2);
    assert!(unknown.stderr.contains("churn") && unknown.stderr.contains("repurchase"), "{}", unknown.stderr);
    let unknown = sandbox.kindred("models promote repurchase@7 production").expect(2);
    assert!(unknown.stderr.contains("no version 7"), "{}", unknown.stderr);
}

#[test]
fn audiences_that_nobody_published_are_said_so() {
    let sandbox = Sandbox::new();
    assert!(sandbox.kindred("audiences").expect(0).stdout.contains("no published audiences"));
    assert_eq!(sandbox.kindred("audiences --output json").expect(0).json()["audiences"], serde_json::json!([]));
    let unknown = sandbox.kindred("audiences show buyers").expect(2);
    assert!(unknown.stderr.contains("`buyers`"), "{}", unknown.stderr);
}

#[test]
fn the_schema_and_completions_are_complete() {
    let sandbox = Sandbox::new();
    let schema = sandbox.kindred("schema").expect(0).json();
    assert!(schema.to_string().contains("kindred.dev/v1"));
    let script = sandbox.kindred("completions bash").expect(0).stdout;
    assert!(script.contains("_kindred"), "{script}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let sandbox = Sandbox::new();
    let mut running = sandbox.spawn("schema", Stdio::piped());
    drop(running.stdout.take());
    let ended = sandbox::Ended::of(running.wait_with_output().unwrap());
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.code, 0);
}

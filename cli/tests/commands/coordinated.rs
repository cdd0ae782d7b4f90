//! `kindred coordinator` and the commands that ask it, each a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::sandbox::{self, Ended, Sandbox, TRAINING, scoring};

/// A coordinator at work; killed when dropped.
struct Coordinating {
    process: Child,
    url: String,
    http: String,
}

impl Coordinating {
    fn start(sandbox: &Sandbox, options: &str) -> Self {
        let line = format!("coordinator --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 {options}");
        let mut process = sandbox.spawn(line.trim(), Stdio::piped());
        let mut said = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&said).is_err() {
            let read = stdout.read_line(&mut said).unwrap();
            if read == 0 {
                let ended = process.wait_with_output().unwrap();
                panic!("it ended: {said} {}", String::from_utf8_lossy(&ended.stderr));
            }
        }
        let said: Value = serde_json::from_str(&said).unwrap();
        let text = |field: &str| said[field].as_str().unwrap().to_owned();
        Self { process, url: text("coordinator"), http: text("http") }
    }

    /// The command line of a question to it.
    fn ask(&self, line: &str) -> String {
        format!("{line} --coordinator {}", self.url)
    }

    /// Ends it without a word. Its workers get SIGTERM when it dies, and end within about a second.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as an init system does; what it wrote to stderr.
    fn stop(mut self) -> String {
        sandbox::signal(self.process.id(), libc::SIGTERM);
        let stderr = self.process.stderr.take().unwrap();
        let log = std::io::read_to_string(stderr).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}

impl Drop for Coordinating {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn both() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("kindred.yaml", &format!("{TRAINING}---\n{}", scoring("buyers")));
    sandbox
}

const SUBMIT: &str = "submit kindred.yaml --run-date 2026-01-05";

#[test]
fn a_submission_that_is_watched_looks_and_ends_like_a_run() {
    let sandbox = both();
    let coordinating = Coordinating::start(&sandbox, "");
    let submitted = sandbox.kindred(&coordinating.ask(&format!("{SUBMIT} --watch"))).expect(0);
    for words in ["model repurchase@1", "aliases: candidate", "0.7900", "audience buyers, version 1: 1,000 people"] {
        assert!(submitted.stdout.contains(words), "{words} in\n{}", submitted.stdout);
    }
    for words in [": begins", "train: done", "score: 6 of 6 shards", "publish: done"] {
        assert!(submitted.stderr.contains(words), "{words} in\n{}", submitted.stderr);
    }
    let listed = sandbox.kindred(&coordinating.ask("submissions --output json")).expect(0).json();
    let submission = &listed["submissions"][0];
    assert_eq!((submission["state"].as_str(), submission["owner"].as_str()), (Some("succeeded"), Some("local")));
    let run = submission["documents"][1]["run"].as_str().unwrap();
    let shown = sandbox.kindred(&coordinating.ask(&format!("show {run} --output json"))).expect(0).json();
    assert_eq!(shown["run"]["outcome"]["audiences"][0]["size"], 1000);
    assert_eq!(shown["run"]["document"]["metadata"]["name"], "nightly");
    let runs = sandbox.kindred(&coordinating.ask("runs --kind scoring")).expect(0);
    assert!(runs.stdout.contains(run) && !runs.stdout.contains("repurchase"), "{}", runs.stdout);
    let logs = sandbox.kindred(&coordinating.ask(&format!("logs {run} --stage publish"))).expect(0);
    assert!(logs.stdout.contains("==> publish-g3-p0 <=="), "{}", logs.stdout);
    let again = sandbox.kindred(&coordinating.ask(&format!("watch {run} --output json"))).expect(0).json();
    assert_eq!(again["run"]["state"], "succeeded");
    coordinating.stop();
}

#[test]
fn a_coordinator_that_is_killed_again_and_again_finishes_what_it_took() {
    let sandbox = both();
    for unit in ["train", "shard 3"] {
        sandbox.write(&format!("hold {unit}"), "");
    }
    let coordinating = Coordinating::start(&sandbox, "");
    let submitted = sandbox.kindred(&coordinating.ask(&format!("{SUBMIT} --output json"))).expect(0).json();
    let id = submitted["submission"]["submission"].as_str().unwrap().to_owned();
    sandbox.began("train");
    coordinating.kill();
    sandbox.remove("hold train");
    let coordinating = Coordinating::start(&sandbox, "");
    sandbox.began("shard 3");
    coordinating.kill();
    sandbox.remove("hold shard 3");
    let coordinating = Coordinating::start(&sandbox, "");
    let watched = sandbox.kindred(&coordinating.ask(&format!("watch {id} --output json"))).expect(0).json();
    assert_eq!(watched["submission"]["state"], "succeeded");
    assert_eq!(watched["runs"][1]["outcome"]["audiences"][0]["size"], 1000);
    coordinating.stop();
}

#[test]
fn a_watcher_stays_when_its_coordinator_comes_back() {
    let sandbox = both();
    sandbox.write("hold train", "");
    let coordinating = Coordinating::start(&sandbox, "");
    let (url, http) = (coordinating.url.clone(), coordinating.http.clone());
    let watching = sandbox.spawn(&coordinating.ask(&format!("{SUBMIT} --watch")), Stdio::piped());
    sandbox.began("train");
    coordinating.kill();
    sandbox.remove("hold train");
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let line = format!("coordinator --listen {} --http-listen {}", address(&url), address(&http));
    let mut again = sandbox.spawn(&line, Stdio::null());
    let ended = Ended::of(watching.wait_with_output().unwrap()).expect(0);
    assert!(ended.stderr.contains("does not answer; trying again"), "{}", ended.stderr);
    assert!(ended.stdout.contains("audience buyers, version 1"), "{}", ended.stdout);
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn a_coordinator_that_is_told_to_stop_leaves_its_runs_for_the_next() {
    let sandbox = both();
    sandbox.write("hold train", "");
    let coordinating = Coordinating::start(&sandbox, "");
    sandbox.kindred(&coordinating.ask(SUBMIT)).expect(0);
    let trainer = sandbox.began("train");
    let log = coordinating.stop();
    assert!(!sandbox::is_running(trainer));
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["message"] == "ready" && event["coordinator"].is_string()), "{log}");
    assert!(
        events.iter().any(|event| event["run"].as_str().is_some_and(|run| run.starts_with("repurchase-"))),
        "{log}"
    );
    sandbox.remove("hold train");
    let coordinating = Coordinating::start(&sandbox, "");
    let listed = sandbox.kindred(&coordinating.ask("submissions --output json")).expect(0).json();
    let id = listed["submissions"][0]["submission"].as_str().unwrap();
    sandbox.kindred(&coordinating.ask(&format!("watch {id}"))).expect(0);
    coordinating.stop();
}

#[test]
fn what_is_cancelled_ends_and_goes_on_when_retried() {
    let sandbox = both();
    sandbox.write("hold shard 2", "");
    let coordinating = Coordinating::start(&sandbox, "");
    let watching = sandbox.spawn(&coordinating.ask(&format!("{SUBMIT} --watch")), Stdio::piped());
    let scorer = sandbox.began("shard 2");
    let runs = sandbox.kindred(&coordinating.ask("runs --state running --output json")).expect(0).json();
    let run = runs["runs"][0]["run"].as_str().unwrap();
    sandbox.kindred(&coordinating.ask(&format!("cancel {run}"))).expect(0);
    let ended = Ended::of(watching.wait_with_output().unwrap()).expect(130);
    assert!(ended.stderr.contains("cancelled by local"), "{}", ended.stderr);
    assert!(!sandbox::is_running(scorer));
    sandbox.remove("hold shard 2");
    sandbox.kindred(&coordinating.ask(&format!("retry {run}"))).expect(0);
    let again = sandbox.kindred(&coordinating.ask(&format!("watch {run}"))).expect(0);
    assert!(again.stdout.contains("audience buyers, version 1"), "{}", again.stdout);
    let refused = sandbox.kindred(&coordinating.ask(&format!("retry {run}"))).expect(2);
    assert!(refused.stderr.contains("cannot be"), "{}", refused.stderr);
    coordinating.stop();
}

#[test]
fn ends_have_the_exit_codes_of_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("small.yaml", &format!("{TRAINING}---\n{}", scoring("too-small")));
    let coordinating = Coordinating::start(&sandbox, "");
    let held = sandbox.kindred(&coordinating.ask("submit small.yaml --watch --output json")).expect(3);
    assert!(held.stderr.contains("audience too-small was held back: min_size"), "{}", held.stderr);
    assert_eq!(held.json()["runs"][1]["held_back"][0]["audience"], "too-small");
    sandbox.write("other.yaml", &TRAINING.replace("repurchase}", "other}"));
    sandbox.write("fail train", "input");
    let failed = sandbox.kindred(&coordinating.ask("submit other.yaml --watch")).expect(1);
    for words in ["failed: train: column `age` is all null", "people.csv has 3 rows", "kindred logs", "kindred retry"] {
        assert!(failed.stderr.contains(words), "{words} in\n{}", failed.stderr);
    }
    sandbox.write("lost.yaml", &TRAINING.replace("people.csv", "nobody.csv"));
    let lost = sandbox.kindred(&coordinating.ask("submit lost.yaml --watch")).expect(1);
    assert!(lost.stderr.contains("nobody.csv"), "{}", lost.stderr);
    coordinating.stop();
}

#[test]
fn only_who_has_a_token_is_let_in() {
    let sandbox = both();
    let made = sandbox.kindred("coordinator token ana submitter --output json").expect(0).json();
    let entry = made["entry"].to_string();
    sandbox.write("tokens.yaml", &format!("tokens:\n  - {entry}\n"));
    sandbox.write("ana.token", made["token"].as_str().unwrap());
    let coordinating = Coordinating::start(&sandbox, "--tokens tokens.yaml");
    let refused = sandbox.kindred(&coordinating.ask("submissions")).expect(2);
    assert!(refused.stderr.contains("Bearer"), "{}", refused.stderr);
    let submitted =
        sandbox.kindred(&coordinating.ask(&format!("{SUBMIT} --token-file ana.token --output json"))).expect(0);
    assert_eq!(submitted.json()["submission"]["owner"], "ana");
    coordinating.stop();
    let refused = sandbox.kindred("coordinator --listen 0.0.0.0:0").expect(2);
    assert!(refused.stderr.contains("--tokens"), "{}", refused.stderr);
    sandbox.write("tokens.yaml", "tokens: []");
    let refused = sandbox.kindred("coordinator --tokens tokens.yaml").expect(2);
    assert!(refused.stderr.contains("tokens.yaml") && refused.stderr.contains("no tokens"), "{}", refused.stderr);
}

#[test]
fn a_coordinator_that_is_not_there_is_said_so() {
    let sandbox = both();
    let nobody = sandbox.kindred("submissions --coordinator http://127.0.0.1:9").expect(1);
    assert!(nobody.stderr.contains("cannot be reached"), "{}", nobody.stderr);
    let wrong = sandbox.kindred("submissions --coordinator 127.0.0.1:9").expect(2);
    assert!(wrong.stderr.contains("http://HOST:PORT"), "{}", wrong.stderr);
    let bare = sandbox.kindred("submissions --coordinator https://127.0.0.1:9").expect(2);
    assert!(bare.stderr.contains("--ca"), "{}", bare.stderr);
    sandbox.write("wrong.yaml", &TRAINING.replace("linear", "linaer"));
    let mistaken = sandbox.kindred("submit wrong.yaml --coordinator http://127.0.0.1:9").expect(2);
    assert!(mistaken.stderr.contains("linaer"), "mistakes are found before anything is sent: {}", mistaken.stderr);
}

#[test]
fn a_second_coordinator_does_not_start_beside_the_first() {
    let sandbox = both();
    let first = Coordinating::start(&sandbox, "");
    let second = sandbox.kindred("coordinator --listen 127.0.0.1:0 --http-listen 127.0.0.1:0").expect(1);
    assert!(second.stderr.contains("--take-over") && second.stderr.contains(&first.url), "{}", second.stderr);
    first.stop();
}

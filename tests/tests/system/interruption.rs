//! Killed workers cost their unit of work alone, an interrupted run goes on, and a second run does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;

use crate::documents::{MMOE, scoring, training};

const PEOPLE: People = People { rows: 40_000, files: 4, row_group_rows: 1000, seed: 1 };

fn prepared() -> Sandbox {
    let sandbox = Sandbox::new();
    PEOPLE.write(&sandbox.path("people"));
    sandbox.write("training.yaml", training(MMOE).replace("epochs: 4", "epochs: 1"));
    sandbox.write("scoring.yaml", scoring(3).replace("shard_rows: 500", "shard_rows: 1000"));
    sandbox.kindred(["run", "training.yaml"]).expect(0);
    sandbox
}

/// Process ids of running scorers that work on this sandbox.
fn scorers(sandbox: &Sandbox) -> Vec<i32> {
    workers(sandbox, "kindred-scorer", "score")
}

/// Process ids of running programs that work on a stage in this sandbox.
pub(crate) fn workers(sandbox: &Sandbox, program: &str, stage: &str) -> Vec<i32> {
    let folder = sandbox.path("").to_string_lossy().trim_end_matches('/').to_owned();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    pids.filter(|pid| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        // Arguments end in NUL.
        command.contains(program) && command.contains(&format!("--stage\0{stage}\0")) && command.contains(&folder)
    })
    .collect()
}

pub(crate) fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(120), "waited for {what}");
        std::thread::yield_now();
    }
}

fn commits(sandbox: &Sandbox) -> usize {
    sandbox.files("workspace/runs").keys().filter(|name| name.contains("/commit/")).count()
}

fn published(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut files = sandbox.files("workspace/audiences");
    files.retain(|name, _| name.contains("tier=") || name.contains("holdout"));
    assert!(!files.is_empty());
    files
}

/// Kills a process of ours.
pub(crate) fn kill(process: i32) {
    // SAFETY: kill(2) touches no memory of ours.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: kill(2) touches no memory of ours; the child has not been waited for, so its id is still its own.
    unsafe { libc::kill(child.id() as i32, signal) };
}

#[test]
fn scorers_killed_at_work_cost_their_shard_alone_and_change_no_byte() {
    let undisturbed = prepared();
    undisturbed.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let sandbox = prepared();
    let run = sandbox.spawn(["run", "scoring.yaml", "--run-date", "2026-01-05"]);
    for already in [2, 10] {
        wait_for("shards to be scored", || (commits(&sandbox) >= already).then_some(()));
        if let Some(&victim) = scorers(&sandbox).first() {
            kill(victim);
        }
    }
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(published(&sandbox) == published(&undisturbed));
}

#[test]
fn an_interrupted_run_stops_its_workers_and_goes_on_when_run_again() {
    let sandbox = prepared();
    let run = sandbox.spawn(["run", "scoring.yaml", "--run-date", "2026-01-05"]);
    wait_for("a shard to be scored", || (commits(&sandbox) >= 1).then_some(()));
    signal(&run, libc::SIGINT);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(scorers(&sandbox).is_empty());
    assert!(!sandbox.files("workspace").keys().any(|name| name.contains("/pointers/")));
    let before = sandbox.files("workspace/runs");
    sandbox.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let after = sandbox.files("workspace/runs");
    for (name, bytes) in before.iter().filter(|(name, _)| name.contains("/commit/")) {
        assert_eq!(&after[name], bytes, "a finished shard was done again");
    }
    let undisturbed = prepared();
    undisturbed.kindred(["run", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    assert!(published(&sandbox) == published(&undisturbed));
}

#[test]
fn a_second_run_over_the_first_changes_nothing() {
    let sandbox = prepared();
    sandbox.kindred(["run", "training.yaml", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let before = sandbox.files("workspace");
    sandbox.kindred(["run", "training.yaml", "scoring.yaml", "--run-date", "2026-01-05"]).expect(0);
    let after = sandbox.files("workspace");
    let changed: Vec<_> =
        after.iter().filter(|(name, bytes)| before.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(before.len(), after.len());
}

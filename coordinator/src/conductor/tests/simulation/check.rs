//! What must hold of every run, whatever happened to it; told from what it left in the store.

use std::collections::{BTreeMap, BTreeSet};

use artifacts::runs::{self, ShardCommit};
use artifacts::{Workspace, layout};
use proto::{Generation, Stage};
use serde_json::{Value, json};

use super::sea::{SHARDS, Sea};
use crate::log::{LogEntry, Replay};
use crate::run::{Event, State, transition};

/// What a run made of a plan, beside who made it.
#[derive(Debug, PartialEq)]
pub(in crate::conductor::tests) struct Made {
    plan: Vec<u8>,
    publication: Value,
}

/// Checks everything that a finished run left.
pub(in crate::conductor::tests) async fn check(sea: &Sea, state: &State) -> Made {
    let workspace = sea.workspace();
    let log = entries(sea, &workspace).await;
    check_log(sea, &log);
    check_intents(sea, &log);
    let State::Succeeded(course) = state else { panic!("seed {}: {}", sea.seed, state.as_str()) };
    let replay = Replay::read(&workspace, &sea.run()).await.unwrap();
    assert_eq!(replay.state(), state, "seed {}: the log tells something else", sea.seed);
    check_commits(sea, &workspace).await;
    assert_eq!(course.finished[&Stage::Score], json!({"shards": SHARDS}), "seed {}", sea.seed);
    let publication = course.finished[&Stage::Publish].clone();
    assert_eq!(publication["rows"], 10 * SHARDS, "seed {}: rows do not reconcile", sea.seed);
    Made { plan: plan_of(sea, &workspace).await, publication }
}

/// The plan's shards; its envelope names who wrote it.
async fn plan_of(sea: &Sea, workspace: &Workspace) -> Vec<u8> {
    let plan = runs::read_plan(workspace, &sea.run()).await.unwrap().unwrap();
    serde_json::to_vec(&plan).unwrap()
}

async fn entries(sea: &Sea, workspace: &Workspace) -> Vec<LogEntry> {
    let mut entries = vec![];
    while let Some(entry) =
        workspace.read_entry_if_there(&layout::run_log_entry(&sea.run(), entries.len() as u64)).await.unwrap()
    {
        entries.push(entry.body);
    }
    entries
}

/// Epochs only grow, each has one writer, and what was the end stayed the end.
fn check_log(sea: &Sea, log: &[LogEntry]) {
    let seed = sea.seed;
    let mut writers = BTreeMap::new();
    let (mut newest, mut state) = (log[0].epoch, State::Absent);
    for entry in log {
        assert!(entry.epoch >= newest, "seed {seed}: epoch {} wrote after {newest}", entry.epoch);
        newest = entry.epoch;
        let writer = writers.entry(entry.epoch).or_insert_with(|| entry.writer.clone());
        assert_eq!(*writer, entry.writer, "seed {seed}: two wrote in epoch {}", entry.epoch);
        let is_over = matches!(state, State::Succeeded(_) | State::HeldBack(..));
        assert!(!is_over, "seed {seed}: {:?} after the end", entry.event);
        let reopens = matches!(entry.event, Event::Reopened | Event::EpochStarted { .. });
        assert!(!state.is_terminal() || reopens, "seed {seed}: {:?} left a terminal state", entry.event);
        state = transition(state, &entry.event).unwrap();
    }
}

/// Every child that ever was belongs to a launch that the log holds.
fn check_intents(sea: &Sea, log: &[LogEntry]) {
    let launches: BTreeMap<(Generation, Stage), u32> = log
        .iter()
        .filter_map(|entry| match entry.event {
            Event::Launched { stage, generation, processes } => Some(((generation, stage), processes)),
            _ => None,
        })
        .collect();
    let launched = sea.launched.lock().unwrap();
    for child in launched.iter() {
        let processes = launches.get(&(child.generation, child.stage)).copied().unwrap_or(0);
        assert!(child.process < processes, "seed {}: {child} was launched without an intent", sea.seed);
    }
    let distinct: BTreeSet<_> = launched.iter().collect();
    assert_eq!(distinct.len(), launched.len(), "seed {}: a name was launched twice", sea.seed);
}

/// Every shard has one winner, which is an attempt that was made.
async fn check_commits(sea: &Sea, workspace: &Workspace) {
    let plan = runs::read_plan(workspace, &sea.run()).await.unwrap().unwrap();
    let commits: Vec<ShardCommit<Value>> = runs::read_commits(workspace, &sea.run(), &plan).await.unwrap();
    let attempts = sea.attempts.lock().unwrap();
    let names: BTreeSet<String> = attempts.keys().map(ToString::to_string).collect();
    assert_eq!(commits.len() as u64, SHARDS, "seed {}", sea.seed);
    for commit in commits {
        let attempt = commit.attempt.to_string();
        assert!(names.contains(&attempt), "seed {}: nobody made attempt {attempt}", sea.seed);
    }
}

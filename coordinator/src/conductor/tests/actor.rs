//! What workers of these tests do with a unit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use artifacts::plan::shard_plan;
use artifacts::runs::{self, ShardCommit};
use artifacts::trials::{self, TrialCommit, TrialResult};
use artifacts::{Digest, FileRecord, InputFile, ShardId, Workspace, layout};
use proto::{Failure, Unit};
use serde_json::{Value, json};
use spec::RunId;
use tokio::sync::Notify;
use worker::{Assignment, Cancel, Progress};

use super::company::World;

/// Rows of every shard.
const SHARD_ROWS: u64 = 10;

/// What a worker does with one unit instead of just doing it.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Fails.
    Fail(Failure),
    /// Its process is killed.
    Die,
    /// Its process stops answering to anything but SIGKILL.
    Freeze,
    /// Goes on until it is cancelled.
    UntilCancelled,
    /// Is done, with this outcome.
    Say(Value),
}

/// Work that leaves behind what real work would, unless it is told to act otherwise.
pub(super) struct Actor {
    pub(super) world: Arc<World>,
    pub(super) is_frozen: Arc<AtomicBool>,
    pub(super) die: Arc<Notify>,
}

impl worker::Work for Actor {
    async fn perform(&self, assignment: Assignment, _: Progress, cancel: Cancel) -> Result<Value, Failure> {
        self.world.performed.lock().unwrap().push(assignment.unit);
        self.world.attempts.lock().unwrap().push(assignment.attempt.0);
        let act = self.world.acts.lock().unwrap().get_mut(&assignment.unit).and_then(VecDeque::pop_front);
        match act {
            None => Ok(self.really(&assignment).await),
            Some(Act::Say(outcome)) => Ok(outcome),
            Some(Act::Fail(failure)) => Err(failure),
            Some(Act::Die) => {
                self.die.notify_one();
                std::future::pending().await
            }
            Some(Act::Freeze) => {
                self.is_frozen.store(true, Ordering::Relaxed);
                self.world.frozen.send_replace(true);
                std::future::pending().await
            }
            Some(Act::UntilCancelled) => {
                self.world.waiting_for_cancel.send_replace(true);
                cancel.cancelled().await;
                Err(Cancel::failure())
            }
        }
    }
}

impl Actor {
    async fn really(&self, assignment: &Assignment) -> Value {
        let shards = self.world.shards.load(Ordering::Relaxed);
        let Assignment { run, unit, attempt, .. } = assignment;
        perform(&self.world.workspace, run, *unit, attempt.0, shards).await.unwrap()
    }
}

/// Leaves behind what real work at a unit would, of a plan of so many shards.
pub(super) async fn perform(
    workspace: &Workspace,
    run: &RunId,
    unit: Unit,
    attempt: u64,
    shards: u64,
) -> artifacts::Result<Value> {
    Ok(match unit {
        Unit::Train => json!({"version": 1}),
        Unit::Prepare => json!({"rows": SHARD_ROWS}),
        Unit::Trial(trial) => {
            let attempt = attempt.to_string().parse().unwrap();
            let result = TrialResult::Trained(trial.0);
            trials::commit_trial(workspace, run, TrialCommit { training: trial.0, attempt: Some(attempt), result })
                .await?;
            json!({})
        }
        Unit::Plan => {
            let plan = shard_plan(&[(population(), vec![SHARD_ROWS; shards as usize])], SHARD_ROWS);
            runs::freeze_plan(workspace, run, plan).await?;
            json!({"shards": shards})
        }
        Unit::Score(shard) => {
            score(workspace, run, shard.0, attempt).await?;
            json!({"rows": SHARD_ROWS})
        }
        Unit::Publish => publish(workspace, run).await?,
    })
}

/// The digest of all scores in order stands for what would be published.
async fn publish(workspace: &Workspace, run: &RunId) -> artifacts::Result<Value> {
    let plan = runs::read_plan(workspace, run).await?.expect("published before it was planned");
    let committed = runs::committed_shards(workspace, run).await?;
    assert_eq!(committed.len(), plan.shards.len(), "published before every shard was scored");
    let commits = runs::read_commits::<Value>(workspace, run, &plan).await?;
    let mut scores = Vec::new();
    for commit in &commits {
        let bytes = workspace.read(&commit.file.key).await?;
        assert_eq!(Digest::of(&bytes), commit.file.sha256, "another attempt's scores");
        scores.extend(bytes);
    }
    let rows: u64 = commits.iter().map(|commit| commit.rows).sum();
    let audience = json!({"name": "buyers", "published": true, "held_back": []});
    Ok(json!({"audiences": [audience], "rows": rows, "scores": Digest::of(&scores).to_string()}))
}

fn population() -> InputFile {
    InputFile { url: "memory://company/people.parquet".to_owned(), size: 1, etag: None, last_modified: None }
}

/// Scores a shard and commits it; the same bytes whatever the attempt.
pub(super) async fn score(workspace: &Workspace, run: &RunId, shard: u64, attempt: u64) -> artifacts::Result<()> {
    let (shard, attempt): (_, artifacts::Attempt) = (ShardId(shard), attempt.to_string().parse().unwrap());
    let key = layout::shard_part(run, shard, &attempt);
    let scores = format!("scores of shard {shard}").into_bytes();
    let file =
        FileRecord { key: key.clone(), bytes: scores.len() as u64, rows: SHARD_ROWS, sha256: Digest::of(&scores) };
    workspace.write(&key, scores).await?;
    let commit = ShardCommit { shard, attempt, file, rows: SHARD_ROWS, summary: json!({}) };
    runs::commit_shard(workspace, run, &commit).await?;
    Ok(())
}

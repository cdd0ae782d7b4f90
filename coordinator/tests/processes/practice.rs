//! What the processes of these tests do. They are this executable again, told by the environment what to be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use artifacts::plan::shard_plan;
use artifacts::runs::{self, ShardCommit};
use artifacts::{Digest, InputFile, ObjectWriter, ShardId, Workspace, layout};
use clap::Parser;
use coordinator::{Control, Coordinator, Notices, Programs, Settings};
use proto::{FailureClass, Unit};
use serde_json::{Value, json};
use worker::{Assignment, Cancel, Progress, Work, WorkArguments, WorkFailure};

use crate::stage::{resolved, timing};

/// A worker's command line.
pub(crate) const ARGUMENTS_VARIABLE: &str = "KINDRED_PRACTICE_ARGUMENTS";
/// The folder of a worker's test.
pub(crate) const FOLDER_VARIABLE: &str = "KINDRED_PRACTICE_FOLDER";
/// The folder of a coordinator's test.
pub(crate) const COORDINATOR_VARIABLE: &str = "KINDRED_PRACTICE_COORDINATOR";

/// The folder of a long-lived coordinator's test.
pub(crate) const HOUSE_VARIABLE: &str = "KINDRED_PRACTICE_HOUSE";

pub(crate) const SHARDS: u64 = 6;
const SHARD_ROWS: u64 = 10;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    work: WorkArguments,
}

/// A worker process, where the environment says so; else nothing.
#[test]
fn acts_as_a_worker() {
    let (Ok(line), Ok(folder)) = (std::env::var(ARGUMENTS_VARIABLE), std::env::var(FOLDER_VARIABLE)) else {
        return;
    };
    eprintln!("practice begins");
    let line = Line::parse_from(std::iter::once("practice").chain(line.split_whitespace()));
    let workspace = Workspace::open(&line.work.workspace).unwrap();
    let code = worker::run(&line.work, Practice { folder: folder.into(), workspace });
    // The test harness would answer 0 whatever the worker ended with.
    let known = [0, proto::LOST_TOUCH_STATUS].into_iter().find(|status| code == std::process::ExitCode::from(*status));
    std::process::exit(known.map_or(143, i32::from));
}

/// A coordinator process, where the environment says so; else nothing.
#[tokio::test(flavor = "multi_thread")]
async fn acts_as_a_coordinator() {
    let Some(folder) = std::env::var_os(COORDINATOR_VARIABLE).map(PathBuf::from) else {
        return;
    };
    let workspace = Workspace::open(folder.join("workspace").to_str().unwrap()).unwrap();
    let embedded = coordinator::Embedded::new(workspace, Programs::in_folder(&folder.join("programs")));
    let (_control, controlled) = Control::new();
    embedded.with_timing(timing()).run(&resolved(), controlled, Notices::unheard()).await.unwrap();
}

/// A long-lived coordinator process, where the environment says so; else nothing. It goes on until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn acts_as_a_long_lived_coordinator() {
    let Some(folder) = std::env::var_os(HOUSE_VARIABLE).map(PathBuf::from) else {
        return;
    };
    let workspace = Workspace::open(folder.join("workspace").to_str().unwrap()).unwrap();
    let programs = Programs::in_folder(&folder.join("programs"));
    let settings = Settings { timing: timing(), ..Settings::default() };
    let (_coordinator, ended) = Coordinator::open(workspace, programs, settings).await.unwrap();
    ended.wait().await.unwrap();
}

/// Leaves behind what a scorer would, only smaller.
struct Practice {
    folder: PathBuf,
    workspace: Workspace,
}

impl Work for Practice {
    async fn perform(&self, assignment: Assignment, progress: Progress, cancel: Cancel) -> Result<Value, WorkFailure> {
        let (unit, pid) = (assignment.unit.to_string(), std::process::id());
        progress.phase(&unit, "rows", Some(SHARD_ROWS));
        std::fs::write(self.folder.join(format!("attempt {unit} {} by {pid}", assignment.attempt)), "").unwrap();
        self.obey(&unit, &cancel).await?;
        let document = assignment.run.as_str().rsplit_once('-').unwrap().0;
        self.obey(&format!("{document} {unit}"), &cancel).await?;
        let outcome = match assignment.unit {
            Unit::Train => json!({"version": 1}),
            Unit::Prepare | Unit::Trial(_) => panic!("these runs have no search"),
            Unit::Plan => self.plan(&assignment).await,
            Unit::Score(shard) => self.score(&assignment, ShardId(shard.0)).await,
            Unit::Publish => self.publish(&assignment).await,
        };
        progress.advance(SHARD_ROWS);
        Ok(outcome)
    }
}

impl Practice {
    /// Does what the test's files say of a unit.
    async fn obey(&self, unit: &str, cancel: &Cancel) -> Result<(), WorkFailure> {
        if let Ok(class) = std::fs::read_to_string(self.folder.join(format!("fail {unit}"))) {
            std::fs::remove_file(self.folder.join(format!("fail {unit}"))).unwrap();
            let class = FailureClass::ALL.into_iter().find(|known| known.as_str() == class).unwrap();
            let causes = vec!["row group 3 is cut off".to_owned()];
            return Err(WorkFailure { class, message: "cannot read part-0.parquet".to_owned(), causes });
        }
        self.wait_while_held(&format!("stubborn {unit}"), &Cancel::never()).await?;
        self.wait_while_held(unit, cancel).await
    }

    async fn wait_while_held(&self, unit: &str, cancel: &Cancel) -> Result<(), WorkFailure> {
        let hold = self.folder.join(format!("hold {unit}"));
        if hold.exists() {
            let (new, began) = (self.folder.join(format!("new {unit}")), self.folder.join(format!("began {unit}")));
            std::fs::write(&new, std::process::id().to_string()).unwrap();
            std::fs::rename(new, began).unwrap();
        }
        while exists(&hold) {
            cancel.check()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn plan(&self, assignment: &Assignment) -> Value {
        let population =
            InputFile { url: "file:///people.parquet".to_owned(), size: 1, etag: None, last_modified: None };
        let plan = shard_plan(&[(population, vec![SHARD_ROWS; SHARDS as usize])], SHARD_ROWS);
        runs::freeze_plan(&self.workspace, &assignment.run, plan).await.unwrap();
        json!({"shards": SHARDS})
    }

    async fn score(&self, assignment: &Assignment, shard: ShardId) -> Value {
        let attempt = assignment.attempt.to_string().parse().unwrap();
        let key = layout::shard_part(&assignment.run, shard, &attempt);
        let mut writer = ObjectWriter::create(&self.workspace, key);
        writer.write(format!("scores of shard {shard}").as_bytes()).await.unwrap();
        let file = writer.finish(SHARD_ROWS).await.unwrap();
        let commit = ShardCommit { shard, attempt, file, rows: SHARD_ROWS, summary: json!({}) };
        runs::commit_shard(&self.workspace, &assignment.run, &commit).await.unwrap();
        json!({"rows": SHARD_ROWS})
    }

    /// The digest of all scores in order stands for what would be published.
    async fn publish(&self, assignment: &Assignment) -> Value {
        let plan = runs::read_plan(&self.workspace, &assignment.run).await.unwrap().unwrap();
        let commits = runs::read_commits::<Value>(&self.workspace, &assignment.run, &plan).await.unwrap();
        let mut scores = Vec::new();
        for commit in &commits {
            scores.extend(self.workspace.read(&commit.file.key).await.unwrap());
        }
        let rows: u64 = commits.iter().map(|commit| commit.rows).sum();
        json!({"audiences": [], "scores": {"rows": rows, "url": Digest::of(&scores).to_string()}})
    }
}

fn exists(path: &Path) -> bool {
    path.exists()
}

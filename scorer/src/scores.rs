//! The score table as a whole: a manifest that names the files of the shards' winners, for readers.

use artifacts::object::FileRecord;
use artifacts::plan::ShardPlan;
use artifacts::registry::ModelIdentity;
use artifacts::{ArtifactsError, Workspace, layout};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use spec::ids::{ColumnName, RunId, ScoringName};

use crate::commit::ScoreCommit;
use crate::error::Result;
use crate::run::Run;

/// The form of the manifests that this program writes.
pub const SCORES_SCHEMA_VERSION: u32 = 1;

/// Shards looked through for leftovers at once.
const SHARDS_IN_FLIGHT: usize = 16;

/// What a run's score table consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresManifest {
    /// [`SCORES_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run.
    pub run: RunId,
    /// That run's document.
    pub scoring: ScoringName,
    /// The program that scored, with its version.
    pub program: String,
    /// The model.
    pub model: ModelIdentity,
    /// When rows are said to be scored.
    pub scored_at: DateTime<Utc>,
    /// The key's column.
    pub key: ColumnName,
    /// Rows in all files.
    pub rows: u64,
    /// The files, in the order of the population; keys are relative to the workspace.
    pub files: Vec<FileRecord>,
}

/// Writes the manifest of a run whose shards are all committed, and takes away what lost attempts have left.
///
/// # Errors
///
/// Rows that differ from the plan's, storage that fails.
pub async fn publish_scores(run: &Run, plan: &ShardPlan, commits: &[ScoreCommit]) -> Result<String> {
    let manifest = ScoresManifest {
        schema_version: SCORES_SCHEMA_VERSION,
        run: run.id.clone(),
        scoring: run.scoring.metadata.name.clone(),
        program: run.document.program.clone(),
        model: run.model.clone(),
        scored_at: run.scored_at(),
        key: run.spec().key.clone(),
        rows: commits.iter().map(|commit| commit.rows).sum(),
        files: commits.iter().map(|commit| commit.file.clone()).collect(),
    };
    let left_out: u64 = commits.iter().map(|commit| commit.summary.rows_left_out()).sum();
    let found = manifest.rows + left_out;
    if found != plan.rows {
        let what = "the score table".to_owned();
        return Err(ArtifactsError::RowsDiffer { what, found, expected: plan.rows }.into());
    }
    let key = layout::run_scores(&run.id);
    run.workspace.create_once(&key, &manifest).await?;
    clear_leftovers(&run.workspace, &run.id, commits).await;
    Ok(run.workspace.url_of(&key))
}

/// Deletes files of attempts that did not win; all shards have winners by now. What cannot be deleted is only unused.
async fn clear_leftovers(workspace: &Workspace, run: &RunId, commits: &[ScoreCommit]) {
    let shards = stream::iter(commits).for_each_concurrent(SHARDS_IN_FLIGHT, |commit| async move {
        if let Err(error) = clear_shard(workspace, run, commit).await {
            tracing::warn!(shard = %commit.shard, %error, "files of attempts that lost could not be deleted");
        }
    });
    shards.await;
}

async fn clear_shard(workspace: &Workspace, run: &RunId, commit: &ScoreCommit) -> Result<(), ArtifactsError> {
    let attempts = workspace.names_in(&layout::shard_data(run, commit.shard)).await?;
    for attempt in attempts.iter().filter_map(|name| name.parse().ok()).filter(|attempt| *attempt != commit.attempt) {
        workspace.delete(&layout::shard_part(run, commit.shard, &attempt)).await?;
        for name in commit.summary.neighbours.keys() {
            workspace.delete(&layout::shard_neighbours(run, commit.shard, &attempt, name)).await?;
        }
    }
    Ok(())
}

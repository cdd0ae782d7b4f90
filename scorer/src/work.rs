//! What a scorer process does with the units of work that it is given.

use std::sync::Arc;

use artifacts::Workspace;
use artifacts::layout::ShardId;
use serde_json::Value;
use tokio::sync::OnceCell;
use worker::{Assignment, Cancel, Progress, Unit, Work, WorkFailure};

use crate::error::{Result, ScorerError};
use crate::plan::plan;
use crate::publish::publish;
use crate::run::Run;
use crate::score::Scorer;

/// Plans, scores and publishes in one workspace. What shards share is loaded once a process.
pub struct ScorerWork {
    workspace: Workspace,
    scorer: OnceCell<Arc<Scorer>>,
}

impl ScorerWork {
    /// Ready to work in this workspace.
    pub fn new(workspace: Workspace) -> Self {
        Self { workspace, scorer: OnceCell::new() }
    }

    async fn unit(&self, assignment: Assignment, progress: &Progress, cancel: &Cancel) -> Result<Value> {
        let attempt = Run::attempt(assignment.attempt.0)?;
        let open = || Run::open(self.workspace.clone(), assignment.run.clone());
        let outcome = match assignment.unit {
            Unit::Plan => serde_json::to_value(plan(&open().await?, &attempt, progress, cancel).await?),
            Unit::Score(shard) => {
                // A process is started for one run, so the first run's scorer is everyone's.
                let load = || async { Ok::<_, ScorerError>(Arc::new(Scorer::load(open().await?, progress).await?)) };
                let scorer = self.scorer.get_or_try_init(load).await?;
                serde_json::to_value(scorer.score(ShardId(shard.0), &attempt, progress, cancel).await?)
            }
            Unit::Publish => serde_json::to_value(publish(&open().await?, progress, cancel).await?),
            Unit::Train | Unit::Prepare | Unit::Trial(_) => {
                return Err(ScorerError::NotScoring { run: assignment.run });
            }
        };
        outcome.map_err(ScorerError::Json)
    }
}

impl Work for ScorerWork {
    async fn perform(
        &self,
        assignment: Assignment,
        progress: Progress,
        cancel: Cancel,
    ) -> std::result::Result<Value, WorkFailure> {
        let error = match self.unit(assignment, &progress, &cancel).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        // Whatever broke because of it, being told to stop is the cause.
        cancel.check()?;
        Err(error.into())
    }
}

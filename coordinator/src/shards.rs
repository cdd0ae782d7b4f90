//! The shards of a scoring run, from its frozen plan and its commits.

use artifacts::{Workspace, runs};
use proto::{Shard, Unit};
use spec::RunId;

use crate::error::{CoordinatorError, Result};

/// All units of a run's plan, and those that are committed already.
pub(crate) async fn of_run(workspace: &Workspace, run: &RunId) -> Result<(Vec<Unit>, Vec<Unit>)> {
    let plan = workspace.persistently(|| runs::read_plan(workspace, run)).await?;
    let plan = plan.ok_or_else(|| CoordinatorError::NoPlan { run: run.clone() })?;
    let committed = workspace.persistently(|| runs::committed_shards(workspace, run)).await?;
    let planned = plan.shards.iter().map(|shard| Unit::Score(Shard(shard.id.0))).collect();
    let committed = committed.into_iter().map(|shard| Unit::Score(Shard(shard.0))).collect();
    Ok((planned, committed))
}

//! The trainings of a run's search, from its document and from what is done.

use artifacts::trials::{self, TrialCommit, TrialResult};
use artifacts::{Workspace, runs};
use proto::{Failure, Trial, Unit};
use serde_json::Value;
use spec::{Document, RunId, SearchPlan};

use crate::error::{CoordinatorError, Result};

/// A run's trainings by rung, and those that are done already.
pub(crate) async fn of_run(workspace: &Workspace, run: &RunId) -> Result<(Vec<Vec<Unit>>, Vec<Unit>)> {
    let document = workspace.persistently(|| runs::read_document(workspace, run)).await?;
    let Some(Document::Training(training)) = document.map(|document| document.document) else {
        return Err(CoordinatorError::NoSearch { run: run.clone() });
    };
    let plan = SearchPlan::of(&training.spec);
    let plan = plan.map_err(|source| CoordinatorError::InvalidSearch { run: run.clone(), source })?;
    let unit = |training| Unit::Trial(Trial(training));
    let rungs = plan.by_rung().into_iter().map(|trainings| trainings.map(unit).collect()).collect();
    let done = workspace.persistently(|| trials::committed_trials(workspace, run)).await?;
    Ok((rungs, done.into_iter().map(unit).collect()))
}

/// Says that no try at a training is left; the search goes on without its trial.
pub(crate) async fn leave_out(workspace: &Workspace, run: &RunId, trial: Trial, failure: Failure) -> Result<()> {
    let reasons = std::iter::once(failure.message).chain(failure.causes).collect();
    let result = TrialResult::<Value>::Failed { reasons };
    // What a slow worker may have said meanwhile counts as well.
    trials::commit_trial(workspace, run, TrialCommit { training: trial.0, attempt: None, result }).await?;
    Ok(())
}

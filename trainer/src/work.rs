//! The units of work of a trainer, as a worker process performs them: `train`, and of a search `prepare` and the trials.

use artifacts::Workspace;
use artifacts::layout::Attempt;
use serde::Serialize;
use serde_json::{Value, json};
use worker::{Assignment, Cancel, FailureClass, Progress, Unit, Work, WorkFailure};

use crate::error::{Result, TrainerError};
use crate::run::Run;
use crate::search::{self, Shared};
use crate::{tables, train};

/// Trains models in one workspace.
pub struct Training {
    workspace: String,
    shared: Shared,
}

impl Training {
    /// For the workspace at this URL.
    pub fn new(workspace: &str) -> Self {
        Self { workspace: workspace.to_owned(), shared: Shared::default() }
    }
}

impl Work for Training {
    async fn perform(&self, assignment: Assignment, progress: Progress, cancel: Cancel) -> Result<Value, WorkFailure> {
        let workspace = Workspace::open(&self.workspace).map_err(TrainerError::from)?;
        let attempt: Attempt = format!("a{}", assignment.attempt)
            .parse()
            .map_err(|invalid| TrainerError::from(artifacts::ArtifactsError::from(invalid)))?;
        let run = Run::open(workspace, assignment.run, attempt).await?;
        Ok(match assignment.unit {
            Unit::Train => outcome(&train(run, &progress, &cancel).await?)?,
            Unit::Prepare => {
                let tables = tables::prepare(&run, &progress).await?;
                json!({"rows": tables.examples.rows})
            }
            Unit::Trial(trial) => outcome(&search::perform(&run, trial.0, &self.shared, &progress, &cancel).await?)?,
            Unit::Plan | Unit::Score(_) | Unit::Publish => {
                let message = format!("a trainer was given the unit `{}`", assignment.unit);
                return Err(WorkFailure::new(FailureClass::Bug, message));
            }
        })
    }
}

fn outcome(outcome: &impl Serialize) -> Result<Value> {
    serde_json::to_value(outcome).map_err(|source| TrainerError::Json { file: "outcome", source })
}

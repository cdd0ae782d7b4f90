//! The unit of work `train`, as a worker process performs it.

use artifacts::Workspace;
use artifacts::layout::Attempt;
use worker::{Assignment, Cancel, FailureClass, Progress, Unit, Work, WorkFailure};

use crate::error::TrainerError;
use crate::run::Run;
use crate::train;

/// Trains models in one workspace.
#[derive(Debug, Clone)]
pub struct Training {
    workspace: String,
}

impl Training {
    /// For the workspace at this URL.
    pub fn new(workspace: &str) -> Self {
        Self { workspace: workspace.to_owned() }
    }
}

impl Work for Training {
    async fn perform(
        &self,
        assignment: Assignment,
        progress: Progress,
        cancel: Cancel,
    ) -> Result<serde_json::Value, WorkFailure> {
        let Unit::Train = assignment.unit else {
            let message = format!("a trainer was given the unit `{}`", assignment.unit);
            return Err(WorkFailure::new(FailureClass::Bug, message));
        };
        let workspace = Workspace::open(&self.workspace).map_err(TrainerError::from)?;
        let attempt: Attempt = format!("a{}", assignment.attempt)
            .parse()
            .map_err(|invalid| TrainerError::from(artifacts::ArtifactsError::from(invalid)))?;
        let run = Run::open(workspace, assignment.run, attempt).await?;
        let outcome = train(&run, &progress, &cancel).await?;
        serde_json::to_value(outcome).map_err(|source| TrainerError::Json { file: "outcome", source }.into())
    }
}

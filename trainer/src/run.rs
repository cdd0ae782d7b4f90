//! A training run as its unit of work sees it: what was asked, on which files, where results go.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use artifacts::Workspace;
use artifacts::layout::{self, Attempt};
use artifacts::runs::{self, RunDocument};
use spec::{Document, RunId, Training, TrainingSpec};

use crate::error::{Result, TrainerError};

/// A training run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where everything durable lies.
    pub workspace: Workspace,
    /// The run.
    pub id: RunId,
    /// Who works on it: part of the keys of what is written.
    pub attempt: Attempt,
    /// What it was asked to do.
    pub training: Training,
    /// The rest of what was stored when it began.
    pub document: RunDocument,
}

impl Run {
    /// Reads what the run was asked to do.
    ///
    /// # Errors
    ///
    /// A run that is not there or no training run.
    pub async fn open(workspace: Workspace, id: RunId, attempt: Attempt) -> Result<Self> {
        let document = runs::read_document(&workspace, &id).await?;
        let document =
            document.ok_or_else(|| TrainerError::NoRun { url: workspace.url_of(&layout::run_document(&id)) })?;
        let Document::Training(training) = document.document.clone() else {
            return Err(TrainerError::NotTraining { run: id });
        };
        Ok(Self { workspace, id, attempt, training, document })
    }

    /// The document's `spec`.
    pub fn spec(&self) -> &TrainingSpec {
        &self.training.spec
    }

    /// Threads that the process decodes and computes with.
    pub fn threads(&self) -> usize {
        threads(self.spec())
    }

    /// Threads of one trial, where several processes train trials side by side.
    pub fn threads_of_trial(&self) -> usize {
        let parallel = self.spec().search.as_ref().map_or(1, |search| search.parallel as usize);
        match self.spec().resources.threads {
            Some(_) => self.threads(),
            None => (self.threads() / parallel).max(1),
        }
    }

    /// Where SQL steps spill rows that do not fit into their memory.
    pub fn spill_folder(&self) -> PathBuf {
        std::env::temp_dir().join(format!("kindred-{}-{}", self.id, self.attempt))
    }
}

/// Threads that a training of this document decodes and computes with.
pub(crate) fn threads(spec: &TrainingSpec) -> usize {
    let of_machine = || available_parallelism().map_or(1, NonZeroUsize::get);
    spec.resources.threads.map_or_else(of_machine, |threads| threads as usize).max(1)
}

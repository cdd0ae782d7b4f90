//! A scoring run as its units of work see it: what was asked, on which files, with which model, where results go.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use artifacts::layout::Attempt;
use artifacts::registry::ModelIdentity;
use artifacts::runs::{self, RunDocument};
use artifacts::{ArtifactsError, Workspace, layout};
use chrono::{DateTime, NaiveTime, Utc};
use spec::{Document, RunId, Scoring, ScoringSpec};

use crate::error::{Result, ScorerError};

/// A scoring run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where everything durable lies.
    pub workspace: Workspace,
    /// The run.
    pub id: RunId,
    /// What it was asked to do.
    pub scoring: Scoring,
    /// The model that it uses, to the byte.
    pub model: ModelIdentity,
    /// The rest of what was stored when it began.
    pub document: RunDocument,
}

impl Run {
    /// Reads what the run was asked to do.
    ///
    /// # Errors
    ///
    /// A run that is not there or no scoring run.
    pub async fn open(workspace: Workspace, id: RunId) -> Result<Self> {
        let document = runs::read_document(&workspace, &id).await?;
        let document =
            document.ok_or_else(|| ScorerError::NoRun { url: workspace.url_of(&layout::run_document(&id)) })?;
        let Document::Scoring(scoring) = document.document.clone() else {
            return Err(ScorerError::NotScoring { run: id });
        };
        let Some(model) = document.model.clone() else {
            return Err(ScorerError::NoModel { run: id });
        };
        Ok(Self { workspace, id, scoring, model, document })
    }

    /// The document's `spec`.
    pub fn spec(&self) -> &ScoringSpec {
        &self.scoring.spec
    }

    /// Whether some audience's guards compare what rows look like.
    pub fn watches_drift(&self) -> bool {
        self.spec().audiences.values().any(|audience| audience.guards.max_psi.is_some())
    }

    /// Threads that a process of this run computes with.
    pub fn threads(&self) -> usize {
        let of_machine = || available_parallelism().map_or(1, NonZeroUsize::get);
        self.spec().resources.threads.map_or_else(of_machine, |threads| threads as usize).max(1)
    }

    /// Midnight of the run's date: when rows are said to be scored, so that the same run gives the same bytes.
    pub fn scored_at(&self) -> DateTime<Utc> {
        self.document.run_date.and_time(NaiveTime::MIN).and_utc()
    }

    /// An attempt's name in keys, from its number in the run's log.
    ///
    /// # Errors
    ///
    /// None in practice: numbers make legal names.
    pub fn attempt(number: u64) -> Result<Attempt> {
        format!("a{number}").parse().map_err(|invalid| ArtifactsError::from(invalid).into())
    }
}

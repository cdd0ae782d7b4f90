//! Publishes a version that a guard held back, after a person looked. Everything is checked again but the guards.

use artifacts::audience::{Release, held_back_by, latest};
use artifacts::{ArtifactsError, Workspace};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use spec::ids::{AudienceName, RunId, Version};
use worker::{Cancel, Progress};

use crate::error::{Result, ScorerError};
use crate::publish::{AudienceOutcome, publish_released};
use crate::run::Run;

/// What is to be released, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Where everything durable lies.
    pub workspace: String,
    /// The run that held it back.
    pub run: RunId,
    /// The audience.
    pub audience: AudienceName,
    /// Who releases it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// The version that is the current one now.
    #[serde(flatten)]
    pub outcome: AudienceOutcome,
    /// Whether it had been published before, so that nothing was done.
    pub already: bool,
}

/// Releases a version.
///
/// # Errors
///
/// A run without such an audience, a version that was not held back or that a later one stands before, files that are not what
/// was committed, rows that do not reconcile, storage that fails.
pub async fn release(request: &ReleaseRequest) -> Result<Released> {
    let workspace = Workspace::open(&request.workspace)?;
    release_in(&workspace, request).await
}

/// The same in a workspace that is open.
///
/// # Errors
///
/// As [`release`].
pub async fn release_in(workspace: &Workspace, request: &ReleaseRequest) -> Result<Released> {
    let ReleaseRequest { run, audience, by, reason, .. } = request;
    let run = Run::open(workspace.clone(), run.clone()).await?;
    if !run.spec().audiences.contains_key(audience) {
        let known = run.spec().audiences.keys().map(ToString::to_string).collect();
        return Err(ScorerError::NoAudience { run: run.id, audience: audience.clone(), known });
    }
    let Some(held) = held_back_by(workspace, audience, &run.id).await? else {
        return Err(ScorerError::NotHeldBack { run: run.id, audience: audience.clone() });
    };
    let current = current(workspace, audience).await?;
    if let Some((by, _)) = current.as_ref().filter(|(version, _)| *version > held.version) {
        return Err(ScorerError::Superseded { audience: audience.clone(), version: held.version, by: *by });
    }
    let already = current.is_some_and(|(_, publisher)| publisher == run.id);
    let release = Release { by: by.clone(), at: Utc::now(), reason: reason.clone(), held_back: held.reasons };
    let outcome = publish_released(&run, audience, release, &Progress::new(), &Cancel::never()).await?;
    match self::current(workspace, audience).await? {
        Some((by, _)) if !outcome.published => {
            Err(ScorerError::Superseded { audience: audience.clone(), version: held.version, by })
        }
        _ => Ok(Released { outcome, already }),
    }
}

/// The current version and the run that published it. One that is not whole is replaced, as by any other run.
async fn current(workspace: &Workspace, audience: &AudienceName) -> Result<Option<(Version, RunId)>> {
    match latest(workspace, audience).await {
        Ok(last) => Ok(last.map(|last| (last.pointer.version, last.pointer.run))),
        Err(ArtifactsError::BrokenAudience { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

//! Versions that a guard held back: what is known of them, so that a person can look and release one.

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use spec::{AudienceName, RunId, Version};

use crate::error::Result;
use crate::layout;
use crate::workspace::Workspace;

/// Records read at once.
const RECORDS_IN_FLIGHT: usize = 16;

/// A version that was held back; created once, beside the claim of its number. The number was claimed when it was held back, so
/// that a version of a later run is a later version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldBackVersion {
    /// The audience.
    pub audience: AudienceName,
    /// The number that the run claimed.
    pub version: Version,
    /// The run.
    pub run: RunId,
    /// When it was held back.
    pub at: DateTime<Utc>,
    /// People selected, holdout included.
    pub size: u64,
    /// Why, one guard each.
    pub reasons: Vec<String>,
}

/// Who published a version that had been held back, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in words of theirs.
    pub reason: String,
    /// What had held it back.
    pub held_back: Vec<String>,
}

/// Stores that a version was held back; what was stored first stays, and is returned.
pub async fn hold_back(workspace: &Workspace, held: HeldBackVersion) -> Result<HeldBackVersion> {
    let key = layout::audience_held_back(&held.audience, held.version);
    Ok(workspace.create_once(&key, &held).await?.settled(held))
}

/// A version that was held back; `None` where this one was not.
pub async fn read_held_back(
    workspace: &Workspace,
    audience: &AudienceName,
    version: Version,
) -> Result<Option<HeldBackVersion>> {
    let stored = workspace.read_entry_if_there(&layout::audience_held_back(audience, version)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// The versions of an audience that were held back, oldest first, of those after a version or of all; some may have been
/// released since.
pub async fn list_held_back(
    workspace: &Workspace,
    audience: &AudienceName,
    after: Option<Version>,
) -> Result<Vec<HeldBackVersion>> {
    let versions = workspace.numbers_in(&layout::audience_versions(audience)).await?;
    let versions = versions.into_iter().map(Version).filter(move |version| after.is_none_or(|after| *version > after));
    futures::stream::iter(versions)
        .map(|version| async move { read_held_back(workspace, audience, version).await })
        .buffered(RECORDS_IN_FLIGHT)
        .try_filter_map(|held| async move { Ok(held) })
        .try_collect()
        .await
}

/// The version of an audience that a run held back.
pub async fn held_back_by(
    workspace: &Workspace,
    audience: &AudienceName,
    run: &RunId,
) -> Result<Option<HeldBackVersion>> {
    Ok(list_held_back(workspace, audience, None).await?.into_iter().rev().find(|held| held.run == *run))
}

//! Version numbers: each belongs to the run that claimed it, and the same run finds its own claim again.

use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use spec::{RunId, Version};

use crate::error::{ArtifactsError, Result};
use crate::layout::{Folder, Key};
use crate::workspace::{Created, Workspace};

/// Claims read at once.
const CLAIMS_IN_FLIGHT: usize = 16;

/// Which run a version belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    run: RunId,
}

/// The version that belongs to `run`: the one it claimed before, or else the next free one. Numbers that were claimed
/// and never published stay gaps.
pub(crate) async fn claim(
    workspace: &Workspace,
    versions: &Folder,
    key_of: impl Fn(Version) -> Key,
    run: &RunId,
) -> Result<Version> {
    let claimed = workspace.numbers_in(versions).await?;
    if let Some(version) = find(workspace, &claimed, &key_of, run).await? {
        return Ok(version);
    }
    let mut next = claimed.last().map_or(1, |last| last + 1);
    loop {
        let version = Version(next);
        match workspace.create_once(&key_of(version), &Claim { run: run.clone() }).await? {
            Created::Won => return Ok(version),
            Created::Lost { winner } if winner.run == *run => return Ok(version),
            Created::Lost { .. } => next += 1,
        }
    }
}

/// The version that a run claimed, the latest first as it is the likeliest.
async fn find(
    workspace: &Workspace,
    claimed: &[u64],
    key_of: &impl Fn(Version) -> Key,
    run: &RunId,
) -> Result<Option<Version>> {
    let claims = futures::stream::iter(claimed.iter().rev().copied().map(Version))
        .map(|version| {
            let key = key_of(version);
            async move { Ok((version, workspace.read_entry_if_there::<Claim>(&key).await?)) }
        })
        .buffered(CLAIMS_IN_FLIGHT)
        .try_filter_map(|(version, claim)| async move {
            let is_mine = claim.is_some_and(|claim| claim.body.run == *run);
            Ok::<_, ArtifactsError>(is_mine.then_some(version))
        });
    futures::pin_mut!(claims);
    claims.try_next().await
}

/// The run that a version belongs to; `None` where nobody claimed it.
pub(crate) async fn owner(workspace: &Workspace, claim: &Key) -> Result<Option<RunId>> {
    Ok(workspace.read_entry_if_there::<Claim>(claim).await?.map(|claim| claim.body.run))
}

/// Fails unless the version belongs to the run.
pub(crate) async fn check(workspace: &Workspace, folder: &Folder, claim: &Key, run: &RunId) -> Result<()> {
    let owner = workspace.read_entry::<Claim>(claim).await?.body.run;
    if owner == *run {
        return Ok(());
    }
    Err(ArtifactsError::NotOwner { folder: workspace.url_of_folder(folder), owner: owner.to_string() })
}

//! Deleting what a plan says.

use futures::{StreamExt, TryStreamExt};

use super::plan::{Deletion, Plan};
use crate::error::Result;
use crate::workspace::Workspace;

/// Deletes at once.
const IN_FLIGHT: usize = 16;

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Deletes what a plan says, in its order. What is gone already, because somebody else sweeps too, is as good as deleted;
/// whoever comes after one that was cut off goes on with the rest.
///
/// # Errors
/// When the store fails; what was deleted before stays deleted, and no reader sees half of anything.
pub async fn sweep(workspace: &Workspace, plan: &Plan) -> Result<Swept> {
    let mut swept = Swept::default();
    for deletion in &plan.deletions {
        delete(workspace, deletion).await?;
        swept.objects += deletion.keys().count() as u64;
        swept.bytes += deletion.bytes;
    }
    Ok(swept)
}

async fn delete(workspace: &Workspace, deletion: &Deletion) -> Result<()> {
    for key in &deletion.first {
        workspace.delete(key).await?;
    }
    futures::stream::iter(&deletion.rest)
        .map(|key| workspace.delete(key))
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|()| async { Ok(()) })
        .await
}

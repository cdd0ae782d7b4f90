//! The secret keys of a run's ids: all its processes must have the same ones, from the first shard to the last file.
//!
//! What is stored is the id of each key, never a key.

use artifacts::runs::{SecretKeyIds, freeze_secret_keys, read_secret_keys};
use artifacts::secret::SecretKey;

use crate::error::{Result, ScorerError};
use crate::run::Run;

/// Freezes which keys the run is planned with, if it has any.
///
/// # Errors
///
/// A key that cannot be read or is too short, or is another than an earlier attempt at the plan had.
pub(crate) async fn freeze(run: &Run) -> Result<()> {
    let found = ids_of(run)?;
    if found.is_empty() {
        return Ok(());
    }
    let planned = freeze_secret_keys(&run.workspace, &run.id, found.clone()).await?;
    compare(run, &planned, &found)
}

/// Fails unless the keys of this process are those that the run was planned with.
///
/// # Errors
///
/// A key that cannot be read, is too short or is another one.
pub(crate) async fn check(run: &Run) -> Result<()> {
    let found = ids_of(run)?;
    if found.is_empty() {
        return Ok(());
    }
    let planned = read_secret_keys(&run.workspace, &run.id).await?;
    compare(run, &planned.unwrap_or_default(), &found)
}

fn ids_of(run: &Run) -> Result<SecretKeyIds> {
    let sources = run.spec().audiences.values().flat_map(|audience| &audience.ids).filter_map(|id| id.key.as_ref());
    sources.map(|from| Ok((from.to_string(), SecretKey::read(from)?.id().to_owned()))).collect()
}

fn compare(run: &Run, planned: &SecretKeyIds, found: &SecretKeyIds) -> Result<()> {
    let changed = found.iter().find(|(from, id)| planned.get(*from).is_some_and(|planned| planned != *id));
    match changed {
        None => Ok(()),
        Some((from, found)) => {
            let planned = planned[from].clone();
            Err(ScorerError::SecretChanged { run: run.id.clone(), from: from.clone(), planned, found: found.clone() })
        }
    }
}

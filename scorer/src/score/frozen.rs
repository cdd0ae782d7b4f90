//! What a plan has frozen for every shard.

use std::sync::Arc;

use artifacts::layout;
use artifacts::runs::{read_seed_lists, read_segments};

use crate::error::{Result, ScorerError};
use crate::neighbours::{Wanted, load_queries};
use crate::run::Run;
use crate::seed_lists::LearnedLists;
use crate::segments::{FrozenSegments, RunSegments};

/// What the plan has learned of the document's seed lists.
pub(super) async fn read_learned_lists(run: &Run) -> Result<Option<LearnedLists>> {
    match run.spec().seed_lists.is_empty() {
        true => Ok(None),
        false => Ok(Some(read_seed_lists(&run.workspace, &run.id).await?)),
    }
}

/// The people whose neighbours are looked for, as the plan has frozen them.
pub(super) async fn load_neighbours(run: &Run) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for (name, declared) in &run.spec().neighbours {
        let queries = Arc::new(load_queries(run, name, declared).await?.queries);
        wanted.push(Wanted { name: name.clone(), queries, most: declared.count as usize });
    }
    Ok(wanted)
}

/// The segments that the plan has frozen.
pub(super) async fn read_frozen_segments(run: &Run) -> Result<Vec<FrozenSegments>> {
    if run.spec().segments.is_empty() {
        return Ok(Vec::new());
    }
    let frozen: Option<RunSegments> = read_segments(&run.workspace, &run.id).await?;
    let missing = || ScorerError::NoRun { url: run.workspace.url_of(&layout::run_segments(&run.id)) };
    Ok(frozen.ok_or_else(missing)?.segmentations.into_values().collect())
}

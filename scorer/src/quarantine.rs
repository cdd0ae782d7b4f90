//! Leaves out what of a population cannot be read, where the document allows it: whole files when the run is planned, row
//! groups when their shard is scored. Whatever else fails is never left out.

use std::sync::Arc;

use artifacts::InputFile;
use artifacts::error::ArtifactsError;
use artifacts::plan::ShardPlan;
use artifacts::quarantine::{LeftOut, LeftOutTotal};
use artifacts::rows::{Columns, FileHandle, RowGroupRef, common_schema, open_file};
use feed::FeedError;
use futures::stream::{self, StreamExt, TryStreamExt};
use spec::Quarantine;

use crate::error::{Result, ScorerError};

/// Files opened at once.
const FILES_IN_FLIGHT: usize = 16;

/// The files of a population that can be read, and the others.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) files: Vec<InputFile>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Tells readable files from damaged ones by their footers and columns. Columns are those of the first readable file, which the
/// others must have in the same types.
///
/// # Errors
///
/// More damage than the quarantine allows, or no readable file at all; storage that fails.
pub(crate) async fn readable(quarantine: &Quarantine, files: &[InputFile]) -> Result<Readable> {
    let opened: Vec<Result<Arc<FileHandle>, LeftOut>> = stream::iter(files.to_vec())
        .map(|file| async move {
            match open_file(&file).await {
                Ok(handle) => Ok(Ok(handle)),
                Err(error) => LeftOut::because_of(&error, |_, _| None).map(Err).ok_or(error),
            }
        })
        .buffered(FILES_IN_FLIGHT)
        .try_collect()
        .await?;
    let mut left_out: Vec<LeftOut> = opened.iter().filter_map(|opened| opened.as_ref().err()).cloned().collect();
    let mut alike: Vec<Arc<FileHandle>> = Vec::new();
    for handle in opened.into_iter().flatten() {
        match differs(alike.first(), &handle)? {
            None => alike.push(handle),
            Some(different) => left_out.push(different),
        }
    }
    check(quarantine, &left_out)?;
    if alike.is_empty() && !left_out.is_empty() {
        return Err(too_much(&left_out));
    }
    Ok(Readable { files: alike.iter().map(|handle| handle.file().clone()).collect(), left_out })
}

/// How a file's columns differ from the first one's, if they do.
fn differs(first: Option<&Arc<FileHandle>>, handle: &Arc<FileHandle>) -> Result<Option<LeftOut>> {
    let Some(first) = first else { return Ok(None) };
    let columns = Columns::new(first.schema().fields().iter().map(|field| field.name()));
    match common_schema(&[Arc::clone(first), Arc::clone(handle)], &columns) {
        Ok(_) => Ok(None),
        Err(error) => {
            let rows_of = |_: &str, _: Option<usize>| Some(handle.rows());
            Ok(Some(LeftOut::because_of(&error, rows_of).ok_or(error)?))
        }
    }
}

/// Fails where more was left out than the document allows.
///
/// # Errors
///
/// [`ScorerError::Quarantine`]
pub(crate) fn check(quarantine: &Quarantine, left_out: &[LeftOut]) -> Result<()> {
    let total = LeftOutTotal::of(left_out);
    if quarantine.allows(total.files, total.rows()) { Ok(()) } else { Err(too_much(left_out)) }
}

fn too_much(left_out: &[LeftOut]) -> ScorerError {
    let LeftOutTotal { files, known_rows, .. } = LeftOutTotal::of(left_out);
    let first = left_out.first().map(|item| item.reason.clone()).unwrap_or_default();
    ScorerError::Quarantine { files, rows: known_rows, first }
}

/// Row groups of a shard that were found to be damaged.
#[derive(Debug, Default)]
pub(crate) struct DamagedRows {
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) places: Vec<RowGroupRef>,
}

impl DamagedRows {
    /// Takes note of a failure that is damage of one row group, so that the shard can be scored without it; any other failure
    /// comes back.
    ///
    /// # Errors
    ///
    /// The failure itself; more damage in this shard than the document allows.
    pub(crate) fn add(&mut self, quarantine: Option<&Quarantine>, plan: &ShardPlan, error: ScorerError) -> Result<()> {
        let found = quarantine.zip(damage(&error));
        let found = found.and_then(|(quarantine, stored)| {
            let left_out = LeftOut::because_of(stored, |url, row_group| plan.rows_of(url, row_group))?;
            let file = plan.files.iter().position(|planned| planned.file.url == left_out.url)?;
            let place = RowGroupRef { file, row_group: left_out.row_group? };
            (left_out.rows.is_some() && !self.places.contains(&place)).then_some((quarantine, left_out, place))
        });
        let Some((quarantine, left_out, place)) = found else { return Err(error) };
        self.left_out.push(left_out);
        self.places.push(place);
        check(quarantine, &self.left_out)
    }

    /// Rows that are missing from the shard.
    pub(crate) fn rows(&self) -> u64 {
        LeftOutTotal::of(&self.left_out).known_rows
    }
}

/// The failure of a file inside, if that is what it is.
fn damage(error: &ScorerError) -> Option<&ArtifactsError> {
    match error {
        ScorerError::Artifacts(stored) => Some(stored.as_ref()),
        ScorerError::Feed(feed) => match feed.as_ref() {
            FeedError::Artifacts(stored) => Some(stored),
            _ => None,
        },
        _ => None,
    }
}

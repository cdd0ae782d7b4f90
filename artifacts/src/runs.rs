//! What a run keeps: its document and inputs, its frozen plan, the tables it prepared, the shards it scored.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spec::ids::NeighboursName;
use spec::{ColumnName, Document, RunId, TableName};

use crate::digest::Digest;
use crate::error::{ArtifactsError, Result};
use crate::layout::{self, Attempt, ShardId};
use crate::object::FileRecord;
use crate::plan::ShardPlan;
use crate::registry::ModelIdentity;
use crate::source::InputFile;
use crate::workspace::{Created, Workspace};

/// Commits read at once.
const COMMITS_IN_FLIGHT: usize = 16;
/// Hex digits of a run's id.
const ID_DIGITS: usize = 12;
/// Bytes of the document's name in a run's id, so that the whole is a legal name.
const ID_NAME_BYTES: usize = 63 - 1 - ID_DIGITS;

/// What a run was asked to do, and on what. The same again is the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunDocument {
    /// The document, its parameters put in.
    pub document: Document,
    /// The day that it ran for.
    pub run_date: NaiveDate,
    /// The files of every table, as they were.
    pub inputs: BTreeMap<TableName, Vec<InputFile>>,
    /// The program, with its version.
    pub program: String,
    /// Scoring: the model that its reference meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelIdentity>,
}

impl RunDocument {
    /// `<document's name>-<12 hex digits>`: the digest of the document, the identities of all input files, the program
    /// and, for Scoring, the model.
    pub fn run_id(&self) -> RunId {
        let name = match &self.document {
            Document::Training(training) => training.metadata.name.as_str(),
            Document::Scoring(scoring) => scoring.metadata.name.as_str(),
        };
        let inputs: Vec<_> = self.inputs.iter().map(|(table, files)| (table, identities(files))).collect();
        // The day is in the document's parameters where anything depends on it.
        let content = (&self.document, inputs, &self.program, &self.model);
        let digest = Digest::of(&serde_json::to_vec(&content).expect("documents have a JSON form"));
        let name = &name[..name.len().min(ID_NAME_BYTES)];
        format!("{name}-{}", digest.short(ID_DIGITS)).parse().expect("a name, a hyphen and hex digits are a name")
    }
}

/// A file's URL, size and, as the store has it, tag or time.
fn identities(files: &[InputFile]) -> Vec<(&str, u64, String)> {
    let tag = |file: &InputFile| match (&file.etag, file.last_modified) {
        (Some(etag), _) => etag.clone(),
        (None, Some(time)) => time.to_rfc3339(),
        (None, None) => String::new(),
    };
    files.iter().map(|file| (file.url.as_str(), file.size, tag(file))).collect()
}

/// Stores what a run is, once; returns what is stored, which for the same run is the same.
pub async fn write_document(workspace: &Workspace, run: &RunId, document: &RunDocument) -> Result<RunDocument> {
    let created = workspace.create_once(&layout::run_document(run), document).await?;
    Ok(created.settled(document.clone()))
}

/// What a run is; `None` where there is no such run.
pub async fn read_document(workspace: &Workspace, run: &RunId) -> Result<Option<RunDocument>> {
    let stored = workspace.read_entry_if_there(&layout::run_document(run)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// Every run that has a document, by name.
pub async fn list_runs(workspace: &Workspace) -> Result<Vec<RunId>> {
    let names = workspace.names_in(&layout::runs()).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Freezes a run's plan: the one that was stored first is the run's for good, and is returned.
pub async fn freeze_plan(workspace: &Workspace, run: &RunId, plan: ShardPlan) -> Result<ShardPlan> {
    let created = workspace.create_once(&layout::run_plan(run), &plan).await?;
    Ok(created.settled(plan))
}

/// A run's frozen plan; `None` where there is none yet.
pub async fn read_plan(workspace: &Workspace, run: &RunId) -> Result<Option<ShardPlan>> {
    let stored = workspace.read_entry_if_there(&layout::run_plan(run)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// Freezes what a run has learned of its seed lists: what was stored first is the run's for good, and is returned.
pub async fn freeze_seed_lists<T>(workspace: &Workspace, run: &RunId, lists: T) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let created = workspace.create_once(&layout::run_seed_lists(run), &lists).await?;
    Ok(created.settled(lists))
}

/// What a run has learned of its seed lists.
pub async fn read_seed_lists<T: DeserializeOwned>(workspace: &Workspace, run: &RunId) -> Result<T> {
    Ok(workspace.read_entry(&layout::run_seed_lists(run)).await?.body)
}

/// Freezes what a run tells of its audiences' people: what was stored first is the run's for good, and is returned.
pub async fn freeze_profiles<T>(workspace: &Workspace, run: &RunId, profiles: T) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let created = workspace.create_once(&layout::run_profiles(run), &profiles).await?;
    Ok(created.settled(profiles))
}

/// What a run tells of its audiences' people; `None` where it tells nothing.
pub async fn read_profiles<T: DeserializeOwned>(workspace: &Workspace, run: &RunId) -> Result<Option<T>> {
    let stored = workspace.read_entry_if_there(&layout::run_profiles(run)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// Freezes the segments that a run puts people into: what was stored first is the run's for good, and is returned.
pub async fn freeze_segments<T>(workspace: &Workspace, run: &RunId, segments: T) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    let created = workspace.create_once(&layout::run_segments(run), &segments).await?;
    Ok(created.settled(segments))
}

/// The segments that a run puts people into; `None` where it has none.
pub async fn read_segments<T: DeserializeOwned>(workspace: &Workspace, run: &RunId) -> Result<Option<T>> {
    let stored = workspace.read_entry_if_there(&layout::run_segments(run)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// The ids of secret keys by where they are read from.
pub type SecretKeyIds = BTreeMap<String, String>;

/// Freezes the ids of the secret keys that a run makes ids with: what was stored first is the run's for good, and is
/// returned. The keys themselves are stored nowhere.
pub async fn freeze_secret_keys(workspace: &Workspace, run: &RunId, keys: SecretKeyIds) -> Result<SecretKeyIds> {
    let created = workspace.create_once(&layout::run_secret_keys(run), &keys).await?;
    Ok(created.settled(keys))
}

/// The ids of the secret keys that a run makes ids with; `None` where it was planned with none.
pub async fn read_secret_keys(workspace: &Workspace, run: &RunId) -> Result<Option<SecretKeyIds>> {
    let stored = workspace.read_entry_if_there(&layout::run_secret_keys(run)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// What a step that joined ids has found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityCounts {
    /// Rows read.
    pub rows: u64,
    /// Different ids that are of somebody: the rows of the table.
    pub ids: u64,
    /// People.
    pub people: u64,
    /// Ids of the person who has most.
    pub most_ids: u64,
    /// What was left out, by kind.
    pub ignored: IndexMap<ColumnName, IgnoredIds>,
}

/// Values of one kind of ids that are of nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredIds {
    /// Different ids that stand on more rows than `max_records`.
    pub shared: u64,
    /// Values that are blank or zeros alone.
    pub blank: u64,
    /// Values that are no ids of this kind.
    pub invalid: u64,
}

/// A prepared table: the attempt that won, and its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedTable {
    /// The table.
    pub table: TableName,
    /// The digest of what it was made from (its SQL and inputs), if the maker says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Digest>,
    /// What was found where ids were joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityCounts>,
    /// Who made it.
    pub attempt: Attempt,
    /// Its files, in order.
    pub files: Vec<FileRecord>,
    /// Rows in all.
    pub rows: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl PreparedTable {
    /// What an attempt made.
    pub fn new(table: TableName, attempt: Attempt, files: Vec<FileRecord>) -> Self {
        let (rows, bytes) = (files.iter().map(|file| file.rows).sum(), files.iter().map(|file| file.bytes).sum());
        Self { table, recipe: None, identity: None, attempt, files, rows, bytes }
    }

    /// Its files as inputs of a later step.
    pub fn input_files(&self, workspace: &Workspace) -> Vec<InputFile> {
        self.files.iter().map(|file| file.input_file(workspace)).collect()
    }
}

/// Who won a piece of work that was committed.
#[derive(Debug, Clone, PartialEq)]
pub enum Commit<T> {
    /// This attempt.
    Won,
    /// Another one: what it committed counts, and this attempt's own files have been deleted.
    Lost {
        /// What counts.
        winner: T,
    },
}

/// Commits a prepared table. The loser's files are deleted.
pub async fn commit_table(workspace: &Workspace, run: &RunId, table: PreparedTable) -> Result<Commit<PreparedTable>> {
    let created = workspace.create_once(&layout::prepared_commit(run, &table.table), &table).await?;
    let is_mine = |winner: &PreparedTable| winner.attempt == table.attempt;
    settle(workspace, created, is_mine, &table.files).await
}

/// A prepared table; `None` where no attempt has committed it.
pub async fn read_table(workspace: &Workspace, run: &RunId, table: &TableName) -> Result<Option<PreparedTable>> {
    let stored = workspace.read_entry_if_there(&layout::prepared_commit(run, table)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// The people whose neighbours a run looks for: the attempt that won, and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourQueries {
    /// Who found them.
    pub attempt: Attempt,
    /// Their rows and embeddings.
    pub file: FileRecord,
}

/// Commits the people whose neighbours a run looks for. The loser's file is deleted.
pub async fn commit_queries(
    workspace: &Workspace,
    run: &RunId,
    name: &NeighboursName,
    queries: NeighbourQueries,
) -> Result<Commit<NeighbourQueries>> {
    let created = workspace.create_once(&layout::neighbour_queries_commit(run, name), &queries).await?;
    let is_mine = |winner: &NeighbourQueries| winner.attempt == queries.attempt;
    settle(workspace, created, is_mine, std::slice::from_ref(&queries.file)).await
}

/// The people whose neighbours a run looks for.
pub async fn read_queries(workspace: &Workspace, run: &RunId, name: &NeighboursName) -> Result<NeighbourQueries> {
    Ok(workspace.read_entry(&layout::neighbour_queries_commit(run, name)).await?.body)
}

/// A scored shard: the attempt that won, its file, and what the scorer counted (`T`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardCommit<T> {
    /// The shard.
    pub shard: ShardId,
    /// Who scored it.
    pub attempt: Attempt,
    /// The scores.
    pub file: FileRecord,
    /// Rows scored.
    pub rows: u64,
    /// Histograms, waterfalls and what else is merged over shards.
    pub summary: T,
}

/// Commits a shard. The loser's file is deleted.
pub async fn commit_shard<T: Serialize + DeserializeOwned>(
    workspace: &Workspace,
    run: &RunId,
    commit: &ShardCommit<T>,
) -> Result<Commit<ShardCommit<T>>> {
    if commit.rows != commit.file.rows {
        let what = format!("the file of shard {}", commit.shard);
        return Err(ArtifactsError::RowsDiffer { what, found: commit.file.rows, expected: commit.rows });
    }
    let created = workspace.create_once(&layout::shard_commit(run, commit.shard), commit).await?;
    let is_mine = |winner: &ShardCommit<T>| winner.attempt == commit.attempt;
    settle(workspace, created, is_mine, std::slice::from_ref(&commit.file)).await
}

/// A shard's commit; `None` where nobody has committed it.
pub async fn read_commit<T: DeserializeOwned>(
    workspace: &Workspace,
    run: &RunId,
    shard: ShardId,
) -> Result<Option<ShardCommit<T>>> {
    let stored = workspace.read_entry_if_there(&layout::shard_commit(run, shard)).await?;
    Ok(stored.map(|stored| stored.body))
}

/// The shards that are committed, ascending.
pub async fn committed_shards(workspace: &Workspace, run: &RunId) -> Result<Vec<ShardId>> {
    let numbers = workspace.numbers_in(&layout::shard_commits(run)).await?;
    Ok(numbers.into_iter().map(ShardId).collect())
}

/// The commits of all shards of the plan, in order. Every shard must be committed with the plan's rows, and its file must
/// be there with the size committed: what is published is built on nothing less.
pub async fn read_commits<T: DeserializeOwned + Send>(
    workspace: &Workspace,
    run: &RunId,
    plan: &ShardPlan,
) -> Result<Vec<ShardCommit<T>>> {
    read_commits_less(workspace, run, plan, |_| 0).await
}

/// The same for shards that may have left rows out: `left_out` says how many, and with them a commit has the plan's rows.
pub async fn read_commits_less<T: DeserializeOwned + Send>(
    workspace: &Workspace,
    run: &RunId,
    plan: &ShardPlan,
    left_out: fn(&T) -> u64,
) -> Result<Vec<ShardCommit<T>>> {
    let committed = committed_shards(workspace, run).await?;
    let missing: Vec<ShardId> =
        plan.shards.iter().map(|shard| shard.id).filter(|id| committed.binary_search(id).is_err()).collect();
    if let Some(first) = missing.first() {
        let (missing, shards) = (missing.len(), plan.shards.len());
        return Err(ArtifactsError::Uncommitted { missing, shards, first: *first });
    }
    let expected: Vec<(ShardId, u64)> = plan.shards.iter().map(|shard| (shard.id, shard.rows)).collect();
    futures::stream::iter(expected)
        .map(|(shard, rows)| checked_commit(workspace, run, (shard, rows), left_out))
        .buffered(COMMITS_IN_FLIGHT)
        .try_collect()
        .await
}

async fn checked_commit<T: DeserializeOwned>(
    workspace: &Workspace,
    run: &RunId,
    (shard, rows): (ShardId, u64),
    left_out: fn(&T) -> u64,
) -> Result<ShardCommit<T>> {
    let key = layout::shard_commit(run, shard);
    let commit: ShardCommit<T> = workspace.read_entry(&key).await?.body;
    if commit.shard != shard {
        let (found, expected) = (format!("shard {}", commit.shard), format!("shard {shard}"));
        return Err(ArtifactsError::Misplaced { url: workspace.url_of(&key), found, expected });
    }
    let found = commit.rows + left_out(&commit.summary);
    if found != rows {
        let what = format!("the commit of shard {shard}");
        return Err(ArtifactsError::RowsDiffer { what, found, expected: rows });
    }
    check_size(workspace, &commit.file).await?;
    Ok(commit)
}

/// Fails unless a file is there with the size that was recorded.
pub async fn check_size(workspace: &Workspace, file: &FileRecord) -> Result<()> {
    let found = workspace.size_of(&file.key).await?;
    match found {
        Some(bytes) if bytes == file.bytes => Ok(()),
        other => {
            let (url, found) = (workspace.url_of(&file.key), other.unwrap_or(0));
            Err(ArtifactsError::SizeChanged { url, expected: file.bytes, found })
        }
    }
}

/// The loser of a race takes its own files away, and nobody else's.
async fn settle<T>(
    workspace: &Workspace,
    created: Created<T>,
    is_mine: impl Fn(&T) -> bool,
    files: &[FileRecord],
) -> Result<Commit<T>> {
    match created {
        Created::Won => Ok(Commit::Won),
        // The same attempt may commit again after its reply was lost for good.
        Created::Lost { winner } if is_mine(&winner) => Ok(Commit::Won),
        Created::Lost { winner } => {
            for file in files {
                if let Err(error) = workspace.delete(&file.key).await {
                    tracing::warn!(key = %file.key, %error, "a file that lost its race could not be deleted");
                }
            }
            Ok(Commit::Lost { winner })
        }
    }
}

#[cfg(test)]
mod tests;

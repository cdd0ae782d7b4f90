//! Scoring without a document: the document that would have been written, and where its scores go.

use anyhow::{Context, anyhow};
use artifacts::registry::ModelManifest;
use artifacts::source::Location;
use artifacts::{FileRecord, ObjectWriter, Workspace, layout, runs};
use chrono::NaiveDate;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use serde_json::{Value, json};
use spec::{Document, RunId};

use crate::arguments::Score;
use crate::failure::Failure;

/// More rows than any table has, and a number that JSON keeps whole.
const ALL_ROWS: u64 = (1 << 53) - 1;

/// A Scoring document for these arguments: one table, no audiences.
pub(crate) fn document(
    arguments: &Score,
    destination: &Destination,
    model: &ModelManifest,
    date: NaiveDate,
) -> Result<Document, Failure> {
    let key = arguments.key.clone().unwrap_or_else(|| model.document.spec.key.clone());
    let name: String = format!("adhoc-{}", model.model).chars().take(63).collect();
    let mut document = json!({
        "apiVersion": "kindred.dev/v1",
        "kind": "Scoring",
        "metadata": {"name": name},
        "spec": {
            "parameters": {"run_date": date},
            "model": format!("{}@{}", model.model, model.version),
            "tables": {"input": {"url": arguments.input}},
            "population": "input",
            "key": key,
            "keep": arguments.keep,
            "resources": {"processes": arguments.processes.max(1)},
        },
    });
    if destination.is_file() {
        // One file is one shard.
        document["spec"]["shard_rows"] = json!(ALL_ROWS);
    }
    serde_json::from_value(document).context("these arguments make no Scoring document").map_err(Failure::Usage)
}

/// Where scores are copied to.
pub(crate) enum Destination {
    /// `part-<n>.parquet` in this folder.
    Folder(Workspace),
    /// This one file of a folder.
    File(Workspace, layout::Key),
}

/// What has been copied.
pub(crate) struct Copied {
    /// Rows in all files together.
    pub(crate) rows: u64,
    /// The files.
    pub(crate) urls: Vec<String>,
}

impl Destination {
    /// A file where the URL ends in `.parquet`, else a folder.
    pub(crate) fn open(url: &str) -> Result<Self, Failure> {
        let usage = |error: anyhow::Error| Failure::Usage(error.context(format!("`{url}` cannot be written to")));
        let open = |url: &str| Workspace::open(url).map_err(|error| usage(error.into()));
        if !url.ends_with(".parquet") {
            return open(url).map(Self::Folder);
        }
        let location = Location::parse(url).map_err(|error| usage(error.into()))?;
        let whole = location.url();
        let (folder, name) = whole.rsplit_once('/').ok_or_else(|| usage(anyhow!("it names no file")))?;
        let key = name.parse().map_err(|error| usage(anyhow::Error::new(error)))?;
        Ok(Self::File(open(folder)?, key))
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// Copies the scores of a finished run.
    pub(crate) async fn fill(&self, workspace: &Workspace, run: &RunId) -> Result<Copied, Failure> {
        let plan = runs::read_plan(workspace, run).await?;
        let plan = plan.ok_or_else(|| Failure::Failed(anyhow!("run {run} has no plan")))?;
        let commits = runs::read_commits::<Value>(workspace, run, &plan).await?;
        self.check_empty(commits.len()).await?;
        let mut copied = Copied { rows: 0, urls: Vec::with_capacity(commits.len()) };
        for (number, commit) in (0..).zip(&commits) {
            let (folder, key) = match self {
                Self::Folder(folder) => (folder, layout::output_part(number)),
                Self::File(folder, key) => (folder, key.clone()),
            };
            copy(workspace, &commit.file, folder, &key).await?;
            copied.rows += commit.rows;
            copied.urls.push(folder.url_of(&key));
        }
        Ok(copied)
    }
}

impl Destination {
    /// A folder must not hold other files: a reader would take them for scores.
    async fn check_empty(&self, files: usize) -> Result<(), Failure> {
        let Self::Folder(folder) = self else {
            return Ok(());
        };
        let own: Vec<layout::Key> = (0..).take(files).map(layout::output_part).collect();
        let root = folder.path(&layout::output_part(0));
        let prefix: object_store::path::Path = root.parts().take(root.parts_count().saturating_sub(1)).collect();
        let listed = match folder.store().list_with_delimiter(Some(&prefix)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            listed => listed.with_context(|| format!("cannot list {}", folder.url())).map_err(Failure::Failed)?,
        };
        let is_own = |name: &str| own.iter().any(|key| key.as_str() == name);
        let other = listed.objects.iter().filter_map(|meta| meta.location.filename()).find(|name| !is_own(name));
        match other {
            Some(name) => {
                let url = folder.url();
                Err(Failure::Usage(anyhow!("{url} holds `{name}`, which is not of these scores: name an empty folder")))
            }
            None => Ok(()),
        }
    }
}

/// Copies one file's bytes, some at a time.
async fn copy(from: &Workspace, file: &FileRecord, to: &Workspace, key: &layout::Key) -> Result<(), Failure> {
    let failed = |error: object_store::Error| {
        Failure::Failed(anyhow::Error::new(error).context(format!("cannot read {}", from.url_of(&file.key))))
    };
    let mut bytes = from.store().get(&from.path(&file.key)).await.map_err(failed)?.into_stream();
    let mut writer = ObjectWriter::create(to, key.clone());
    while let Some(some) = bytes.try_next().await.map_err(failed)? {
        writer.write(&some).await?;
    }
    let written = writer.finish(file.rows).await?;
    if written.sha256 == file.sha256 {
        return Ok(());
    }
    let url = from.url_of(&file.key);
    Err(artifacts::ArtifactsError::Tampered { url, expected: file.sha256, found: written.sha256 }.into())
}

//! A folder with tables, a workspace and a session, for tests.

use std::error::Error as StdError;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use artifacts::{Attempt, Workspace};
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use spec::{PrepareStep, RunId, TableName, TableSource};
use tempfile::TempDir;

use crate::{PrepareTarget, Session, SessionOptions};

/// Files and a workspace that vanish with it.
pub(crate) struct Sandbox {
    folder: TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) run: RunId,
    pub(crate) attempt: Attempt,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let workspace = Workspace::open(folder.path().join("workspace").to_str().unwrap()).unwrap();
        Self { folder, workspace, run: "test-0123456789ab".parse().unwrap(), attempt: Attempt::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap().write_all(content.as_ref()).unwrap();
        path
    }

    pub(crate) fn write_parquet(&self, name: &str, batches: &[RecordBatch], row_group_rows: usize) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(row_group_rows))
            .set_compression(Compression::SNAPPY)
            .build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
        batches.iter().for_each(|batch| writer.write(batch).unwrap());
        writer.close().unwrap();
        path
    }

    pub(crate) fn session(&self) -> Session {
        self.session_with_memory(256 << 20)
    }

    pub(crate) fn session_with_memory(&self, memory_bytes: u64) -> Session {
        Session::new(SessionOptions { memory_bytes, spill_folder: self.path("spill"), threads: 2 }).unwrap()
    }

    pub(crate) fn target(&self) -> PrepareTarget<'_> {
        PrepareTarget { workspace: &self.workspace, run: &self.run, attempt: &self.attempt, progress: &|_, _| {} }
    }
}

pub(crate) fn name(text: &str) -> TableName {
    text.parse().unwrap()
}

pub(crate) fn step(name: &str, sql: &str) -> PrepareStep {
    PrepareStep { name: name.parse().unwrap(), sql: sql.to_owned(), identity: None }
}

/// A table source from the JSON form of a document's YAML.
pub(crate) fn source(json: serde_json::Value) -> TableSource {
    serde_json::from_value(json).unwrap()
}

/// A query's rows, one line each, values joined by `|`, null as `-`.
pub(crate) async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let batches: Vec<RecordBatch> = session.stream(sql).await.unwrap().try_collect().await.unwrap();
    let options = arrow::util::display::FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| arrow::util::display::ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<_> = columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(values.join("|"));
        }
    }
    lines
}

/// An error and everything that caused it.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        words = format!("{words}: {source}");
        cause = source.source();
    }
    words
}

/// One batch of named columns.
pub(crate) fn batch(columns: Vec<(&str, arrow::array::ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

pub(crate) fn integers(values: impl IntoIterator<Item = i64>) -> arrow::array::ArrayRef {
    Arc::new(arrow::array::Int64Array::from_iter_values(values))
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

//! The score table of a run, read in passes: row groups in parallel, results in the order of the rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use artifacts::ArtifactsError;
use artifacts::object::FileRecord;
use artifacts::rows::{BATCH_ROWS, Columns, FileHandle, RowGroupData, open_files};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;
use worker::{Cancel, Progress};

use crate::error::{Result, ScorerError};
use crate::run::Run;

/// The committed score files of a run, in the order of its shards.
#[derive(Debug)]
pub(crate) struct ScoreTable {
    files: Vec<Arc<FileHandle>>,
    threads: usize,
    progress: Progress,
    cancel: Cancel,
}

/// One row group of the table, fetched and ready to be decoded.
#[derive(Debug)]
pub(crate) struct RowGroup {
    data: RowGroupData,
    first_position: u64,
}

impl RowGroup {
    /// Its batches, each with the position of its first row in the table.
    ///
    /// # Errors
    ///
    /// A damaged file.
    pub(crate) fn batches(self) -> Result<impl Iterator<Item = Result<(u64, RecordBatch)>>> {
        let mut position = self.first_position;
        Ok(self.data.decode(BATCH_ROWS)?.map(move |batch| {
            let batch = batch?;
            let first = position;
            position += batch.num_rows() as u64;
            Ok((first, batch))
        }))
    }
}

impl ScoreTable {
    /// Opens the files, each of which must have the rows that its commit says.
    ///
    /// # Errors
    ///
    /// A file that is missing or is not the one committed.
    pub(crate) async fn open(run: &Run, files: &[FileRecord], progress: &Progress, cancel: &Cancel) -> Result<Self> {
        let workspace = &run.workspace;
        let inputs: Vec<_> = files.iter().map(|file| file.input_file(workspace)).collect();
        let handles = open_files(&inputs).await?;
        for (record, handle) in files.iter().zip(&handles) {
            let (found, expected) = (handle.rows(), record.rows);
            if found != expected {
                return Err(ArtifactsError::RowsDiffer { what: handle.file().url.clone(), found, expected }.into());
            }
        }
        Ok(Self { files: handles, threads: run.threads(), progress: progress.clone(), cancel: cancel.clone() })
    }

    /// All rows.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows()).sum()
    }

    /// One of the files, to ask for the table's columns; `None` for a table without files.
    pub(crate) fn sample(&self) -> Option<&FileHandle> {
        self.files.first().map(AsRef::as_ref)
    }

    /// Does `work` on every row group, several at once; the results come in the order of the rows. `phase` names the pass
    /// for whoever watches.
    pub(crate) fn scan<T, W>(&self, phase: &str, columns: &Columns, work: W) -> BoxStream<'static, Result<T>>
    where
        T: Send + 'static,
        W: Fn(RowGroup) -> Result<T> + Send + Sync + 'static,
    {
        self.progress.phase(phase, "rows", Some(self.rows()));
        let (work, columns, progress, cancel) =
            (Arc::new(work), columns.clone(), self.progress.clone(), self.cancel.clone());
        let groups = futures::stream::iter(self.row_groups());
        let results = groups.map(move |(file, row_group, first_position)| {
            let (work, columns) = (Arc::clone(&work), columns.clone());
            let (progress, cancel) = (progress.clone(), cancel.clone());
            async move {
                if cancel.is_cancelled() {
                    return Err(ScorerError::Cancelled);
                }
                let data = file.fetch(row_group, &file.project(&columns)?).await?;
                let rows = data.rows();
                let done = spawn_blocking(move || work(RowGroup { data, first_position })).await;
                progress.advance(rows);
                done.map_err(ScorerError::Thread)?
            }
        });
        results.buffered(self.threads).boxed()
    }

    /// Does `work` on every row group and folds the results together, in the order of the rows.
    ///
    /// # Errors
    ///
    /// The first failure, of `work` or of reading.
    pub(crate) async fn fold<T, W, A>(
        &self,
        phase: &str,
        columns: &Columns,
        start: A,
        work: W,
        mut add: impl FnMut(&mut A, T),
    ) -> Result<A>
    where
        T: Send + 'static,
        W: Fn(RowGroup) -> Result<T> + Send + Sync + 'static,
    {
        let mut sum = start;
        let mut results = self.scan(phase, columns, work);
        while let Some(result) = results.try_next().await? {
            add(&mut sum, result);
        }
        Ok(sum)
    }

    fn row_groups(&self) -> Vec<(Arc<FileHandle>, usize, u64)> {
        let mut groups = Vec::new();
        let mut position = 0;
        for file in &self.files {
            for (row_group, rows) in file.row_group_rows().into_iter().enumerate() {
                groups.push((Arc::clone(file), row_group, position));
                position += rows;
            }
        }
        groups
    }
}

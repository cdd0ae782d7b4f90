//! The score table of a run, read in passes: row groups in parallel, results in the order of the rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use artifacts::ArtifactsError;
use artifacts::object::FileRecord;
use artifacts::plan::ShardPlan;
use artifacts::quarantine::LeftOut;
use artifacts::rows::{BATCH_ROWS, Columns, FileHandle, RowGroupData, RowGroupRef, open_files};
use futures::stream::{BoxStream, FuturesOrdered, StreamExt, TryStreamExt};
use tokio::task::spawn_blocking;
use worker::{Cancel, Progress};

use crate::error::{Result, ScorerError};
use crate::profile::Marks;
use crate::run::Run;

/// The committed score files of a run, in the order of its shards; or its population's files, which have the same rows in the same order.
#[derive(Debug, Clone)]
pub(crate) struct ScoreTable {
    files: Vec<Arc<FileHandle>>,
    /// Row groups that are passed over.
    left_out: BTreeSet<RowGroupRef>,
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
        let (progress, cancel) = (progress.clone(), cancel.clone());
        Ok(Self { files: handles, left_out: BTreeSet::new(), threads: run.threads(), progress, cancel })
    }

    /// Opens the files of a run's population, which must be those planned, without the row groups that were left out of scoring.
    ///
    /// # Errors
    ///
    /// A file that is missing or was changed.
    pub(crate) async fn of_population(
        run: &Run,
        plan: &ShardPlan,
        left_out: &[LeftOut],
        watch: (&Progress, &Cancel),
    ) -> Result<Self> {
        let inputs: Vec<_> = plan.files.iter().map(|planned| planned.file.clone()).collect();
        let files = open_files(&inputs).await?;
        for (planned, handle) in plan.files.iter().zip(&files) {
            let (found, expected) = (handle.rows(), planned.row_groups.iter().sum());
            if found != expected {
                return Err(ArtifactsError::RowsDiffer { what: handle.file().url.clone(), found, expected }.into());
            }
        }
        let (progress, cancel) = (watch.0.clone(), watch.1.clone());
        let place = |left_out: &LeftOut| {
            let file = files.iter().position(|handle| handle.file().url == left_out.url)?;
            Some(RowGroupRef { file, row_group: left_out.row_group? })
        };
        let left_out = left_out.iter().filter_map(place).collect();
        Ok(Self { files, left_out, threads: run.threads(), progress, cancel })
    }

    /// The same table, whose passes nobody watches.
    pub(crate) fn unwatched(&self) -> Self {
        Self { progress: Progress::new(), ..self.clone() }
    }

    /// All rows.
    pub(crate) fn rows(&self) -> u64 {
        self.row_groups().iter().map(|place| place.rows).sum()
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
        let (work, columns) = (Arc::new(work), columns.clone());
        let watch = (self.progress.clone(), self.cancel.clone());
        let places = futures::stream::iter(self.row_groups());
        let results = places.map(move |place| {
            let work = Arc::clone(&work);
            visit(place, columns.clone(), watch.clone(), move |group| work(group))
        });
        results.buffered(self.threads).boxed()
    }

    /// Does `work` on every row group together with the marks of its rows, several at once, and folds the results together in the order
    /// of the rows.
    ///
    /// # Errors
    ///
    /// The first failure, of `work`, of reading or of the marks.
    pub(crate) async fn fold_beside<T, W, A>(
        &self,
        phase: &str,
        columns: &Columns,
        marks: &mut Marks,
        start: A,
        work: W,
        mut add: impl FnMut(&mut A, T),
    ) -> Result<A>
    where
        T: Send + 'static,
        W: Fn(RowGroup, Vec<u16>) -> Result<T> + Send + Sync + 'static,
    {
        self.progress.phase(phase, "rows", Some(self.rows()));
        let (work, mut sum, mut under_way) = (Arc::new(work), start, FuturesOrdered::new());
        for place in self.row_groups() {
            let of_rows = marks.next(place.rows).await?;
            let work = Arc::clone(&work);
            let watch = (self.progress.clone(), self.cancel.clone());
            under_way.push_back(visit(place, columns.clone(), watch, move |group| work(group, of_rows)));
            if under_way.len() >= self.threads
                && let Some(done) = under_way.try_next().await?
            {
                add(&mut sum, done);
            }
        }
        while let Some(done) = under_way.try_next().await? {
            add(&mut sum, done);
        }
        Ok(sum)
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

    fn row_groups(&self) -> Vec<GroupPlace> {
        let mut groups = Vec::new();
        let mut first_position = 0;
        for (number, file) in self.files.iter().enumerate() {
            let is_read = |row_group| !self.left_out.contains(&RowGroupRef { file: number, row_group });
            let rows = file.row_group_rows().into_iter().enumerate();
            for (row_group, rows) in rows.filter(|(row_group, rows)| *rows > 0 && is_read(*row_group)) {
                groups.push(GroupPlace { file: Arc::clone(file), row_group, first_position, rows });
                first_position += rows;
            }
        }
        groups
    }
}

/// Where a row group is.
#[derive(Debug, Clone)]
struct GroupPlace {
    file: Arc<FileHandle>,
    row_group: usize,
    first_position: u64,
    rows: u64,
}

/// Fetches a row group and does `work` on it where it blocks no runtime thread.
async fn visit<T: Send + 'static>(
    place: GroupPlace,
    columns: Columns,
    (progress, cancel): (Progress, Cancel),
    work: impl FnOnce(RowGroup) -> Result<T> + Send + 'static,
) -> Result<T> {
    if cancel.is_cancelled() {
        return Err(ScorerError::Cancelled);
    }
    let GroupPlace { file, row_group, first_position, rows } = place;
    let data = file.fetch(row_group, &file.project(&columns)?).await?;
    let done = spawn_blocking(move || work(RowGroup { data, first_position })).await;
    progress.advance(rows);
    done.map_err(ScorerError::Thread)?
}

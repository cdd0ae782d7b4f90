//! Tables of Parquet files: one schema, and row groups decoded ahead of the query, in order.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use artifacts::rows::{Columns, FileHandle, RowGroupRef, common_schema, open_files};
use artifacts::{ArtifactsError, InputFile};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use crate::error::{FileError, TableError};
use crate::scan::Rows;
use crate::unify::{Absent, FileColumns, unify};

/// Decoded batches that a row group may be ahead of its reader.
const BATCHES_AHEAD: usize = 4;

/// How far reading may be ahead of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadAhead {
    /// Row groups at once.
    pub(crate) row_groups: usize,
    /// Decoded bytes of them, if they are more than one.
    pub(crate) bytes: u64,
}

/// A table over Parquet files.
#[derive(Debug)]
pub(crate) struct ParquetTable {
    files: Vec<Arc<FileHandle>>,
    schema: SchemaRef,
    ahead: ReadAhead,
}

impl ParquetTable {
    /// Reads the footers of all files, which must have the same columns of the same types.
    pub(crate) async fn open(files: Vec<InputFile>, ahead: ReadAhead) -> Result<Self, TableError> {
        let files = open_files(&files).await?;
        let columns_of = |file: &Arc<FileHandle>| {
            let names = file.schema().fields().iter().map(|field| (field.name().clone(), ()));
            FileColumns { url: file.file().url.clone(), columns: names.collect() }
        };
        let found: Vec<FileColumns<()>> = files.iter().map(columns_of).collect();
        let columns = unify(&found, Absent::IsAnError, |(), ()| Some(()), |()| String::new())?;
        if columns.is_empty() {
            return Err(TableError::NoColumns);
        }
        let common = common_schema(&files, &Columns::new(columns.iter().map(|(name, ())| name)))?;
        let nullable = common.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), true));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<_>>()));
        Ok(Self { files, schema, ahead })
    }

    /// The files, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = &InputFile> {
        self.files.iter().map(|file| file.file())
    }

    /// Rows of all files.
    pub(crate) fn row_count(&self) -> u64 {
        self.files.iter().map(|file| file.rows()).sum()
    }

    /// All row groups with rows, in order.
    pub(crate) fn row_groups(&self) -> Vec<RowGroupRef> {
        let of_file = |(file, handle): (usize, &Arc<FileHandle>)| {
            let rows = handle.row_group_rows().into_iter().enumerate();
            rows.filter(|(_, rows)| *rows > 0).map(move |(row_group, _)| RowGroupRef { file, row_group })
        };
        self.files.iter().enumerate().flat_map(of_file).collect()
    }

    /// Batches of some columns of some row groups, in their order; a few row groups are decoded at once.
    pub(crate) fn read_row_groups(
        &self,
        row_groups: Vec<RowGroupRef>,
        projection: &[usize],
        batch_rows: usize,
    ) -> BoxStream<'static, Result<RecordBatch, FileError>> {
        let fields: Vec<_> = projection.iter().map(|&index| Arc::clone(&self.schema.fields()[index])).collect();
        let wanted: SchemaRef = Arc::new(Schema::new(fields));
        let at_once = self.row_groups_at_once(&row_groups, &wanted);
        let files = self.files.clone();
        let started = futures::stream::iter(row_groups).map(move |at| {
            let (file, wanted) = (Arc::clone(&files[at.file]), Arc::clone(&wanted));
            async move { start(file, at.row_group, wanted, batch_rows) }
        });
        started.buffered(at_once).flatten().map_err(FileError::from).boxed()
    }
}

impl ParquetTable {
    /// As many row groups as the largest of them leaves room for.
    fn row_groups_at_once(&self, row_groups: &[RowGroupRef], wanted: &Schema) -> usize {
        let columns = Columns::new(wanted.fields().iter().map(|field| field.name()));
        let projections = self.files.iter().map(|file| file.project(&columns).ok()).collect::<Vec<_>>();
        let bytes_of = |at: &RowGroupRef| {
            let projection = projections[at.file].as_ref();
            projection.map_or(0, |projection| self.files[at.file].row_group_bytes(at.row_group, projection))
        };
        let largest = row_groups.iter().map(bytes_of).max().unwrap_or(0).max(1);
        let room = usize::try_from(self.ahead.bytes / largest).unwrap_or(usize::MAX);
        room.clamp(1, self.ahead.row_groups.max(1))
    }
}

impl Rows for ParquetTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        Some(self.row_count())
    }

    fn bytes(&self) -> u64 {
        self.files().map(|file| file.size).sum()
    }

    fn read(&self, projection: &[usize], batch_rows: usize) -> BoxStream<'static, Result<RecordBatch, FileError>> {
        self.read_row_groups(self.row_groups(), projection, batch_rows)
    }
}

/// Starts to read one row group; it goes on by itself until it is a few batches ahead, and stops when nobody listens.
fn start(
    file: Arc<FileHandle>,
    row_group: usize,
    wanted: SchemaRef,
    batch_rows: usize,
) -> BoxStream<'static, Result<RecordBatch, ArtifactsError>> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    tokio::spawn(async move {
        if let Err(error) = decode(file, row_group, wanted, batch_rows, &sender).await {
            // Nobody listens any more: then nobody misses the error either.
            drop(sender.send(Err(error)).await);
        }
    });
    let received = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    });
    received.boxed()
}

async fn decode(
    file: Arc<FileHandle>,
    row_group: usize,
    wanted: SchemaRef,
    batch_rows: usize,
    sender: &mpsc::Sender<Result<RecordBatch, ArtifactsError>>,
) -> Result<(), ArtifactsError> {
    let names = wanted.fields().iter().map(|field| field.name());
    let projection = file.project(&Columns::new(names))?;
    let fetched = file.fetch(row_group, &projection).await?;
    let sender = sender.clone();
    let url = file.file().url.clone();
    let spelled_for = url.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        for batch in fetched.decode(batch_rows)? {
            if sender.blocking_send(Ok(respelled(&batch?, &wanted, &spelled_for)?)).is_err() {
                break;
            }
        }
        Ok(())
    });
    decoding.await.map_err(|source| ArtifactsError::Stopped { url, source })?
}

/// The batch with the table's own spelling of its types: names and nullability inside lists may differ between files.
fn respelled(batch: &RecordBatch, wanted: &SchemaRef, url: &str) -> Result<RecordBatch, ArtifactsError> {
    let column = |(column, field): (&ArrayRef, &Arc<Field>)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => cast(column, field.data_type()),
    };
    let columns = batch.columns().iter().zip(wanted.fields()).map(column).collect::<Result<Vec<_>, _>>();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let respelled =
        columns.and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(wanted), columns, &options));
    respelled.map_err(|source| ArtifactsError::NotParquet { url: url.to_owned(), source: source.into() })
}

//! Rows in Parquet: opening a file, choosing columns, fetching a row group, decoding it, writing.
//!
//! Fetching is async I/O with coalesced ranges; decoding is synchronous and belongs on a compute thread. Every error
//! names the file, and the row group and column where that can be told. Text comes out as `Utf8`, however the file's
//! writer saw it, or as `Dictionary(Int32, Utf8)` where that is asked for: then a dictionary-encoded column is never
//! expanded.

mod decode;
mod fetch;
mod file;
mod projection;
mod writer;

pub use decode::{RowGroupData, RowGroupReader};
pub use file::{FileHandle, RowGroupRef, open_file, open_files};
pub use projection::{Columns, Projection, common_schema};
pub use writer::{PageCompression, ParquetOptions, ParquetWriter};

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};

use crate::error::{ArtifactsError, Result};

/// Rows a decoded batch has when nothing else is asked for.
pub const BATCH_ROWS: usize = 8192;

/// Fetches and decodes one row group in batches of `batch_rows`, decoding where it blocks no runtime thread. Who decodes
/// on threads of their own uses [`FileHandle::fetch`] and [`RowGroupData::decode`].
pub fn read_row_group(
    file: &Arc<FileHandle>,
    row_group: usize,
    projection: &Projection,
    batch_rows: usize,
) -> BoxStream<'static, Result<RecordBatch>> {
    let (file, projection) = (Arc::clone(file), projection.clone());
    let opened = async move { file.fetch(row_group, &projection).await?.decode(batch_rows) };
    futures::stream::once(opened).map_ok(|reader| futures::stream::try_unfold(reader, next_batch)).try_flatten().boxed()
}

async fn next_batch(mut reader: RowGroupReader) -> Result<Option<(RecordBatch, RowGroupReader)>> {
    let url = reader.url().to_owned();
    let stepped = tokio::task::spawn_blocking(move || reader.next().transpose().map(|batch| (batch, reader))).await;
    let (batch, reader) = stepped.map_err(|source| ArtifactsError::Stopped { url, source })??;
    Ok(batch.map(|batch| (batch, reader)))
}

#[cfg(test)]
mod tests;

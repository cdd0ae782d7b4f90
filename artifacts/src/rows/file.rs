//! An open Parquet file: its footer read once, its schema with one spelling of every type.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt};
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};

use super::fetch::Source;
use super::projection::plain_schema;
use super::{Columns, Projection, RowGroupData};
use crate::error::{ArtifactsError, DecodeFault, Result};
use crate::source::InputFile;

/// The end of a file that is fetched at once: most footers fit.
const FOOTER_BYTES: u64 = 64 << 10;
/// Magic at both ends and the footer's length.
const FRAME_BYTES: u64 = 12;
/// Footers being read at once.
const FOOTERS_IN_FLIGHT: usize = 16;

/// One row group of one file in a list of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowGroupRef {
    /// The file's place in its list.
    pub file: usize,
    /// The row group in the file, from 0.
    pub row_group: usize,
}

/// An open file. Its footer is in memory; share it by [`Arc`] and it is read once.
#[derive(Debug)]
pub struct FileHandle {
    pub(super) source: Source,
    pub(super) metadata: ArrowReaderMetadata,
    schema: SchemaRef,
}

/// Reads the footer of a Parquet file.
pub async fn open_file(file: &InputFile) -> Result<Arc<FileHandle>> {
    let source = Source::open(file)?;
    let metadata = read_footer(&source).await?;
    let understood = understand(metadata).map_err(|source| not_parquet(file, source))?;
    let schema = plain_schema(understood.schema());
    Ok(Arc::new(FileHandle { source, metadata: understood, schema }))
}

/// Reads the footers of files, several at once, in their order.
pub async fn open_files(files: &[InputFile]) -> Result<Vec<Arc<FileHandle>>> {
    futures::stream::iter(files.to_vec())
        .map(|file| async move { open_file(&file).await })
        .buffered(FOOTERS_IN_FLIGHT)
        .try_collect()
        .await
}

impl FileHandle {
    /// The file.
    pub fn file(&self) -> &InputFile {
        &self.source.file
    }

    /// Its columns. Text is `Utf8` and bytes are `Binary`, whatever the writer called them.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows in the file.
    pub fn rows(&self) -> u64 {
        self.row_group_rows().iter().sum()
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Rows of each row group.
    pub fn row_group_rows(&self) -> Vec<u64> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// Bytes that decoding one row group's chosen columns makes, as the file says: a measure of memory.
    pub fn row_group_bytes(&self, row_group: usize, projection: &Projection) -> u64 {
        let Some(group) = self.metadata.metadata().row_groups().get(row_group) else { return 0 };
        let chosen = group.columns().iter().enumerate().filter(|(leaf, _)| projection.mask.leaf_included(*leaf));
        chosen.map(|(_, column)| u64::try_from(column.uncompressed_size()).unwrap_or(0)).sum()
    }

    /// Which columns to read, and how.
    pub fn project(&self, columns: &Columns) -> Result<Projection> {
        Projection::new(self, columns)
    }

    /// Fetches the chosen columns of one row group, still encoded.
    pub async fn fetch(self: &Arc<Self>, row_group: usize, projection: &Projection) -> Result<RowGroupData> {
        if row_group >= self.row_groups() {
            let (url, row_groups) = (self.file().url.clone(), self.row_groups());
            return Err(ArtifactsError::NoRowGroup { url, row_group, row_groups });
        }
        let ranges = self.column_ranges(row_group, projection)?;
        let bytes = self.source.ranges(&ranges).await?;
        Ok(RowGroupData::new(Arc::clone(self), row_group, projection.clone(), ranges, bytes))
    }

    /// Where the chosen columns' chunks are; a chunk that lies outside the file makes it damaged.
    fn column_ranges(&self, row_group: usize, projection: &Projection) -> Result<Vec<Range<u64>>> {
        let group = self.metadata.metadata().row_group(row_group);
        let mut ranges = Vec::new();
        for (leaf, column) in group.columns().iter().enumerate() {
            if !projection.mask.leaf_included(leaf) {
                continue;
            }
            let place = catch_unwind(AssertUnwindSafe(|| column.byte_range())).ok();
            let inside =
                place.filter(|(start, length)| start.checked_add(*length).is_some_and(|end| end <= self.file().size));
            let Some((start, length)) = inside else {
                return Err(ArtifactsError::Damaged {
                    url: self.file().url.clone(),
                    row_group,
                    column: Some(column.column_path().string()),
                    source: DecodeFault::Nonsense { detail: "the column lies outside the file".to_owned() },
                });
            };
            ranges.push(start..start + length);
        }
        Ok(ranges)
    }
}

async fn read_footer(source: &Source) -> Result<ParquetMetaData> {
    let size = source.file.size;
    if size < FRAME_BYTES {
        return Err(not_parquet(&source.file, DecodeFault::TooShort { bytes: size }));
    }
    let end = size.saturating_sub(FOOTER_BYTES)..size;
    let mut wanted = Vec::from([end]);
    let mut decoder = guarded(|| ParquetMetaDataPushDecoder::try_new(size))
        .map_err(|fault| not_parquet(&source.file, fault))?
        .with_page_index_policy(PageIndexPolicy::Skip);
    loop {
        let bytes = source.ranges(&wanted).await?;
        let step = guarded(|| {
            decoder.push_ranges(wanted, bytes)?;
            decoder.try_decode()
        });
        match step.map_err(|fault| not_parquet(&source.file, fault))? {
            DecodeResult::Data(metadata) => return Ok(metadata),
            DecodeResult::NeedsData(ranges) if ranges.iter().all(|range| range.end <= size) => wanted = ranges,
            DecodeResult::NeedsData(_) | DecodeResult::Finished => {
                let detail = "the footer lies outside the file".to_owned();
                return Err(not_parquet(&source.file, DecodeFault::Nonsense { detail }));
            }
        }
    }
}

fn understand(metadata: ParquetMetaData) -> Result<ArrowReaderMetadata, DecodeFault> {
    // Whoever plans with these numbers reserves memory by them.
    let rows = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).ok());
    let rows = rows.sum::<Option<u64>>();
    let promised = u64::try_from(metadata.file_metadata().num_rows()).ok();
    if rows.is_none() || rows != promised {
        return Err(DecodeFault::Nonsense { detail: "its row groups have other rows than the whole file".to_owned() });
    }
    let metadata = Arc::new(metadata);
    guarded(|| ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new()))
}

/// Runs the Parquet library on bytes that may be damaged: where it panics, that is a fault of the bytes.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, DecodeFault> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ok(result?),
        Err(panic) => {
            let detail = panic.downcast_ref::<String>().cloned();
            let detail = detail.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(DecodeFault::Nonsense { detail: detail.unwrap_or_default() })
        }
    }
}

fn not_parquet(file: &InputFile, source: DecodeFault) -> ArtifactsError {
    ArtifactsError::NotParquet { url: file.url.clone(), source }
}

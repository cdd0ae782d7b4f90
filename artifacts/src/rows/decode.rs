//! From the bytes of a row group to record batches, on the caller's thread.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::push_decoder::ParquetPushDecoderBuilder;
use parquet::errors::ParquetError;

use super::file::guarded;
use super::{FileHandle, Projection};
use crate::error::{ArtifactsError, DecodeFault, Result};

/// A fetched row group: the chosen columns, still encoded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RowGroupData {
    file: Arc<FileHandle>,
    row_group: usize,
    projection: Projection,
    ranges: Vec<Range<u64>>,
    bytes: Vec<Bytes>,
}

impl RowGroupData {
    pub(super) fn new(
        file: Arc<FileHandle>,
        row_group: usize,
        projection: Projection,
        ranges: Vec<Range<u64>>,
        bytes: Vec<Bytes>,
    ) -> Self {
        Self { file, row_group, projection, ranges, bytes }
    }

    /// Bytes held.
    pub fn encoded_bytes(&self) -> u64 {
        self.bytes.iter().map(|bytes| bytes.len() as u64).sum()
    }

    /// Rows that it will decode to.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.file.metadata.metadata().row_group(self.row_group).num_rows()).unwrap_or(0)
    }

    /// Starts decoding into batches of `batch_rows` rows (the last one may have fewer).
    pub fn decode(self, batch_rows: usize) -> Result<RowGroupReader> {
        match self.reader(&self.projection, batch_rows) {
            Ok(reader) => Ok(RowGroupReader { data: self, reader, decoded: 0, is_over: false }),
            Err(fault) => Err(self.damaged(fault)),
        }
    }

    fn reader(&self, projection: &Projection, batch_rows: usize) -> Result<ParquetRecordBatchReader, DecodeFault> {
        guarded(|| {
            let mut decoder = ParquetPushDecoderBuilder::new_with_metadata(projection.metadata.clone())
                .with_row_groups(vec![self.row_group])
                .with_projection(projection.mask.clone())
                .with_batch_size(batch_rows.max(1))
                .build()?;
            decoder.push_ranges(self.ranges.clone(), self.bytes.clone())?;
            match decoder.try_next_reader()? {
                DecodeResult::Data(reader) => Ok(reader),
                DecodeResult::NeedsData(_) => Err(ParquetError::EOF("a column's pages lie outside it".to_owned())),
                DecodeResult::Finished => Err(ParquetError::EOF("there are no rows to read".to_owned())),
            }
        })
    }

    /// Names the first column that fails alone; decoding again costs nothing that matters now.
    fn damaged(&self, source: DecodeFault) -> ArtifactsError {
        let columns = self.projection.schema().fields();
        let culprit = (0..columns.len()).find(|at| self.projection.only(*at).is_some_and(|only| !self.is_sound(&only)));
        ArtifactsError::Damaged {
            url: self.file.file().url.clone(),
            row_group: self.row_group,
            column: culprit.map(|at| columns[at].name().clone()),
            source,
        }
    }

    fn is_sound(&self, projection: &Projection) -> bool {
        let Ok(mut reader) = self.reader(projection, super::BATCH_ROWS) else { return false };
        let mut rows = 0;
        loop {
            match guarded(|| reader.next().transpose().map_err(ParquetError::from)) {
                Ok(Some(batch)) => rows += batch.num_rows() as u64,
                Ok(None) => return rows == self.rows(),
                Err(_) => return false,
            }
        }
    }
}

/// The batches of one row group.
pub struct RowGroupReader {
    data: RowGroupData,
    reader: ParquetRecordBatchReader,
    decoded: u64,
    is_over: bool,
}

impl RowGroupReader {
    /// The file's URL.
    pub fn url(&self) -> &str {
        &self.data.file.file().url
    }

    fn step(&mut self) -> Result<Option<RecordBatch>, DecodeFault> {
        let batch = guarded(|| self.reader.next().transpose().map_err(ParquetError::from))?;
        let Some(batch) = batch else {
            let (found, expected) = (self.decoded, self.data.rows());
            return if found == expected { Ok(None) } else { Err(DecodeFault::Rows { found, expected }) };
        };
        self.decoded += batch.num_rows() as u64;
        Ok(Some(self.data.projection.arrange(&batch)?))
    }
}

impl Iterator for RowGroupReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        match self.step() {
            Ok(Some(batch)) => Some(Ok(batch)),
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(fault) => {
                self.is_over = true;
                Some(Err(self.data.damaged(fault)))
            }
        }
    }
}

//! Writing Parquet: the same rows in the same batches give the same bytes, in bounded memory.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::error::{ArtifactsError, DecodeFault, Result};
use crate::layout::Key;
use crate::object::{FileRecord, ObjectWriter};
use crate::workspace::Workspace;

/// What `created_by` says in every file: not the version, so that an upgrade alone changes no bytes.
const CREATED_BY: &str = "kindred";

/// Compression of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageCompression {
    /// None.
    None,
    /// gzip, level 6.
    Gzip,
    /// Zstandard at a level, 1..=22.
    Zstd(i32),
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetOptions {
    /// Compression of pages; Zstandard at level 1.
    pub compression: PageCompression,
    /// Rows of every row group but the last; 131,072. Memory is bounded by one encoded row group.
    pub row_group_rows: usize,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self { compression: PageCompression::Zstd(1), row_group_rows: 1 << 17 }
    }
}

/// Writes one Parquet file. Nothing is visible until [`ParquetWriter::finish`]; dropped before, or after an error, the
/// upload is given up.
pub struct ParquetWriter {
    encoder: Option<ArrowWriter<Vec<u8>>>,
    object: ObjectWriter,
    rows: u64,
}

impl ParquetWriter {
    /// A writer of the file at `key`, whatever is there now.
    pub fn create(workspace: &Workspace, key: Key, schema: &SchemaRef, options: &ParquetOptions) -> Result<Self> {
        let object = ObjectWriter::create(workspace, key);
        let encoder = properties(schema, options)
            .and_then(|properties| ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties)))
            .map_err(|source| ArtifactsError::Encode { url: object.url().to_owned(), source: source.into() })?;
        Ok(Self { encoder: Some(encoder), object, rows: 0 })
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds rows. Encoding blocks no runtime thread; waits while the store is slower than the encoder.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows() as u64;
        let batch = batch.clone();
        self.encode(move |encoder| encoder.write(&batch)).await?;
        self.rows += rows;
        Ok(())
    }

    /// Writes the footer and makes the file visible.
    pub async fn finish(mut self) -> Result<FileRecord> {
        self.encode(|encoder| encoder.finish().map(|_| ())).await?;
        self.object.finish(self.rows).await
    }

    /// Gives the file up and waits until nothing of it is left.
    pub async fn abort(self) {
        self.object.abort().await;
    }

    async fn encode<W>(&mut self, work: W) -> Result<()>
    where
        W: FnOnce(&mut ArrowWriter<Vec<u8>>) -> Result<(), ParquetError> + Send + 'static,
    {
        // Owned, so that the future borrows nothing of the upload while it waits and can move between threads.
        let url = self.object.url().to_owned();
        let Some(mut encoder) = self.encoder.take() else {
            let over = ParquetError::General("the writer failed before, or was not waited for".to_owned());
            return Err(ArtifactsError::Encode { url, source: over.into() });
        };
        let encoding = tokio::task::spawn_blocking(move || {
            work(&mut encoder)?;
            let encoded = std::mem::take(encoder.inner_mut());
            Ok::<_, DecodeFault>((encoder, encoded))
        });
        let (encoder, encoded) = match encoding.await {
            Ok(Ok(encoded)) => encoded,
            Ok(Err(source)) => return Err(ArtifactsError::Encode { url, source }),
            Err(source) => return Err(ArtifactsError::Stopped { url, source }),
        };
        self.object.write(&encoded).await?;
        self.encoder = Some(encoder);
        Ok(())
    }
}

fn properties(schema: &SchemaRef, options: &ParquetOptions) -> Result<WriterProperties, ParquetError> {
    let compression = match options.compression {
        PageCompression::None => Compression::UNCOMPRESSED,
        PageCompression::Gzip => Compression::GZIP(GzipLevel::default()),
        PageCompression::Zstd(level) => Compression::ZSTD(ZstdLevel::try_new(level)?),
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(compression)
        .set_max_row_group_row_count(Some(options.row_group_rows.max(1)))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for field in schema.fields() {
        // Scores hardly repeat: a dictionary of them is built, found too large and thrown away.
        if matches!(field.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64) {
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(properties.build())
}

//! Audience files as CSV (RFC 4180: a header, CRLF line ends, quotes where they are needed), compressed as they are written.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::csv::writer::Terminator;
use artifacts::Workspace;
use artifacts::layout::Key;
use artifacts::object::{FileRecord, ObjectWriter};
use flate2::write::GzEncoder;
use spec::audience::Compression;

use crate::error::{Result, ScorerError};

/// gzip's usual trade of time for size, and zstd's.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// Writes one CSV file.
pub(crate) struct CsvFile {
    object: ObjectWriter,
    encoder: Encoder,
    text: Vec<u8>,
    rows: u64,
}

enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// The extension of a CSV file that is compressed like this.
pub(crate) fn extension(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "csv",
        Compression::Gzip => "csv.gz",
        Compression::Zstd => "csv.zst",
    }
}

impl CsvFile {
    /// A file at `key`; not visible before [`CsvFile::finish`].
    ///
    /// # Errors
    ///
    /// A compressor that cannot be set up.
    pub(crate) fn create(workspace: &Workspace, key: Key, compression: Compression) -> Result<Self> {
        let object = ObjectWriter::create(workspace, key);
        let encoder = Encoder::new(compression).map_err(|source| failed(&object, source))?;
        Ok(Self { object, encoder, text: Vec::new(), rows: 0 })
    }

    /// Adds rows; the first ones bring the header.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.text.clear();
        let builder = WriterBuilder::new().with_header(self.rows == 0).with_line_terminator(Terminator::CRLF);
        let mut writer = builder.build(&mut self.text);
        writer.write(batch).map_err(ScorerError::rows)?;
        drop(writer);
        self.rows += batch.num_rows() as u64;
        self.encoder.write_all(&self.text).map_err(|source| failed(&self.object, source))?;
        self.object.write(self.encoder.encoded()).await?;
        self.encoder.clear();
        Ok(())
    }

    /// Makes the file visible.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(crate) async fn finish(self) -> Result<FileRecord> {
        let mut object = self.object;
        let rest = match self.encoder.finish() {
            Ok(rest) => rest,
            Err(source) => return Err(failed(&object, source)),
        };
        object.write(&rest).await?;
        Ok(object.finish(self.rows).await?)
    }
}

fn failed(object: &ObjectWriter, source: std::io::Error) -> ScorerError {
    ScorerError::Compress { url: object.url().to_owned(), source }
}

impl Encoder {
    fn new(compression: Compression) -> std::io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Plain(Vec::new()),
            // The header that this writes holds no time and no name: the same rows are the same bytes.
            Compression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL))),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    fn write_all(&mut self, text: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(bytes) => bytes.write_all(text),
            Self::Gzip(encoder) => encoder.write_all(text),
            Self::Zstd(encoder) => encoder.write_all(text),
        }
    }

    fn encoded(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Gzip(encoder) => encoder.get_ref(),
            Self::Zstd(encoder) => encoder.get_ref(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Plain(bytes) => bytes.clear(),
            Self::Gzip(encoder) => encoder.get_mut().clear(),
            Self::Zstd(encoder) => encoder.get_mut().clear(),
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

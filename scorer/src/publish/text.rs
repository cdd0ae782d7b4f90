//! Audience files as text, compressed as they are written: CSV (RFC 4180: a header, CRLF line ends, quotes where they are
//! needed) and JSON lines (an object a line, nulls included).

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::csv;
use arrow::csv::writer::Terminator;
use arrow::error::ArrowError;
use arrow::json;
use arrow::json::writer::LineDelimited;
use artifacts::Workspace;
use artifacts::layout::Key;
use artifacts::object::{FileRecord, ObjectWriter};
use flate2::write::GzEncoder;
use spec::audience::Compression;

use crate::error::{Result, ScorerError};

/// gzip's usual trade of time for size, and zstd's.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// The form of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// Comma-separated values.
    Csv,
    /// JSON lines.
    JsonLines,
}

/// Writes one text file.
pub(crate) struct TextFile {
    form: TextForm,
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

impl TextForm {
    /// The extension of a file of this form that is compressed like this.
    pub(crate) fn extension(self, compression: Compression) -> &'static str {
        match (self, compression) {
            (Self::Csv, Compression::None) => "csv",
            (Self::Csv, Compression::Gzip) => "csv.gz",
            (Self::Csv, Compression::Zstd) => "csv.zst",
            (Self::JsonLines, Compression::None) => "jsonl",
            (Self::JsonLines, Compression::Gzip) => "jsonl.gz",
            (Self::JsonLines, Compression::Zstd) => "jsonl.zst",
        }
    }

    fn write(self, batch: &RecordBatch, is_first: bool, text: &mut Vec<u8>) -> Result<(), ArrowError> {
        match self {
            Self::Csv => {
                let builder = csv::WriterBuilder::new().with_header(is_first);
                builder.with_line_terminator(Terminator::CRLF).build(text).write(batch)
            }
            Self::JsonLines => {
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                let mut writer = builder.build::<_, LineDelimited>(text);
                writer.write(batch)?;
                writer.finish()
            }
        }
    }
}

impl TextFile {
    /// A file at `key`; not visible before [`TextFile::finish`].
    ///
    /// # Errors
    ///
    /// A compressor that cannot be set up.
    pub(crate) fn create(workspace: &Workspace, key: Key, form: TextForm, compression: Compression) -> Result<Self> {
        let object = ObjectWriter::create(workspace, key);
        let encoder = Encoder::new(compression).map_err(|source| failed(&object, source))?;
        Ok(Self { form, object, encoder, text: Vec::new(), rows: 0 })
    }

    /// Adds rows; in CSV the first ones bring the header.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.text.clear();
        self.form.write(batch, self.rows == 0, &mut self.text).map_err(ScorerError::rows)?;
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

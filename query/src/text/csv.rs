//! Separated values: how a table's files are laid out, their header, and their records as columns of text.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::{Decoder, Format};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use artifacts::InputFile;
use artifacts::source::FileCompression;
use bytes::{Buf, Bytes};
use futures::{StreamExt, TryStreamExt};
use spec::TableSource;

use crate::error::{FileError, TableError};
use crate::text::plain::{self, ByteStream};
use crate::text::whitespace::{SEPARATOR, Squeezer};

/// A header line longer than this is taken for a file of another format.
const MAX_HEADER_BYTES: usize = 16 << 20;

/// A record longer than this is taken for one whose quote is not closed.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// A quote that no text has: fields between runs of blanks are never quoted.
const NO_QUOTE: u8 = 0;

/// How the files of one table are laid out.
#[derive(Debug, Clone)]
pub(crate) struct CsvLayout {
    delimiter: u8,
    has_runs_of_blanks: bool,
    has_header: bool,
    columns: Option<Vec<String>>,
    compression: FileCompression,
}

impl CsvLayout {
    /// The layout that a document declares.
    pub(crate) fn of(source: &TableSource, compression: FileCompression) -> Result<Self, TableError> {
        let written = source.delimiter.as_deref().unwrap_or(",");
        let has_runs_of_blanks = written == "whitespace";
        let delimiter = match written {
            "whitespace" => SEPARATOR,
            "\\t" | "tab" => b'\t',
            one if one.len() == 1 && !matches!(one, "\n" | "\r" | "\"") => one.as_bytes()[0],
            _ => return Err(TableError::Delimiter { delimiter: written.to_owned() }),
        };
        let columns: Option<Vec<String>> =
            source.columns.as_ref().map(|columns| columns.iter().map(|column| column.as_str().to_owned()).collect());
        let has_header = source.header.unwrap_or(columns.is_none());
        Ok(Self { delimiter, has_runs_of_blanks, has_header, columns, compression })
    }

    fn open(&self, file: &InputFile) -> Result<ByteStream, FileError> {
        let plain = plain::open(file, self.compression)?;
        if !self.has_runs_of_blanks {
            return Ok(plain);
        }
        let mut squeezer = Squeezer::new();
        let squeezed = plain.map_ok(move |piece| squeezer.squeeze(&piece));
        Ok(squeezed.try_filter(|piece| futures::future::ready(!piece.is_empty())).boxed())
    }

    /// The names of a file's columns: declared ones, those of its header, or `column_1` and so on. A file without a
    /// line has none.
    pub(crate) async fn columns(&self, file: &InputFile) -> Result<Vec<String>, FileError> {
        let head = first_line(self.open(file)?).await?;
        if head.len() > MAX_HEADER_BYTES {
            return Err(FileError::NoHeader { url: file.url.clone() });
        }
        let format =
            Format::default().with_delimiter(self.delimiter).with_quote(self.quote()).with_header(self.has_header);
        let (found, _) = format
            .infer_schema(head.as_slice(), Some(0))
            .map_err(|source| FileError::Records { url: file.url.clone(), source })?;
        let is_blank = found.fields().len() == 1 && found.field(0).name().trim().is_empty() && self.columns.is_none();
        if found.fields().is_empty() || is_blank {
            return Ok(Vec::new());
        }
        let names = match &self.columns {
            Some(declared) if declared.len() != found.fields().len() => {
                return Err(FileError::Width {
                    url: file.url.clone(),
                    declared: declared.len(),
                    found: found.fields().len(),
                });
            }
            Some(declared) => declared.clone(),
            None => found.fields().iter().enumerate().map(|(index, field)| name_of(index, field.name())).collect(),
        };
        refuse_twice(file, &names)?;
        Ok(names)
    }

    fn quote(&self) -> u8 {
        if self.has_runs_of_blanks { NO_QUOTE } else { b'"' }
    }

    /// The records of one file as columns of text, `projection` alone, in batches of at most `batch_rows`.
    pub(crate) async fn records(
        &self,
        file: &InputFile,
        columns: &[String],
        projection: Vec<usize>,
        batch_rows: usize,
    ) -> Result<CsvRecords, FileError> {
        let fields: Vec<_> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let decoder = ReaderBuilder::new(schema)
            .with_delimiter(self.delimiter)
            .with_quote(self.quote())
            .with_header(self.has_header)
            .with_projection(projection)
            .with_batch_size(batch_rows)
            .build_decoder();
        Ok(CsvRecords { url: file.url.clone(), bytes: self.open(file)?, decoder, piece: Bytes::new(), row: 0, read: 0 })
    }
}

/// Everything up to the first line end that is not in quotes, or the whole file if there is none.
async fn first_line(mut file: ByteStream) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::new();
    let mut is_quoted = false;
    while let Some(piece) = file.try_next().await? {
        for &byte in piece.iter() {
            head.push(byte);
            match byte {
                b'"' => is_quoted = !is_quoted,
                b'\n' if !is_quoted && head.iter().any(|byte| !byte.is_ascii_whitespace()) => return Ok(head),
                _ => {}
            }
            if head.len() > MAX_HEADER_BYTES {
                return Ok(head);
            }
        }
    }
    Ok(head)
}

fn name_of(index: usize, written: &str) -> String {
    match written.trim() {
        "" => format!("column_{}", index + 1),
        name => name.to_owned(),
    }
}

fn refuse_twice(file: &InputFile, names: &[String]) -> Result<(), FileError> {
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(name) => Err(FileError::ColumnTwice { url: file.url.clone(), column: name.clone() }),
        None => Ok(()),
    }
}

/// A file's records, decoded piece by piece.
pub(crate) struct CsvRecords {
    url: String,
    bytes: ByteStream,
    decoder: Decoder,
    piece: Bytes,
    /// Rows given out before the last batch.
    row: u64,
    read: u64,
}

impl CsvRecords {
    /// The next batch of text columns.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, FileError> {
        let (batch_rows, mut rows, mut record_bytes) = (self.decoder.capacity(), 0, 0);
        loop {
            if self.piece.is_empty() {
                self.piece = self.bytes.try_next().await?.unwrap_or_default();
            }
            let decoded = self.decoder.decode(&self.piece).map_err(|source| self.bad_record(source))?;
            self.piece.advance(decoded);
            let is_over = decoded == 0 || self.decoder.capacity() == 0;
            let rows_now = batch_rows - self.decoder.capacity();
            record_bytes = if rows_now > rows { 0 } else { record_bytes + decoded };
            rows = rows_now;
            if record_bytes > MAX_RECORD_BYTES {
                let row = self.row + self.read + rows as u64;
                return Err(FileError::Endless { url: self.url.clone(), row, limit_bytes: MAX_RECORD_BYTES });
            }
            if is_over {
                break;
            }
        }
        let batch = self.decoder.flush().map_err(|source| self.bad_record(source))?;
        self.row += self.read;
        self.read = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    /// The row that the last batch started at, from 0, without the header.
    pub(crate) fn first_row(&self) -> u64 {
        self.row
    }

    /// The file.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn bad_record(&self, source: arrow::error::ArrowError) -> FileError {
        FileError::Records { url: self.url.clone(), source }
    }
}

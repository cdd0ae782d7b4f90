//! JSON lines: the types of a file's fields, and its objects as batches.

use arrow::datatypes::{DataType, SchemaRef};
use arrow::json::ReaderBuilder;
use arrow::json::reader::{Decoder, infer_json_schema};
use arrow::record_batch::RecordBatch;
use artifacts::InputFile;
use artifacts::source::FileCompression;
use bytes::{Buf, Bytes};
use futures::TryStreamExt;

use crate::error::FileError;
use crate::text::INFERENCE_BYTES;
use crate::text::plain::{self, ByteStream};

/// The fields of a file's objects and their types (`Null` for those that never have a value), told from its first [`INFERENCE_BYTES`].
pub(crate) async fn columns(
    file: &InputFile,
    compression: FileCompression,
) -> Result<Vec<(String, DataType)>, FileError> {
    let head = whole_lines(plain::open(file, compression)?).await?;
    if head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(FileError::JsonArray { url: file.url.clone() });
    }
    let bad_json = |source| FileError::Json { url: file.url.clone(), source };
    let (schema, _) = infer_json_schema(head.as_slice(), None).map_err(bad_json)?;
    Ok(schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect())
}

/// The type that holds values of both, if one does.
pub(crate) fn widened(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (DataType::Null, wider) | (wider, DataType::Null) => Some(wider.clone()),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => Some(DataType::Float64),
        _ => None,
    }
}

async fn whole_lines(mut file: ByteStream) -> Result<Vec<u8>, FileError> {
    let mut head = Vec::new();
    while let Some(piece) = file.try_next().await? {
        head.extend_from_slice(&piece);
        if head.len() >= INFERENCE_BYTES
            && let Some(end) = head.iter().rposition(|&byte| byte == b'\n')
        {
            head.truncate(end + 1);
            return Ok(head);
        }
    }
    Ok(head)
}

/// A file's objects, decoded piece by piece; fields that the schema lacks are passed over.
pub(crate) struct JsonRecords {
    url: String,
    bytes: ByteStream,
    decoder: Decoder,
    piece: Bytes,
    batch_rows: usize,
}

impl JsonRecords {
    /// Opens a file to be read as `schema`.
    pub(crate) async fn open(
        file: &InputFile,
        compression: FileCompression,
        schema: SchemaRef,
        batch_rows: usize,
    ) -> Result<Self, FileError> {
        let url = file.url.clone();
        let builder = ReaderBuilder::new(schema).with_batch_size(batch_rows).with_coerce_primitive(true);
        let decoder = builder.build_decoder().map_err(|source| FileError::Json { url: url.clone(), source })?;
        Ok(Self { url, bytes: plain::open(file, compression)?, decoder, piece: Bytes::new(), batch_rows })
    }

    /// The next batch.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, FileError> {
        while self.decoder.len() < self.batch_rows || self.decoder.has_partial_record() {
            if self.piece.is_empty() {
                match self.bytes.try_next().await? {
                    Some(piece) => self.piece = piece,
                    None => break,
                }
            }
            let decoded = self.decoder.decode(&self.piece).map_err(|source| self.bad_json(source))?;
            self.piece.advance(decoded);
        }
        self.decoder.flush().map_err(|source| self.bad_json(source))
    }

    fn bad_json(&self, source: arrow::error::ArrowError) -> FileError {
        FileError::Json { url: self.url.clone(), source }
    }
}

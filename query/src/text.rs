//! Tables of text files: separated values and JSON lines, plain or compressed.
//!
//! Types are told from the values of each file's first [`INFERENCE_BYTES`] and widened over all files; what the
//! document declares comes first. A later value that does not fit is an error with its file, row and column.

mod convert;
mod csv;
mod guess;
mod json;
mod plain;
mod whitespace;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use artifacts::InputFile;
use artifacts::source::{FileCompression, ResolvedTable};
use futures::StreamExt;
use futures::stream::BoxStream;
use spec::table::ColumnType;
use spec::{ColumnName, TableSource};

use crate::error::{FileError, TableError};
use crate::scan::Rows;
use crate::text::csv::CsvLayout;
use crate::text::guess::{Guess, declared_type};
use crate::unify::{Absent, FileColumns, unify};

/// How much of each file, decompressed, its columns' types are told from.
pub(crate) const INFERENCE_BYTES: usize = 64 << 20;

/// Rows that are looked at together while types are told.
const INFERENCE_ROWS: usize = 4096;

/// A table over text files.
#[derive(Debug)]
pub(crate) struct TextTable {
    format: TextFormat,
    schema: SchemaRef,
    files: Vec<TextFile>,
}

#[derive(Debug, Clone)]
enum TextFormat {
    Csv(CsvLayout),
    Json(FileCompression),
}

#[derive(Debug, Clone)]
struct TextFile {
    file: InputFile,
    /// The columns as they stand in the file.
    columns: Vec<String>,
}

impl TextTable {
    /// A table of separated values over `files`, as `source` declares it.
    pub(crate) async fn csv(source: &TableSource, resolved: ResolvedTable) -> Result<Self, TableError> {
        let layout = CsvLayout::of(source, resolved.compression)?;
        let files = resolved.files;
        let mut guesses = Vec::with_capacity(files.len());
        for file in &files {
            let columns = guess_columns(&layout, file, &source.types).await?;
            guesses.push(FileColumns { url: file.url.clone(), columns });
        }
        let columns_of = |found: &FileColumns<Guess>| found.columns.iter().map(|(name, _)| name.clone()).collect();
        let table_files =
            files.into_iter().zip(&guesses).map(|(file, found)| TextFile { file, columns: columns_of(found) });
        let table_files: Vec<_> = table_files.filter(|file| !file.columns.is_empty()).collect();
        guesses.retain(|found| !found.columns.is_empty());
        let widened = |a: &Guess, b: &Guess| a.widened(*b);
        let unified = unify(&guesses, Absent::IsAnError, widened, |guess| guess.data_type().to_string())?;
        let columns = unified.into_iter().map(|(name, guess)| (name, guess.data_type())).collect();
        Self::new(TextFormat::Csv(layout), columns, table_files, &source.types)
    }

    /// A table of JSON lines over `files`; a field that an object lacks is null.
    pub(crate) async fn json(source: &TableSource, resolved: ResolvedTable) -> Result<Self, TableError> {
        let ResolvedTable { files, compression, .. } = resolved;
        let mut found = Vec::with_capacity(files.len());
        for file in &files {
            let mut columns = json::columns(file, compression).await?;
            for (name, data_type) in &mut columns {
                if let Some(declared) = source.types.get(name.as_str()) {
                    *data_type = declared_type(*declared);
                }
            }
            found.push(FileColumns { url: file.url.clone(), columns });
        }
        let columns = unify(&found, Absent::IsNull, json::widened, DataType::to_string)?;
        let files = files.into_iter().map(|file| TextFile { file, columns: Vec::new() }).collect();
        Self::new(TextFormat::Json(compression), columns, files, &source.types)
    }

    fn new(
        format: TextFormat,
        columns: Vec<(String, DataType)>,
        files: Vec<TextFile>,
        declared: &BTreeMap<ColumnName, ColumnType>,
    ) -> Result<Self, TableError> {
        if columns.is_empty() {
            return Err(TableError::NoColumns);
        }
        for name in declared.keys() {
            if !columns.iter().any(|(column, _)| column == name.as_str()) {
                let known = columns.into_iter().map(|(column, _)| column).collect();
                return Err(TableError::DeclaredColumn { column: name.clone(), known });
            }
        }
        let typed = |(name, found): (String, DataType)| {
            // A column without a single value is text, whatever the format.
            let found = if found.is_null() { DataType::Utf8 } else { found };
            let data_type = declared.get(name.as_str()).map_or(found, |declared| declared_type(*declared));
            Field::new(name, data_type, true)
        };
        let schema = Arc::new(Schema::new(columns.into_iter().map(typed).collect::<Vec<_>>()));
        Ok(Self { format, schema, files })
    }
}

/// The columns of one file, their types told from its values.
async fn guess_columns(
    layout: &CsvLayout,
    file: &InputFile,
    declared: &BTreeMap<ColumnName, ColumnType>,
) -> Result<Vec<(String, Guess)>, FileError> {
    let names = layout.columns(file).await?;
    let undeclared: Vec<usize> =
        (0..names.len()).filter(|&index| !declared.contains_key(names[index].as_str())).collect();
    let mut columns: Vec<_> = names.iter().map(|name| (name.clone(), Guess::Empty)).collect();
    if undeclared.is_empty() {
        return Ok(columns);
    }
    let mut records = layout.records(file, &names, undeclared.clone(), INFERENCE_ROWS).await?;
    let mut bytes_seen = 0;
    while bytes_seen < INFERENCE_BYTES
        && let Some(batch) = records.next().await?
    {
        for (values, &index) in batch.columns().iter().zip(&undeclared) {
            let values = values.as_string::<i32>();
            bytes_seen += values.value_data().len() + values.len();
            values.iter().flatten().for_each(|value| columns[index].1.see(value));
        }
    }
    Ok(columns)
}

impl Rows for TextTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|text| text.file.size).sum()
    }

    fn read(&self, projection: &[usize], batch_rows: usize) -> BoxStream<'static, Result<RecordBatch, FileError>> {
        let fields: Vec<_> = projection.iter().map(|&index| self.schema.field(index).clone()).collect();
        let wanted: SchemaRef = Arc::new(Schema::new(fields));
        let format = self.format.clone();
        let files = futures::stream::iter(self.files.clone());
        let batches = files.then(move |text| {
            let (format, wanted) = (format.clone(), Arc::clone(&wanted));
            async move { Reader::open(&format, &text, wanted, batch_rows).await.map(Reader::into_stream) }
        });
        futures::TryStreamExt::try_flatten(batches).boxed()
    }
}

/// Reads one file as batches of the wanted schema.
enum Reader {
    Csv { records: Box<csv::CsvRecords>, wanted: SchemaRef },
    Json(Box<json::JsonRecords>),
}

impl Reader {
    async fn open(
        format: &TextFormat,
        text: &TextFile,
        wanted: SchemaRef,
        batch_rows: usize,
    ) -> Result<Self, FileError> {
        match format {
            TextFormat::Json(compression) => {
                let records = json::JsonRecords::open(&text.file, *compression, wanted, batch_rows).await?;
                Ok(Self::Json(Box::new(records)))
            }
            TextFormat::Csv(layout) => {
                let position = |field: &Arc<Field>| text.columns.iter().position(|name| name == field.name());
                let positions = wanted.fields().iter().filter_map(position).collect();
                let records = layout.records(&text.file, &text.columns, positions, batch_rows).await?;
                Ok(Self::Csv { records: Box::new(records), wanted })
            }
        }
    }

    fn into_stream(self) -> BoxStream<'static, Result<RecordBatch, FileError>> {
        let batches = futures::stream::try_unfold(self, |mut reader| async move {
            Ok(reader.next().await?.map(|batch| (batch, reader)))
        });
        batches.boxed()
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>, FileError> {
        match self {
            Self::Json(records) => records.next().await,
            Self::Csv { records, wanted } => match records.next().await? {
                Some(text) => typed(records, &text, wanted).map(Some),
                None => Ok(None),
            },
        }
    }
}

/// A batch of text columns as the wanted types.
fn typed(records: &csv::CsvRecords, text: &RecordBatch, wanted: &SchemaRef) -> Result<RecordBatch, FileError> {
    let failed = |source| FileError::Records { url: records.url().to_owned(), source };
    let column = |field: &Arc<Field>| -> Result<ArrayRef, FileError> {
        let Some(values) = text.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), text.num_rows()));
        };
        let converted = convert::convert(values, field.data_type()).map_err(failed)?;
        converted.map_err(|bad| FileError::Value {
            url: records.url().to_owned(),
            row: records.first_row() + bad.row as u64 + 1,
            column: field.name().clone(),
            value: bad.value,
            expected: field.data_type().to_string(),
        })
    };
    let columns = wanted.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(wanted), columns).map_err(failed)
}

//! Which columns are read, in which order, and which of them as dictionaries.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::FileHandle;
use super::file::guarded;
use crate::error::{ArtifactsError, Result};

/// Columns by name, in the order in which batches have them; a name that is given twice counts once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    names: Vec<String>,
    dictionaries: BTreeSet<String>,
}

impl Columns {
    /// These columns.
    pub fn new<I>(names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut seen = BTreeSet::new();
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        Self { names: names.filter(|name| seen.insert(name.clone())).collect(), dictionaries: BTreeSet::new() }
    }

    /// The same columns; of those named here, text (also text in lists) comes as `Dictionary(Int32, Utf8)`. Columns of
    /// another type are not changed by it.
    pub fn with_dictionaries<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        self.dictionaries.extend(names.into_iter().map(|name| name.as_ref().to_owned()));
        self
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// Columns as one file has them.
#[derive(Debug, Clone)]
pub struct Projection {
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) mask: ProjectionMask,
    /// For each column of a batch, its place among the columns that the decoder gives.
    order: Vec<usize>,
    /// The columns' places among the file's.
    pub(super) roots: Vec<usize>,
    schema: SchemaRef,
}

impl Projection {
    pub(super) fn new(file: &FileHandle, columns: &Columns) -> Result<Self> {
        let roots = columns.names.iter().map(|name| root_of(file, name)).collect::<Result<Vec<_>>>()?;
        let hinted = hinted_schema(file.schema(), &roots, &columns.dictionaries);
        let schema = Arc::new(hinted.project(&roots).map_err(|error| unreadable(file, error.into()))?);
        let options = ArrowReaderOptions::new().with_schema(Arc::new(hinted));
        let footer = Arc::clone(file.metadata.metadata());
        let metadata = guarded(|| ArrowReaderMetadata::try_new(footer, options))
            .map_err(|source| ArtifactsError::NotParquet { url: file.file().url.clone(), source })?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
        let mut in_file_order = roots.clone();
        in_file_order.sort_unstable();
        let order = roots.iter().map(|root| in_file_order.partition_point(|other| other < root)).collect();
        Ok(Self { metadata, mask, order, roots, schema })
    }

    /// The columns of every batch, in the order asked for.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The same file's columns, one of them alone.
    pub(super) fn only(&self, at: usize) -> Option<Self> {
        let root = *self.roots.get(at)?;
        let schema = Arc::new(self.schema.project(&[at]).ok()?);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), [root]);
        Some(Self { metadata: self.metadata.clone(), mask, order: vec![0], roots: vec![root], schema })
    }

    /// A decoded batch with its columns in the order asked for.
    pub(super) fn arrange(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.order.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

fn unreadable(file: &FileHandle, source: crate::error::DecodeFault) -> ArtifactsError {
    ArtifactsError::NotParquet { url: file.file().url.clone(), source }
}

fn root_of(file: &FileHandle, name: &str) -> Result<usize> {
    let fields = file.schema().fields();
    let mut found = fields.iter().enumerate().filter(|(_, field)| field.name() == name).map(|(at, _)| at);
    let url = || file.file().url.clone();
    match (found.next(), found.next()) {
        (Some(root), None) => Ok(root),
        (Some(_), Some(_)) => Err(ArtifactsError::AmbiguousColumn { url: url(), column: name.to_owned() }),
        (None, _) => {
            let near = similar(name, fields);
            Err(ArtifactsError::NoColumn { url: url(), column: name.to_owned(), near })
        }
    }
}

/// Columns that differ from a name in case, blanks and punctuation alone, or by one of them holding the other.
fn similar(name: &str, fields: &Fields) -> Vec<String> {
    let essence = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let wanted = essence(name);
    let is_near = |other: &str| {
        let other = essence(other);
        let holds = wanted.len() >= 3 && other.len() >= 3 && (other.contains(&wanted) || wanted.contains(&other));
        other == wanted || holds
    };
    fields.iter().map(|field| field.name()).filter(|other| is_near(other)).take(3).cloned().collect()
}

/// The columns that all files have under one type, nullable if they are so anywhere; an error names the first two files
/// that disagree.
pub fn common_schema(files: &[Arc<FileHandle>], columns: &Columns) -> Result<SchemaRef> {
    let Some(first) = files.first() else { return Ok(Arc::new(Schema::empty())) };
    let mut common: Vec<Field> = first.project(columns)?.schema().fields().iter().map(|field| bare(field)).collect();
    for file in &files[1..] {
        for (known, found) in common.iter_mut().zip(file.project(columns)?.schema().fields()) {
            if known.data_type() != bare(found).data_type() {
                return Err(ArtifactsError::TypeChanged {
                    column: known.name().clone(),
                    first: first.file().url.clone(),
                    first_type: known.data_type().to_string(),
                    second: file.file().url.clone(),
                    second_type: found.data_type().to_string(),
                });
            }
            *known = known.clone().with_nullable(known.is_nullable() || found.is_nullable());
        }
    }
    Ok(Arc::new(Schema::new(common)))
}

/// A field without what does not matter to a reader: metadata, and names and nullability inside lists.
fn bare(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::List(item) => {
            let item = bare(item).with_name("item").with_nullable(true);
            DataType::List(Arc::new(item))
        }
        other => other.clone(),
    };
    Field::new(field.name(), data_type, field.is_nullable())
}

/// A file's schema with one spelling of text, bytes and lists.
pub(super) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields: Fields = schema.fields().iter().map(|field| respelled(field, false)).collect();
    Arc::new(Schema::new(fields))
}

fn hinted_schema(schema: &Schema, roots: &[usize], dictionaries: &BTreeSet<String>) -> Schema {
    let is_dictionary = |at: usize, field: &Field| roots.contains(&at) && dictionaries.contains(field.name());
    let fields = schema.fields().iter().enumerate();
    let fields: Fields = fields.map(|(at, field)| respelled(field, is_dictionary(at, field))).collect();
    Schema::new(fields)
}

fn respelled(field: &Arc<Field>, as_dictionary: bool) -> Arc<Field> {
    let data_type = match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(as_dictionary),
        DataType::Dictionary(_, value) if is_text(value) => text(as_dictionary),
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::LargeList(item) => DataType::List(respelled(item, as_dictionary)),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn text(as_dictionary: bool) -> DataType {
    if as_dictionary {
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
    } else {
        DataType::Utf8
    }
}

//! Finding features' columns in a table and checking their types.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use spec::{ColumnName, FeatureName};

use super::column::{is_bag, is_category, is_number, is_number_list, is_time};
use super::error::{EncodeError, RowFault};

/// What a kind of feature reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    Numbers,
    Categories,
    Times,
    Lists,
    Weights,
    Vectors,
}

impl Reads {
    fn accepts(self, data_type: &DataType) -> bool {
        match self {
            Self::Numbers => is_number(data_type),
            Self::Categories => is_category(data_type),
            Self::Times => is_time(data_type),
            Self::Lists => is_bag(data_type),
            Self::Weights | Self::Vectors => is_number_list(data_type),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Numbers => {
                "a numeric feature reads numbers and booleans: cast it in a prepare step or use another kind"
            }
            Self::Categories => {
                "a categorical feature or cross reads strings, numbers and booleans: cast it in a prepare step or use another kind"
            }
            Self::Times => {
                "a timestamp feature reads dates and timestamps: cast it in a prepare step or use another kind"
            }
            Self::Lists => {
                "a bag or sequence reads lists of strings, numbers or booleans: use another kind or build the list in a prepare step"
            }
            Self::Vectors => "a vector feature reads lists of numbers: build the list in a prepare step",
            Self::Weights => "the weights of a bag are lists of numbers: build the list in a prepare step",
        }
    }
}

/// The columns of a schema by name; the first of equal names.
pub(super) struct Columns<'a> {
    schema: &'a Schema,
    places: HashMap<&'a str, usize>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(schema: &'a Schema) -> Self {
        let mut places = HashMap::with_capacity(schema.fields().len());
        for (place, field) in schema.fields().iter().enumerate() {
            places.entry(field.name().as_str()).or_insert(place);
        }
        Self { schema, places }
    }
}

/// A feature's column in tables of one schema.
#[derive(Debug, Clone)]
pub(super) struct BoundColumn {
    feature: FeatureName,
    column: ColumnName,
    index: usize,
    data_type: DataType,
}

impl BoundColumn {
    /// Finds the column and checks that its type can be read.
    pub(super) fn find(
        feature: &FeatureName,
        column: &ColumnName,
        reads: Reads,
        table: &Columns<'_>,
    ) -> Result<Self, EncodeError> {
        let (feature, column) = (feature.clone(), column.clone());
        let Some(&index) = table.places.get(column.as_str()) else {
            return Err(EncodeError::MissingColumn { feature, column, columns: some_names(table.schema) });
        };
        let data_type = table.schema.field(index).data_type().clone();
        if !reads.accepts(&data_type) {
            return Err(EncodeError::WrongType { feature, column, found: data_type, reads: reads.words() });
        }
        Ok(Self { feature, column, index, data_type })
    }

    /// The type it was bound with.
    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The feature.
    pub(super) fn feature(&self) -> &FeatureName {
        &self.feature
    }

    /// The column's name.
    pub(super) fn column(&self) -> &ColumnName {
        &self.column
    }

    /// That a row's value cannot be encoded.
    pub(super) fn row_error(&self, row: usize, fault: RowFault) -> EncodeError {
        EncodeError::Row { feature: self.feature.clone(), column: self.column.clone(), row, fault }
    }

    /// The column of a batch.
    pub(super) fn of<'a>(&self, batch: &'a RecordBatch) -> Result<&'a arrow::array::ArrayRef, EncodeError> {
        let Some(array) = batch.columns().get(self.index) else {
            return Err(EncodeError::MissingFromBatch { feature: self.feature.clone(), column: self.column.clone() });
        };
        if array.data_type() != &self.data_type && plain(array.data_type()) != plain(&self.data_type) {
            return Err(EncodeError::ChangedType {
                feature: self.feature.clone(),
                column: self.column.clone(),
                bound: self.data_type.clone(),
                found: array.data_type().clone(),
            });
        }
        Ok(array)
    }
}

/// A type without what does not matter to an encoder: how text is laid out, whether it is in a dictionary, names in lists.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::new_list(plain(item.data_type()), true)
        }
        other => other.clone(),
    }
}

fn some_names(schema: &Schema) -> String {
    let mut names: Vec<&str> = schema.fields().iter().take(20).map(|field| field.name().as_str()).collect();
    if schema.fields().len() > names.len() {
        names.push("…");
    }
    names.join(", ")
}

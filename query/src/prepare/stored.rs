//! The columns of a query's result as they are stored: one spelling of text and bytes, types that Parquet has, names
//! that can be referred to.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use spec::ColumnName;

use crate::error::{ColumnFault, QueryError, Result};
use crate::sql::Origin;

/// The stored form of a result's columns, all of them nullable; errors name the first that has none.
pub(crate) fn stored_schema(origin: &Origin, result: &Schema) -> Result<SchemaRef> {
    let mut names = HashSet::new();
    let mut fields = Vec::with_capacity(result.fields().len());
    for field in result.fields() {
        let fault = |fault| QueryError::ResultColumn { place: origin.to_string(), column: field.name().clone(), fault };
        if !names.insert(field.name()) {
            return Err(fault(ColumnFault::Twice));
        }
        if ColumnName::try_from(field.name().clone()).is_err() {
            return Err(fault(ColumnFault::Unnamed));
        }
        fields.push(Field::new(field.name(), stored_type(field.data_type()).map_err(fault)?, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn stored_type(result: &DataType) -> Result<DataType, ColumnFault> {
    match result {
        DataType::Utf8View | DataType::LargeUtf8 => Ok(DataType::Utf8),
        DataType::BinaryView | DataType::LargeBinary => Ok(DataType::Binary),
        DataType::Dictionary(_, values) => stored_type(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            Ok(DataType::new_list(stored_type(item.data_type())?, true))
        }
        DataType::Null => Err(ColumnFault::Untyped),
        DataType::Interval(_) | DataType::Duration(_) | DataType::Union(..) | DataType::RunEndEncoded(..) => {
            Err(ColumnFault::Type { found: result.to_string() })
        }
        other => Ok(other.clone()),
    }
}

/// A batch in its stored form.
pub(crate) fn stored_batch(batch: &RecordBatch, stored: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let column = |(column, field): (&ArrayRef, &Arc<Field>)| match column.data_type() == field.data_type() {
        true => Ok(Arc::clone(column)),
        false => cast(column, field.data_type()),
    };
    let columns = batch.columns().iter().zip(stored.fields()).map(column).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(stored), columns, &options)
}

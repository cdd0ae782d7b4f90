//! Ids as they are published: digests as lower-case hex, lists as lists or as a row for each id.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StringBuilder, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::list_item;
use crate::error::{Result, ScorerError};

/// The type of ids as they are published.
pub fn published_type(stored: &DataType) -> DataType {
    match (stored, list_item(stored)) {
        (_, Some(item)) => DataType::new_list(published_type(item), true),
        (DataType::FixedSizeBinary(_), None) => DataType::Utf8,
        (other, None) => other.clone(),
    }
}

/// Ids as they are published: digests as lower-case hex, all else as it is.
pub fn published(stored: &ArrayRef) -> ArrayRef {
    if let Some(lists) = stored.as_list_opt::<i32>() {
        let items = published(lists.values());
        let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
        return Arc::new(ListArray::new(field, lists.offsets().clone(), items, lists.nulls().cloned()));
    }
    let Some(digests) = stored.as_fixed_size_binary_opt() else {
        return Arc::clone(stored);
    };
    let width = 2 * digests.value_length() as usize;
    let mut texts = StringBuilder::with_capacity(digests.len(), digests.len() * width);
    let mut text = vec![0; width];
    for digest in digests {
        match digest {
            Some(digest) => {
                hex::encode_to_slice(digest, &mut text).expect("the text is twice as long as the digest");
                texts.append_value(std::str::from_utf8(&text).expect("hex is ASCII"));
            }
            None => texts.append_null(),
        }
    }
    Arc::new(texts.finish())
}

/// Rows with a row for each item of the list in one column, everything else repeated; `schema` is that of the result. Who
/// has no list keeps one row.
///
/// # Errors
///
/// Columns that are not those of the schema.
pub(crate) fn exploded(rows: &RecordBatch, list: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let lists = rows.column(list).as_list::<i32>();
    let (mut of_row, mut items) = (Vec::new(), Vec::new());
    for row in 0..lists.len() {
        let (start, length) = (lists.value_offsets()[row] as u32, lists.value_length(row) as u32);
        match lists.is_null(row) || length == 0 {
            true => items.push(None),
            false => items.extend((start..start + length).map(Some)),
        }
        of_row.resize(items.len(), row as u32);
    }
    let (of_row, items) = (UInt32Array::from(of_row), UInt32Array::from(items));
    let column = |(index, column): (usize, &ArrayRef)| match index == list {
        true => take(lists.values(), &items, None).map_err(ScorerError::rows),
        false => take(column, &of_row, None).map_err(ScorerError::rows),
    };
    let columns = rows.columns().iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(ScorerError::rows)
}

//! Columns of text as the types that they were found or declared to have.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Characters of a value that an error shows.
const SHOWN_CHARACTERS: usize = 80;

/// A value that is not of its column's type.
#[derive(Debug)]
pub(crate) struct BadValue {
    /// Its row in the column, from 0.
    pub(crate) row: usize,
    /// The text, or the start of a long one.
    pub(crate) value: String,
}

/// Text read as `wanted`, all of it or not at all.
pub(crate) fn convert(text: &ArrayRef, wanted: &DataType) -> Result<Result<ArrayRef, BadValue>, ArrowError> {
    if wanted == text.data_type() {
        return Ok(Ok(ArrayRef::clone(text)));
    }
    let unreadable_is_null = CastOptions { safe: true, ..CastOptions::default() };
    let converted = cast_with_options(text, wanted, &unreadable_is_null)?;
    if converted.null_count() == text.null_count() {
        return Ok(Ok(converted));
    }
    let row = (0..text.len()).find(|&row| converted.is_null(row) && text.is_valid(row)).unwrap_or(0);
    let value = text.as_string::<i32>().value(row).chars().take(SHOWN_CHARACTERS).collect();
    Ok(Err(BadValue { row, value }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn text(values: Vec<Option<&str>>) -> ArrayRef {
        Arc::new(StringArray::from(values))
    }

    #[test]
    fn text_becomes_its_type_and_nulls_stay() {
        let read = convert(&text(vec![Some("1"), None, Some("-3")]), &DataType::Int64).unwrap().unwrap();
        assert_eq!(read.as_ref(), &Int64Array::from(vec![Some(1), None, Some(-3)]));
        let read = convert(&text(vec![Some("11.77"), Some(".5"), Some("1e3")]), &DataType::Float64).unwrap().unwrap();
        assert_eq!(read.as_ref(), &Float64Array::from(vec![11.77, 0.5, 1000.0]));
    }

    #[test]
    fn the_first_value_of_another_type_is_named() {
        let bad = convert(&text(vec![Some("1"), None, Some("?"), Some("x")]), &DataType::Int64).unwrap().unwrap_err();
        assert_eq!((bad.row, bad.value.as_str()), (2, "?"));
    }
}

//! Columns as numbers.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Schema};
use spec::ScoringSpec;
use spec::ids::ColumnName;

use super::groups::can_describe;
use crate::error::{Result, ScorerError};

/// Fails where a segmentation's columns are of types that it can do nothing with; columns that are missing are found elsewhere.
///
/// # Errors
///
/// Such a column.
pub(crate) fn check_columns(spec: &ScoringSpec, population: &Schema) -> Result<()> {
    for (name, segmentation) in &spec.segments {
        let columns = segmentation.columns.iter().flatten().map(|column| (column, true));
        let described = segmentation.profile.iter().map(|column| (column, false));
        for (column, is_measured) in columns.chain(described) {
            let Ok(field) = population.field_with_name(column.as_str()) else { continue };
            let found = field.data_type();
            let fits = if is_measured { is_number(found) || *found == DataType::Boolean } else { can_describe(found) };
            if !fits {
                let (segmentation, column, found) = (name.clone(), column.clone(), found.clone());
                return Err(ScorerError::SegmentColumn { segmentation, column, found });
            }
        }
    }
    Ok(())
}

/// Whether a column's values are numbers.
pub(crate) fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        other => other.is_numeric(),
    }
}

/// Some columns of a batch as rows of numbers; NaN where there is none.
///
/// # Errors
///
/// Columns that are missing or no numbers.
pub(crate) fn numbers_of(batch: &RecordBatch, columns: &[ColumnName]) -> Result<Vec<f32>> {
    let mut numbers = vec![f32::NAN; batch.num_rows() * columns.len()];
    for (place, column) in columns.iter().enumerate() {
        let values = batch.column_by_name(column.as_str()).ok_or(ScorerError::Broken)?;
        let places = numbers.iter_mut().skip(place).step_by(columns.len());
        places.zip(column_numbers(values)?).for_each(|(number, value)| *number = value as f32);
    }
    Ok(numbers)
}

/// A column's values in 64 bits; NaN where there is none.
pub(crate) fn column_numbers(column: &ArrayRef) -> Result<Vec<f64>> {
    let wide = cast(column, &DataType::Float64).map_err(ScorerError::rows)?;
    let wide = wide.as_primitive::<Float64Type>();
    Ok((0..wide.len()).map(|row| if wide.is_null(row) { f64::NAN } else { wide.value(row) }).collect())
}

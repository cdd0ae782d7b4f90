//! Vectors that are projected: the sum of a table's rows by the vector's numbers is the vector times a matrix.

use arrow::array::RecordBatch;

use super::{VectorEncoding, Vectors};
use crate::encode::bind::{BoundColumn, Columns, Reads};
use crate::encode::encoders::{Encoding, FittedFeature};
use crate::encode::error::EncodeError;
use crate::input::Bag;

/// A projected vector ready to write: row `i` of its table is the number at place `i`, and the row after the last number is
/// null, where there were nulls in the training rows.
#[derive(Debug)]
pub(in crate::encode) struct ProjectedWriter {
    column: BoundColumn,
    encoding: VectorEncoding,
    first_row: u32,
}

impl ProjectedWriter {
    pub(in crate::encode) fn bind(
        feature: &FittedFeature,
        first_row: u32,
        table: &Columns<'_>,
    ) -> Result<Self, EncodeError> {
        let Encoding::Vector(encoding) = &feature.encoding else { unreachable!("a slot of a vector") };
        let column = BoundColumn::find(&feature.name, &feature.columns[0], Reads::Vectors, table)?;
        Ok(Self { column, encoding: encoding.clone(), first_row })
    }

    /// Appends the rows of a batch to an empty bag.
    pub(in crate::encode) fn write(
        &self,
        batch: &RecordBatch,
        numbers: &mut Vec<f64>,
        out: &mut Bag,
    ) -> Result<(), EncodeError> {
        let (array, length) = (self.column.of(batch)?, self.encoding.impute.len());
        let total = batch.num_rows() * self.encoding.width();
        if total > i32::MAX as usize {
            return Err(EncodeError::TooManyElements { feature: self.column.feature().clone(), elements: total });
        }
        let vectors = Vectors::read(array, numbers);
        for row in 0..batch.num_rows() {
            let vector = vectors.row(row, length).map_err(|fault| self.column.row_error(row, fault))?;
            let is_flagged = vector.is_none() && self.encoding.missing_flag;
            let numbers = vector.unwrap_or(&self.encoding.impute).iter().map(|number| *number as f32);
            out.weights.extend(numbers.chain(is_flagged.then_some(1.0)));
            let rows = length + usize::from(is_flagged);
            out.ids.extend((self.first_row as i32..).take(rows));
            out.push(&[]);
        }
        Ok(())
    }
}

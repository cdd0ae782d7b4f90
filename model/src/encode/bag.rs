//! Bags: a list of values a row to a list of ids a row.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;

use super::bind::{BoundColumn, Columns, Reads};
use super::column::Lists;
use super::encoders::{Encoding, FittedFeature};
use super::error::EncodeError;
use super::lookup::IdLookup;
use super::values::{DictionaryCodes, encode_values};
use crate::input::Bag;

/// What stands in the scratch buffer for a null element, which no row keeps.
const NULL_ELEMENT: i32 = -1;

/// A bag feature ready to write.
#[derive(Debug)]
pub(super) struct BagWriter {
    column: BoundColumn,
    lookup: IdLookup,
    max_length: usize,
}

impl BagWriter {
    pub(super) fn bind(feature: &FittedFeature, first_row: u32, table: &Columns<'_>) -> Result<Self, EncodeError> {
        let Encoding::Bag(bag) = &feature.encoding else { unreachable!("a slot with a pool") };
        let column = BoundColumn::find(&feature.name, &feature.columns[0], Reads::Lists, table)?;
        let lookup = IdLookup::new(&bag.ids, &value_type(column.data_type()), first_row, NULL_ELEMENT);
        Ok(Self { column, lookup, max_length: bag.max_length as usize })
    }

    /// Appends the rows of a batch to an empty bag.
    pub(super) fn write(
        &self,
        batch: &RecordBatch,
        cache: &mut DictionaryCodes<i32>,
        scratch: &mut Vec<i32>,
        out: &mut Bag,
    ) -> Result<(), EncodeError> {
        let lists = Lists::of(self.column.of(batch)?, self.max_length);
        let span = lists.span();
        let total: usize = lists.rows.iter().map(ExactSizeIterator::len).sum();
        if total > i32::MAX as usize {
            return Err(EncodeError::TooManyElements { feature: self.column.feature().clone(), elements: total });
        }
        scratch.clear();
        scratch.resize(span.len(), NULL_ELEMENT);
        let elements = lists.elements.slice(span.start, span.len());
        encode_values(&elements, &self.lookup, cache, scratch);
        out.ids.reserve(total);
        out.offsets.reserve(lists.rows.len());
        let without_nulls = elements.null_count() == 0 && !scratch.contains(&NULL_ELEMENT);
        for row in lists
            .rows
            .iter()
            .map(|row| if row.is_empty() { 0..0 } else { row.start - span.start..row.end - span.start })
        {
            if without_nulls {
                out.push(&scratch[row]);
            } else {
                out.ids.extend(scratch[row].iter().filter(|&&id| id != NULL_ELEMENT));
                out.push(&[]);
            }
        }
        Ok(())
    }
}

fn value_type(list: &DataType) -> DataType {
    match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => match item.data_type() {
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            other => other.clone(),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;

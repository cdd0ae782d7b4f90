//! Bags and sequences: a list of values a row to a list of ids a row.

mod weights;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;

use self::weights::WeightColumn;
use super::bind::{BoundColumn, Columns, Reads};
use super::encoders::{Encoders, Encoding, FittedFeature};
use super::error::EncodeError;
use super::lists::Lists;
use super::lookup::IdLookup;
use super::values::{DictionaryCodes, encode_values};
use crate::input::Bag;

/// What stands in the scratch buffer for a null element, which no row keeps.
const NULL_ELEMENT: i32 = -1;

/// A bag or sequence ready to write.
#[derive(Debug)]
pub(super) struct BagWriter {
    column: BoundColumn,
    weights: Option<WeightColumn>,
    lookup: IdLookup,
    kept: Kept,
}

/// Which elements of a row are read.
#[derive(Debug, Clone, Copy)]
enum Kept {
    First(usize),
    Last(usize),
}

impl Kept {
    fn of(self, lists: Lists) -> Lists {
        match self {
            Self::First(count) => lists.front(count),
            Self::Last(count) => lists.back(count),
        }
    }
}

impl BagWriter {
    pub(super) fn bind(
        encoders: &Encoders,
        feature: &FittedFeature,
        first_row: u32,
        table: &Columns<'_>,
    ) -> Result<Self, EncodeError> {
        let (ids, kept) = match &feature.encoding {
            Encoding::Bag(bag) => (&bag.ids, Kept::First(bag.max_length as usize)),
            Encoding::Sequence(sequence) => (&sequence.ids, Kept::Last(sequence.max_length as usize)),
            _ => unreachable!("a slot with a pool"),
        };
        let column = BoundColumn::find(&feature.name, &feature.columns[0], Reads::Lists, table)?;
        let weights = WeightColumn::bind(feature, table)?;
        let lookup = IdLookup::new(encoders.ids(ids), &value_type(column.data_type()), first_row, NULL_ELEMENT);
        Ok(Self { column, weights, lookup, kept })
    }

    /// Appends the rows of a batch to an empty bag.
    pub(super) fn write(
        &self,
        batch: &RecordBatch,
        cache: &mut DictionaryCodes<i32>,
        scratch: &mut Vec<i32>,
        out: &mut Bag,
    ) -> Result<(), EncodeError> {
        let lists = Lists::of(self.column.of(batch)?);
        let weights = self.weights.as_ref().map(|column| column.read(batch, &lists, self.kept)).transpose()?;
        let lists = self.kept.of(lists);
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
        for (row, places) in lists.rows_in_span().enumerate() {
            let ids = &scratch[places];
            if let Some(weights) = &weights {
                out.weights.extend(weights.shares(row, |place| ids[place] != NULL_ELEMENT));
            }
            if without_nulls {
                out.push(ids);
            } else {
                out.ids.extend(ids.iter().filter(|&&id| id != NULL_ELEMENT));
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

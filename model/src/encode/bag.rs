//! Bags and sequences: a list of values a row to a list of ids a row.

mod weights;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;

use self::weights::WeightColumn;
use super::bind::{BoundColumn, Columns, Reads};
use super::encoders::{Encoders, Encoding, FittedFeature};
use super::error::{EncodeError, RowFault};
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
    /// The lists that are as long as this one.
    beside: Vec<BoundColumn>,
    /// What stands for a null element.
    null: i32,
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
        let (ids, kept, null) = match &feature.encoding {
            Encoding::Bag(bag) => (&bag.ids, Kept::First(bag.max_length as usize), NULL_ELEMENT),
            Encoding::Sequence(sequence) => {
                let null = if sequence.shares_places() { first_row as i32 } else { NULL_ELEMENT };
                (&sequence.ids, Kept::Last(sequence.max_length as usize), null)
            }
            _ => unreachable!("a slot with a pool"),
        };
        let column = BoundColumn::find(&feature.name, &feature.columns[0], Reads::Lists, table)?;
        let weights = WeightColumn::bind(feature, table)?;
        let lookup = IdLookup::new(encoders.ids(ids), &value_type(column.data_type()), first_row, null);
        let beside = Self::bind_beside(encoders, feature, table)?;
        Ok(Self { column, weights, lookup, kept, beside, null })
    }

    /// The columns of the sequences that a feature names as sharing its places.
    fn bind_beside(
        encoders: &Encoders,
        feature: &FittedFeature,
        table: &Columns<'_>,
    ) -> Result<Vec<BoundColumn>, EncodeError> {
        let Encoding::Sequence(sequence) = &feature.encoding else { return Ok(Vec::new()) };
        let others = encoders.features().iter().filter(|other| sequence.with.contains(&other.name));
        others.map(|other| BoundColumn::find(&other.name, &other.columns[0], Reads::Lists, table)).collect()
    }

    /// Refuses rows whose lists are not equally long, before any is cut.
    fn check_beside(&self, batch: &RecordBatch, lists: &Lists) -> Result<(), EncodeError> {
        for other in &self.beside {
            let others = Lists::of(other.of(batch)?);
            for (row, (list, beside)) in lists.rows.iter().zip(&others.rows).enumerate() {
                if list.len() != beside.len() {
                    let (steps, column) = (list.len(), other.column().clone());
                    return Err(self.column.row_error(row, RowFault::Steps { steps, others: beside.len(), column }));
                }
            }
        }
        Ok(())
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
        self.check_beside(batch, &lists)?;
        let weights = self.weights.as_ref().map(|column| column.read(batch, &lists, self.kept)).transpose()?;
        let lists = self.kept.of(lists);
        let span = lists.span();
        let total: usize = lists.rows.iter().map(ExactSizeIterator::len).sum();
        if total > i32::MAX as usize {
            return Err(EncodeError::TooManyElements { feature: self.column.feature().clone(), elements: total });
        }
        scratch.clear();
        scratch.resize(span.len(), self.null);
        let elements = lists.elements.slice(span.start, span.len());
        encode_values(&elements, &self.lookup, cache, scratch);
        out.ids.reserve(total);
        out.offsets.reserve(lists.rows.len());
        let without_nulls = self.null != NULL_ELEMENT || elements.null_count() == 0 && !scratch.contains(&NULL_ELEMENT);
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

//! Figures of one column, batch by batch.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::ColumnSummary;

/// Characters of a value that a summary shows.
const SHOWN_CHARACTERS: usize = 80;

/// What is known of a column after some batches.
pub(super) struct ColumnTally {
    name: String,
    data_type: DataType,
    rows: u64,
    nulls: u64,
    non_finite: u64,
    /// Values as comparable bytes; absent for types that have no order.
    values: Option<Values>,
}

struct Values {
    converter: RowConverter,
    distinct: HashSet<OwnedRow>,
    min: Option<OwnedRow>,
    max: Option<OwnedRow>,
}

impl ColumnTally {
    pub(super) fn new(field: &Field) -> Self {
        let converter = RowConverter::new(vec![SortField::new(field.data_type().clone())]).ok();
        let values = converter.map(|converter| Values { converter, distinct: HashSet::new(), min: None, max: None });
        Self {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            rows: 0,
            nulls: 0,
            non_finite: 0,
            values,
        }
    }

    pub(super) fn add(&mut self, column: &ArrayRef) {
        let nulls = column.logical_null_count();
        self.rows += column.len() as u64;
        self.nulls += nulls as u64;
        let finite = finite(column);
        self.non_finite += (column.len() - nulls - finite.true_count()) as u64;
        let Some(values) = &mut self.values else { return };
        if values.add(column, &finite).is_none() {
            self.values = None;
        }
    }

    pub(super) fn finish(self) -> ColumnSummary {
        let null_rate = if self.rows == 0 { 0.0 } else { self.nulls as f64 / self.rows as f64 };
        let distinct = self.values.as_ref().map(|values| values.distinct.len() as u64);
        let shown = |row: &Option<OwnedRow>| self.values.as_ref()?.text_of(row.as_ref()?);
        let (min, max) = match &self.values {
            Some(values) => (shown(&values.min), shown(&values.max)),
            None => (None, None),
        };
        let kinds = distinct.map(|distinct| distinct + u64::from(self.nulls > 0));
        ColumnSummary {
            name: self.name,
            data_type: self.data_type.to_string(),
            null_rate,
            non_finite: self.non_finite,
            distinct,
            min,
            max,
            is_constant: self.rows > 0 && kinds.is_some_and(|kinds| kinds <= 1),
        }
    }
}

impl Values {
    /// Takes in a column's values; nothing where its type cannot be compared after all.
    fn add(&mut self, column: &ArrayRef, finite: &BooleanArray) -> Option<()> {
        let rows = self.converter.convert_columns(std::slice::from_ref(column)).ok()?;
        let nulls = column.logical_nulls();
        for (index, row) in rows.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
                continue;
            }
            if finite.value(index) {
                if self.min.as_ref().is_none_or(|min| row < min.row()) {
                    self.min = Some(row.owned());
                }
                if self.max.as_ref().is_none_or(|max| row > max.row()) {
                    self.max = Some(row.owned());
                }
            }
            let row = row.owned();
            self.distinct.insert(row);
        }
        Some(())
    }

    fn text_of(&self, row: &OwnedRow) -> Option<String> {
        let columns = self.converter.convert_rows([row.row()]).ok()?;
        let formatter = ArrayFormatter::try_new(columns.first()?.as_ref(), &FormatOptions::default()).ok()?;
        let text = formatter.value(0).to_string();
        Some(match text.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        })
    }
}

/// Which values are neither null, NaN nor infinite.
fn finite(column: &ArrayRef) -> BooleanArray {
    let present = column.logical_nulls().map_or_else(
        || BooleanArray::from(vec![true; column.len()]),
        |nulls| BooleanArray::new(nulls.into_inner(), None),
    );
    match cast(column, &DataType::Float64) {
        Ok(numbers) if column.data_type().is_floating() => {
            let numbers = numbers.as_primitive::<Float64Type>();
            let is_finite = |index: usize| present.value(index) && numbers.value(index).is_finite();
            (0..column.len()).map(|index| Some(is_finite(index))).collect()
        }
        _ => present,
    }
}

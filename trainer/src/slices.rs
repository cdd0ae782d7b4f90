//! The model's measures by the values of the columns that the document names.

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use feed::FeedBatch;
use model::measure::{OTHER_VALUE, SliceMeasures, SlicedColumn, TaskKind};
use model::outputs::Outputs;
use spec::{ColumnName, TrainingSpec};

use crate::columns::carried;
use crate::error::{Result, TrainerError};
use crate::fitting::{Desk, FittedNetwork};
use crate::rows::measured;

/// Values of a column that are told apart.
const MOST_VALUES: usize = 10_000;

/// Rows that are kept for all tasks and columns together.
const MOST_ROWS: usize = 1 << 22;
/// Rows that are kept for one task and column: at least, and at most.
const ROWS_OF_ONE: (usize, usize) = (1 << 14, 1 << 20);

/// The measures by column, on the rows that judge the model; nothing without such columns or rows.
///
/// # Errors
///
/// What the rows or the network refuse; [`TrainerError::Cancelled`].
pub(crate) fn slices(spec: &TrainingSpec, network: &FittedNetwork, desk: &Desk<'_>) -> Result<Vec<SlicedColumn>> {
    let columns = &spec.slices.columns;
    let Some(part) = desk.judging_part().filter(|_| !columns.is_empty()) else { return Ok(Vec::new()) };
    let mut sliced: Vec<_> = columns.iter().map(|column| Slicing::new(spec, column)).collect();
    desk.progress.phase("measure slices", "rows", Some(desk.rows.counts(part).rows));
    let mut outputs = Outputs::default();
    for batch in desk.rows.with_columns(part, columns)? {
        desk.check()?;
        let batch = batch?;
        network.predict(&batch.batch.inputs, &mut outputs)?;
        sliced.iter_mut().try_for_each(|slicing| slicing.push(&batch, &outputs))?;
        desk.progress.advance(batch.rows() as u64);
    }
    sliced.into_iter().map(|slicing| slicing.finish(spec, part)).collect()
}

/// One column's values with the predictions of all tasks.
struct Slicing<'a> {
    column: &'a ColumnName,
    values: Values,
    tasks: Vec<SliceMeasures>,
}

impl<'a> Slicing<'a> {
    fn new(spec: &TrainingSpec, column: &'a ColumnName) -> Self {
        let each = MOST_ROWS / (spec.tasks.len() * spec.slices.columns.len()).max(1);
        let each = each.clamp(ROWS_OF_ONE.0, ROWS_OF_ONE.1);
        let tasks = spec.tasks.values().map(|task| SliceMeasures::new(TaskKind::from(task), each)).collect();
        Self { column, values: Values::default(), tasks }
    }

    fn push(&mut self, batch: &FeedBatch, outputs: &Outputs) -> Result<()> {
        let codes = self.values.codes(carried(batch, self.column));
        let codes = codes.map_err(|source| TrainerError::Slice { column: self.column.clone(), source })?;
        for (task, (measures, scores)) in self.tasks.iter_mut().zip(&outputs.tasks).enumerate() {
            let width = (scores.len() / codes.len().max(1)).max(1);
            for (row, label, weight) in batch.batch.targets.counting(task, codes.len()) {
                let (prediction, label) = measures.kind().seen(&scores[row * width..(row + 1) * width], label);
                measures.push(prediction, label, weight, codes[row]);
            }
        }
        Ok(())
    }

    fn finish(self, spec: &TrainingSpec, part: feed::Part) -> Result<SlicedColumn> {
        let Self { column, values, tasks } = self;
        let min_rows = u64::from(spec.slices.min_rows);
        let finished = spec.tasks.keys().zip(tasks).map(|(name, measures)| {
            let slices = measures.finish(&values.names, min_rows);
            Ok((name.clone(), slices.map_err(|source| TrainerError::Measure { task: name.clone(), source })?))
        });
        let tasks = finished.collect::<Result<_>>()?;
        Ok(SlicedColumn { column: column.clone(), part: measured(part), min_rows, tasks })
    }
}

/// The values of a column and their codes, in the order in which they came.
#[derive(Debug, Default)]
struct Values {
    codes: HashMap<String, u32>,
    null: Option<u32>,
    names: Vec<Option<String>>,
}

impl Values {
    /// The code of each row.
    fn codes(&mut self, column: &ArrayRef) -> Result<Vec<u32>, ArrowError> {
        let texts = cast(column, &DataType::Utf8)?;
        let code = |text| match text {
            Some(text) => self.code(text),
            None => self.code_of_null(),
        };
        Ok(texts.as_string::<i32>().iter().map(code).collect())
    }

    fn code(&mut self, value: &str) -> u32 {
        if let Some(code) = self.codes.get(value) {
            return *code;
        }
        if self.codes.len() >= MOST_VALUES {
            return OTHER_VALUE;
        }
        let code = self.names.len() as u32;
        self.names.push(Some(value.to_owned()));
        self.codes.insert(value.to_owned(), code);
        code
    }

    fn code_of_null(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| {
            self.names.push(None);
            self.names.len() as u32 - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Date32Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn values_of_any_column_with_a_text_are_told_apart() {
        let columns: [(ArrayRef, [Option<&str>; 2]); 4] = [
            (Arc::new(StringArray::from(vec![Some("web"), None, Some("web")])), [Some("web"), None]),
            (Arc::new(Int64Array::from(vec![Some(7), None, Some(7)])), [Some("7"), None]),
            (Arc::new(BooleanArray::from(vec![true, false, true])), [Some("true"), Some("false")]),
            (Arc::new(Date32Array::from(vec![Some(0), None, Some(0)])), [Some("1970-01-01"), None]),
        ];
        for (column, names) in columns {
            let mut values = Values::default();
            assert_eq!(values.codes(&column).unwrap(), [0, 1, 0]);
            assert_eq!(values.names, names.map(|name| name.map(ToOwned::to_owned)));
        }
    }

    #[test]
    fn beyond_the_limit_values_are_not_told_apart() {
        let mut values = Values::default();
        let many: ArrayRef = Arc::new(Int64Array::from_iter_values(0..=MOST_VALUES as i64));
        let codes = values.codes(&many).unwrap();
        assert_eq!(codes[MOST_VALUES - 1] as usize, MOST_VALUES - 1);
        assert_eq!(codes[MOST_VALUES], OTHER_VALUE);
        assert_eq!(values.codes(&many).unwrap()[0], 0, "known values keep their code");
    }
}

//! The measures of one task by the values of a column.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::{ColumnName, TaskName};

use super::sample::Sample;
use super::{FEWEST_OF_A_CLASS, Interval, MeasureError, Part, PartMetrics, TaskKind};

/// The code of a value that is not told apart from others: there were too many.
pub const OTHER_VALUE: u32 = u32::MAX;

/// Values of a column that are measured for a task: those with the most rows.
pub const MOST_SLICES: usize = 500;

/// A row, and the code of its value.
#[derive(Debug, Clone, Copy)]
struct Row {
    score: f32,
    label: f32,
    weight: f32,
    value: u32,
}

/// Collects a task's predictions with the values of a column.
#[derive(Debug, Clone)]
pub struct SliceMeasures {
    kind: TaskKind,
    rows: Sample<Row>,
}

impl SliceMeasures {
    /// One without rows. Up to `most_rows` rows are kept, 24 bytes each; of more, a uniform sample.
    pub fn new(kind: TaskKind, most_rows: usize) -> Self {
        Self { kind, rows: Sample::new(most_rows) }
    }

    /// The kind of task.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// Adds a row of the value with this code, prediction and label as [`TaskKind::seen`] gives them. A row of weight 0 counts
    /// nowhere.
    pub fn push(&mut self, score: f32, label: f32, weight: f32, value: u32) {
        if weight != 0.0 {
            self.rows.push(Row { score, label, weight, value });
        }
    }

    /// The measures of every value with at least `min_rows` rows, of those with the most rows up to [`MOST_SLICES`];
    /// `names` are the values by their codes, none for null.
    ///
    /// # Errors
    /// A prediction, label or weight that cannot be measured.
    pub fn finish(self, names: &[Option<String>], min_rows: u64) -> Result<TaskSlices, MeasureError> {
        let Self { kind, rows } = self;
        let (all_rows, mut rows) = (rows.seen(), rows.into_rows());
        rows.sort_by_key(|row| row.value);
        let name = |of_value: &[Row]| of_value.first().and_then(|row| names.get(row.value as usize));
        let values = rows.chunk_by(|a, b| a.value == b.value);
        let (mut shown, mut left_out): (Vec<_>, Vec<_>) =
            values.partition(|of_value| name(of_value).is_some() && of_value.len() as u64 >= min_rows);
        shown.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| name(a).cmp(&name(b))));
        left_out.extend(shown.drain(shown.len().min(MOST_SLICES)..));
        let slice = |of_value: &&[Row]| {
            let metrics = kind.measure(of_value.iter().map(|row| (row.score, row.label, row.weight)))?;
            Ok(Slice::of(name(of_value).cloned().flatten(), kind, &metrics))
        };
        Ok(TaskSlices {
            rows: rows.len() as u64,
            all_rows,
            slices: shown.iter().map(slice).collect::<Result<_, MeasureError>>()?,
            left_out_values: left_out.iter().filter(|of_value| name(of_value).is_some()).count() as u64,
            left_out_rows: left_out.iter().map(|of_value| of_value.len() as u64).sum(),
        })
    }
}

/// The measures by the values of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlicedColumn {
    /// The column.
    pub column: ColumnName,
    /// The rows that were measured.
    pub part: Part,
    /// Values with fewer rows of a task are left out.
    pub min_rows: u64,
    /// By task, in the document's order.
    pub tasks: IndexMap<TaskName, TaskSlices>,
}

/// The measures of one task by value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskSlices {
    /// Rows that were measured.
    pub rows: u64,
    /// Rows that there are; more than `rows` where a sample of them was measured.
    pub all_rows: u64,
    /// From the value with the most rows down, at most [`MOST_SLICES`].
    pub slices: Vec<Slice>,
    /// Values that are left out: those with few rows, and those beyond the most that are measured.
    pub left_out_values: u64,
    /// The rows of those, and of values that are not told apart.
    pub left_out_rows: u64,
}

/// The measures of one task on the rows with one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The value; absent for rows without one.
    pub value: Option<String>,
    /// Rows with an observed label.
    pub rows: u64,
    /// Those with label 1, or a value above zero; 0 for classes.
    pub positives: u64,
    /// Whether there are fewer than [`FEWEST_OF_A_CLASS`] rows of the rarer class (of amounts above zero, of other
    /// numbers at all): measures of order are then chance for the most part.
    pub is_small: bool,
    /// The natural rate, or the mean label; absent for classes.
    pub mean_label: Option<f64>,
    /// The mean prediction.
    pub mean_prediction: Option<f64>,
    /// The 95 % interval of the AUC, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc_interval: Option<Interval>,
    /// By name, those that are defined on these rows.
    pub measures: IndexMap<String, f64>,
}

impl Slice {
    fn of(value: Option<String>, kind: TaskKind, metrics: &PartMetrics) -> Self {
        let (positives, mean_label, mean_prediction, auc_interval) = match metrics {
            PartMetrics::Probabilities(metrics) => {
                (metrics.positives, metrics.rate, metrics.mean_score, metrics.auc_interval)
            }
            PartMetrics::Values(metrics) => (metrics.positives, metrics.mean_actual, metrics.mean_predicted, None),
            PartMetrics::Classes(_) => (0, None, None, None),
        };
        let is_small = kind.rarer(metrics) < FEWEST_OF_A_CLASS;
        let names = kind.measures().iter().map(|measure| measure.name());
        let measures = names.filter_map(|name| Some((name.to_owned(), metrics.measure(name)?))).collect();
        Self { value, rows: metrics.rows(), positives, is_small, mean_label, mean_prediction, auc_interval, measures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::BinaryMeasures;

    fn sliced(kind: TaskKind, rows: impl Iterator<Item = (f32, f32, u32)>, min_rows: u64) -> TaskSlices {
        let mut measures = SliceMeasures::new(kind, 1000);
        rows.for_each(|(score, label, value)| measures.push(score, label, 1.0, value));
        measures.finish(&[Some("web".to_owned()), None, Some("shop".to_owned())], min_rows).unwrap()
    }

    /// 60 rows on the web that are ranked right, 40 without a channel that are ranked wrong, 5 in the shop.
    fn rows() -> impl Iterator<Item = (f32, f32, u32)> {
        let label = |row: u16| f32::from(row % 2);
        let web = (0..60).map(move |row| (0.2 + 0.5 * label(row), label(row), 0));
        let none = (0..40).map(move |row| (0.7 - 0.5 * label(row), label(row), 1));
        web.chain(none).chain((0..5).map(move |row| (0.5, label(row), 2)))
    }

    #[test]
    fn a_value_is_measured_as_its_rows_would_be_alone() {
        let slices = sliced(TaskKind::Binary, rows(), 10);
        let found: Vec<_> =
            slices.slices.iter().map(|slice| (slice.value.as_deref(), slice.rows, slice.measures["auc"])).collect();
        assert_eq!(found, [(Some("web"), 60, 1.0), (None, 40, 0.0)]);
        let web = &slices.slices[0];
        assert_eq!((web.positives, web.mean_label), (30, Some(0.5)));
        assert!((web.mean_prediction.unwrap() - 0.45).abs() < 1e-6);
        let mut alone = BinaryMeasures::default();
        rows().filter(|row| row.2 == 0).for_each(|(score, label, _)| alone.push(score, label, 1.0).unwrap());
        assert_eq!(web.measures["log_loss"], alone.finish().log_loss.unwrap());
    }

    #[test]
    fn values_with_few_rows_are_counted_and_not_shown() {
        let slices = sliced(TaskKind::Binary, rows().chain([(0.1, 0.0, OTHER_VALUE)]), 10);
        assert_eq!((slices.rows, slices.left_out_values, slices.left_out_rows), (106, 1, 6));
        assert!(slices.slices.iter().all(|slice| slice.rows >= 10));
        let nothing = sliced(TaskKind::Value, rows(), 1000);
        assert_eq!((nothing.slices.len(), nothing.left_out_values, nothing.left_out_rows), (0, 3, 105));
    }

    #[test]
    fn a_value_with_few_rows_of_a_class_is_marked() {
        let slices = sliced(TaskKind::Binary, rows(), 1);
        let marks: Vec<_> = slices.slices.iter().map(|slice| (slice.positives, slice.is_small)).collect();
        assert_eq!(marks, [(30, false), (20, false), (2, true)]);
    }

    #[test]
    fn of_many_values_those_with_the_most_rows_are_measured() {
        let names: Vec<_> = (0..600).map(|value| Some(format!("value {value:03}"))).collect();
        let mut measures = SliceMeasures::new(TaskKind::Binary, 10_000);
        for row in 0..6_001u16 {
            measures.push(0.5, f32::from(row % 2), 1.0, u32::from(row.min(5_999)) % 600);
        }
        let slices = measures.finish(&names, 1).unwrap();
        assert_eq!((slices.slices.len(), slices.left_out_values, slices.left_out_rows), (MOST_SLICES, 100, 1000));
        assert_eq!((slices.slices[0].value.as_deref(), slices.slices[0].rows), (Some("value 599"), 11));
        assert_eq!(slices.slices[499].value.as_deref(), Some("value 498"));
    }

    #[test]
    fn amounts_have_their_own_measures() {
        let slices = sliced(TaskKind::Value, rows(), 10);
        assert!((slices.slices[0].measures["mae"] - 0.25).abs() < 1e-6);
        assert!(!slices.slices[0].measures.contains_key("auc"));
    }

    #[test]
    fn classes_are_measured_by_the_place_of_each_rows_own() {
        let said: [(&[f32], f32); 2] = [(&[0.5, 0.3, 0.2], 0.0), (&[0.6, 0.3, 0.1], 1.0)];
        let rows = (0..40usize).map(|row| {
            let (predictions, label) = said[usize::from(row % 4 == 0)];
            let (probability, place) = TaskKind::Multiclass.seen(predictions, label);
            (probability, place, 0)
        });
        let slices = sliced(TaskKind::Multiclass, rows, 10);
        let of = |name: &str| slices.slices[0].measures[name];
        assert_eq!((of("accuracy"), of("top_3_accuracy"), of("mrr")), (0.75, 1.0, 0.875));
        let loss = -(0.75 * 0.5f64.ln() + 0.25 * 0.3f64.ln());
        assert!((of("log_loss") - loss).abs() < 1e-6 && !slices.slices[0].measures.contains_key("ece"));
    }
}

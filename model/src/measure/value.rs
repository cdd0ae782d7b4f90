//! The accumulator of amounts and other numbers: value and regression tasks.

use indexmap::IndexMap;

use super::binary::Rounding;
use super::cells::Cells;
use super::decile::value_deciles;
use super::metrics::ValueMetrics;
use super::value_ranking::{groups_by_prediction, normalized_gini, spearman};
use super::{Measure, MeasureError, check_weight};

/// Accumulates predicted and actual amounts; mergeable, in bounded memory (at most 30 MB).
#[derive(Debug, Clone, Default)]
pub struct ValueMeasures {
    cells: Cells,
    rows: u64,
    positives: u64,
    weight: f64,
    predicted_sum: f64,
    actual_sum: f64,
    squared_sum: f64,
    absolute_sum: f64,
}

impl ValueMeasures {
    /// Adds a row: prediction and label finite, weight ≥ 0. A row of weight 0 counts nowhere.
    ///
    /// # Errors
    /// A number that is NaN or infinite, or a negative weight; the accumulator is then as before.
    pub fn push(&mut self, predicted: f32, label: f32, weight: f32) -> Result<(), MeasureError> {
        if !predicted.is_finite() {
            return Err(MeasureError::Prediction { value: predicted });
        }
        if !label.is_finite() {
            return Err(MeasureError::Actual { label });
        }
        check_weight(weight)?;
        if weight == 0.0 {
            return Ok(());
        }
        self.cells.push(predicted, label, weight);
        let (predicted, actual, weight) = (f64::from(predicted), f64::from(label), f64::from(weight));
        self.rows += 1;
        self.positives += u64::from(label > 0.0);
        self.weight += weight;
        self.predicted_sum += weight * predicted;
        self.actual_sum += weight * actual;
        self.squared_sum += weight * (predicted - actual).powi(2);
        self.absolute_sum += weight * (predicted - actual).abs();
        Ok(())
    }

    /// Adds all rows of another accumulator.
    pub fn merge(&mut self, other: Self) {
        self.cells.merge(other.cells);
        self.rows += other.rows;
        self.positives += other.positives;
        self.weight += other.weight;
        self.predicted_sum += other.predicted_sum;
        self.actual_sum += other.actual_sum;
        self.squared_sum += other.squared_sum;
        self.absolute_sum += other.absolute_sum;
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// All measures of the rows so far.
    pub fn metrics(&self) -> ValueMetrics {
        self.clone().finish()
    }

    /// All measures, the accumulator used up.
    pub fn finish(self) -> ValueMetrics {
        let (cells, _) = self.cells.finish();
        let mut rounding = Rounding::default();
        let mean = |sum: f64| (self.rows > 0).then(|| sum / self.weight);
        let spearman = rounding.note(Measure::Spearman, spearman(&cells));
        let normalized_gini = rounding.note(Measure::NormalizedGini, normalized_gini(&cells));
        let groups = groups_by_prediction(&cells);
        // Numbers below 0 are no parts of a whole.
        let whole = if cells.iter().any(|cell| cell.y_sum < 0.0) { 0.0 } else { self.actual_sum };
        ValueMetrics {
            rows: self.rows,
            positives: self.positives,
            weight: self.weight,
            loss: None,
            mean_actual: mean(self.actual_sum),
            mean_predicted: mean(self.predicted_sum),
            rmse: mean(self.squared_sum).map(f64::sqrt),
            mae: mean(self.absolute_sum),
            spearman,
            normalized_gini,
            rounding: rounding.errors,
            intervals: IndexMap::new(),
            deciles: value_deciles(groups.into_iter(), self.weight, whole),
        }
    }
}

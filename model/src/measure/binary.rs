//! The accumulator of probabilities: binary and lookalike tasks.

use indexmap::IndexMap;

use super::cells::Cells;
use super::decile::deciles;
use super::metrics::BinaryMetrics;
use super::ranking::{Bounded, Level, auc, auc_interval, average_precision, kolmogorov_smirnov, levels_of};
use super::reach::reach;
use super::reliability::{bounded_error, calibration_table, error_by_chance};
use super::roc::{histogram, roc};
use super::top::{lift_top_decile, precision_at, recall_at};
use super::{Measure, MeasureError, TopShare, check_weight};

/// Probabilities in the log loss are kept this far from 0 and 1: the f32 machine epsilon, as scikit-learn does for f32.
const SMALLEST_PROBABILITY: f64 = f32::EPSILON as f64;

/// Accumulates predicted probabilities and 0/1 labels; mergeable, in bounded memory (at most 30 MB).
#[derive(Debug, Clone, Default)]
pub struct BinaryMeasures {
    cells: Cells,
    rows: u64,
    positives: u64,
    weight: f64,
    positive_weight: f64,
    score_sum: f64,
    log_loss_sum: f64,
    brier_sum: f64,
}

impl BinaryMeasures {
    /// Adds a row: score in 0..1, label 0 or 1, weight ≥ 0. A row of weight 0 counts nowhere.
    ///
    /// # Errors
    /// A score, label or weight outside its range, NaN included; the accumulator is then as before.
    pub fn push(&mut self, score: f32, label: f32, weight: f32) -> Result<(), MeasureError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(MeasureError::Score { score });
        }
        if label != 0.0 && label != 1.0 {
            return Err(MeasureError::Label { label });
        }
        check_weight(weight)?;
        if weight == 0.0 {
            return Ok(());
        }
        self.cells.push(score, label, weight);
        let is_positive = label == 1.0;
        let of_truth = probability_of_label(score, is_positive);
        let (score, weight) = (f64::from(score), f64::from(weight));
        self.rows += 1;
        self.positives += u64::from(is_positive);
        self.weight += weight;
        self.positive_weight += if is_positive { weight } else { 0.0 };
        self.score_sum += weight * score;
        self.log_loss_sum += weight * log_loss_of(of_truth);
        self.brier_sum += weight * (1.0 - of_truth).powi(2);
        Ok(())
    }

    /// Adds all rows of another accumulator.
    pub fn merge(&mut self, other: Self) {
        self.cells.merge(other.cells);
        self.rows += other.rows;
        self.positives += other.positives;
        self.weight += other.weight;
        self.positive_weight += other.positive_weight;
        self.score_sum += other.score_sum;
        self.log_loss_sum += other.log_loss_sum;
        self.brier_sum += other.brier_sum;
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows so far whose label is 1.
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// All measures of the rows so far.
    pub fn metrics(&self) -> BinaryMetrics {
        self.metrics_of(&self.levels())
    }

    /// The distinct scores, ascending, with both classes' weights.
    pub fn levels(&self) -> Vec<Level> {
        levels_of(&self.cells.clone().finish().0)
    }

    /// All measures, the accumulator used up.
    pub fn finish(mut self) -> BinaryMetrics {
        let (cells, _) = std::mem::take(&mut self.cells).finish();
        let levels = levels_of(&cells);
        drop(cells);
        self.metrics_of(&levels)
    }

    fn metrics_of(&self, levels: &[Level]) -> BinaryMetrics {
        let mut rounding = Rounding::default();
        let auc = rounding.note(Measure::Auc, auc(levels));
        let calibration = calibration_table(levels, |score| score);
        let deciles = deciles(levels);
        let mean = |sum: f64| (self.rows > 0).then(|| sum / self.weight);
        let has_both = self.positives > 0 && self.positives < self.rows;
        let rate = mean(self.positive_weight);
        let log_loss = mean(self.log_loss_sum);
        let lift = rounding.note(Measure::LiftTopDecile, lift_top_decile(levels));
        let precision = TopShare::ALL.map(|top| rounding.note(Measure::PrecisionAt(top), precision_at(levels, top)));
        let recall = TopShare::ALL.map(|top| rounding.note(Measure::RecallAt(top), recall_at(levels, top)));
        BinaryMetrics {
            rows: self.rows,
            positives: self.positives,
            weight: self.weight,
            rate,
            loss: None,
            mean_score: mean(self.score_sum),
            auc,
            auc_interval: auc.and_then(|auc| auc_interval(levels, auc)),
            grouped: None,
            pr_auc: rounding.note(Measure::PrAuc, average_precision(levels).filter(|_| has_both)),
            log_loss,
            normalized_entropy: rate.filter(|_| has_both).zip(log_loss).map(|(rate, loss)| loss / entropy(rate)),
            brier: mean(self.brier_sum),
            ece: rounding.note(Measure::Ece, bounded_error(levels, &calibration)),
            ece_by_chance: error_by_chance(&calibration, self.rows),
            ks: rounding.note(Measure::Ks, kolmogorov_smirnov(levels)),
            gini: auc.map(|auc| 2.0 * auc - 1.0),
            lift_top_decile: lift,
            precision_at_1_percent: precision[0],
            precision_at_5_percent: precision[1],
            precision_at_10_percent: precision[2],
            precision_at_20_percent: precision[3],
            recall_at_1_percent: recall[0],
            recall_at_5_percent: recall[1],
            recall_at_10_percent: recall[2],
            recall_at_20_percent: recall[3],
            rounding: rounding.errors,
            intervals: IndexMap::new(),
            deciles,
            reach: reach(levels),
            calibration,
            roc: roc(levels),
            histogram: histogram(levels),
            uncalibrated: None,
        }
    }
}

/// What a score gives to the label that came true.
pub(super) fn probability_of_label(score: f32, is_positive: bool) -> f64 {
    let score = f64::from(score);
    if is_positive { score } else { 1.0 - score }
}

/// The log loss of a row, in nats, from the probability given to its label.
pub(super) fn log_loss_of(probability: f64) -> f64 {
    -probability.clamp(SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY).ln()
}

/// Entropy of a rate, in nats; 0 < rate < 1.
fn entropy(rate: f64) -> f64 {
    -(rate * rate.ln() + (1.0 - rate) * (1.0 - rate).ln())
}

/// Collects the errors that rounding may have caused.
#[derive(Debug, Default)]
pub(super) struct Rounding {
    pub(super) errors: IndexMap<String, f64>,
}

impl Rounding {
    pub(super) fn note(&mut self, measure: Measure, bounded: Option<Bounded>) -> Option<f64> {
        let bounded = bounded?;
        if bounded.error > 0.0 {
            self.errors.insert(measure.name().to_owned(), bounded.error);
            if measure == Measure::Auc {
                self.errors.insert(Measure::Gini.name().to_owned(), 2.0 * bounded.error);
            }
        }
        Some(bounded.value)
    }
}

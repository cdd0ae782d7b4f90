//! What `metrics.json` holds of a multiclass task.

use serde::{Deserialize, Serialize};

use super::super::Measure;
use super::super::metrics::{CalibrationBin, Interval};

/// Measures of class probabilities.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Rows with an observed label and a positive weight.
    pub rows: u64,
    /// Sum of the row weights.
    pub weight: f64,
    /// Classes, without what is no class of its own.
    pub classes: u64,
    /// Weighted share of the rows of no class of their own.
    pub other_rate: Option<f64>,
    /// The task's loss as it is trained, a mean over the rows; absent where nobody has put it here.
    pub loss: Option<f64>,
    /// [`Measure::LogLoss`]
    pub log_loss: Option<f64>,
    /// Its 95 % interval.
    pub log_loss_interval: Option<Interval>,
    /// [`Measure::NormalizedEntropy`]
    pub normalized_entropy: Option<f64>,
    /// [`Measure::Accuracy`]
    pub accuracy: Option<f64>,
    /// Its 95 % interval.
    pub accuracy_interval: Option<Interval>,
    /// [`Measure::Top3Accuracy`]
    pub top_3_accuracy: Option<f64>,
    /// Its 95 % interval.
    pub top_3_accuracy_interval: Option<Interval>,
    /// [`Measure::Top5Accuracy`]
    pub top_5_accuracy: Option<f64>,
    /// Its 95 % interval.
    pub top_5_accuracy_interval: Option<Interval>,
    /// [`Measure::Mrr`]
    pub mrr: Option<f64>,
    /// Its 95 % interval.
    pub mrr_interval: Option<Interval>,
    /// [`Measure::Ece`] of the most probable class (Guo, ICML 2017).
    pub ece: Option<f64>,
    /// The ECE that probabilities without any error would show on as many rows, by chance alone.
    pub ece_by_chance: Option<f64>,
    /// The most probable class's probability against how often it was right, by ascending probability.
    pub calibration: Vec<CalibrationBin>,
    /// What the classes' frequencies alone would reach.
    pub majority: MajorityMetrics,
    /// The classes that are most frequent in the training rows, at most 20.
    pub most_frequent: Vec<ClassLine>,
    /// The same rows before calibration; absent where nothing was calibrated.
    pub uncalibrated: Option<UncalibratedClasses>,
}

/// What always saying the same would reach: the most frequent classes of the training rows first.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MajorityMetrics {
    /// With these rows' own rates as probabilities: their entropy.
    pub log_loss: Option<f64>,
    /// [`Measure::Accuracy`]
    pub accuracy: Option<f64>,
    /// [`Measure::Top3Accuracy`]
    pub top_3_accuracy: Option<f64>,
    /// [`Measure::Top5Accuracy`]
    pub top_5_accuracy: Option<f64>,
    /// [`Measure::Mrr`]
    pub mrr: Option<f64>,
}

impl MajorityMetrics {
    /// One of the measures.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::LogLoss => self.log_loss,
            Measure::Accuracy => self.accuracy,
            Measure::Top3Accuracy => self.top_3_accuracy,
            Measure::Top5Accuracy => self.top_5_accuracy,
            Measure::Mrr => self.mrr,
            _ => None,
        }
    }
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassLine {
    /// Its label.
    pub class: String,
    /// Its rows.
    pub rows: u64,
    /// Weighted share of all rows.
    pub rate: Option<f64>,
    /// Weighted mean of its probability over all rows; equal to `rate` where probabilities are right on average.
    pub mean_probability: Option<f64>,
    /// Of the rows for which it is the most probable class, the share that is of it.
    pub precision: Option<f64>,
    /// Of its rows, the share for which it is the most probable class.
    pub recall: Option<f64>,
    /// Of its rows, the share that has it among the 3 most probable.
    pub recall_at_3: Option<f64>,
}

/// What calibration changes, before it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct UncalibratedClasses {
    /// [`Measure::LogLoss`]
    pub log_loss: Option<f64>,
    /// [`Measure::Ece`]
    pub ece: Option<f64>,
    /// The most probable class's probability against how often it was right.
    pub calibration: Vec<CalibrationBin>,
}

impl ClassMetrics {
    /// One of the measures.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Loss => self.loss,
            Measure::LogLoss => self.log_loss,
            Measure::NormalizedEntropy => self.normalized_entropy,
            Measure::Accuracy => self.accuracy,
            Measure::Top3Accuracy => self.top_3_accuracy,
            Measure::Top5Accuracy => self.top_5_accuracy,
            Measure::Mrr => self.mrr,
            Measure::Ece => self.ece,
            Measure::Auc
            | Measure::GroupedAuc
            | Measure::PrAuc
            | Measure::Brier
            | Measure::Ks
            | Measure::Gini
            | Measure::LiftTopDecile
            | Measure::PrecisionAt(_)
            | Measure::RecallAt(_)
            | Measure::Rmse
            | Measure::Mae
            | Measure::Spearman
            | Measure::NormalizedGini => None,
        }
    }

    /// The interval of a measure that is a mean over rows.
    pub fn interval(&self, measure: Measure) -> Option<Interval> {
        match measure {
            Measure::LogLoss => self.log_loss_interval,
            Measure::Accuracy => self.accuracy_interval,
            Measure::Top3Accuracy => self.top_3_accuracy_interval,
            Measure::Top5Accuracy => self.top_5_accuracy_interval,
            Measure::Mrr => self.mrr_interval,
            _ => None,
        }
    }

    /// Keeps what calibration changes, taken from the same rows before it.
    pub fn with_uncalibrated(mut self, raw: Self) -> Self {
        let Self { log_loss, ece, calibration, .. } = raw;
        self.uncalibrated = Some(UncalibratedClasses { log_loss, ece, calibration });
        self
    }
}

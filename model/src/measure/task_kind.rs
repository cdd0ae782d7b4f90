//! What a task predicts, as far as measures differ, which measures are taken of it, and which way they are better.

use serde::{Deserialize, Serialize};
use spec::measure::{Measure, TopShare};

use super::{BinaryMeasures, ClassRank, MeasureError, PartMetrics, RankMeasures, ValueMeasures};

const OF_PROBABILITIES: [Measure; 17] = [
    Measure::Auc,
    Measure::PrAuc,
    Measure::LogLoss,
    Measure::NormalizedEntropy,
    Measure::Brier,
    Measure::Ece,
    Measure::Ks,
    Measure::Gini,
    Measure::LiftTopDecile,
    Measure::PrecisionAt(TopShare::Percent1),
    Measure::PrecisionAt(TopShare::Percent5),
    Measure::PrecisionAt(TopShare::Percent10),
    Measure::PrecisionAt(TopShare::Percent20),
    Measure::RecallAt(TopShare::Percent1),
    Measure::RecallAt(TopShare::Percent5),
    Measure::RecallAt(TopShare::Percent10),
    Measure::RecallAt(TopShare::Percent20),
];

const OF_CLASSES: [Measure; 7] = [
    Measure::LogLoss,
    Measure::NormalizedEntropy,
    Measure::Accuracy,
    Measure::Top3Accuracy,
    Measure::Top5Accuracy,
    Measure::Mrr,
    Measure::Ece,
];

const OF_VALUES: [Measure; 4] = [Measure::NormalizedGini, Measure::Spearman, Measure::Rmse, Measure::Mae];

/// Numbers below 0 have no Gini, so it does not lead.
const OF_NUMBERS: [Measure; 4] = [Measure::Spearman, Measure::Rmse, Measure::Mae, Measure::NormalizedGini];

/// Which values of a measure are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
}

impl From<Measure> for Better {
    fn from(measure: Measure) -> Self {
        if measure.is_better_when_larger() { Self::Higher } else { Self::Lower }
    }
}

impl Better {
    /// Whether `new` is strictly better than `old`.
    pub fn is_better(self, new: f64, old: f64) -> bool {
        match self {
            Self::Higher => new > old,
            Self::Lower => new < old,
        }
    }
}

/// What a task predicts, as far as measures differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A probability.
    Binary,
    /// A likeness to the seeds, measured as a probability of being one.
    Lookalike,
    /// An amount.
    Value,
    /// A number.
    Regression,
    /// One of many classes.
    Multiclass,
}

impl From<&spec::Task> for TaskKind {
    fn from(task: &spec::Task) -> Self {
        match task {
            spec::Task::Binary(_) => Self::Binary,
            spec::Task::Lookalike(_) => Self::Lookalike,
            spec::Task::Value(_) => Self::Value,
            spec::Task::Regression(_) => Self::Regression,
            spec::Task::Multiclass(_) => Self::Multiclass,
        }
    }
}

impl TaskKind {
    /// The kind's word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Lookalike => "lookalike",
            Self::Value => "value",
            Self::Regression => "regression",
            Self::Multiclass => "multiclass",
        }
    }

    /// What is measured of a row: its prediction and its label; of classes, whose predictions are one a class, the probability
    /// of the row's own and its place ([`ClassRank`]), 0 for none.
    pub fn seen(self, predictions: &[f32], label: f32) -> (f32, f32) {
        match self {
            Self::Multiclass => {
                let ClassRank { probability, place } = ClassRank::of(predictions, label as usize);
                (probability, place.unwrap_or_default() as f32)
            }
            Self::Binary | Self::Lookalike | Self::Value | Self::Regression => (predictions[0], label),
        }
    }

    /// All measures of some rows: what [`Self::seen`] gives of each, and its weight.
    ///
    /// # Errors
    /// A prediction, label or weight that cannot be measured.
    pub fn measure(self, mut rows: impl Iterator<Item = (f32, f32, f32)>) -> Result<PartMetrics, MeasureError> {
        match self {
            Self::Binary | Self::Lookalike => {
                let mut measures = BinaryMeasures::default();
                rows.try_for_each(|(score, label, weight)| measures.push(score, label, weight))?;
                Ok(measures.finish().into())
            }
            Self::Multiclass => {
                let mut measures = RankMeasures::default();
                rows.try_for_each(|(probability, place, weight)| {
                    let place = (place > 0.0).then_some(place as u32);
                    measures.push(ClassRank { probability, place }, weight)
                })?;
                Ok(measures.metrics().into())
            }
            Self::Value | Self::Regression => {
                let mut measures = ValueMeasures::default();
                rows.try_for_each(|(score, label, weight)| measures.push(score, label, weight))?;
                Ok(measures.finish().into())
            }
        }
    }

    /// Rows that decide how sure a measure of order can be: those of the rarer class, of amounts those above zero, of
    /// other numbers all.
    pub fn rarer(self, metrics: &PartMetrics) -> u64 {
        match metrics {
            PartMetrics::Probabilities(metrics) => metrics.positives.min(metrics.rows - metrics.positives),
            PartMetrics::Classes(metrics) => metrics.rows,
            PartMetrics::Values(metrics) if self == Self::Regression => metrics.rows,
            PartMetrics::Values(metrics) => metrics.positives,
        }
    }

    /// The measures of this kind of task that are taken of rows, the leading one first; the task's loss, which is the
    /// learner's, is not among them.
    pub fn measures(self) -> &'static [Measure] {
        match self {
            Self::Binary | Self::Lookalike => &OF_PROBABILITIES,
            Self::Multiclass => &OF_CLASSES,
            Self::Value => &OF_VALUES,
            Self::Regression => &OF_NUMBERS,
        }
    }
}

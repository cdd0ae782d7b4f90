//! Measures by name, and conditions over them: `repurchase.auc`, `repurchase.auc >= 0.70 and spend.spearman > 0`.

use std::fmt;
use std::str::FromStr;

use crate::ids::TaskName;
use crate::suggest::nearest;
use crate::task::Task;

mod condition;

pub use condition::{Comparison, Condition, InvalidCondition, Operator};

/// What can be measured of one task on a set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// The task's loss as it is trained, a mean over rows.
    Loss,
    /// Area under the ROC curve.
    Auc,
    /// Mean area under the ROC curve within groups of rows (GAUC: Zhu, KDD 2017); of tasks with `group_by`.
    GroupedAuc,
    /// Area under the precision-recall curve.
    PrAuc,
    /// Cross-entropy.
    LogLoss,
    /// Cross-entropy divided by that of the base rate (He, ADKDD 2014).
    NormalizedEntropy,
    /// Mean squared error of the probability.
    Brier,
    /// Expected calibration error.
    Ece,
    /// Kolmogorov-Smirnov: the largest gap between the classes' cumulative shares.
    Ks,
    /// 2·AUC - 1.
    Gini,
    /// The rate among the top tenth divided by the overall rate.
    LiftTopDecile,
    /// The rate among the top rows.
    PrecisionAt(TopShare),
    /// The share of all positives that is among the top rows.
    RecallAt(TopShare),
    /// The share of rows whose most probable class is theirs.
    Accuracy,
    /// The share of rows whose class is among the 3 most probable (hit rate at 3).
    Top3Accuracy,
    /// The same among 5.
    Top5Accuracy,
    /// Mean reciprocal rank: 1 over the place of the row's class, by probability (Voorhees 1999).
    Mrr,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Spearman's rank correlation.
    Spearman,
    /// Gini of the amounts in the order of the predictions, divided by that in their own order.
    NormalizedGini,
}

/// How many of the rows are the top: those with the highest predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopShare {
    /// 1 % of the rows' weight.
    Percent1,
    /// 5 %.
    Percent5,
    /// 10 %.
    Percent10,
    /// 20 %.
    Percent20,
}

impl TopShare {
    /// All of them, ascending.
    pub const ALL: [Self; 4] = [Self::Percent1, Self::Percent5, Self::Percent10, Self::Percent20];

    /// The share of the rows' weight, 0..1.
    pub fn share(self) -> f64 {
        match self {
            Self::Percent1 => 0.01,
            Self::Percent5 => 0.05,
            Self::Percent10 => 0.1,
            Self::Percent20 => 0.2,
        }
    }
}

const OF_CLASSES: [Measure; 19] = [
    Measure::Auc,
    Measure::GroupedAuc,
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
    Measure::Loss,
];

const OF_MULTICLASS: [Measure; 8] = [
    Measure::LogLoss,
    Measure::NormalizedEntropy,
    Measure::Accuracy,
    Measure::Top3Accuracy,
    Measure::Top5Accuracy,
    Measure::Mrr,
    Measure::Ece,
    Measure::Loss,
];

const OF_VALUES: [Measure; 5] =
    [Measure::Rmse, Measure::Mae, Measure::Spearman, Measure::NormalizedGini, Measure::Loss];

impl Measure {
    /// Every measure, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Measure> {
        let more = OF_MULTICLASS.into_iter().chain(OF_VALUES).filter(|measure| !OF_CLASSES.contains(measure));
        OF_CLASSES.into_iter().chain(more)
    }

    /// The measures that make sense for a task: those of classes for binary and lookalike, those of
    /// numbers for value and regression.
    pub fn of(task: &Task) -> &'static [Measure] {
        match task {
            Task::Binary(_) | Task::Lookalike(_) => &OF_CLASSES,
            Task::Multiclass(_) => &OF_MULTICLASS,
            Task::Value(_) | Task::Regression(_) => &OF_VALUES,
        }
    }

    /// The name in documents and in metrics.json.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Loss => "loss",
            Measure::Auc => "auc",
            Measure::GroupedAuc => "grouped_auc",
            Measure::PrAuc => "pr_auc",
            Measure::LogLoss => "log_loss",
            Measure::NormalizedEntropy => "normalized_entropy",
            Measure::Brier => "brier",
            Measure::Ece => "ece",
            Measure::Ks => "ks",
            Measure::Gini => "gini",
            Measure::LiftTopDecile => "lift_top_decile",
            Measure::PrecisionAt(TopShare::Percent1) => "precision_at_1_percent",
            Measure::PrecisionAt(TopShare::Percent5) => "precision_at_5_percent",
            Measure::PrecisionAt(TopShare::Percent10) => "precision_at_10_percent",
            Measure::PrecisionAt(TopShare::Percent20) => "precision_at_20_percent",
            Measure::RecallAt(TopShare::Percent1) => "recall_at_1_percent",
            Measure::RecallAt(TopShare::Percent5) => "recall_at_5_percent",
            Measure::RecallAt(TopShare::Percent10) => "recall_at_10_percent",
            Measure::RecallAt(TopShare::Percent20) => "recall_at_20_percent",
            Measure::Accuracy => "accuracy",
            Measure::Top3Accuracy => "top_3_accuracy",
            Measure::Top5Accuracy => "top_5_accuracy",
            Measure::Mrr => "mrr",
            Measure::Rmse => "rmse",
            Measure::Mae => "mae",
            Measure::Spearman => "spearman",
            Measure::NormalizedGini => "normalized_gini",
        }
    }

    /// Whether a larger value is a better model.
    pub fn is_better_when_larger(self) -> bool {
        match self {
            Measure::Auc
            | Measure::GroupedAuc
            | Measure::PrAuc
            | Measure::Ks
            | Measure::Gini
            | Measure::LiftTopDecile
            | Measure::PrecisionAt(_)
            | Measure::RecallAt(_)
            | Measure::Accuracy
            | Measure::Top3Accuracy
            | Measure::Top5Accuracy
            | Measure::Mrr
            | Measure::Spearman
            | Measure::NormalizedGini => true,
            Measure::Loss
            | Measure::LogLoss
            | Measure::NormalizedEntropy
            | Measure::Brier
            | Measure::Ece
            | Measure::Rmse
            | Measure::Mae => false,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMeasure {
    /// Not of the form `task.measure`.
    #[error("`{text}` names no measure: write task.measure, such as repurchase.auc")]
    Malformed {
        /// The text as written.
        text: String,
    },
    /// No measure has this name.
    #[error("there is no measure `{name}`{}", suggestion.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default())]
    Unknown {
        /// The measure's name as written.
        name: String,
        /// The nearest name that exists.
        suggestion: Option<&'static str>,
    },
}

impl FromStr for Measure {
    type Err = InvalidMeasure;

    fn from_str(name: &str) -> Result<Self, InvalidMeasure> {
        Self::all().find(|measure| measure.name() == name).ok_or_else(|| InvalidMeasure::Unknown {
            name: name.to_owned(),
            suggestion: nearest(name, Self::all().map(Measure::name)),
        })
    }
}

/// One task's measure: `repurchase.auc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureName {
    /// The task.
    pub task: TaskName,
    /// What is measured of it.
    pub measure: Measure,
}

impl FromStr for MeasureName {
    type Err = InvalidMeasure;

    fn from_str(text: &str) -> Result<Self, InvalidMeasure> {
        let malformed = || InvalidMeasure::Malformed { text: text.to_owned() };
        let (task, measure) = text.split_once('.').ok_or_else(malformed)?;
        Ok(Self { task: task.parse().map_err(|_| malformed())?, measure: measure.parse()? })
    }
}

impl fmt::Display for MeasureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.task, self.measure)
    }
}

/// What early stopping watches on the validation rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StoppingMeasure {
    /// `loss`: the tasks' losses, weighted as in training.
    #[default]
    Loss,
    /// `task.measure`
    Task(MeasureName),
}

impl StoppingMeasure {
    /// Whether a larger value is a better model.
    pub fn is_better_when_larger(&self) -> bool {
        match self {
            Self::Loss => false,
            Self::Task(name) => name.measure.is_better_when_larger(),
        }
    }
}

impl FromStr for StoppingMeasure {
    type Err = InvalidMeasure;

    fn from_str(text: &str) -> Result<Self, InvalidMeasure> {
        if text == Measure::Loss.name() { Ok(Self::Loss) } else { text.parse().map(Self::Task) }
    }
}

impl fmt::Display for StoppingMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss => f.write_str(Measure::Loss.name()),
            Self::Task(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_found_by_its_own_name() {
        for measure in Measure::all() {
            assert_eq!(measure.name().parse(), Ok(measure));
        }
    }

    #[test]
    fn a_measure_belongs_to_a_task() {
        let name: MeasureName = "re-purchase_2.pr_auc".parse().unwrap();
        assert_eq!((name.task.as_str(), name.measure), ("re-purchase_2", Measure::PrAuc));
        assert_eq!(name.to_string(), "re-purchase_2.pr_auc");
        for text in ["", "auc", ".auc", "Task.auc", "a b.auc", "../x.auc"] {
            assert_eq!(text.parse::<MeasureName>(), Err(InvalidMeasure::Malformed { text: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn an_unknown_measure_names_the_nearest_one() {
        let unknown = "repurchase.logloss".parse::<MeasureName>().unwrap_err();
        assert_eq!(unknown.to_string(), "there is no measure `logloss`: did you mean `log_loss`?");
        let unknown = "repurchase.sharpness".parse::<MeasureName>().unwrap_err();
        assert_eq!(unknown.to_string(), "there is no measure `sharpness`");
    }

    #[test]
    fn the_loss_of_all_tasks_can_be_watched() {
        assert_eq!("loss".parse(), Ok(StoppingMeasure::Loss));
        let of_one_task: StoppingMeasure = "spend.loss".parse().unwrap();
        assert_eq!(of_one_task.to_string(), "spend.loss");
        assert!(!of_one_task.is_better_when_larger());
    }
}

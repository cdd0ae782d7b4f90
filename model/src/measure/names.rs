//! The names of the measures, which tasks have them, and which way is better.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A measure, by the name that documents and `metrics.json` use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Area under the ROC curve, 0..1.
    Auc,
    /// Area under the precision-recall curve, as average precision, 0..1.
    PrAuc,
    /// Mean negative log likelihood, in nats.
    LogLoss,
    /// Log loss over that of the natural rate alone (He, ADKDD 2014); 1 is no better than that rate.
    NormalizedEntropy,
    /// Mean squared error of the probability.
    Brier,
    /// Expected calibration error over equal-mass bins.
    Ece,
    /// Kolmogorov-Smirnov distance of the two classes' scores.
    Ks,
    /// 2·AUC - 1.
    Gini,
    /// Rate among the top 10 % over the natural rate.
    LiftTopDecile,
    /// Root of the mean squared error, in the label's unit.
    Rmse,
    /// Mean absolute error, in the label's unit.
    Mae,
    /// Rank correlation of prediction and label, -1..1.
    Spearman,
    /// Gini of the label in the order of predictions, over that in its own order; at most 1.
    NormalizedGini,
}

/// Which values of a measure are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger ones.
    Higher,
    /// Smaller ones.
    Lower,
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
}

impl From<&spec::Task> for TaskKind {
    fn from(task: &spec::Task) -> Self {
        match task {
            spec::Task::Binary(_) => Self::Binary,
            spec::Task::Lookalike(_) => Self::Lookalike,
            spec::Task::Value(_) => Self::Value,
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
        }
    }

    /// The measures that tasks of this kind have, the leading one first.
    pub fn measures(self) -> &'static [Measure] {
        match self {
            Self::Binary | Self::Lookalike => &Measure::OF_PROBABILITIES,
            Self::Value => &Measure::OF_VALUES,
        }
    }
}

impl Measure {
    /// Measures of binary and lookalike tasks.
    pub const OF_PROBABILITIES: [Self; 9] = [
        Self::Auc,
        Self::PrAuc,
        Self::LogLoss,
        Self::NormalizedEntropy,
        Self::Brier,
        Self::Ece,
        Self::Ks,
        Self::Gini,
        Self::LiftTopDecile,
    ];

    /// Measures of value tasks.
    pub const OF_VALUES: [Self; 4] = [Self::NormalizedGini, Self::Spearman, Self::Rmse, Self::Mae];

    /// The name in documents and `metrics.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::PrAuc => "pr_auc",
            Self::LogLoss => "log_loss",
            Self::NormalizedEntropy => "normalized_entropy",
            Self::Brier => "brier",
            Self::Ece => "ece",
            Self::Ks => "ks",
            Self::Gini => "gini",
            Self::LiftTopDecile => "lift_top_decile",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Spearman => "spearman",
            Self::NormalizedGini => "normalized_gini",
        }
    }

    /// Which way is better.
    pub fn better(self) -> Better {
        match self {
            Self::LogLoss | Self::NormalizedEntropy | Self::Brier | Self::Ece | Self::Rmse | Self::Mae => Better::Lower,
            Self::Auc
            | Self::PrAuc
            | Self::Ks
            | Self::Gini
            | Self::LiftTopDecile
            | Self::Spearman
            | Self::NormalizedGini => Better::Higher,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no measure's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a measure: use {}", known())]
pub struct UnknownMeasure {
    /// As written.
    pub name: String,
}

fn known() -> String {
    let all = Measure::OF_PROBABILITIES.iter().chain(&Measure::OF_VALUES);
    all.map(|measure| measure.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, UnknownMeasure> {
        let mut all = Self::OF_PROBABILITIES.iter().chain(&Self::OF_VALUES);
        all.find(|measure| measure.name() == name).copied().ok_or_else(|| UnknownMeasure { name: name.to_owned() })
    }
}

//! How measures are written and what they are called; all other numbers are the page's.

use model::measure::{Measure, TopShare};
pub(crate) use page::numbers::{
    ABSENT, amount, bytes, count, fixed, percent, percent_tick, plural, px_share, seconds, tick, times,
};

/// A measure's value with its own digits.
pub(super) fn measure(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Auc
        | Measure::GroupedAuc
        | Measure::PrAuc
        | Measure::Ks
        | Measure::Gini
        | Measure::Mrr
        | Measure::Spearman
        | Measure::NormalizedGini => fixed(value, 3),
        Measure::LogLoss | Measure::NormalizedEntropy | Measure::Brier | Measure::Ece | Measure::Loss => {
            fixed(value, 4)
        }
        Measure::LiftTopDecile => times(value),
        Measure::PrecisionAt(_)
        | Measure::RecallAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy => percent(value),
        Measure::Rmse | Measure::Mae => amount(value),
    }
}

/// What a measure is called in a sentence.
pub(super) fn measure_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Loss => "loss",
        Measure::Auc => "AUC",
        Measure::GroupedAuc => "AUC within groups",
        Measure::PrAuc => "PR-AUC",
        Measure::LogLoss => "log loss",
        Measure::NormalizedEntropy => "normalized entropy",
        Measure::Brier => "Brier score",
        Measure::Ece => "calibration error (ECE)",
        Measure::Ks => "KS",
        Measure::Gini => "Gini",
        Measure::LiftTopDecile => "lift of the best tenth",
        Measure::PrecisionAt(TopShare::Percent1) => "precision at the best 1 %",
        Measure::PrecisionAt(TopShare::Percent5) => "precision at the best 5 %",
        Measure::PrecisionAt(TopShare::Percent10) => "precision at the best 10 %",
        Measure::PrecisionAt(TopShare::Percent20) => "precision at the best 20 %",
        Measure::RecallAt(TopShare::Percent1) => "recall at the best 1 %",
        Measure::RecallAt(TopShare::Percent5) => "recall at the best 5 %",
        Measure::RecallAt(TopShare::Percent10) => "recall at the best 10 %",
        Measure::RecallAt(TopShare::Percent20) => "recall at the best 20 %",
        Measure::Accuracy => "accuracy",
        Measure::Top3Accuracy => "top-3 accuracy",
        Measure::Top5Accuracy => "top-5 accuracy",
        Measure::Mrr => "mean reciprocal rank",
        Measure::Rmse => "RMSE",
        Measure::Mae => "MAE",
        Measure::Spearman => "Spearman",
        Measure::NormalizedGini => "normalized Gini",
    }
}

#[cfg(test)]
mod tests;

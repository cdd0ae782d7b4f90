//! How much a model leans on each feature, as `metrics.json` holds it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::{FeatureName, TaskName};

use super::{FEWEST_OF_A_CLASS, Part};

/// What every task's leading measure loses when one feature's values are dealt out anew among the rows (permutation
/// importance: Breiman 2001, model-agnostic as of Fisher, Rudin and Dominici 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Whose rows were used: what the model is calibrated on, so that the test rows judge nothing but the model.
    pub part: Part,
    /// How many.
    pub rows: u64,
    /// Of how many.
    pub all_rows: u64,
    /// Times that each feature's values were dealt out.
    pub repeats: u32,
    /// What it took.
    pub seconds: f64,
    /// Why nothing was measured, in a sentence without its full stop; absent where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// By task, in the document's order; without those whose measure is not defined on the rows.
    pub tasks: IndexMap<TaskName, TaskImportance>,
}

/// The features of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskImportance {
    /// The measure's name.
    pub measure: String,
    /// Its value on the rows as they are.
    pub value: f64,
    /// Rows of the rarer class, of amounts those above zero, of other numbers all.
    pub rarer: u64,
    /// From the most important one down; none where there are fewer than [`super::FEWEST_OF_A_CLASS`] rows of the
    /// rarer class.
    pub features: Vec<FeatureImportance>,
}

/// One feature of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The feature.
    pub feature: FeatureName,
    /// How much worse the measure gets, the mean over the repeats; below zero where chance made it better.
    pub drop: f64,
    /// The standard error of that mean.
    pub standard_error: f64,
}

impl FeatureImportance {
    /// From what the measure lost in each repeat; none without a repeat.
    pub fn of(feature: FeatureName, drops: &[f64]) -> Option<Self> {
        let repeats = drops.len() as f64;
        let drop = drops.iter().sum::<f64>() / repeats;
        let spread: f64 = drops.iter().map(|of_one| (of_one - drop).powi(2)).sum();
        let standard_error = if drops.len() > 1 { (spread / (repeats - 1.0) / repeats).sqrt() } else { 0.0 };
        (!drops.is_empty()).then_some(Self { feature, drop, standard_error })
    }
}

impl TaskImportance {
    /// With its features ordered.
    pub fn new(measure: String, value: f64, rarer: u64, mut features: Vec<FeatureImportance>) -> Self {
        if rarer < FEWEST_OF_A_CLASS {
            features.clear();
        }
        features.sort_by(|a, b| b.drop.total_cmp(&a.drop).then_with(|| a.feature.cmp(&b.feature)));
        Self { measure, value, rarer, features }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_is_that_of_the_mean_over_repeats() {
        let name: FeatureName = "age".parse().unwrap();
        // numpy: mean 0.025, std(ddof=1) / sqrt(4) = 0.0064549722436790274
        let found = FeatureImportance::of(name.clone(), &[0.01, 0.02, 0.03, 0.04]).unwrap();
        assert!((found.drop - 0.025).abs() < 1e-12 && (found.standard_error - 0.006_454_972_243_679_027).abs() < 1e-12);
        assert_eq!(FeatureImportance::of(name.clone(), &[]), None);
        let of_task = |rarer| TaskImportance::new("auc".to_owned(), 0.7, rarer, vec![found.clone()]).features;
        assert_eq!(of_task(FEWEST_OF_A_CLASS).as_slice(), std::slice::from_ref(&found));
        assert_eq!(of_task(FEWEST_OF_A_CLASS - 1), []);
    }
}

//! The tasks' losses as one number that means the same in every epoch.
//!
//! Training may weigh tasks by numbers that it learns. A total under weights that change would rise while every loss
//! falls, and stop a training that has just begun.

use spec::training::TaskWeights;
use spec::{TaskName, TrainingSpec};

/// Losses of a first epoch nearer to zero than this count as this much.
const SMALLEST_LOSS: f64 = 1e-3;

/// A weight for each task, the same in all epochs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Overall {
    weights: Vec<f64>,
}

impl Overall {
    /// The document's weights; none where weights are learned.
    pub(crate) fn of_document(spec: &TrainingSpec) -> Option<Self> {
        match &spec.training.task_weights {
            TaskWeights::Rule(_) => None,
            TaskWeights::Fixed(weights) => {
                let weight = |task: &TaskName| weights.get(task).copied().unwrap_or(1.0);
                Some(Self { weights: spec.tasks.keys().map(weight).collect() })
            }
        }
    }

    /// One over the first epoch's loss, so that a task counts by the share of its loss that training takes away.
    pub(crate) fn relative_to(first: &[f64]) -> Self {
        Self { weights: first.iter().map(|loss| 1.0 / loss.abs().max(SMALLEST_LOSS)).collect() }
    }

    /// The weighted sum of the tasks' mean losses.
    pub(crate) fn of(&self, losses: &[f64]) -> f64 {
        self.weights.iter().zip(losses).map(|(weight, loss)| weight * loss).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(task_weights: serde_json::Value) -> TrainingSpec {
        serde_json::from_value(json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id",
            "features": {"a": {"kind": "numeric"}},
            "tasks": {"buy": {"kind": "binary", "label": "b"}, "spend": {"kind": "value", "label": "s"}},
            "network": {"kind": "linear"}, "training": {"task_weights": task_weights},
        }))
        .unwrap()
    }

    #[test]
    fn learned_weights_are_replaced_by_shares_of_the_first_epochs_losses() {
        assert_eq!(Overall::of_document(&spec(json!("uncertainty"))), None);
        let overall = Overall::relative_to(&[0.5, -2.0]);
        assert_eq!(overall.of(&[0.5, -2.0]), 0.0);
        assert!(overall.of(&[0.4, -2.0]) < 0.0, "a loss that falls");
        assert!(overall.of(&[0.5, -2.2]) < 0.0, "a negative loss that falls");
        assert_eq!(overall.of(&[0.25, -2.0]), overall.of(&[0.5, -3.0]), "halves count alike");
    }

    #[test]
    fn the_documents_weights_stay() {
        let overall = Overall::of_document(&spec(json!({"spend": 0.25}))).unwrap();
        assert_eq!(overall.of(&[0.5, 4.0]), 1.5);
    }
}

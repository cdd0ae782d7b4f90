//! How the tasks' losses become one: fixed weights, or weights learned from the tasks' uncertainty.
//!
//! Uncertainty (Kendall, Multi-Task Learning Using Uncertainty to Weigh Losses, CVPR 2018): `L = Σ_k e^{-w_k} L_k + w_k`
//! with `w_k` learned beside the network, 0 at first. A task whose loss stays large counts less.

use spec::TaskName;
use spec::training::{TaskWeightRule, TaskWeights};

/// How losses are weighted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Weighting {
    /// A number a task.
    Fixed(Vec<f64>),
    /// `w` is learned.
    Uncertainty,
}

impl Weighting {
    /// The document's rule; a task that it does not name counts 1.
    pub(crate) fn of<'a>(weights: &TaskWeights, tasks: impl Iterator<Item = &'a TaskName>) -> Self {
        match weights {
            TaskWeights::Rule(TaskWeightRule::Uncertainty) => Self::Uncertainty,
            TaskWeights::Fixed(weights) => {
                Self::Fixed(tasks.map(|task| weights.get(task).copied().unwrap_or(1.0)).collect())
            }
        }
    }

    /// What a task's loss counts at `w_k = learned`.
    pub(crate) fn factor(&self, task: usize, learned: f32) -> f64 {
        match self {
            Self::Fixed(weights) => weights[task],
            Self::Uncertainty => (-f64::from(learned)).exp(),
        }
    }

    /// The weighted loss of a task.
    pub(crate) fn loss(&self, task: usize, learned: f32, loss: f64) -> f64 {
        match self {
            Self::Fixed(weights) => weights[task] * loss,
            Self::Uncertainty => (-f64::from(learned)).exp() * loss + f64::from(learned),
        }
    }

    /// The derivative of the whole by `w_k`.
    pub(crate) fn gradient(&self, learned: f32, loss: f64) -> f64 {
        match self {
            Self::Fixed(_) => 0.0,
            Self::Uncertainty => 1.0 - (-f64::from(learned)).exp() * loss,
        }
    }
}

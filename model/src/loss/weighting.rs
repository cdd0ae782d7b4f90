//! How the tasks' losses become one: fixed weights, weights learned from the tasks' uncertainty, from the norms of their
//! gradients, from how fast their losses fall, or all alike with gradients that do not work against each other.
//!
//! | rule | what each loss counts | source |
//! |---|---|---|
//! | uncertainty | `L = Σ_k e^{-w_k} L_k + w_k`, `w_k` learned, 0 at first: a loss that stays large counts less | Kendall, CVPR 2018 |
//! | gradnorm | [`grad_norm`] | Chen, ICML 2018 |
//! | dwa | [`dwa`] | Liu, CVPR 2019 |
//! | pcgrad | 1, gradients by [`surgery`] | Yu, NeurIPS 2020 |

pub(crate) mod dwa;
pub(crate) mod grad_norm;
pub(crate) mod surgery;

use spec::TaskName;
use spec::training::{TaskWeightRule, TaskWeights};

/// A loss nearer to zero than this, or below it, counts as this in a ratio of losses.
const SMALLEST_LOSS: f64 = 1e-3;

/// How losses are weighted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Weighting {
    /// A number a task.
    Fixed(Vec<f64>),
    /// A rule that learns.
    Rule(TaskWeightRule),
}

impl Weighting {
    /// The document's rule; a task that it does not name counts 1.
    pub(crate) fn of<'a>(weights: &TaskWeights, tasks: impl Iterator<Item = &'a TaskName>) -> Self {
        match weights {
            TaskWeights::Rule(rule) => Self::Rule(*rule),
            TaskWeights::Fixed(weights) => {
                Self::Fixed(tasks.map(|task| weights.get(task).copied().unwrap_or(1.0)).collect())
            }
        }
    }

    /// Where the learned number of each task starts.
    pub(crate) fn start(&self) -> f32 {
        match self {
            Self::Fixed(_) | Self::Rule(TaskWeightRule::Uncertainty) => 0.0,
            Self::Rule(TaskWeightRule::Gradnorm | TaskWeightRule::Dwa | TaskWeightRule::Pcgrad) => 1.0,
        }
    }

    /// Whether each task's own gradient is needed, which is a pass forward and back for each.
    pub(crate) fn takes_tasks_apart(&self) -> bool {
        match self {
            Self::Fixed(_) | Self::Rule(TaskWeightRule::Uncertainty | TaskWeightRule::Dwa) => false,
            Self::Rule(TaskWeightRule::Gradnorm | TaskWeightRule::Pcgrad) => true,
        }
    }

    /// Whether gradients that work against each other are projected.
    pub(crate) fn projects(&self) -> bool {
        *self == Self::Rule(TaskWeightRule::Pcgrad)
    }

    /// What a task's loss counts, `learned` being the task's learned number.
    pub(crate) fn factor(&self, task: usize, learned: f32) -> f64 {
        match self {
            Self::Fixed(weights) => weights[task],
            Self::Rule(TaskWeightRule::Uncertainty) => (-f64::from(learned)).exp(),
            Self::Rule(TaskWeightRule::Gradnorm | TaskWeightRule::Dwa) => f64::from(learned),
            Self::Rule(TaskWeightRule::Pcgrad) => 1.0,
        }
    }

    /// The weighted loss of a task.
    pub(crate) fn loss(&self, task: usize, learned: f32, loss: f64) -> f64 {
        match self {
            Self::Rule(TaskWeightRule::Uncertainty) => (-f64::from(learned)).exp() * loss + f64::from(learned),
            Self::Fixed(_) | Self::Rule(TaskWeightRule::Gradnorm | TaskWeightRule::Dwa | TaskWeightRule::Pcgrad) => {
                self.factor(task, learned) * loss
            }
        }
    }
}

/// The derivative of the whole loss by `w_k` under uncertainty.
pub(crate) fn uncertainty_gradient(learned: f32, loss: f64) -> f64 {
    1.0 - (-f64::from(learned)).exp() * loss
}

/// What a loss counts as in a ratio: it must be above zero.
fn positive(loss: f64) -> f64 {
    loss.max(SMALLEST_LOSS)
}

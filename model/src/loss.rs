//! What tasks learn by: from a head's numbers to a loss, its gradient and a prediction, row by row.
//!
//! | task | head | prediction | loss |
//! |---|---|---|---|
//! | binary | a logit | σ(logit) | [`binary`] |
//! | binary, focal | a logit | σ(logit) | [`focal`] |
//! | lookalike, plain | a logit | σ(logit) | [`binary`] |
//! | lookalike, nnPU | a logit | σ(logit) | [`nnpu`] |
//! | lookalike, Elkan-Noto | a logit | σ(logit) | [`elkan_noto`] |
//! | value | `a, μ, s` | expected value | [`ziln`] |
//! | regression | a number | the number, or its exponential | [`regression`] |
//! | multiclass | a logit a class | softmax, a probability a class | [`multiclass`] |
//!
//! A row counts as much as its weight, and not at all where its label was not observed. A task's loss is the weighted
//! mean over the batch's rows.

pub(crate) mod binary;
mod block;
pub(crate) mod elkan_noto;
pub(crate) mod focal;
pub(crate) mod joint;
pub(crate) mod multiclass;
pub(crate) mod nnpu;
pub(crate) mod regression;
pub(crate) mod targets;
pub(crate) mod tensors;
pub(crate) mod weighting;
pub(crate) mod ziln;

pub(crate) use block::{Column, Rows};

use binary::Classes;
use elkan_noto::ElkanNoto;
use regression::{LabelMoments, Regression};
use spec::Task;
use spec::task::LookalikeLoss;

/// A task's loss, ready to use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Objective {
    /// Of classes.
    Binary(Classes),
    /// Zero-inflated log-normal.
    Value,
    /// A loss of numbers.
    Regression(Regression),
    /// Softmax cross-entropy.
    Multiclass {
        /// Classes, the rest that is no class of its own among them.
        classes: usize,
    },
    /// Non-negative positive-unlabeled risk.
    Nnpu {
        /// The share of positives among unlabeled rows.
        prior: f64,
    },
    /// Likelihood of seeds that are a share of the positives.
    ElkanNoto(ElkanNoto),
}

impl Objective {
    /// The objective of a task; none where a prior or classes are needed and there are none.
    pub(crate) fn of(task: &Task, known: Known) -> Option<Self> {
        let Known { prior, labels, classes } = known;
        match task {
            Task::Binary(task) => Some(Self::Binary(match labels {
                Some(_) => Classes::for_training(task),
                None => Classes::published(task),
            })),
            Task::Value(_) => Some(Self::Value),
            Task::Regression(task) => Some(Self::Regression(match labels {
                Some(labels) => Regression::for_training(task.loss, labels),
                None => Regression::published(task.loss),
            })),
            Task::Multiclass(_) => classes.map(|classes| Self::Multiclass { classes }),
            Task::Lookalike(task) => match task.loss {
                LookalikeLoss::Plain => {
                    let rate = labels.map_or(1.0, |_| task.negative_rate);
                    Some(Self::Binary(Classes::cross_entropy(1.0).sampled(rate)))
                }
                LookalikeLoss::Nnpu => task.prior.or(prior).map(|prior| Self::Nnpu { prior }),
                LookalikeLoss::ElkanNoto => {
                    let seeds = labels.map_or(0.0, |labels| labels.mean);
                    task.prior.or(prior).map(|prior| Self::ElkanNoto(ElkanNoto::new(seeds, prior)))
                }
            },
        }
    }

    /// The prior, where one is needed.
    pub(crate) fn prior(self) -> Option<f64> {
        match self {
            Self::Nnpu { prior } => Some(prior),
            Self::ElkanNoto(of) => Some(of.prior),
            Self::Binary(_) | Self::Value | Self::Regression(_) | Self::Multiclass { .. } => None,
        }
    }

    /// Whether a row's gradient depends on the other rows' predictions.
    pub(crate) fn needs_whole_batch(self) -> bool {
        matches!(self, Self::Nnpu { .. })
    }

    /// Puts into a weight of a head's last layer what training keeps apart from it, so that a package's weights say what
    /// is predicted.
    pub(crate) fn publish_weight(self, weight: &mut [f32]) {
        match self {
            Self::Regression(regression) => regression.publish_weight(weight),
            Self::Binary(_) | Self::Value | Self::Multiclass { .. } | Self::Nnpu { .. } | Self::ElkanNoto(_) => {}
        }
    }

    /// The same of its bias.
    pub(crate) fn publish_bias(self, bias: &mut [f32]) {
        match self {
            Self::Binary(classes) => {
                bias.iter_mut().for_each(|bias| *bias = (f64::from(*bias) + classes.log_rate) as f32);
            }
            Self::Regression(regression) => regression.publish_bias(bias),
            Self::Value | Self::Multiclass { .. } | Self::Nnpu { .. } | Self::ElkanNoto(_) => {}
        }
    }

    /// Numbers of its head.
    pub(crate) fn units(self) -> usize {
        match self {
            Self::Binary(_) | Self::Regression(_) | Self::Nnpu { .. } | Self::ElkanNoto(_) => 1,
            Self::Value => 3,
            Self::Multiclass { classes } => classes,
        }
    }

    /// Numbers of a prediction.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Multiclass { classes } => classes,
            Self::Binary(_) | Self::Value | Self::Regression(_) | Self::Nnpu { .. } | Self::ElkanNoto(_) => 1,
        }
    }

    /// What so many networks that say this together say: the mean, of amounts and rates (predictions through an exponential)
    /// the geometric one.
    pub(crate) fn pooled(self, said: impl Iterator<Item = f64>, count: usize) -> f64 {
        let count = count as f64;
        if self.is_exponential() {
            (said.map(|number| number.max(f64::MIN_POSITIVE).ln()).sum::<f64>() / count).exp()
        } else {
            said.sum::<f64>() / count
        }
    }

    /// Whether predictions are through an exponential: amounts and rates above zero.
    pub(crate) fn is_exponential(self) -> bool {
        match self {
            Self::Value => true,
            Self::Regression(regression) => regression.is_exponential(),
            Self::Binary(_) | Self::Multiclass { .. } | Self::Nnpu { .. } | Self::ElkanNoto(_) => false,
        }
    }

    /// The prediction from a row's head: a number, or for classes the probability of each.
    pub(crate) fn predict(self, head: &[f32], prediction: &mut [f32]) {
        prediction[0] = match self {
            Self::Multiclass { classes } => return multiclass::probabilities(&head[..classes], prediction),
            Self::Binary(classes) => classes.predict(f64::from(head[0])) as f32,
            Self::Nnpu { .. } | Self::ElkanNoto(_) => binary::sigmoid(f64::from(head[0])) as f32,
            Self::Value => ziln::expectation(ziln::Head::of(head)) as f32,
            Self::Regression(regression) => regression.predict(f64::from(head[0])) as f32,
        };
    }
}

/// What a task's objective is made of beside the task.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Known {
    /// An estimated prior.
    pub(crate) prior: Option<f64>,
    /// The training rows' labels; none for weights as a package has them.
    pub(crate) labels: Option<LabelMoments>,
    /// How many classes there are, the rest among them.
    pub(crate) classes: Option<usize>,
}

/// Sums of a task's loss over some rows; sums of all rows give the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LossSums {
    /// Σ weight of the observed rows; for nnPU of the seeds.
    weight: f64,
    /// Σ weight · loss; for nnPU of the seeds taken as positives.
    loss: f64,
    /// nnPU: Σ weight · loss of the seeds taken as negatives.
    as_negative: f64,
    /// nnPU: Σ weight of the rows that are no seeds.
    rest_weight: f64,
    /// nnPU: Σ weight · loss of the rows that are no seeds, taken as negatives.
    rest_loss: f64,
}

impl LossSums {
    /// Adds the sums of other rows.
    pub(crate) fn add(&mut self, other: &Self) {
        self.weight += other.weight;
        self.loss += other.loss;
        self.as_negative += other.as_negative;
        self.rest_weight += other.rest_weight;
        self.rest_loss += other.rest_loss;
    }

    /// The loss: 0 where no row was observed.
    pub(crate) fn value(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Binary(_)
            | Objective::Value
            | Objective::Regression(_)
            | Objective::Multiclass { .. }
            | Objective::ElkanNoto(_) => mean(self.loss, self.weight),
            Objective::Nnpu { prior } => nnpu::Risk::of(self, prior).value(),
        }
    }
}

/// 0 where there is nothing to average.
fn mean(sum: f64, weight: f64) -> f64 {
    if weight > 0.0 { sum / weight } else { 0.0 }
}

#[cfg(test)]
mod tests;

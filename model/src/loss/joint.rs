//! Joint losses: what a network asks of two steps of a funnel together, beside the tasks' own losses. A step of training
//! goes down them too; the tasks' losses that are measured and shown leave them out.
//!
//! Of a row, with `p_b` the probability of the step before and `p` that of the step, `σ` of their logits:
//!
//! | rule | loss | source |
//! |---|---|---|
//! | order | `max(p - p_b, 0)` | Xi, KDD 2021: the behavioural expectation calibrator |
//! | counterfactual | `o·ℓ / max(p_b, c)` | Wang, ESCM²: Entire Space Counterfactual Multi-Task Model for Post-Click Conversion Rate Estimation, SIGIR 2022: inverse propensity |
//!
//! `o` is 1 where the step before happened; `ℓ` is the step's own loss, of the logit given the step before; no gradient
//! flows into the propensity `p_b` there. A joint loss is the weighted mean over the rows, times its weight.

use std::ops::Range;

use tch::{TchError, Tensor};

use super::Objective;
use super::binary::{Classes, sigmoid};
use super::tensors::{TargetTensors, class_loss, weighted_mean};
use crate::input::Targets;
use crate::layers::View;

/// A loss of two steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Joint {
    pub(crate) rule: Rule,
    /// What it counts in the whole loss.
    pub(crate) weight: f64,
    pub(crate) before: Step,
    pub(crate) step: Step,
}

/// A step of a funnel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Its place among the tasks.
    pub(crate) task: usize,
    /// `[rows, 1]`
    pub(crate) logit: View,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// Nobody does a step more probably than the one before.
    Order,
    /// The step given the one before is learned as if all had done that.
    Counterfactual {
        /// The step's own loss.
        loss: Classes,
        /// `c`
        least_propensity: f64,
    },
}

/// Some rows of a batch, as joint losses read them.
#[derive(Debug, Clone)]
pub(crate) struct JointRows<'a> {
    pub(crate) targets: &'a Targets,
    pub(crate) batch_rows: usize,
    pub(crate) rows: Range<usize>,
}

/// A row's loss and its derivatives by the logits of the step before and of the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowLoss {
    pub(crate) loss: f64,
    pub(crate) by: [f64; 2],
}

impl Joint {
    /// What a row of the batch counts.
    fn row_weight(&self, targets: &Targets, batch_rows: usize, row: usize) -> f64 {
        let weight = targets.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
        let observed = |step: Step| f64::from(targets.observed[step.task * batch_rows + row]);
        match self.rule {
            Rule::Order => weight,
            Rule::Counterfactual { .. } if observed(self.before) > 0.0 => weight * observed(self.step),
            Rule::Counterfactual { .. } => 0.0,
        }
    }

    /// Σ weight of a batch's rows.
    pub(crate) fn total_weight(&self, targets: &Targets, batch_rows: usize) -> f64 {
        (0..batch_rows).map(|row| self.row_weight(targets, batch_rows, row)).sum()
    }

    /// The weights of some rows, each with the loss of its logits.
    pub(crate) fn of_rows<'a>(
        &'a self,
        rows: &'a JointRows<'_>,
        logits: impl Fn(usize) -> [f64; 2] + 'a,
    ) -> impl Iterator<Item = (f64, RowLoss)> + 'a {
        let JointRows { targets, batch_rows, rows } = rows;
        rows.clone().enumerate().map(move |(place, row)| {
            let is_positive = |step: Step| targets.labels[step.task * batch_rows + row] > 0.0;
            let happened = [self.before, self.step].map(is_positive);
            (self.row_weight(targets, *batch_rows, row), self.rule.loss(logits(place), happened))
        })
    }

    /// What it adds to the whole loss, in operators: logits `[rows, 1]` and targets of the step before and of the step,
    /// and the rows' weights.
    pub(crate) fn tensor_loss(
        &self,
        [before, step]: [&Tensor; 2],
        [of_before, of_step]: [&TargetTensors; 2],
        row_weights: &Tensor,
    ) -> Result<Tensor, TchError> {
        let (before, step) = (before.f_select(1, 0)?.f_sigmoid()?, step.f_select(1, 0)?);
        let mean = match self.rule {
            Rule::Order => weighted_mean(&step.f_sigmoid()?.f_sub(&before)?.f_relu()?, row_weights)?,
            Rule::Counterfactual { loss, least_propensity } => {
                let inverse = of_before.labels.f_div(&before.f_detach()?.f_clamp_min(least_propensity)?)?;
                let weights = of_step.weights.f_mul(&of_before.weights.f_gt(0.0)?)?;
                weighted_mean(&class_loss(loss, &step, &of_step.labels)?.f_mul(&inverse)?, &weights)?
            }
        };
        mean.f_mul_scalar(self.weight)
    }
}

impl Rule {
    /// The loss of a row by the logits of the step before and of the step, and whether they happened.
    fn loss(self, [before, step]: [f64; 2], [before_happened, step_happened]: [bool; 2]) -> RowLoss {
        const NOTHING: RowLoss = RowLoss { loss: 0.0, by: [0.0; 2] };
        match self {
            Self::Order => {
                let (before, step) = (sigmoid(before), sigmoid(step));
                let slopes = [-before * (1.0 - before), step * (1.0 - step)];
                if step > before { RowLoss { loss: step - before, by: slopes } } else { NOTHING }
            }
            Self::Counterfactual { .. } if !before_happened => NOTHING,
            Self::Counterfactual { loss, least_propensity } => {
                let inverse = 1.0 / sigmoid(before).max(least_propensity);
                let (loss, slope) = loss.loss(step, step_happened);
                RowLoss { loss: loss * inverse, by: [0.0, slope * inverse] }
            }
        }
    }
}

impl Objective {
    /// The loss of a probability, for tasks that have one.
    pub(crate) fn classes(self) -> Option<Classes> {
        match self {
            Self::Binary(classes) => Some(classes),
            Self::Value | Self::Regression(_) | Self::Multiclass { .. } | Self::Nnpu { .. } | Self::ElkanNoto(_) => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! What is asked of two steps of a funnel. Of a row, with `p_b` the probability of the step before and `p` that of the step, `σ` of
//! their logits:
//!
//! | rule | loss | source |
//! |---|---|---|
//! | order | `max(p - p_b, 0)` | Xi, KDD 2021: the behavioural expectation calibrator |
//! | counterfactual | `o·ℓ / max(p_b, c)` | Wang, ESCM²: Entire Space Counterfactual Multi-Task Model for Post-Click Conversion Rate Estimation, SIGIR 2022: inverse propensity |
//!
//! `o` is 1 where the step before happened; `ℓ` is the step's own loss, of the logit given the step before; no gradient
//! flows into the propensity `p_b` there.

use tch::{TchError, Tensor};

use super::{JointRows, JointTensors, Share, observed, weight_of};
use crate::cpu::numbers::{Numbers, NumbersMut};
use crate::input::Batch;
use crate::layers::View;
use crate::loss::Objective;
use crate::loss::binary::{Classes, sigmoid};
use crate::loss::tensors::{class_loss, weighted_mean};

/// A loss of two steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    pub(crate) rule: StepRule,
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
pub(crate) enum StepRule {
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

/// A row's loss and its derivatives by the logits of the step before and of the step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct RowLoss {
    loss: f64,
    by: [f64; 2],
}

impl Steps {
    pub(super) fn views(&self) -> Vec<View> {
        vec![self.before.logit, self.step.logit]
    }

    /// What a row of the batch counts.
    pub(super) fn row_weight(&self, batch: &Batch, row: usize) -> f64 {
        let weight = weight_of(&batch.targets, row);
        let counts = |step: Step| observed(batch, step.task, row).0;
        match self.rule {
            StepRule::Order => weight,
            StepRule::Counterfactual { .. } if counts(self.before) > 0.0 => weight * counts(self.step),
            StepRule::Counterfactual { .. } => 0.0,
        }
    }

    pub(super) fn descend(
        &self,
        rows: &JointRows<'_>,
        share: Share,
        numbers: &Numbers<'_>,
        gradients: &mut NumbersMut<'_>,
    ) -> f64 {
        let views = [self.before.logit, self.step.logit];
        let mut sum = 0.0;
        for (place, row) in rows.rows.clone().enumerate() {
            let weight = self.row_weight(rows.batch, row);
            if weight <= 0.0 {
                continue;
            }
            let loss = self.row_loss(rows.batch, row, views.map(|view| f64::from(numbers.row(view, place)[0])));
            sum += share.of(weight, loss.loss);
            for (view, by) in views.into_iter().zip(loss.by) {
                gradients.row(view, place)[0] += share.of(weight, by) as f32;
            }
        }
        sum
    }

    fn row_loss(&self, batch: &Batch, row: usize, logits: [f64; 2]) -> RowLoss {
        self.rule.loss(logits, [self.before, self.step].map(|step| observed(batch, step.task, row).1))
    }

    /// Of logits `[rows, 1]`.
    pub(super) fn tensor_mean(&self, of: &JointTensors<'_>) -> Result<Tensor, TchError> {
        let [before, step] = [self.before, self.step].map(|step| of.nodes.get(step.logit)?.f_select(1, 0));
        let [of_before, of_step] = [self.before, self.step].map(|step| &of.targets[step.task]);
        let (before, step) = (before?.f_sigmoid()?, step?);
        match self.rule {
            StepRule::Order => weighted_mean(&step.f_sigmoid()?.f_sub(&before)?.f_relu()?, of.row_weights),
            StepRule::Counterfactual { loss, least_propensity } => {
                let inverse = of_before.labels.f_div(&before.f_detach()?.f_clamp_min(least_propensity)?)?;
                let weights = of_step.weights.f_mul(&of_before.weights.f_gt(0.0)?)?;
                weighted_mean(&class_loss(loss, &step, &of_step.labels)?.f_mul(&inverse)?, &weights)
            }
        }
    }
}

impl StepRule {
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

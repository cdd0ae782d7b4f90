//! Joint losses: what a network asks beside the tasks' own losses, of several tasks or of several rows together. A step of
//! training goes down them too; the tasks' losses that are measured and shown leave them out.
//!
//! | rule | asks | for |
//! |---|---|---|
//! | [`steps`] | something of two steps of a funnel | aitm, escm2 |
//! | [`prototypes`] | seeds to be near their list's prototype | seed_tower |
//! | [`retrieval`] | a user to be nearer to an item than to those of other rows | two_tower |
//!
//! A joint loss is the weighted mean over the rows, times its weight.

pub(crate) mod prototypes;
pub(crate) mod retrieval;
pub(crate) mod steps;

use std::ops::Range;

use tch::{Device, TchError, Tensor};

use self::prototypes::ToPrototypes;
use self::retrieval::Retrieval;
use self::steps::Steps;
use super::tensors::TargetTensors;
use crate::cpu::numbers::{Numbers, NumbersMut};
use crate::input::{Batch, Targets};
use crate::layers::{Nodes, View};

/// A loss of several tasks or rows together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Joint {
    pub(crate) rule: Rule,
    /// What it counts in the whole loss.
    pub(crate) weight: f64,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// Of two steps of a funnel.
    Steps(Steps),
    /// Of seeds and the prototypes of their lists.
    Prototypes(ToPrototypes),
    /// Of the users and items of rows.
    Retrieval(Retrieval),
}

/// Some rows of a batch, at most a block, that a pass goes over.
#[derive(Debug, Clone)]
pub(crate) struct JointRows<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) rows: Range<usize>,
}

/// What a row counts in the mean over a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// What the joint loss counts in the whole.
    weight: f64,
    /// Σ weight of the batch's rows.
    total: f64,
}

/// A batch and what is computed of it, in operators.
pub(crate) struct JointTensors<'a> {
    pub(crate) nodes: &'a Nodes,
    /// By task.
    pub(crate) targets: &'a [TargetTensors],
    /// `[rows]`
    pub(crate) row_weights: &'a Tensor,
    pub(crate) batch: &'a Batch,
    pub(crate) device: Device,
}

impl Share {
    /// A number of a row's loss in the whole.
    fn of(self, row_weight: f64, number: f64) -> f64 {
        self.weight * row_weight * number / self.total
    }
}

impl Joint {
    /// What it reads of a pass.
    pub(crate) fn views(&self) -> Vec<View> {
        match &self.rule {
            Rule::Steps(steps) => steps.views(),
            Rule::Prototypes(prototypes) => vec![prototypes.nearness],
            Rule::Retrieval(retrieval) => vec![retrieval.user, retrieval.item],
        }
    }

    /// The task that it goes with where tasks are looked at one by one: the later step, the first list, the pairs' task.
    pub(crate) fn task(&self) -> usize {
        match &self.rule {
            Rule::Steps(steps) => steps.step.task,
            Rule::Prototypes(prototypes) => prototypes.lists[0],
            Rule::Retrieval(retrieval) => retrieval.task,
        }
    }

    /// Σ weight of a batch's rows.
    pub(crate) fn total_weight(&self, batch: &Batch) -> f64 {
        (0..batch.inputs.rows).map(|row| self.row_weight(batch, row)).sum()
    }

    fn row_weight(&self, batch: &Batch, row: usize) -> f64 {
        match &self.rule {
            Rule::Steps(steps) => steps.row_weight(batch, row),
            Rule::Prototypes(prototypes) => prototypes.row_weight(batch, row),
            Rule::Retrieval(retrieval) => retrieval.row_weight(batch, row),
        }
    }

    /// Adds the gradients of some rows to those by its views, where the whole batch's rows weigh `total`; gives what these
    /// rows add to the loss.
    pub(crate) fn descend(
        &self,
        rows: &JointRows<'_>,
        total: f64,
        numbers: &Numbers<'_>,
        gradients: &mut NumbersMut<'_>,
    ) -> f64 {
        if total <= 0.0 {
            return 0.0;
        }
        let share = Share { weight: self.weight, total };
        match &self.rule {
            Rule::Steps(steps) => steps.descend(rows, share, numbers, gradients),
            Rule::Prototypes(prototypes) => prototypes.descend(rows, share, numbers, gradients),
            Rule::Retrieval(retrieval) => retrieval.descend(rows, share, numbers, gradients),
        }
    }

    /// What it adds to the whole loss, in operators.
    pub(crate) fn tensor_loss(&self, of: &JointTensors<'_>) -> Result<Tensor, TchError> {
        let mean = match &self.rule {
            Rule::Steps(steps) => steps.tensor_mean(of),
            Rule::Prototypes(prototypes) => prototypes.tensor_mean(of),
            Rule::Retrieval(retrieval) => retrieval.tensor_mean(of),
        };
        mean?.f_mul_scalar(self.weight)
    }
}

/// What a row of a batch counts for all tasks.
fn weight_of(targets: &Targets, row: usize) -> f64 {
    targets.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]))
}

/// What a row counts for a task, and whether its label is positive.
fn observed(batch: &Batch, task: usize, row: usize) -> (f64, bool) {
    let at = task * batch.inputs.rows + row;
    (f64::from(batch.targets.observed[at]), batch.targets.labels[at] > 0.0)
}

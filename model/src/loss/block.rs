//! Losses over a block of rows of a batch.

use std::ops::Range;

use super::nnpu::Risk;
use super::{LossSums, Objective, binary, multiclass, ziln};
use crate::input::Targets;

/// A task's targets in some rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    labels: &'a [f32],
    observed: &'a [f32],
    weights: Option<&'a [f32]>,
}

/// A head's numbers in a block, or the gradient by them: row `r` has `numbers[r * stride + column..][..units]`.
#[derive(Debug)]
pub(crate) struct Column<Numbers> {
    pub(crate) numbers: Numbers,
    pub(crate) stride: usize,
    pub(crate) column: usize,
}

impl Column<&[f32]> {
    /// The predictions of as many rows as there is room for.
    pub(crate) fn predict(&self, objective: Objective, predictions: &mut [f32]) {
        for (row, prediction) in predictions.chunks_exact_mut(objective.width()).enumerate() {
            objective.predict(&self.numbers[row * self.stride + self.column..], prediction);
        }
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(targets: &'a Targets, task: usize, batch_rows: usize, rows: Range<usize>) -> Self {
        let of_task = task * batch_rows + rows.start..task * batch_rows + rows.end;
        Self {
            labels: &targets.labels[of_task.clone()],
            observed: &targets.observed[of_task],
            weights: targets.weights.as_ref().map(|weights| &weights[rows]),
        }
    }

    /// Label and weight of each row; a row that was not observed weighs nothing.
    fn iter(self) -> impl Iterator<Item = (f64, f64)> + 'a {
        let weight = move |row: usize| self.weights.map_or(1.0, |weights| f64::from(weights[row]));
        let rows = self.labels.iter().zip(self.observed).enumerate();
        rows.map(move |(row, (&label, &observed))| (f64::from(label), f64::from(observed) * weight(row)))
    }

    /// Σ weight of the observed rows.
    pub(crate) fn weight(self) -> f64 {
        self.iter().map(|(_, weight)| weight).sum()
    }

    /// The loss's sums over the rows, all of which a task is measured on.
    pub(crate) fn sums(self, objective: Objective, head: &Column<&[f32]>) -> LossSums {
        let mut sums = LossSums::default();
        for (row, (label, weight)) in self.iter().enumerate().filter(|(_, (_, weight))| *weight > 0.0) {
            let head = &head.numbers[row * head.stride + head.column..];
            match objective {
                Objective::Binary(classes) => {
                    sums.count(weight, classes.loss(f64::from(head[0]) + classes.log_rate, label > 0.0).0);
                }
                Objective::Value => sums.count(weight, ziln::negative_log_likelihood(ziln::Head::of(head), label).0),
                Objective::Regression(regression) => sums.count(weight, regression.loss(f64::from(head[0]), label).0),
                Objective::Multiclass { classes } => {
                    sums.count(weight, multiclass::cross_entropy(&head[..classes], label as usize));
                }
                Objective::ElkanNoto(of) => sums.count(weight, of.loss(f64::from(head[0]), label > 0.0).0),
                Objective::Nnpu { .. } => sums.count_pu(weight, f64::from(head[0]), label > 0.0),
            }
        }
        sums
    }

    /// Writes `scale` · the derivative of the task's batch loss by the head's numbers, and gives the loss's sums over
    /// the rows, those that a task learns from. Of `batch`, the sums over the whole batch, the means need the weight and nnPU needs all.
    pub(crate) fn gradient(
        self,
        objective: Objective,
        batch: &LossSums,
        scale: f64,
        head: &Column<&[f32]>,
        gradient: &mut Column<&mut [f32]>,
    ) -> LossSums {
        let mut sums = LossSums::default();
        let risk = Risk::of(batch, objective.prior().unwrap_or_default());
        let mean_scale = if batch.weight > 0.0 { scale / batch.weight } else { 0.0 };
        for (row, (label, weight)) in self.iter().enumerate() {
            let head = &head.numbers[row * head.stride + head.column..];
            let gradient = &mut gradient.numbers[row * gradient.stride + gradient.column..];
            match objective {
                Objective::Binary(classes) => {
                    let (loss, by) = classes.loss(f64::from(head[0]), label > 0.0);
                    sums.count(weight, loss);
                    gradient[0] = (by * weight * mean_scale) as f32;
                }
                Objective::Value => {
                    let (loss, by_head) = ziln::negative_log_likelihood(ziln::Head::of(head), label);
                    sums.count(weight, loss);
                    gradient[..3].copy_from_slice(&by_head.map(|by| (by * weight * mean_scale) as f32));
                }
                Objective::Regression(regression) => {
                    let (loss, by) = regression.loss(f64::from(head[0]), label);
                    sums.count(weight, loss);
                    gradient[0] = (by * weight * mean_scale) as f32;
                }
                Objective::Multiclass { classes } => {
                    let (head, gradient) = (&head[..classes], &mut gradient[..classes]);
                    let loss = multiclass::descend(head, label as usize, weight * mean_scale, gradient);
                    sums.count(weight, loss);
                }
                Objective::ElkanNoto(of) => {
                    let (loss, by) = of.loss(f64::from(head[0]), label > 0.0);
                    sums.count(weight, loss);
                    gradient[0] = (by * weight * mean_scale) as f32;
                }
                Objective::Nnpu { .. } => {
                    let logit = f64::from(head[0]);
                    sums.count_pu(weight, logit, label > 0.0);
                    gradient[0] = (risk.derivative(logit, label > 0.0) * weight * scale) as f32;
                }
            }
        }
        sums
    }
}

impl LossSums {
    /// The sums of a batch whose means are over rows of this weight together.
    pub(crate) fn of_weight(weight: f64) -> Self {
        Self { weight, ..Self::default() }
    }

    fn count(&mut self, weight: f64, loss: f64) {
        if weight > 0.0 {
            self.weight += weight;
            self.loss += weight * loss;
        }
    }

    fn count_pu(&mut self, weight: f64, logit: f64, is_seed: bool) {
        if weight > 0.0 {
            let (as_positive, _) = binary::cross_entropy(logit, true, 1.0);
            let (as_negative, _) = binary::cross_entropy(logit, false, 1.0);
            if is_seed {
                self.count(weight, as_positive);
                self.as_negative += weight * as_negative;
            } else {
                self.rest_weight += weight;
                self.rest_loss += weight * as_negative;
            }
        }
    }
}

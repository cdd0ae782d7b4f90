//! Meta-training of campaigns by operators: the formulas of [`crate::learner::cpu::campaigns`], a campaign after the other.

use tch::{TchError, Tensor};

use super::{Descent, TensorLearner};
use crate::architecture::{Architecture, Campaign};
use crate::embedding::tensors::{Gathered, InputTensors};
use crate::layers::Dropout;
use crate::loss::Objective;
use crate::loss::tensors::{TargetTensors, TensorLoss};
use crate::network::meta::Part;
use crate::tensor::TensorModel;

/// What all campaigns of a step share.
pub(super) struct Learning<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) campaign: &'a Campaign,
    pub(super) gathered: &'a Gathered,
    pub(super) inputs: &'a InputTensors,
    pub(super) targets: &'a [TargetTensors],
    pub(super) dropout: Dropout,
    pub(super) factors: &'a [f64],
}

/// Rows of a batch from a first one on.
#[derive(Clone, Copy)]
struct Half {
    first: usize,
    rows: usize,
}

impl TensorLearner {
    /// Each campaign's loss after its own step, and the sum of the gradients there.
    pub(super) fn campaigns(&self, learning: &Learning<'_>) -> Result<(Vec<Tensor>, Descent), TchError> {
        let zeros = |tensor: &Tensor| tensor.f_detach()?.f_zeros_like();
        let mut by = learning.gathered.map(zeros)?;
        let by_weights = self.model.weights.iter().map(zeros).collect::<Result<Vec<_>, _>>()?;
        let mut values = Vec::with_capacity(learning.factors.len());
        for task in 0..learning.factors.len() {
            let (value, found) = learning.learn(&self.model, task)?;
            values.push(value);
            let mut found = found.into_iter();
            for Part { index, first, len } in learning.parts(task) {
                if let Some(by_own) = found.next().filter(Tensor::defined) {
                    let mut part = by_weights[index].f_narrow(0, first as i64, len as i64)?;
                    let _ = part.f_add_(&by_own.f_narrow(0, 0, len as i64)?)?;
                }
            }
            by = by.map(|sum| match found.next().filter(Tensor::defined) {
                Some(found) => sum.f_add(&found),
                None => Ok(sum.shallow_clone()),
            })?;
        }
        Ok((values, Descent { by, by_weights, squares: Vec::new() }))
    }
}

impl Learning<'_> {
    /// The loss after the campaign's own step, and its gradients there, by the campaign's weights and by what was gathered.
    fn learn(&self, all: &TensorModel, task: usize) -> Result<(Tensor, Vec<Tensor>), TchError> {
        let rows = self.gathered.x.size()[0] as usize;
        let support = Half { first: 0, rows: rows / 2 };
        let query = Half { first: support.rows, rows: rows - support.rows };
        let mut own = self.own(all, task)?;
        if support.rows > 0 {
            let loss = self.loss(&own, task, support)?;
            let weights: Vec<&Tensor> = own.weights.iter().collect();
            let found = Tensor::f_run_backward(&[loss.descent], &weights, false, false)?;
            let moved = own.weights.iter().zip(&found).map(|(weight, by)| self.step(weight, by));
            own.weights = moved.collect::<Result<_, _>>()?;
        }
        let TensorLoss { value, descent } = self.loss(&own, task, query)?;
        let share = self.factors[task] / self.factors.len() as f64;
        let inputs: Vec<&Tensor> = own.weights.iter().chain(self.gathered.tensors()).collect();
        let found = Tensor::f_run_backward(&[descent.f_mul_scalar(share)?], &inputs, false, false)?;
        Ok((value.f_detach()?, found))
    }

    fn parts(&self, task: usize) -> impl Iterator<Item = Part> {
        self.campaign.meta.parts(&self.architecture.graph.parameters, task)
    }

    /// The network of a campaign, whose weights gradients are taken of.
    fn own(&self, all: &TensorModel, task: usize) -> Result<TensorModel, TchError> {
        let blocks = &self.campaign.network.graph.parameters.blocks;
        let weight = |Part { index, first, len }: Part| {
            let own = all.weights[index].f_detach()?.f_narrow(0, first as i64, len as i64)?;
            let padding = own.f_new_zeros([(blocks[index].len() - len) as i64], (own.kind(), own.device()))?;
            Tensor::f_cat(&[own, padding], 0)?.f_set_requires_grad(true)
        };
        let weights = self.parts(task).map(weight).collect::<Result<_, _>>()?;
        Ok(TensorModel { device: all.device, product_kind: all.product_kind, weights, tables: Vec::new() })
    }

    fn loss(&self, own: &TensorModel, task: usize, Half { first, rows }: Half) -> Result<TensorLoss, TchError> {
        let (network, first_row) = (&self.campaign.network, first);
        let narrow = |tensor: &Tensor| tensor.f_narrow(0, first as i64, rows as i64);
        let x = narrow(&own.attend(network, self.gathered, self.inputs.places())?)?;
        let nodes = own.forward(network, &x, Some(Dropout { first_row, ..self.dropout }))?;
        let TargetTensors { labels, weights } = &self.targets[task];
        let targets = TargetTensors { labels: narrow(labels)?, weights: narrow(weights)? };
        let objective: Objective = self.architecture.objectives[task];
        objective.tensor_loss(&nodes.get(network.graph.heads[0])?, &targets)
    }

    /// A weight after the campaign's own step.
    fn step(&self, weight: &Tensor, by: &Tensor) -> Result<Tensor, TchError> {
        let weight = weight.f_detach()?;
        let moved = if by.defined() { weight.f_sub(&by.f_mul_scalar(self.campaign.meta.rate)?)? } else { weight };
        moved.f_set_requires_grad(true)
    }
}

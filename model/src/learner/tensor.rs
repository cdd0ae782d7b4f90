//! Training by libtorch's operators, for a GPU: the network's gradients from autograd, tables and optimizer outside of
//! it.

mod campaigns;

use std::borrow::Cow;

use spec::training::{Fit, Precision};
use tch::{Device, Kind, TchError, Tensor};

use campaigns::Learning;

use super::shared::shared_weights;
use super::task_weights::LearnedTaskWeights;
use super::{Course, StepLosses};
use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::embedding::gather;
use crate::embedding::states::RowStates;
use crate::embedding::tensors::update::TableTensors;
use crate::embedding::tensors::{Gathered, InputTensors, upload};
use crate::error::Error;
use crate::input::{Batch, Inputs, Targets};
use crate::kernel::memory::Aligned;
use crate::layers::{Dropout, Nodes};
use crate::loss::joint::JointTensors;
use crate::loss::tensors::TargetTensors;
use crate::loss::weighting::{Weighting, surgery};
use crate::loss::{LossSums, Rows};
use crate::optimize::tensors::TensorOptimizer;
use crate::outputs::Outputs;
use crate::tensor::{TensorModel, blocks, download, download_blocks, heads};
use crate::weights::state::State;

/// A model in training on a device.
#[derive(Debug)]
pub(crate) struct TensorLearner {
    pub(crate) model: TensorModel,
    optimizer: TensorOptimizer,
    tables: TableTensors,
    pub(crate) task_weights: LearnedTaskWeights,
    /// 1 for each dense weight that tasks share; none where nobody asks.
    shared: Option<Tensor>,
}

/// What autograd found.
struct Gradients {
    losses: Vec<f64>,
    /// The sum of the joint losses.
    joint: f64,
    norm: f64,
    by: Gathered,
    /// By each block of dense weights.
    by_weights: Vec<Tensor>,
    /// Of each task's weighted gradient by what tasks share; empty where they were not taken apart.
    norms: Vec<f64>,
}

/// What passes back found.
struct Descent {
    by: Gathered,
    by_weights: Vec<Tensor>,
    /// The squared norm of each task's gradient by what tasks share; none where they were not taken apart.
    squares: Vec<Tensor>,
}

impl TensorLearner {
    pub(crate) fn new(architecture: &Architecture, fit: &Fit, device: Device) -> Result<Self, Error> {
        let kind = match fit.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        let build = || {
            let weights = Weights::initial(architecture, fit.seed);
            let mut model = TensorModel::new(architecture, &weights, device, kind)?;
            require_gradients(&mut model)?;
            let zeros = RowStates::zeros(&architecture.layout, &fit.embeddings);
            let tables = TableTensors::upload(&fit.embeddings, &zeros, device)?;
            let optimizer =
                TensorOptimizer::new(&fit.optimizer, &architecture.graph.parameters.blocks, &model.weights)?;
            let weighting = Weighting::of(&fit.task_weights, architecture.tasks.iter().map(|(task, _)| task));
            let task_weights = LearnedTaskWeights::new(&fit.optimizer, &weighting, architecture.tasks.len());
            let shared = weighting.takes_tasks_apart().then(|| upload(&shared_weights(architecture), device));
            Ok(Self { model, optimizer, tables, task_weights, shared: shared.transpose()? })
        };
        build().map_err(Error::torch("placing the weights on the device"))
    }

    /// One step; nothing changes where it fails.
    pub(crate) fn step(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        batch: &Batch,
    ) -> Result<StepLosses, Error> {
        check(architecture, &batch.inputs)?;
        architecture.check(&batch.targets, batch.inputs.rows)?;
        let dropout = Dropout { seed: course.fit.seed, step: course.step, first_row: 0 };
        let factors = course.factors(self.task_weights.values());
        let upload = InputTensors::upload(&architecture.layout, &batch.inputs, self.model.device);
        let inputs = upload.map_err(Error::torch("copying a batch to the device"))?;
        let found = self.gradients(architecture, course, &inputs, batch, dropout, &factors);
        let Gradients { losses, joint, norm, by, by_weights, norms } =
            found.map_err(Error::torch("computing a step's gradients"))?;
        let mut losses = course.losses(losses, joint, batch, self.task_weights.values())?;
        losses.gradient_norm = norm;
        let step = course.dense_step(norm)?;
        let mut descend = || {
            let _no_grad = tch::no_grad_guard();
            self.optimizer.step(&mut self.model.weights, &by_weights, step)?;
            self.tables.step(&architecture.layout, &mut self.model.tables, &inputs, &by, step)
        };
        descend().map_err(Error::torch("updating the weights"))?;
        self.task_weights.learn(course, &losses, &norms, step);
        Ok(losses)
    }

    fn gradients(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        inputs: &InputTensors,
        batch: &Batch,
        dropout: Dropout,
        factors: &[f64],
    ) -> Result<Gradients, TchError> {
        let gathered = tch::no_grad(|| self.model.gather(architecture, inputs))?.with_gradient()?;
        let targets = |task| task_targets(&batch.targets, task, batch.inputs.rows, self.model.device);
        let targets = (0..factors.len()).map(targets).collect::<Result<Vec<_>, _>>()?;
        if let Some(campaign) = &architecture.campaign {
            let learning =
                Learning { architecture, campaign, gathered: &gathered, inputs, targets: &targets, dropout, factors };
            let (values, descent) = self.campaigns(&learning)?;
            return self.found(values, None, descent);
        }
        let x = self.model.attend(architecture, &gathered, inputs.places())?;
        let nodes = self.model.forward(architecture, &x, Some(dropout))?;
        let heads = heads(architecture, &nodes)?;
        let mut values = Vec::with_capacity(heads.len() + 2);
        let mut descents = Vec::with_capacity(heads.len() + architecture.graph.joints.len());
        for (task, head) in heads.iter().enumerate() {
            let loss = architecture.objectives[task].tensor_loss(head, &targets[task])?;
            values.push(loss.value.f_detach()?);
            descents.push(loss.descent.f_mul_scalar(factors[task])?);
        }
        let joints = self.joint_losses(architecture, &nodes, &targets, batch)?;
        let nothing = Tensor::f_zeros([], (Kind::Float, self.model.device))?;
        let joint = joints.iter().try_fold(nothing, |sum, loss| sum.f_add(loss))?.f_detach()?;
        let shared = self.shared.as_ref().map(Tensor::shallow_clone);
        let descent = match shared {
            Some(shared) => {
                for (joint, loss) in architecture.graph.joints.iter().zip(&joints) {
                    let task = joint.task();
                    descents[task] = descents[task].f_add(loss)?;
                }
                self.apart(course, &gathered, &descents, &shared)?
            }
            None => {
                descents.extend(joints);
                self.together(&gathered, &descents)?
            }
        };
        self.found(values, Some(joint), descent)
    }

    /// What a step needs to know in a host's memory.
    fn found(&self, mut values: Vec<Tensor>, joint: Option<Tensor>, descent: Descent) -> Result<Gradients, TchError> {
        let Descent { by, by_weights, squares } = descent;
        let tasks = values.len();
        values.extend(squares);
        values.push(match joint {
            Some(joint) => joint,
            None => Tensor::f_zeros([], (Kind::Float, self.model.device))?,
        });
        let squares = |gradient: &Tensor| gradient.f_square()?.f_sum(Kind::Double);
        let squares = by_weights.iter().map(squares).collect::<Result<Vec<_>, _>>()?;
        values.push(Tensor::f_stack(&squares, 0)?.f_sum(Kind::Double)?);
        let values = values.iter().map(|value| value.f_to_kind(Kind::Float)).collect::<Result<Vec<_>, _>>()?;
        // The step's one wait for the device.
        let mut losses: Vec<f64> = download(&Tensor::f_stack(&values, 0)?)?.into_iter().map(f64::from).collect();
        let norm = losses.pop().unwrap_or_default().sqrt();
        let joint = losses.pop().unwrap_or_default();
        let norms = losses.split_off(tasks).into_iter().map(f64::sqrt).collect();
        Ok(Gradients { losses, joint, norm, by, by_weights, norms })
    }

    /// What each joint loss adds to the whole.
    fn joint_losses(
        &self,
        architecture: &Architecture,
        nodes: &Nodes,
        targets: &[TargetTensors],
        batch: &Batch,
    ) -> Result<Vec<Tensor>, TchError> {
        let device = self.model.device;
        let row_weights = match &batch.targets.weights {
            Some(weights) => upload(weights, device)?,
            None => Tensor::f_ones([batch.inputs.rows as i64], (Kind::Float, device))?,
        };
        let of = JointTensors { nodes, targets, row_weights: &row_weights, batch, device };
        architecture.graph.joints.iter().map(|joint| joint.tensor_loss(&of)).collect()
    }

    /// One pass back for all tasks.
    fn together(&mut self, gathered: &Gathered, descents: &[Tensor]) -> Result<Descent, TchError> {
        self.model.weights.iter_mut().for_each(|weight| weight.zero_grad());
        Tensor::f_stack(descents, 0)?.f_sum(None)?.f_backward()?;
        let by_weights = self.model.weights.iter().map(Tensor::f_grad).collect::<Result<_, _>>()?;
        Ok(Descent { by: gathered.map(Tensor::f_grad)?, by_weights, squares: Vec::new() })
    }

    /// A pass back for each task; [`surgery`]'s formulas over the flat run of weights.
    fn apart(
        &self,
        course: &Course<'_>,
        gathered: &Gathered,
        descents: &[Tensor],
        shared: &Tensor,
    ) -> Result<Descent, TchError> {
        let inputs: Vec<&Tensor> = self.model.weights.iter().chain(gathered.tensors()).collect();
        let mut by_task = Vec::with_capacity(descents.len());
        let mut by = gathered.map(|read| read.f_detach()?.f_zeros_like())?;
        for (task, descent) in descents.iter().enumerate() {
            let keep_graph = task + 1 < descents.len();
            let found = Tensor::f_run_backward(&[descent], &inputs, keep_graph, false)?;
            // What a task does not reach has no gradient, not even zero.
            let gradient = |(found, input): (&Tensor, &&Tensor)| {
                if found.defined() { Ok(found.shallow_clone()) } else { input.f_detach()?.f_zeros_like() }
            };
            let mut found = found.iter().zip(&inputs).map(gradient).collect::<Result<Vec<_>, TchError>>()?;
            let mut of_task = found.split_off(self.model.weights.len()).into_iter();
            by = by.map(|sum| of_task.next().map_or_else(|| Ok(sum.shallow_clone()), |found| sum.f_add(&found)))?;
            by_task.push(Tensor::f_cat(&found, 0)?);
        }
        let squares = by_task.iter().map(|gradient| gradient.f_mul(gradient)?.f_mul(shared)?.f_sum(Kind::Double));
        let squares = squares.collect::<Result<Vec<_>, TchError>>()?;
        let mut sum = shared.f_zeros_like()?;
        for (task, gradient) in by_task.iter().enumerate() {
            let mut own = gradient.shallow_clone();
            let order = surgery::order(course.fit.seed, course.step, task, by_task.len());
            for other in order.into_iter().filter(|_| course.weighting.projects()) {
                let along = own.f_mul(&by_task[other])?.f_mul(shared)?.f_sum(Kind::Double)?.f_clamp_max(0.0)?;
                let part = along.f_div(&squares[other].f_clamp_min(1e-30)?)?.f_to_kind(Kind::Float)?;
                own = own.f_sub(&by_task[other].f_mul(shared)?.f_mul(&part)?)?;
            }
            sum = sum.f_add(&own)?;
        }
        let sizes: Vec<i64> = self.model.weights.iter().map(|weight| weight.numel() as i64).collect();
        Ok(Descent { by, by_weights: sum.f_split_with_sizes(&sizes, 0)?, squares })
    }

    /// Predictions as the model is now.
    pub(crate) fn predict(
        &self,
        architecture: &Architecture,
        inputs: &Inputs,
        outputs: &mut Outputs,
    ) -> Result<(), Error> {
        check(architecture, inputs)?;
        outputs.reset(architecture.output_widths(), inputs.rows);
        let heads = self.model.heads(architecture, inputs, None).map_err(Error::torch("predicting"))?;
        heads.predict(architecture, outputs);
        Ok(())
    }

    /// Losses of a batch as the model is now, and its predictions.
    pub(crate) fn evaluate(
        &self,
        architecture: &Architecture,
        batch: &Batch,
        outputs: &mut Outputs,
    ) -> Result<Vec<LossSums>, Error> {
        check(architecture, &batch.inputs)?;
        let rows = batch.inputs.rows;
        architecture.check(&batch.targets, rows)?;
        outputs.reset(architecture.output_widths(), rows);
        let heads = self.model.heads(architecture, &batch.inputs, None).map_err(Error::torch("predicting"))?;
        heads.predict(architecture, outputs);
        let sums = |task| {
            let targets = Rows::new(&batch.targets, task, rows, 0..rows);
            targets.sums(architecture.objectives[task], &heads.head(architecture, task))
        };
        Ok((0..architecture.tasks.len()).map(sums).collect())
    }

    /// The weights in a host's memory.
    pub(crate) fn weights(&self, architecture: &Architecture) -> Result<Weights, Error> {
        self.model.to_host(architecture).map_err(Error::torch("copying the weights from the device"))
    }

    /// Takes over host weights.
    pub(crate) fn set_weights(&mut self, architecture: &Architecture, weights: &Weights) -> Result<(), Error> {
        let mut set = || {
            self.model.set(architecture, weights)?;
            require_gradients(&mut self.model)
        };
        set().map_err(Error::torch("placing the weights on the device"))
    }

    /// All that is learned, in a host's memory.
    pub(crate) fn state(&self, architecture: &Architecture, step: u64) -> Result<State<'static>, Error> {
        let weights = self.weights(architecture)?;
        let copy = || {
            let len = architecture.graph.parameters.len();
            let moments = |are_kept: bool, tensors: &[Tensor]| {
                let mut flat = Aligned::zeros(if are_kept { len } else { 0 });
                download_blocks(architecture, tensors, &mut flat)?;
                Ok::<_, TchError>(flat)
            };
            let kind = self.optimizer.kind();
            let first = moments(kind.has_first(), &self.optimizer.first)?;
            let second = moments(kind.has_second(), &self.optimizer.second)?;
            Ok((first, second, self.tables.download(&architecture.layout)?))
        };
        let (first, second, rows) = copy().map_err(Error::torch("copying the optimizer's state from the device"))?;
        Ok(State {
            step,
            weights: Cow::Owned(weights),
            first: Cow::Owned(first),
            second: Cow::Owned(second),
            rows: Cow::Owned(rows),
            task_weights: self.task_weights.state(),
            history: self.task_weights.history(),
        })
    }

    /// Goes on from a state.
    pub(crate) fn set_state(&mut self, architecture: &Architecture, state: &State<'_>) -> Result<(), Error> {
        let device = self.model.device;
        let place = || {
            let moments =
                |flat: &[f32]| if flat.is_empty() { Ok(Vec::new()) } else { blocks(architecture, flat, device) };
            let tables = self.tables.placed(&state.rows, device)?;
            Ok((moments(&state.first)?, moments(&state.second)?, tables))
        };
        let (first, second, tables) = place().map_err(Error::torch("placing the optimizer's state on the device"))?;
        self.set_weights(architecture, &state.weights)?;
        (self.optimizer.first, self.optimizer.second) = (first, second);
        self.tables = tables;
        self.task_weights.set_state(&state.task_weights, &state.history);
        Ok(())
    }
}

fn check(architecture: &Architecture, inputs: &Inputs) -> Result<(), Error> {
    gather::check_shape(&architecture.layout, inputs)?;
    gather::check_ids(&architecture.layout, inputs, 0..inputs.rows)
}

fn require_gradients(model: &mut TensorModel) -> Result<(), TchError> {
    model.weights = model.weights.iter().map(|weight| weight.f_set_requires_grad(true)).collect::<Result<_, _>>()?;
    Ok(())
}

fn task_targets(targets: &Targets, task: usize, rows: usize, device: Device) -> Result<TargetTensors, TchError> {
    let of_task = task * rows..(task + 1) * rows;
    let labels = upload(&targets.labels[of_task.clone()], device)?;
    let observed = upload(&targets.observed[of_task], device)?;
    let weights = match &targets.weights {
        Some(weights) => observed.f_mul(&upload(weights, device)?)?,
        None => observed,
    };
    Ok(TargetTensors { labels, weights })
}

#[cfg(test)]
mod tests;

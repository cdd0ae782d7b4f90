//! Training: a model, its optimizers and the course of a run, a batch a step.
//!
//! On a CPU a step's batch is cut into fixed lanes, each of which goes forward and back on one thread; what they find
//! is added in their order, so weights are bit-identical for any number of threads.
//!
//! A network of campaigns is [meta-trained](cpu/campaigns.rs): each campaign takes a step of its own before its gradient.

mod cpu;
mod members;
mod shared;
mod task_weights;
mod tensor;

use std::borrow::Cow;
use std::collections::BTreeMap;

use spec::training::Fit;
use spec::{TaskName, TrainingSpec};

use self::cpu::CpuLearner;
pub(crate) use self::cpu::fine_tuning::Tuning;
pub use self::members::Members;
use self::tensor::TensorLearner;
use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::device::{self, Device};
use crate::error::{Error, NetworkProblem};
use crate::input::{Batch, InputLayout, Inputs};
pub use crate::loss::targets::TargetStatistics;
use crate::loss::weighting::Weighting;
use crate::loss::{LossSums, Rows};
use crate::optimize::dense::{Step, clip_scale};
use crate::optimize::schedule;
use crate::outputs::Outputs;
use crate::weights::{self, state};

/// What a learner is told beside the document.
#[derive(Debug, Clone, Default)]
pub struct LearnerOptions {
    /// Threads of a CPU that work on a step.
    pub threads: usize,
    /// Steps that are planned; the schedule ends with them.
    pub total_steps: u64,
    /// What the training rows' labels are on average: where the heads' biases start.
    pub statistics: TargetStatistics,
    /// Estimated priors of the nnPU tasks to which the document gives none.
    pub priors: BTreeMap<TaskName, f64>,
}

/// The losses of one step, before its update.
#[derive(Debug, Clone, PartialEq)]
pub struct StepLosses {
    /// The tasks' losses as one, by the document's task weights, with what the network asks of several tasks together.
    pub total: f64,
    /// Each task's mean loss; 0 where no row of the batch was observed.
    pub tasks: Vec<f64>,
    /// Whether a row of the batch was observed, for each task.
    pub observed: Vec<bool>,
    /// The norm of the dense gradient before clipping.
    pub gradient_norm: f64,
}

/// Losses over any number of batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Losses {
    sums: Vec<LossSums>,
}

impl Losses {
    /// Adds the losses of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.sums.resize(self.sums.len().max(other.sums.len()), LossSums::default());
        self.sums.iter_mut().zip(&other.sums).for_each(|(sums, other)| sums.add(other));
    }
}

/// A model in training.
#[derive(Debug)]
pub struct Learner {
    architecture: Architecture,
    fit: Fit,
    weighting: Weighting,
    total_steps: u64,
    step: u64,
    device: Device,
    backend: Backend,
}

/// Who does the arithmetic.
#[derive(Debug)]
enum Backend {
    Cpu(Box<CpuLearner>),
    Tensor(Box<TensorLearner>),
}

/// A model's weights at some moment.
#[derive(Debug, Clone)]
pub struct Snapshot(Weights);

/// Where a run stands: what a step needs to know beside weights and batch.
pub(crate) struct Course<'a> {
    pub(crate) architecture: &'a Architecture,
    pub(crate) fit: &'a Fit,
    weighting: &'a Weighting,
    total_steps: u64,
    pub(crate) step: u64,
}

impl Learner {
    /// A model with its first weights, drawn from the document's seed.
    ///
    /// # Errors
    ///
    /// A device that cannot be used, a network that cannot be built, a missing prior.
    pub fn new(spec: &TrainingSpec, layout: &InputLayout, options: LearnerOptions) -> Result<Self, Error> {
        let fit = spec.training.clone();
        let device = device::resolve(fit.device, fit.precision)?;
        let prior = |task: &TaskName| options.priors.get(task).copied();
        let architecture = Architecture::for_training(spec, layout, &options.statistics, prior)?;
        let backend = match device {
            Device::Cpu => Backend::Cpu(Box::new(CpuLearner::new(&architecture, &fit, options.threads)?)),
            Device::Cuda(_) => Backend::Tensor(Box::new(TensorLearner::new(&architecture, &fit, device.into())?)),
        };
        let weighting = Weighting::of(&fit.task_weights, spec.tasks.keys());
        if architecture.campaign.is_some() && weighting.takes_tasks_apart() {
            return Err(Error::Network { problem: NetworkProblem::OwnSteps });
        }
        Ok(Self { architecture, fit, weighting, total_steps: options.total_steps, step: 0, device, backend })
    }

    /// Where it trains.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Learns from a batch.
    ///
    /// # Errors
    ///
    /// A batch of another layout, targets without meaning, a loss or gradient that is no number: the step is not
    /// taken then.
    pub fn step(&mut self, batch: &Batch) -> Result<StepLosses, Error> {
        let course = Course {
            architecture: &self.architecture,
            fit: &self.fit,
            weighting: &self.weighting,
            total_steps: self.total_steps,
            step: self.step,
        };
        let losses = match &mut self.backend {
            Backend::Cpu(learner) => learner.step(&self.architecture, &course, batch)?,
            Backend::Tensor(learner) => learner.step(&self.architecture, &course, batch)?,
        };
        self.step += 1;
        Ok(losses)
    }

    /// Raw predictions (not calibrated) as the model is now: probabilities, expected values.
    ///
    /// # Errors
    ///
    /// A batch of another layout.
    pub fn predict(&self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Error> {
        match &self.backend {
            Backend::Cpu(learner) => learner.predict(&self.architecture, inputs, outputs),
            Backend::Tensor(learner) => learner.predict(&self.architecture, inputs, outputs),
        }
    }

    /// Predictions and losses of rows that it does not learn from.
    ///
    /// # Errors
    ///
    /// A batch of another layout, targets without meaning.
    pub fn evaluate(&self, batch: &Batch, outputs: &mut Outputs) -> Result<Losses, Error> {
        let sums = match &self.backend {
            Backend::Cpu(learner) => learner.evaluate(&self.architecture, batch, outputs)?,
            Backend::Tensor(learner) => learner.evaluate(&self.architecture, batch, outputs)?,
        };
        Ok(Losses { sums })
    }

    /// Each task's mean loss.
    pub fn task_losses(&self, losses: &Losses) -> Vec<f64> {
        losses.sums.iter().zip(&self.architecture.objectives).map(|(sums, objective)| sums.value(*objective)).collect()
    }

    /// What each task's loss counts in training now.
    pub fn task_weights(&self) -> Vec<f64> {
        let learned = match &self.backend {
            Backend::Cpu(learner) => learner.task_weights.values(),
            Backend::Tensor(learner) => learner.task_weights.values(),
        };
        learned.iter().enumerate().map(|(task, learned)| self.weighting.factor(task, *learned)).collect()
    }

    /// The bytes of `weights.safetensors`: the same weights give the same bytes.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn save(&self) -> Result<Vec<u8>, Error> {
        weights::to_bytes(&[(&self.architecture, &*self.weights()?)])
    }

    /// Everything that the next steps depend on, for a checkpoint.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn state(&self) -> Result<Vec<u8>, Error> {
        let state = match &self.backend {
            Backend::Cpu(learner) => learner.state(self.step),
            Backend::Tensor(learner) => learner.state(&self.architecture, self.step)?,
        };
        state::to_bytes(&self.architecture, &state)
    }

    /// Goes on from a state of [`Self::state`], of a learner for the same document and encoders.
    ///
    /// # Errors
    ///
    /// Bytes that are no state, or one of another network: nothing has changed then. A device that fails.
    pub fn restore_state(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let history = task_weights::history_len(&self.weighting, self.architecture.tasks.len());
        let state = state::from_bytes(&self.architecture, bytes, &self.fit, history)?;
        let step = state.step;
        match &mut self.backend {
            Backend::Cpu(learner) => learner.set_state(state),
            Backend::Tensor(learner) => learner.set_state(&self.architecture, &state)?,
        }
        self.step = step;
        Ok(())
    }

    /// The weights as they are now.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot(self.weights()?.into_owned()))
    }

    /// Goes back to earlier weights of this learner; optimizers and steps stay.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        match &mut self.backend {
            Backend::Cpu(learner) => learner.weights.clone_from(&snapshot.0),
            Backend::Tensor(learner) => learner.set_weights(&self.architecture, &snapshot.0)?,
        }
        Ok(())
    }

    fn weights(&self) -> Result<Cow<'_, Weights>, Error> {
        Ok(match &self.backend {
            Backend::Cpu(learner) => Cow::Borrowed(&learner.weights),
            Backend::Tensor(learner) => Cow::Owned(learner.weights(&self.architecture)?),
        })
    }
}

impl Course<'_> {
    /// What each task's loss counts.
    pub(crate) fn factors(&self, learned: &[f32]) -> Vec<f64> {
        (0..self.architecture.tasks.len()).map(|task| self.weighting.factor(task, learned[task])).collect()
    }

    /// The tasks' losses with their weighted sum and the joint losses', refused where one is no number.
    pub(crate) fn losses(
        &self,
        tasks: Vec<f64>,
        joint: f64,
        batch: &Batch,
        learned: &[f32],
    ) -> Result<StepLosses, Error> {
        let rows = batch.inputs.rows;
        let is_observed = |task| Rows::new(&batch.targets, task, rows, 0..rows).weight() > 0.0;
        let observed: Vec<bool> = (0..tasks.len()).map(is_observed).collect();
        let mut total = joint;
        for (task, &loss) in tasks.iter().enumerate().filter(|(task, _)| observed[*task]) {
            if !loss.is_finite() {
                let (task, step) = (self.architecture.tasks[task].0.clone(), self.step);
                return Err(Error::LossNotFinite { task, step, loss });
            }
            total += self.weighting.loss(task, learned[task], loss);
        }
        Ok(StepLosses { total, tasks, observed, gradient_norm: 0.0 })
    }

    /// What the dense optimizer is told, given the gradient's norm.
    pub(crate) fn dense_step(&self, norm: f64) -> Result<Step, Error> {
        if !norm.is_finite() {
            return Err(Error::GradientNotFinite { step: self.step, norm });
        }
        Ok(Step {
            index: self.step,
            rate_factor: schedule::factor(&self.fit.schedule, self.step, self.total_steps),
            gradient_scale: clip_scale(self.fit.clip_norm, norm),
        })
    }

    /// Whether this is the last step of an epoch, as far as the planned steps say.
    pub(crate) fn ends_epoch(&self) -> bool {
        let steps = (self.total_steps / u64::from(self.fit.epochs.max(1))).max(1);
        (self.step + 1).is_multiple_of(steps)
    }
}

#[cfg(test)]
mod tests;

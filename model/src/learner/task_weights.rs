//! The tasks' learned weights: a few numbers, in a host's memory on any device.

use spec::training::{Optimizer, TaskWeightRule};

use super::{Course, StepLosses};
use crate::kernel::memory::Aligned;
use crate::loss::weighting::dwa::{self, Losses};
use crate::loss::weighting::{Weighting, grad_norm, uncertainty_gradient};
use crate::network::Parameters;
use crate::optimize::dense::{DenseOptimizer, Step};

/// A number a task, learned by the document's optimizer (biases in its eyes, which do not decay) or set by a rule.
#[derive(Debug)]
pub(crate) struct LearnedTaskWeights {
    values: Aligned,
    optimizer: DenseOptimizer,
    tasks: usize,
    history: History,
}

/// What a rule remembers of earlier steps.
#[derive(Debug, Clone, PartialEq)]
enum History {
    None,
    /// Each task's first observed loss; NaN before it.
    First(Vec<f64>),
    Epochs(Vec<Losses>),
}

impl History {
    fn new(weighting: &Weighting, tasks: usize) -> Self {
        match weighting {
            Weighting::Rule(TaskWeightRule::Gradnorm) => Self::First(vec![f64::NAN; tasks]),
            Weighting::Rule(TaskWeightRule::Dwa) => Self::Epochs(vec![Losses::default(); tasks]),
            Weighting::Fixed(_) | Weighting::Rule(TaskWeightRule::Uncertainty | TaskWeightRule::Pcgrad) => Self::None,
        }
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Self::None => Vec::new(),
            Self::First(losses) => losses.clone(),
            Self::Epochs(tasks) => tasks.iter().flat_map(Losses::numbers).collect(),
        }
    }

    fn set(&mut self, numbers: &[f64]) {
        match self {
            Self::None => {}
            Self::First(losses) => losses.copy_from_slice(numbers),
            Self::Epochs(tasks) => {
                let (chunks, _) = numbers.as_chunks::<4>();
                tasks.iter_mut().zip(chunks).for_each(|(task, numbers)| *task = Losses::from_numbers(*numbers));
            }
        }
    }
}

/// How many numbers the history of a rule has.
pub(crate) fn history_len(weighting: &Weighting, tasks: usize) -> usize {
    History::new(weighting, tasks).numbers().len()
}

impl LearnedTaskWeights {
    pub(crate) fn new(optimizer: &Optimizer, weighting: &Weighting, tasks: usize) -> Self {
        let mut parameters = Parameters::default();
        parameters.block(1, tasks, false);
        let mut values = Aligned::zeros(parameters.len());
        values[..tasks].fill(weighting.start());
        let optimizer = DenseOptimizer::new(optimizer, &parameters.blocks);
        Self { values, optimizer, tasks, history: History::new(weighting, tasks) }
    }

    /// One a task.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values[..self.tasks]
    }

    /// Learns from a step's losses; `norms` are those of the tasks' weighted gradients by what they share, where they were
    /// taken apart.
    pub(crate) fn learn(&mut self, course: &Course<'_>, losses: &StepLosses, norms: &[f64], step: Step) {
        match course.weighting {
            Weighting::Fixed(_) => self.descend(&vec![0.0; self.tasks], step),
            Weighting::Rule(TaskWeightRule::Uncertainty) => {
                let of_task = |task: usize| uncertainty_gradient(self.values[task], losses.tasks[task]) as f32;
                // A batch that says nothing of a task leaves its weight alone.
                let gradient = (0..self.tasks).map(|task| if losses.observed[task] { of_task(task) } else { 0.0 });
                self.descend(&gradient.collect::<Vec<_>>(), step);
            }
            Weighting::Rule(TaskWeightRule::Gradnorm) => self.balance(losses, norms, step),
            Weighting::Rule(TaskWeightRule::Dwa) => self.average(losses, course.ends_epoch()),
            Weighting::Rule(TaskWeightRule::Pcgrad) => {}
        }
    }

    fn balance(&mut self, losses: &StepLosses, norms: &[f64], step: Step) {
        let History::First(first) = &mut self.history else { return };
        for (task, first) in first.iter_mut().enumerate().filter(|(task, _)| losses.observed[*task]) {
            *first = if first.is_nan() { losses.tasks[task] } else { *first };
        }
        let before = self.values[..self.tasks].to_vec();
        let gradient = grad_norm::gradient(&before, norms, &losses.tasks, first, &losses.observed);
        self.descend(&gradient, step);
        grad_norm::settle(&mut self.values[..self.tasks], &before, &losses.observed);
    }

    fn average(&mut self, losses: &StepLosses, ends_epoch: bool) {
        let History::Epochs(tasks) = &mut self.history else { return };
        for (task, of_task) in tasks.iter_mut().enumerate().filter(|(task, _)| losses.observed[*task]) {
            of_task.add(losses.tasks[task]);
        }
        if ends_epoch {
            let weights = dwa::turn(tasks);
            self.values[..self.tasks].copy_from_slice(&weights);
        }
    }

    /// One step against the gradient, one a task.
    fn descend(&mut self, gradient: &[f32], step: Step) {
        let mut padded = vec![0.0; self.values.len()];
        padded[..self.tasks].copy_from_slice(gradient);
        self.optimizer.step(&mut self.values, &padded, Step { gradient_scale: 1.0, ..step });
    }

    /// Values and moments.
    pub(crate) fn state(&self) -> [Vec<f32>; 3] {
        let learned = |numbers: &[f32]| numbers[..self.tasks.min(numbers.len())].to_vec();
        [learned(&self.values), learned(&self.optimizer.first), learned(&self.optimizer.second)]
    }

    /// What the rule remembers.
    pub(crate) fn history(&self) -> Vec<f64> {
        self.history.numbers()
    }

    /// Goes on from values, moments and what the rule remembers.
    pub(crate) fn set_state(&mut self, state: &[Vec<f32>; 3], history: &[f64]) {
        let places: [&mut [f32]; 3] = [&mut self.values, &mut self.optimizer.first, &mut self.optimizer.second];
        for (place, numbers) in places.into_iter().zip(state) {
            place[..numbers.len()].copy_from_slice(numbers);
        }
        self.history.set(history);
    }
}

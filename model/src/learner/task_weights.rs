//! The tasks' learned weights: a few numbers, in a host's memory on any device.

use spec::training::Optimizer;

use crate::kernel::memory::Aligned;
use crate::network::Parameters;
use crate::optimize::dense::{DenseOptimizer, Step};

/// A number a task, learned by the document's optimizer; biases in its eyes, which do not decay.
#[derive(Debug)]
pub(crate) struct LearnedTaskWeights {
    values: Aligned,
    optimizer: DenseOptimizer,
    tasks: usize,
}

impl LearnedTaskWeights {
    pub(crate) fn new(optimizer: &Optimizer, tasks: usize) -> Self {
        let mut parameters = Parameters::default();
        parameters.block(1, tasks, false);
        let values = Aligned::zeros(parameters.len());
        Self { values, optimizer: DenseOptimizer::new(optimizer, &parameters.blocks), tasks }
    }

    /// One a task.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values[..self.tasks]
    }

    /// One step against the gradient, one a task.
    pub(crate) fn step(&mut self, gradient: &[f32], step: Step) {
        let mut padded = vec![0.0; self.values.len()];
        padded[..self.tasks].copy_from_slice(gradient);
        self.optimizer.step(&mut self.values, &padded, Step { gradient_scale: 1.0, ..step });
    }

    /// Values and moments.
    pub(crate) fn state(&self) -> [Vec<f32>; 3] {
        let learned = |numbers: &[f32]| numbers[..self.tasks.min(numbers.len())].to_vec();
        [learned(&self.values), learned(&self.optimizer.first), learned(&self.optimizer.second)]
    }

    /// Goes on from values and moments.
    pub(crate) fn set_state(&mut self, state: &[Vec<f32>; 3]) {
        let places: [&mut [f32]; 3] = [&mut self.values, &mut self.optimizer.first, &mut self.optimizer.second];
        for (place, numbers) in places.into_iter().zip(state) {
            place[..numbers.len()].copy_from_slice(numbers);
        }
    }
}

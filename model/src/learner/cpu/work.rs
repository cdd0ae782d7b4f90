//! Forward and back over a lane of rows, block by block, on one thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LaneLosses;
use super::gradients::LaneInput;
use super::lanes::Lane;
use crate::architecture::Architecture;
use crate::attention::StepGradients;
use crate::cpu::{Activations, BLOCK, Gradients, Into, Model};
use crate::embedding::gather;
use crate::error::Error;
use crate::input::Batch;
use crate::kernel::product::Write;
use crate::layers::{Dropout, INPUT};
use crate::loss::joint::JointRows;
use crate::loss::{LossSums, Objective, Rows};

/// What one thread works with.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) activations: Activations,
    gradients: Gradients,
}

impl Worker {
    pub(super) fn new(architecture: &Architecture) -> Self {
        Self { activations: Activations::new(architecture), gradients: Gradients::new(architecture) }
    }
}

/// What all lanes of a pass share.
pub(super) struct Work<'a> {
    pub(super) architecture: &'a Architecture,
    pub(super) model: Model<'a>,
    pub(super) batch: &'a Batch,
    pub(super) dropout: Dropout,
    /// The batch's task that the architecture's first one is.
    pub(super) first_task: usize,
    /// For each task, what it learns by.
    pub(super) objectives: &'a [Objective],
    /// For each task, the sums over the whole batch as far as they are known before the step.
    pub(super) known: &'a [LossSums],
    /// For each task, what its loss counts in the whole.
    pub(super) factors: &'a [f64],
    /// For each joint loss, the weight of the rows that it is a mean over.
    pub(super) totals: &'a [f64],
}

impl Work<'_> {
    /// The lane's losses; its gradients are written where the lane says.
    pub(super) fn run(&self, worker: &mut Worker, mut lane: Lane<'_>) -> Result<LaneLosses, Error> {
        let (architecture, batch) = (self.architecture, self.batch);
        let stride = architecture.graph.buffers[INPUT].stride;
        gather::check_ids(&architecture.layout, &batch.inputs, lane.rows.clone())?;
        let mut losses = LaneLosses { tasks: vec![LossSums::default(); self.objectives.len()], joint: 0.0 };
        let mut write = Write::Over;
        for start in lane.rows.clone().step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(lane.rows.end);
            let Worker { activations, gradients } = &mut *worker;
            let dropout = Dropout { first_row: start, ..self.dropout };
            activations.forward(architecture, self.model, &batch.inputs, rows.clone(), Some(dropout));
            for (task, sums) in losses.tasks.iter_mut().enumerate() {
                let targets = Rows::new(&batch.targets, self.first_task + task, batch.inputs.rows, rows.clone());
                sums.add(&targets.gradient(
                    self.objectives[task],
                    &self.known[task],
                    self.factors[task],
                    &activations.head(architecture, task),
                    &mut gradients.head(architecture, task),
                ));
            }
            let joint = JointRows { batch, rows: rows.clone() };
            losses.joint += gradients.add_joint(architecture, activations, &joint, self.totals).iter().sum::<f64>();
            let LaneInput { x, steps } = &mut lane.input;
            let input = &mut x[(start - lane.rows.start) * stride..];
            let into = Into { dense: &mut *lane.gradient, write, input: &mut *input };
            gradients.backward(architecture, self.model.dense, activations, rows.len(), into);
            let (inputs, tables, first_row) = (&batch.inputs, self.model.tables, lane.rows.start);
            let mut steps = StepGradients { bags: &mut steps[..], first_row, inputs, tables };
            let into = Into { dense: &mut *lane.gradient, write, input };
            gradients.attend(architecture, self.model.dense, activations, into, &mut steps);
            write = Write::Add;
        }
        Ok(losses)
    }
}

/// The calling thread's memory; jobs run on the pool's threads, one at a time each.
pub(super) fn worker(workers: &[Mutex<Worker>]) -> MutexGuard<'_, Worker> {
    let index = rayon::current_thread_index().unwrap_or_default();
    workers[index].lock().unwrap_or_else(PoisonError::into_inner)
}

//! Training on a CPU: fixed lanes of rows in parallel, one thread each, then the updates in parallel.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use spec::training::Fit;

use super::task_weights::LearnedTaskWeights;
use super::{Course, Outputs, StepLosses};
use crate::architecture::Architecture;
use crate::cpu::{Activations, BLOCK, Gradients, Into, Weights};
use crate::embedding::update::{InputGradient, RowwiseAdagrad};
use crate::embedding::{VECTOR, gather};
use crate::error::Error;
use crate::input::{Batch, Inputs};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;
use crate::layers::{Dropout, INPUT};
use crate::loss::joint::JointRows;
use crate::loss::{LossSums, Rows, targets};
use crate::optimize::dense::DenseOptimizer;
use crate::weights::state::State;

/// Parts of a batch that are summed up apart from each other: at most as many threads work on a step, and the sums do
/// not depend on how many do.
const LANES: usize = 16;

/// A model in training on a CPU.
#[derive(Debug)]
pub(crate) struct CpuLearner {
    pub(crate) weights: Weights,
    pub(crate) dense: DenseOptimizer,
    pub(crate) tables: RowwiseAdagrad,
    pub(crate) task_weights: LearnedTaskWeights,
    pool: ThreadPool,
    workers: Vec<Mutex<Worker>>,
    lanes: Vec<Aligned>,
    input_gradient: Aligned,
}

/// What one thread works with.
#[derive(Debug)]
struct Worker {
    activations: Activations,
    gradients: Gradients,
}

/// One lane's part of a step.
struct Lane<'a> {
    rows: Range<usize>,
    gradient: &'a mut Aligned,
    input: &'a mut [f32],
}

/// What all lanes of a step share.
struct Work<'a> {
    architecture: &'a Architecture,
    weights: &'a Weights,
    workers: &'a [Mutex<Worker>],
    batch: &'a Batch,
    dropout: Dropout,
    /// For each task, the sums over the whole batch as far as they are known before the step.
    known: &'a [LossSums],
    /// For each task, what its loss counts in the whole.
    factors: &'a [f64],
    /// For each joint loss, the weight of the rows that it is a mean over.
    totals: &'a [f64],
}

/// What a lane's rows lose.
struct LaneLosses {
    tasks: Vec<LossSums>,
    joint: f64,
}

impl CpuLearner {
    pub(crate) fn new(architecture: &Architecture, fit: &Fit, threads: usize) -> Result<Self, Error> {
        let build =
            ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|index| format!("learner-{index}"));
        let pool = build.build().map_err(|source| Error::Threads { source })?;
        let worker = |_| {
            Mutex::new(Worker { activations: Activations::new(architecture), gradients: Gradients::new(architecture) })
        };
        let blocks = &architecture.graph.parameters.blocks;
        Ok(Self {
            weights: Weights::initial(architecture, fit.seed),
            dense: DenseOptimizer::new(&fit.optimizer, blocks),
            tables: RowwiseAdagrad::new(&architecture.layout),
            task_weights: LearnedTaskWeights::new(&fit.optimizer, architecture.tasks.len()),
            workers: (0..pool.current_num_threads()).map(worker).collect(),
            pool,
            lanes: Vec::new(),
            input_gradient: Aligned::zeros(0),
        })
    }

    /// One step; nothing changes where it fails.
    pub(crate) fn step(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        batch: &Batch,
    ) -> Result<StepLosses, Error> {
        gather::check_shape(&architecture.layout, &batch.inputs)?;
        targets::check(&architecture.tasks, &batch.targets, batch.inputs.rows)?;
        let lanes = lanes(batch.inputs.rows);
        self.make_room(architecture, &lanes, batch.inputs.rows);
        let factors = course.factors(self.task_weights.values());
        let dropout = Dropout { seed: course.fit.seed, step: course.step, first_row: 0 };
        let known = self.known_sums(architecture, batch, dropout)?;
        let joints = architecture.graph.joints.iter();
        let totals: Vec<f64> = joints.map(|joint| joint.total_weight(&batch.targets, batch.inputs.rows)).collect();
        let stride = architecture.graph.buffers[INPUT].stride;
        let work = Work {
            architecture,
            weights: &self.weights,
            workers: &self.workers,
            batch,
            dropout,
            known: &known,
            factors: &factors,
            totals: &totals,
        };
        let parts = split_lanes(&lanes, &mut self.lanes, &mut self.input_gradient, stride);
        let run = |lane: Lane<'_>| work.run(lane, stride);
        let losses: Vec<_> = self.pool.install(|| parts.into_par_iter().with_max_len(1).map(run).collect());
        let LaneLosses { tasks, joint } = add_lanes(losses, architecture.tasks.len())?;
        let losses: Vec<f64> = tasks.iter().zip(&architecture.objectives).map(|(sums, o)| sums.value(*o)).collect();
        let losses = course.losses(losses, joint, batch, self.task_weights.values())?;
        self.update(architecture, course, batch, losses, lanes.len())
    }

    fn update(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        batch: &Batch,
        mut losses: StepLosses,
        lanes: usize,
    ) -> Result<StepLosses, Error> {
        let Self { weights, dense, tables, pool, lanes: gradients, .. } = self;
        let gradients = &mut gradients[..lanes];
        losses.gradient_norm = pool.install(|| dense.sum_lanes(gradients)).sqrt();
        let step = course.dense_step(losses.gradient_norm)?;
        let rate = (course.fit.embeddings.learning_rate * step.rate_factor) as f32;
        let stride = architecture.graph.buffers[INPUT].stride;
        let gradient = InputGradient { numbers: &self.input_gradient, stride };
        pool.install(|| {
            if let Some(total) = gradients.first() {
                dense.step(&mut weights.dense, total, step);
            }
            tables.step(&architecture.layout, &mut weights.tables, &batch.inputs, gradient, rate);
        });
        let by_task_weights = course.task_weight_gradient(&losses, self.task_weights.values());
        self.task_weights.step(&by_task_weights, step);
        Ok(losses)
    }

    /// For each task the sums that its gradient needs before the backward pass: the rows' weight, and for losses that
    /// look at the whole batch the sums themselves, from a forward pass of their own.
    fn known_sums(&self, architecture: &Architecture, batch: &Batch, dropout: Dropout) -> Result<Vec<LossSums>, Error> {
        let rows = batch.inputs.rows;
        let of_task = |task| LossSums::of_weight(Rows::new(&batch.targets, task, rows, 0..rows).weight());
        let mut known: Vec<LossSums> = (0..architecture.tasks.len()).map(of_task).collect();
        if architecture.objectives.iter().any(|objective| objective.needs_whole_batch()) {
            let sums = self.sums(architecture, batch, Some(dropout), None)?;
            for ((known, sums), objective) in known.iter_mut().zip(sums).zip(&architecture.objectives) {
                if objective.needs_whole_batch() {
                    *known = sums;
                }
            }
        }
        Ok(known)
    }

    /// A forward pass over a checked batch: its losses' sums, and predictions where asked for.
    fn sums(
        &self,
        architecture: &Architecture,
        batch: &Batch,
        dropout: Option<Dropout>,
        outputs: Option<&mut Outputs>,
    ) -> Result<Vec<LossSums>, Error> {
        let tasks = architecture.tasks.len();
        let rows = batch.inputs.rows;
        let run = |(block, mut predictions): (Range<usize>, Vec<&mut [f32]>)| {
            let activations = &mut self.worker().activations;
            gather::check_ids(&architecture.layout, &batch.inputs, block.clone())?;
            let dropout = dropout.map(|dropout| Dropout { first_row: block.start, ..dropout });
            activations.forward(architecture, self.weights.unpacked(), &batch.inputs, block.clone(), dropout);
            for (task, predictions) in predictions.iter_mut().enumerate() {
                activations.predict(architecture, task, predictions);
            }
            let sums = |task| {
                let targets = Rows::new(&batch.targets, task, rows, block.clone());
                targets.sums(architecture.objectives[task], &activations.head(architecture, task))
            };
            Ok(LaneLosses { tasks: (0..tasks).map(sums).collect(), joint: 0.0 })
        };
        let blocks = with_outputs(rows, outputs);
        let losses: Vec<_> = self.pool.install(|| blocks.into_par_iter().with_max_len(1).map(run).collect());
        Ok(add_lanes(losses, tasks)?.tasks)
    }

    /// Losses of a batch as the model is now, and its predictions.
    pub(crate) fn evaluate(
        &self,
        architecture: &Architecture,
        batch: &Batch,
        outputs: &mut Outputs,
    ) -> Result<Vec<LossSums>, Error> {
        gather::check_shape(&architecture.layout, &batch.inputs)?;
        targets::check(&architecture.tasks, &batch.targets, batch.inputs.rows)?;
        outputs.reset(architecture.tasks.len(), batch.inputs.rows);
        self.sums(architecture, batch, None, Some(outputs))
    }

    /// Predictions as the model is now.
    pub(crate) fn predict(
        &self,
        architecture: &Architecture,
        inputs: &Inputs,
        outputs: &mut Outputs,
    ) -> Result<(), Error> {
        gather::check_shape(&architecture.layout, inputs)?;
        outputs.reset(architecture.tasks.len(), inputs.rows);
        let run = |(block, mut predictions): (Range<usize>, Vec<&mut [f32]>)| {
            gather::check_ids(&architecture.layout, inputs, block.clone())?;
            let activations = &mut self.worker().activations;
            activations.forward(architecture, self.weights.unpacked(), inputs, block, None);
            for (task, predictions) in predictions.iter_mut().enumerate() {
                activations.predict(architecture, task, predictions);
            }
            Ok(())
        };
        let blocks = with_outputs(inputs.rows, Some(outputs));
        self.pool.install(|| blocks.into_par_iter().with_max_len(1).try_for_each(run))
    }

    /// All that is learned.
    pub(crate) fn state(&self, step: u64) -> State<'_> {
        State {
            step,
            weights: Cow::Borrowed(&self.weights),
            first: Cow::Borrowed(&self.dense.first),
            second: Cow::Borrowed(&self.dense.second),
            sums: Cow::Borrowed(&self.tables.sums),
            task_weights: self.task_weights.state(),
        }
    }

    /// Goes on from a state.
    pub(crate) fn set_state(&mut self, state: State<'_>) {
        self.weights = state.weights.into_owned();
        (self.dense.first, self.dense.second) = (state.first.into_owned(), state.second.into_owned());
        self.tables.sums = state.sums.into_owned();
        self.task_weights.set_state(&state.task_weights);
    }

    fn worker(&self) -> MutexGuard<'_, Worker> {
        worker(&self.workers)
    }

    fn make_room(&mut self, architecture: &Architecture, lanes: &[Range<usize>], rows: usize) {
        let len = architecture.graph.parameters.len();
        while self.lanes.len() < lanes.len() {
            self.lanes.push(Aligned::zeros(len));
        }
        let needed = rows * architecture.graph.buffers[INPUT].stride + VECTOR;
        if self.input_gradient.len() < needed {
            self.input_gradient = Aligned::zeros(needed);
        }
    }
}

impl Work<'_> {
    fn run(&self, lane: Lane<'_>, stride: usize) -> Result<LaneLosses, Error> {
        let (architecture, batch) = (self.architecture, self.batch);
        gather::check_ids(&architecture.layout, &batch.inputs, lane.rows.clone())?;
        let mut worker = worker(self.workers);
        let mut losses = LaneLosses { tasks: vec![LossSums::default(); architecture.tasks.len()], joint: 0.0 };
        let mut write = Write::Over;
        for start in lane.rows.clone().step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(lane.rows.end);
            let Worker { activations, gradients } = &mut *worker;
            let dropout = Dropout { first_row: start, ..self.dropout };
            activations.forward(architecture, self.weights.unpacked(), &batch.inputs, rows.clone(), Some(dropout));
            for (task, sums) in losses.tasks.iter_mut().enumerate() {
                let targets = Rows::new(&batch.targets, task, batch.inputs.rows, rows.clone());
                sums.add(&targets.gradient(
                    architecture.objectives[task],
                    &self.known[task],
                    self.factors[task],
                    &activations.head(architecture, task),
                    &mut gradients.head(architecture, task),
                ));
            }
            let joint = JointRows { targets: &batch.targets, batch_rows: batch.inputs.rows, rows: rows.clone() };
            losses.joint += gradients.add_joint(architecture, activations, &joint, self.totals).iter().sum::<f64>();
            let input = &mut lane.input[(start - lane.rows.start) * stride..];
            let into = Into { dense: lane.gradient, write, input };
            gradients.backward(architecture, self.weights, activations, rows.len(), into);
            write = Write::Add;
        }
        Ok(losses)
    }
}

/// The calling thread's memory; jobs run on the pool's threads, one at a time each.
fn worker(workers: &[Mutex<Worker>]) -> MutexGuard<'_, Worker> {
    let index = rayon::current_thread_index().unwrap_or_default();
    workers[index].lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rows of each lane: whole blocks, spread evenly.
fn lanes(rows: usize) -> Vec<Range<usize>> {
    let blocks = rows.div_ceil(BLOCK);
    let lanes = blocks.min(LANES);
    let start = |lane: usize| (blocks * lane / lanes.max(1) * BLOCK).min(rows);
    (0..lanes).map(|lane| start(lane)..start(lane + 1)).collect()
}

fn split_lanes<'a>(
    lanes: &[Range<usize>],
    gradients: &'a mut [Aligned],
    input: &'a mut [f32],
    stride: usize,
) -> Vec<Lane<'a>> {
    let mut rest = input;
    let mut lane = |(rows, gradient): (&Range<usize>, &'a mut Aligned)| {
        let (own, later) = std::mem::take(&mut rest).split_at_mut(rows.len() * stride);
        rest = later;
        Lane { rows: rows.clone(), gradient, input: own }
    };
    lanes.iter().zip(gradients).map(&mut lane).collect()
}

/// The blocks of a batch, each with its part of every task's predictions.
fn with_outputs(rows: usize, outputs: Option<&mut Outputs>) -> Vec<(Range<usize>, Vec<&mut [f32]>)> {
    let blocks = (0..rows).step_by(BLOCK).map(|start| (start..(start + BLOCK).min(rows), Vec::new()));
    let mut blocks: Vec<(Range<usize>, Vec<&mut [f32]>)> = blocks.collect();
    for task in outputs.into_iter().flat_map(|outputs| &mut outputs.tasks) {
        for ((_, parts), part) in blocks.iter_mut().zip(task.chunks_mut(BLOCK)) {
            parts.push(part);
        }
    }
    blocks
}

/// Sums in the lanes' order; the first lane's error, if there is one.
fn add_lanes(lanes: Vec<Result<LaneLosses, Error>>, tasks: usize) -> Result<LaneLosses, Error> {
    let mut total = LaneLosses { tasks: vec![LossSums::default(); tasks], joint: 0.0 };
    for lane in lanes {
        let lane = lane?;
        total.tasks.iter_mut().zip(&lane.tasks).for_each(|(total, sums)| total.add(sums));
        total.joint += lane.joint;
    }
    Ok(total)
}

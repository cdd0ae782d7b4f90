//! Training on a CPU: fixed lanes of rows in parallel, one thread each, then the updates in parallel.

mod apart;
mod campaigns;
pub(super) mod fine_tuning;
mod gradients;
mod lanes;
mod work;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use spec::training::Fit;

use campaigns::CampaignLanes;
use gradients::InputGradients;
use lanes::{Lane, add_lanes, lanes, split_lanes, with_outputs};
use work::{Work, Worker, worker};

use super::shared::shared_weights;
use super::task_weights::LearnedTaskWeights;
use super::{Course, Outputs, StepLosses};
use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::embedding::gather;
use crate::embedding::update::TableOptimizer;
use crate::error::Error;
use crate::input::{Batch, Inputs};
use crate::kernel::memory::Aligned;
use crate::layers::Dropout;
use crate::loss::weighting::Weighting;
use crate::loss::{LossSums, Rows};
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
    pub(crate) tables: TableOptimizer,
    pub(crate) task_weights: LearnedTaskWeights,
    pool: ThreadPool,
    workers: Vec<Mutex<Worker>>,
    lanes: Vec<Aligned>,
    input: InputGradients,
    campaigns: CampaignLanes,
    /// 1 for each dense weight that tasks share; empty where nobody asks.
    shared: Vec<f32>,
}

/// What rows lose.
#[derive(Default)]
struct LaneLosses {
    tasks: Vec<LossSums>,
    joint: f64,
}

/// What all passes of a step go over.
#[derive(Clone, Copy)]
struct Pass<'a> {
    batch: &'a Batch,
    dropout: Dropout,
    /// For each task, the sums over the whole batch as far as they are known before the step.
    known: &'a [LossSums],
    /// The rows of each lane.
    lanes: &'a [Range<usize>],
}

/// What losses count in a pass.
#[derive(Clone, Copy)]
struct Counts<'a> {
    /// For each task, what its loss counts.
    factors: &'a [f64],
    /// For each joint loss, the weight of the rows that it is a mean over; 0 leaves it out.
    totals: &'a [f64],
}

/// What the passes of a step found, beside gradients.
struct Found {
    losses: LaneLosses,
    /// How many lanes hold the gradient that is gone down, as their sum.
    lanes: usize,
    /// Of each task's weighted gradient by what tasks share; empty where they were not taken apart.
    norms: Vec<f64>,
}

impl CpuLearner {
    pub(crate) fn new(architecture: &Architecture, fit: &Fit, threads: usize) -> Result<Self, Error> {
        let build =
            ThreadPoolBuilder::new().num_threads(threads.max(1)).thread_name(|index| format!("learner-{index}"));
        let pool = build.build().map_err(|source| Error::Threads { source })?;
        let worker = |_| Mutex::new(Worker::new(architecture));
        let blocks = &architecture.graph.parameters.blocks;
        let weighting = Weighting::of(&fit.task_weights, architecture.tasks.iter().map(|(task, _)| task));
        Ok(Self {
            weights: Weights::initial(architecture, fit.seed),
            dense: DenseOptimizer::new(&fit.optimizer, blocks),
            tables: TableOptimizer::new(&architecture.layout, &fit.embeddings),
            task_weights: LearnedTaskWeights::new(&fit.optimizer, &weighting, architecture.tasks.len()),
            shared: if weighting.takes_tasks_apart() { shared_weights(architecture) } else { Vec::new() },
            workers: (0..pool.current_num_threads()).map(worker).collect(),
            campaigns: CampaignLanes::new(architecture, pool.current_num_threads()),
            pool,
            lanes: Vec::new(),
            input: InputGradients::default(),
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
        architecture.check(&batch.targets, batch.inputs.rows)?;
        let lanes = lanes(batch.inputs.rows);
        self.make_room(architecture, &lanes, &batch.inputs);
        let factors = course.factors(self.task_weights.values());
        let dropout = Dropout { seed: course.fit.seed, step: course.step, first_row: 0 };
        let totals: Vec<f64> = architecture.graph.joints.iter().map(|joint| joint.total_weight(batch)).collect();
        let counts = Counts { factors: &factors, totals: &totals };
        let found = if let Some(campaign) = architecture.campaign.as_ref().filter(|_| !lanes.is_empty()) {
            let pass = Pass { batch, dropout, known: &[], lanes: &lanes };
            self.campaigns((architecture, campaign), pass, &factors)?
        } else {
            let known = self.known_sums(architecture, batch, dropout)?;
            let pass = Pass { batch, dropout, known: &known, lanes: &lanes };
            match course.weighting.takes_tasks_apart() && !lanes.is_empty() {
                true => self.apart(architecture, course, pass, counts)?,
                false => {
                    Found { losses: self.pass(architecture, pass, counts)?, lanes: lanes.len(), norms: Vec::new() }
                }
            }
        };
        let LaneLosses { tasks, joint } = &found.losses;
        let values = tasks.iter().zip(&architecture.objectives).map(|(sums, o)| sums.value(*o));
        let losses = course.losses(values.collect(), *joint, batch, self.task_weights.values())?;
        self.update(architecture, course, batch, losses, &found)
    }

    /// Forward and back over a batch: each lane's gradient of the losses times their factors, and the losses' sums.
    fn pass(&mut self, architecture: &Architecture, pass: Pass<'_>, counts: Counts<'_>) -> Result<LaneLosses, Error> {
        let Pass { batch, dropout, known, lanes } = pass;
        let Counts { factors, totals } = counts;
        let (model, workers, objectives) = (self.weights.unpacked(), &self.workers[..], &architecture.objectives[..]);
        let work = Work { architecture, model, batch, dropout, first_task: 0, objectives, known, factors, totals };
        let parts = split_lanes(lanes, &mut self.lanes, &mut self.input, &batch.inputs);
        let run = |lane: Lane<'_>| work.run(&mut worker(workers), lane);
        let losses: Vec<_> = self.pool.install(|| parts.into_par_iter().with_max_len(1).map(run).collect());
        add_lanes(losses, architecture.tasks.len())
    }

    fn update(
        &mut self,
        architecture: &Architecture,
        course: &Course<'_>,
        batch: &Batch,
        mut losses: StepLosses,
        found: &Found,
    ) -> Result<StepLosses, Error> {
        let Self { weights, dense, tables, pool, lanes: gradients, .. } = self;
        let gradients = &mut gradients[..found.lanes];
        losses.gradient_norm = pool.install(|| dense.sum_lanes(gradients)).sqrt();
        let step = course.dense_step(losses.gradient_norm)?;
        let gradient = self.input.view();
        pool.install(|| {
            if let Some(total) = gradients.first() {
                dense.step(&mut weights.dense, total, step);
            }
            tables.step(&architecture.layout, &mut weights.tables, &batch.inputs, gradient, step);
        });
        self.task_weights.learn(course, &losses, &found.norms, step);
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
        architecture.check(&batch.targets, batch.inputs.rows)?;
        outputs.reset(architecture.output_widths(), batch.inputs.rows);
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
        outputs.reset(architecture.output_widths(), inputs.rows);
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
            rows: Cow::Borrowed(&self.tables.states),
            task_weights: self.task_weights.state(),
            history: self.task_weights.history(),
        }
    }

    /// Goes on from a state.
    pub(crate) fn set_state(&mut self, state: State<'_>) {
        self.weights = state.weights.into_owned();
        (self.dense.first, self.dense.second) = (state.first.into_owned(), state.second.into_owned());
        self.tables.states = state.rows.into_owned();
        self.task_weights.set_state(&state.task_weights, &state.history);
    }

    fn worker(&self) -> MutexGuard<'_, Worker> {
        worker(&self.workers)
    }

    fn make_room(&mut self, architecture: &Architecture, lanes: &[Range<usize>], inputs: &Inputs) {
        let len = architecture.graph.parameters.len();
        while self.lanes.len() < lanes.len().max(self.campaigns.len()) {
            self.lanes.push(Aligned::zeros(len));
        }
        self.input.make_room(architecture, inputs);
    }
}

//! Meta-training of the first order (Finn, Model-Agnostic Meta-Learning, ICML 2017, without second derivatives; of campaigns Zhu,
//! KDD 2021). With `φ` all dense weights that campaign `t` of `T` has, and `S`, `Q` the first and the second half of a batch:
//!
//! `φ_t = φ - α·∇L_t(φ; S)`, and the step goes down `1/T · Σ_t w_t·∇L_t(φ_t; Q)`, `w_t` being what the task counts.
//!
//! The step of a campaign's own leaves the embedding tables alone; the gradient after it reaches them. Losses are those after it.
//! A campaign goes through the network of one campaign on one thread; campaigns are summed in fixed lanes.

use std::ops::Range;
use std::sync::Mutex;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::gradients::InputGradients;
use super::lanes::Lane;
use super::work::{Work, Worker, worker};
use super::{CpuLearner, Found, LaneLosses, Pass};
use crate::architecture::{Architecture, Campaign};
use crate::cpu::{BLOCK, Model, Weights};
use crate::error::Error;
use crate::kernel::memory::Aligned;
use crate::layers::Dropout;
use crate::loss::{LossSums, Rows};

/// Campaigns that are summed up apart from each other.
const LANES: usize = 8;

/// What the campaigns' lanes work with; kept from step to step.
#[derive(Debug, Default)]
pub(super) struct CampaignLanes {
    /// One a thread.
    workers: Vec<Mutex<Worker>>,
    lanes: Vec<CampaignLane>,
}

#[derive(Debug, Default)]
struct CampaignLane {
    /// By a campaign's own weights.
    by_own: Aligned,
    /// By what a pass of a campaign reads, and the sum over the lane's campaigns.
    passed: InputGradients,
    sum: InputGradients,
}

/// What all campaigns of a step share.
struct Learning<'a> {
    architecture: &'a Architecture,
    campaign: &'a Campaign,
    weights: &'a Weights,
    workers: &'a [Mutex<Worker>],
    pass: Pass<'a>,
    factors: &'a [f64],
    /// The rows of a campaign's own step, and those of the gradient after it.
    halves: [Range<usize>; 2],
}

impl CampaignLanes {
    pub(super) fn new(architecture: &Architecture, threads: usize) -> Self {
        let Some(campaign) = &architecture.campaign else { return Self::default() };
        let worker = |_| Mutex::new(Worker::new(&campaign.network));
        let lane = || CampaignLane { by_own: campaign.zeros(), ..CampaignLane::default() };
        let lanes = architecture.tasks.len().min(LANES);
        Self { workers: (0..threads).map(worker).collect(), lanes: (0..lanes).map(|_| lane()).collect() }
    }

    /// How many lanes there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }
}

impl CpuLearner {
    /// Each campaign's gradient after its own step. What is gone down is left in as many lanes as there are of campaigns, and
    /// with the embeddings' in the input's gradient. There are rows.
    pub(super) fn campaigns(
        &mut self,
        (architecture, campaign): (&Architecture, &Campaign),
        pass: Pass<'_>,
        factors: &[f64],
    ) -> Result<Found, Error> {
        let Self { weights, pool, campaigns, lanes: sums, input, .. } = self;
        let CampaignLanes { workers, lanes } = campaigns;
        let rows = pass.batch.inputs.rows;
        let halves = [0..rows / 2, rows / 2..rows];
        let learning = Learning { architecture, campaign, weights, workers, pass, factors, halves };
        let count = lanes.len();
        let run = |(first, (lane, sum)): (usize, (&mut CampaignLane, &mut Aligned))| {
            lane.clear(architecture, pass);
            sum.fill(0.0);
            let tasks = (first..factors.len()).step_by(count);
            tasks.map(|task| Ok((task, learning.learn(task, lane, sum)?))).collect::<Result<Vec<_>, Error>>()
        };
        let work = lanes.par_iter_mut().zip(&mut sums[..count]).enumerate().with_max_len(1).map(run);
        let learned: Vec<Result<Vec<(usize, LossSums)>, Error>> = pool.install(|| work.collect());
        let mut losses = LaneLosses { tasks: vec![LossSums::default(); factors.len()], joint: 0.0 };
        for lane in learned {
            lane?.into_iter().for_each(|(task, of_task)| losses.tasks[task] = of_task);
        }
        input.clear();
        lanes.iter().for_each(|lane| input.add(&lane.sum));
        Ok(Found { losses, lanes: count, norms: Vec::new() })
    }
}

impl CampaignLane {
    fn clear(&mut self, architecture: &Architecture, pass: Pass<'_>) {
        self.passed.make_room(architecture, &pass.batch.inputs);
        self.sum.make_room(architecture, &pass.batch.inputs);
        self.sum.clear();
    }
}

impl Learning<'_> {
    /// Adds a campaign's gradients to its lane's, and gives its loss after its own step.
    fn learn(&self, task: usize, lane: &mut CampaignLane, sum: &mut Aligned) -> Result<LossSums, Error> {
        let mut own = self.campaign.take(self.architecture, &self.weights.dense, task);
        let CampaignLane { by_own, passed, sum: by_input } = lane;
        let [support, query] = [0, 1];
        if !self.halves[support].is_empty() {
            self.descend(task, &own, (support, 1.0), by_own, passed)?;
            self.campaign.step(&mut own, by_own);
        }
        let share = self.factors[task] / self.factors.len() as f64;
        let losses = self.descend(task, &own, (query, share), by_own, passed)?;
        self.campaign.add(self.architecture, by_own, task, sum);
        by_input.add_lane(passed, &self.halves, query, &self.pass.batch.inputs);
        Ok(losses)
    }

    /// The gradient of a campaign's loss over half of the rows, times `share`.
    fn descend(
        &self,
        task: usize,
        own: &Aligned,
        (half, share): (usize, f64),
        by_own: &mut Aligned,
        by_input: &mut InputGradients,
    ) -> Result<LossSums, Error> {
        let Pass { batch, dropout, .. } = self.pass;
        let rows = self.halves[half].clone();
        let model = Model { dense: own, tables: &self.weights.tables, packed: &[] };
        let mut worker = worker(self.workers);
        let known = [self.known(&mut worker, model, task, rows.clone())];
        let work = Work {
            architecture: &self.campaign.network,
            model,
            batch,
            dropout,
            first_task: task,
            objectives: &self.architecture.objectives[task..=task],
            known: &known,
            factors: &[share],
            totals: &[],
        };
        let input = by_input.split(&self.halves, &batch.inputs).swap_remove(half);
        let found = work.run(&mut worker, Lane { rows, gradient: by_own, input })?;
        Ok(found.tasks[0])
    }

    /// The sums that a campaign's gradient over some rows needs before the pass back.
    fn known(&self, worker: &mut Worker, model: Model<'_>, task: usize, rows: Range<usize>) -> LossSums {
        let Pass { batch, dropout, .. } = self.pass;
        let (objective, network) = (self.architecture.objectives[task], &self.campaign.network);
        let of = |rows: Range<usize>| Rows::new(&batch.targets, task, batch.inputs.rows, rows);
        if !objective.needs_whole_batch() {
            return LossSums::of_weight(of(rows).weight());
        }
        let mut sums = LossSums::default();
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let dropout = Dropout { first_row: start, ..dropout };
            worker.activations.forward(network, model, &batch.inputs, block.clone(), Some(dropout));
            sums.add(&of(block).sums(objective, &worker.activations.head(network, 0)));
        }
        sums
    }
}

#[cfg(test)]
mod tests;

//! The computing part of a training: encoders, weights, calibration, measures. Blocking, on a thread of its own.

use arrow::datatypes::SchemaRef;
use feed::Table;
use indexmap::IndexMap;
use model::calibrate::{Calibrator, ModelCalibration};
use model::drift::Distributions;
use model::input::Inputs;
use model::learner::{Learner, LearnerOptions, Members, TargetStatistics};
use model::measure::{ModelMetrics, TaskKind, TaskMetrics};
use model::outputs::Outputs;
use spec::{Network, TaskName, TrainingSpec};
use tokio::runtime::Handle;
use worker::{Cancel, Progress};

use crate::columns;
use crate::comparison::comparisons;
use crate::epochs::{self, Title};
use crate::error::{Result, TrainerError};
use crate::evaluation::{CalibratedEvaluation, Evaluation};
use crate::importance::importance;
use crate::prior;
use crate::production::Production;
use crate::reference::OutputCounts;
use crate::report::Timeline;
use crate::rows::{Part, Rows, labels, measured};
use crate::seeds::SeedLists;
use crate::slices::slices;
use crate::train::StoredMetrics;

/// Batches whose labels decide where the heads' biases start, and whose items how often each is drawn.
const STATISTICS_BATCHES: usize = 256;

/// A fitted model with its measures.
pub(crate) struct FittedModel {
    /// The rows it was fitted on, with their encoders.
    pub rows: Rows,
    /// Weights as safetensors.
    pub weights: Vec<u8>,
    /// How probabilities are put right.
    pub calibration: ModelCalibration,
    /// All measures.
    pub stored: StoredMetrics,
    /// What the training looked like.
    pub reference: Distributions,
}

/// What is fitted, to what.
pub(crate) struct Fitting {
    /// The document with a task for each seed list.
    pub(crate) spec: TrainingSpec,
    pub(crate) table: Table,
    pub(crate) seeds: SeedLists,
    /// The examples'.
    pub(crate) columns: SchemaRef,
    /// The version in production, to be compared with.
    pub(crate) production: Option<Production>,
    pub(crate) threads: usize,
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
    pub(crate) runtime: Handle,
}

impl Fitting {
    /// Fits the encoders, the network and what it is compared with, and measures them.
    ///
    /// # Errors
    ///
    /// What is wrong with the rows or the network, by name and place; [`TrainerError::Cancelled`].
    pub(crate) fn fit(self) -> Result<FittedModel> {
        self.progress.phase("fit encoders", "rows", None);
        columns::check(&self.spec, &self.columns)?;
        let labels = labels(&self.spec, &self.seeds, &self.columns)?;
        let rows = Rows::fit(self.table.clone(), &self.spec, labels, self.threads, &self.runtime)?;
        self.note_rows(&rows);
        let desk = Desk { rows: &rows, progress: &self.progress, cancel: &self.cancel };
        let options = learner_options(&self.spec, &desk)?;
        let network = FittedNetwork::fit(&self.spec, &options, &desk)?;
        let (metrics, reference) = measure(&self.spec, &network, &desk)?;
        let comparisons = comparisons(&self.spec, &network, &options, self.production, &desk)?;
        let slices = slices(&self.spec, &network, &desk)?;
        let importance = importance(&self.spec, &network, &desk)?;
        let FittedNetwork { members, timeline, calibration } = network;
        let seeds = self.seeds.qualities();
        let stored = StoredMetrics { metrics, timeline, comparisons, seeds, slices, importance, search: None };
        Ok(FittedModel { weights: members.save()?, rows, calibration, stored, reference })
    }

    fn note_rows(&self, rows: &Rows) {
        let of = |part| rows.counts(part).rows;
        let (train, validation, test) = (of(Part::Train), of(Part::Validation), of(Part::Test));
        self.progress.note(format!("{train} rows to train on, {validation} to validate, {test} to test"));
    }
}

/// What a learner is told beside the document.
///
/// # Errors
///
/// Rows that cannot be read; priors that cannot be estimated; [`TrainerError::Cancelled`].
pub(crate) fn learner_options(spec: &TrainingSpec, desk: &Desk<'_>) -> Result<LearnerOptions> {
    let rows = desk.rows;
    let layout = rows.encoders().layout();
    let mut statistics = TargetStatistics::default().with_classes(rows.encoders().class_counts());
    for batch in rows.shuffled(0)?.take(STATISTICS_BATCHES) {
        let batch = batch?;
        statistics.push(&batch.targets, batch.inputs.rows);
        statistics.push_items(spec, &layout, &batch.inputs);
    }
    let priors = prior::estimate(spec, rows, &statistics, desk.progress, desk.cancel)?;
    let total_steps = u64::from(spec.training.epochs) * rows.steps_per_epoch();
    Ok(LearnerOptions { threads: rows.threads(), total_steps, statistics, priors })
}

/// What everything that goes over the rows needs.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) progress: &'a Progress,
    pub(crate) cancel: &'a Cancel,
}

impl Desk<'_> {
    /// The rows that judge a model: the test rows, or the validation rows if there are none.
    pub(crate) fn judging_part(&self) -> Option<Part> {
        [Part::Test, Part::Validation].into_iter().find(|part| self.rows.counts(*part).rows > 0)
    }

    /// # Errors
    ///
    /// [`TrainerError::Cancelled`]
    pub(crate) fn check(&self) -> Result<()> {
        self.cancel.check().map_err(|_| TrainerError::Cancelled)
    }
}

/// A network with its best weights.
fn trained(
    spec: &TrainingSpec,
    options: &LearnerOptions,
    title: Title,
    desk: &Desk<'_>,
) -> Result<(Learner, Timeline)> {
    let mut learner = Learner::new(spec, &desk.rows.encoders().layout(), options.clone())?;
    let timeline = epochs::train(&mut learner, spec, title, desk)?;
    Ok((learner, timeline))
}

/// Networks with their best weights, and the calibration of their mean.
pub(crate) struct FittedNetwork {
    pub(crate) members: Members,
    pub(crate) timeline: Timeline,
    pub(crate) calibration: ModelCalibration,
}

impl FittedNetwork {
    /// Trains the networks of a document, one after the other, and calibrates their mean on the validation rows.
    ///
    /// # Errors
    ///
    /// What the rows or a network refuse; [`TrainerError::Cancelled`].
    pub(crate) fn fit(spec: &TrainingSpec, options: &LearnerOptions, desk: &Desk<'_>) -> Result<Self> {
        let count = match spec.network {
            Network::Linear(_) => spec.training.members.unwrap_or(1),
            _ => spec.training.member_count(desk.rows.training_rows()),
        };
        let (first, mut timeline) = trained(spec, options, Title::Network(1, count), desk)?;
        let mut members = Members::of(first);
        for member in 1..count {
            let mut document = spec.clone();
            document.training.seed = spec.training.seed_of_member(member);
            let rows = desk.rows.for_training(&document);
            let desk = Desk { rows: &rows, ..*desk };
            let (learner, of_member) = trained(&document, options, Title::Network(member + 1, count), &desk)?;
            members.push(learner);
            timeline.add(document.training.seed, &of_member);
        }
        Self::calibrated(spec, members, timeline, desk)
    }

    /// Trains the linear baseline, a single network.
    ///
    /// # Errors
    ///
    /// As [`Self::fit`].
    pub(crate) fn baseline(spec: &TrainingSpec, options: &LearnerOptions, desk: &Desk<'_>) -> Result<Self> {
        let (learner, timeline) = trained(spec, options, Title::Baseline, desk)?;
        Self::calibrated(spec, Members::of(learner), timeline, desk)
    }

    fn calibrated(spec: &TrainingSpec, members: Members, timeline: Timeline, desk: &Desk<'_>) -> Result<Self> {
        let mut validation = Evaluation::new(spec, desk.rows.encoders());
        for batch in desk.rows.to_measure(Part::Validation)? {
            desk.check()?;
            let (batch, mut outputs) = (batch?, Outputs::default());
            members.predict(&batch.batch.inputs, &mut outputs)?;
            validation.push(&outputs, &batch)?;
        }
        Ok(Self { members, timeline, calibration: validation.calibration(spec) })
    }

    /// Calibrated predictions, as scoring would publish them.
    ///
    /// # Errors
    ///
    /// What the network refuses.
    pub(crate) fn predict(&self, inputs: &Inputs, outputs: &mut Outputs) -> Result<()> {
        self.members.predict(inputs, outputs)?;
        self.calibrate(outputs, inputs.rows);
        Ok(())
    }

    /// Makes raw outputs of so many rows calibrated ones.
    fn calibrate(&self, outputs: &mut Outputs, rows: usize) {
        for (calibrator, scores) in self.calibrators().zip(&mut outputs.tasks) {
            let width = scores.len() / rows.max(1);
            calibrator.apply(scores, width);
        }
    }

    fn calibrators(&self) -> impl Iterator<Item = &Calibrator> {
        self.calibration.tasks.values().map(|task| &task.calibrator)
    }
}

/// The measures of all parts with the weights that were kept, and what the training looked like.
fn measure(spec: &TrainingSpec, network: &FittedNetwork, desk: &Desk<'_>) -> Result<(ModelMetrics, Distributions)> {
    let mut counts = OutputCounts::new(spec, desk.rows);
    let no_metrics = |(name, task)| (TaskName::clone(name), TaskMetrics::new(TaskKind::from(task)));
    let mut tasks: IndexMap<TaskName, TaskMetrics> = spec.tasks.iter().map(no_metrics).collect();
    for part in [Part::Train, Part::Validation, Part::Test] {
        let rows = desk.rows.counts(part).rows;
        if rows == 0 {
            continue;
        }
        desk.progress.phase(&format!("measure {}", measured(part).name()), "rows", Some(rows));
        let mut evaluation = CalibratedEvaluation::new(spec, desk.rows.encoders(), &network.calibration);
        if desk.judging_part() == Some(part) {
            evaluation = evaluation.with_intervals(spec);
        }
        for batch in desk.rows.to_measure(part)? {
            desk.check()?;
            let (batch, mut outputs) = (batch?, Outputs::default());
            network.members.predict(&batch.batch.inputs, &mut outputs)?;
            desk.progress.advance(batch.rows() as u64);
            if counts.wants(part) {
                let mut calibrated = outputs.clone();
                network.calibrate(&mut calibrated, batch.rows());
                counts.add(&calibrated, batch.rows());
            }
            evaluation.push(outputs, &batch)?;
        }
        for (name, metrics) in evaluation.metrics(spec)? {
            tasks[&name].set(measured(part), metrics);
        }
    }
    Ok((ModelMetrics { tasks, ..ModelMetrics::default() }, counts.finish(desk.rows)))
}

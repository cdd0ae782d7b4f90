//! Measures of a model on the rows of one part, raw and calibrated.

use artifacts::keys::{hash_nullable_keys, seed_of};
use feed::FeedBatch;
use indexmap::IndexMap;
use model::calibrate::{Calibrator, ModelCalibration, TaskCalibration, TemperatureFit};
use model::encode::{Classes, Encoders};
use model::learner::{Learner, Losses};
use model::measure::{
    BinaryMeasures, Bootstrap, ClassMeasures, GroupedAuc, MeasureError, NO_GROUP, PartMetrics, TaskKind, ValueMeasures,
    of_task_or_lists,
};
use model::outputs::Outputs;
use spec::measure::{Measure, MeasureName};
use spec::training::Calibration;
use spec::{ColumnName, Task, TaskName, TrainingSpec};

use crate::columns::carried;
use crate::error::{Result, TrainerError};
use crate::fitting::Desk;
use crate::rows::Part;

/// What was predicted for the rows of a part beside what they are.
pub(crate) struct Evaluation {
    /// Rows of the part.
    pub rows: u64,
    /// The losses, as training takes them.
    pub losses: Losses,
    /// In the document's order.
    tasks: IndexMap<TaskName, TaskScores>,
    /// Of the tasks whose rows are grouped.
    groups: IndexMap<TaskName, GroupedAuc>,
}

/// One task's predictions beside its labels.
enum TaskScores {
    /// Probabilities and classes.
    Classes(BinaryMeasures),
    /// Expected and actual amounts or other numbers.
    Amounts(ValueMeasures),
    /// Probabilities of many classes.
    Multiclass(Box<ManyClasses>),
}

/// What is collected of a multiclass task.
struct ManyClasses {
    measures: ClassMeasures,
    temperature: TemperatureFit,
}

impl Evaluation {
    /// One without rows.
    pub(crate) fn new(spec: &TrainingSpec, encoders: &Encoders) -> Self {
        let scores = |name: &TaskName, task: &Task| match task {
            Task::Binary(_) | Task::Lookalike(_) => TaskScores::Classes(BinaryMeasures::default()),
            Task::Value(_) | Task::Regression(_) => TaskScores::Amounts(ValueMeasures::default()),
            Task::Multiclass(_) => {
                let names = encoders.classes().get(name).map(Classes::names).unwrap_or_default();
                let temperature = TemperatureFit::new(names.len() + 1);
                TaskScores::Multiclass(Box::new(ManyClasses { measures: ClassMeasures::new(names), temperature }))
            }
        };
        let tasks = spec.tasks.iter().map(|(name, task)| (name.clone(), scores(name, task))).collect();
        let grouped = spec.tasks.iter().filter_map(|(name, task)| Some((name, task.group_by()?)));
        let groups = grouped.map(|(name, column)| (name.clone(), GroupedAuc::new(column.clone()))).collect();
        Self { rows: 0, losses: Losses::default(), tasks, groups }
    }

    /// Adds a batch's predictions; rows count as for the task's loss.
    ///
    /// # Errors
    ///
    /// A prediction or label that cannot be measured.
    pub(crate) fn push(&mut self, outputs: &Outputs, batch: &FeedBatch) -> Result<()> {
        let (targets, rows) = (&batch.batch.targets, batch.rows());
        self.rows += rows as u64;
        for (index, (name, scores)) in self.tasks.iter_mut().enumerate() {
            let predicted = &outputs.tasks[index];
            let width = (predicted.len() / rows.max(1)).max(1);
            for (row, label, weight) in targets.counting(index, rows) {
                let pushed = scores.push(&predicted[row * width..(row + 1) * width], label, weight);
                pushed.map_err(|source| TrainerError::Measure { task: name.clone(), source })?;
            }
            if let Some(grouped) = self.groups.get_mut(name) {
                let groups = groups(name, grouped.column(), batch)?;
                for (row, label, weight) in targets.counting(index, rows).filter(|(_, _, weight)| *weight > 0.0) {
                    grouped.push(groups[row], predicted[row], label, weight);
                }
            }
        }
        Ok(())
    }

    /// Each task's measures.
    pub(crate) fn metrics(&self) -> IndexMap<TaskName, PartMetrics> {
        let metrics = |scores: &TaskScores| match scores {
            TaskScores::Classes(measures) => PartMetrics::from(measures.metrics()),
            TaskScores::Amounts(measures) => PartMetrics::from(measures.metrics()),
            TaskScores::Multiclass(classes) => PartMetrics::from(classes.measures.metrics()),
        };
        let of_task = |(name, scores): (&TaskName, &TaskScores)| {
            let metrics = metrics(scores);
            let metrics = match self.groups.get(name) {
                Some(grouped) => metrics.with_groups(grouped.metrics()),
                None => metrics,
            };
            (name.clone(), metrics)
        };
        self.tasks.iter().map(of_task).collect()
    }

    /// A task's measure; its loss is one of `losses`, which are in the document's order.
    pub(crate) fn measure(&self, name: &MeasureName, spec: &TrainingSpec, losses: &[f64]) -> Option<f64> {
        if name.measure == Measure::Loss {
            let losses = spec.tasks.keys().cloned().zip(losses.iter().copied()).collect();
            return of_task_or_lists(&losses, &name.task, |loss| Some(*loss));
        }
        of_task_or_lists(&self.metrics(), &name.task, |metrics| metrics.measure(name.measure.name()))
    }

    /// The calibration that fits these rows, the validation rows. A lookalike score says how much someone resembles
    /// the seeds, which is no rate that could be observed, so it stays as it is.
    pub(crate) fn calibration(self, spec: &TrainingSpec) -> ModelCalibration {
        let of_task = |name: &TaskName, scores: TaskScores| match (&spec.tasks[name], scores) {
            (Task::Binary(_), TaskScores::Classes(measures)) => TaskCalibration::fit(spec.calibration, &measures),
            (_, TaskScores::Multiclass(classes)) => {
                TaskCalibration::fit_temperature(spec.calibration, classes.temperature)
            }
            (_, TaskScores::Classes(_) | TaskScores::Amounts(_)) => TaskCalibration::none(),
        };
        let tasks = self.tasks.into_iter().map(|(name, scores)| (name.clone(), of_task(&name, scores))).collect();
        ModelCalibration { tasks, ..ModelCalibration::default() }
    }
}

/// A hash of each row's group, [`NO_GROUP`] where it has none.
fn groups(task: &TaskName, column: &ColumnName, batch: &FeedBatch) -> Result<Vec<u64>> {
    let hashes = hash_nullable_keys(carried(batch, column), seed_of("group_by", ""));
    let hashes = hashes.map_err(|source| TrainerError::Group { task: task.clone(), column: column.clone(), source })?;
    Ok(hashes.into_iter().map(|hash| hash.map_or(NO_GROUP, |hash| (hash as u64).max(1))).collect())
}

impl TaskScores {
    /// Adds a row: one score, or one of each class.
    fn push(&mut self, scores: &[f32], label: f32, weight: f32) -> Result<(), MeasureError> {
        match self {
            Self::Classes(measures) => measures.push(scores[0], label, weight),
            Self::Amounts(measures) => measures.push(scores[0], label, weight),
            Self::Multiclass(classes) => {
                classes.measures.push(scores, label as usize, weight)?;
                classes.temperature.push(scores, label as usize, weight);
                Ok(())
            }
        }
    }
}

/// An [`Evaluation`] before and after calibration, from one pass.
pub(crate) struct CalibratedEvaluation {
    raw: Evaluation,
    calibrated: Evaluation,
    calibrators: Vec<Calibrator>,
    /// By task, where intervals are wanted.
    bootstraps: Vec<Option<Bootstrap>>,
}

impl CalibratedEvaluation {
    /// One without rows.
    pub(crate) fn new(spec: &TrainingSpec, encoders: &Encoders, calibration: &ModelCalibration) -> Self {
        let calibrators = calibration.tasks.values().map(|task| task.calibrator.clone()).collect();
        // Calibration leaves the order of scores as it is, and groups are of order alone.
        let raw = Evaluation { groups: IndexMap::new(), ..Evaluation::new(spec, encoders) };
        Self { raw, calibrated: Evaluation::new(spec, encoders), calibrators, bootstraps: Vec::new() }
    }

    /// With the intervals of all measures, which take some time; those of classes come with the measures.
    pub(crate) fn with_intervals(mut self, spec: &TrainingSpec) -> Self {
        let bootstrap = |task: &Task| match task {
            Task::Multiclass(_) => None,
            Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Lookalike(_) => {
                Some(Bootstrap::new(TaskKind::from(task)))
            }
        };
        self.bootstraps = spec.tasks.values().map(bootstrap).collect();
        self
    }

    /// Adds a batch's raw predictions.
    ///
    /// # Errors
    ///
    /// As [`Evaluation::push`].
    pub(crate) fn push(&mut self, mut outputs: Outputs, batch: &FeedBatch) -> Result<()> {
        self.raw.push(&outputs, batch)?;
        for (scores, calibrator) in outputs.tasks.iter_mut().zip(&self.calibrators) {
            let width = scores.len() / batch.rows().max(1);
            calibrator.apply(scores, width);
        }
        for (task, (bootstrap, scores)) in self.bootstraps.iter_mut().zip(&outputs.tasks).enumerate() {
            for (row, label, weight) in batch.batch.targets.counting(task, batch.rows()) {
                bootstrap.iter_mut().for_each(|bootstrap| bootstrap.push(scores[row], label, weight));
            }
        }
        self.calibrated.push(&outputs, batch)
    }

    /// Each task's measures as published, with those before calibration beside them where there is one.
    ///
    /// # Errors
    ///
    /// As [`Evaluation::push`].
    pub(crate) fn metrics(self, spec: &TrainingSpec) -> Result<IndexMap<TaskName, PartMetrics>> {
        let mut metrics = self.calibrated.metrics();
        for (bootstrap, (name, metrics)) in self.bootstraps.into_iter().zip(&mut metrics) {
            let Some(bootstrap) = bootstrap else { continue };
            let intervals = bootstrap.intervals(metrics);
            let intervals = intervals.map_err(|source| TrainerError::Measure { task: name.clone(), source })?;
            *metrics = metrics.clone().with_intervals(intervals);
        }
        if spec.calibration == Calibration::None {
            return Ok(metrics);
        }
        for ((name, raw), calibrator) in self.raw.metrics().into_iter().zip(&self.calibrators) {
            if *calibrator == Calibrator::None {
                continue;
            }
            match (raw, metrics.get_mut(&name)) {
                (PartMetrics::Probabilities(raw), Some(PartMetrics::Probabilities(after))) => {
                    **after = after.as_ref().clone().with_uncalibrated(*raw);
                }
                (PartMetrics::Classes(raw), Some(PartMetrics::Classes(after))) => {
                    **after = after.as_ref().clone().with_uncalibrated(*raw);
                }
                _ => {}
            }
        }
        Ok(metrics)
    }
}

/// Predicts all rows of a part.
///
/// # Errors
///
/// What the rows, the model or the measures refuse; [`TrainerError::Cancelled`].
pub(crate) fn evaluate_part(learner: &Learner, spec: &TrainingSpec, part: Part, desk: &Desk<'_>) -> Result<Evaluation> {
    let mut evaluation = Evaluation::new(spec, desk.rows.encoders());
    for batch in desk.rows.to_measure(part)? {
        desk.check()?;
        evaluate_batch(learner, &batch?, &mut evaluation)?;
    }
    Ok(evaluation)
}

/// Predicts a batch and adds it.
fn evaluate_batch(learner: &Learner, batch: &FeedBatch, evaluation: &mut Evaluation) -> Result<()> {
    let mut outputs = Outputs::default();
    evaluation.losses.merge(&learner.evaluate(&batch.batch, &mut outputs)?);
    evaluation.push(&outputs, batch)
}

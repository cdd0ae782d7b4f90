//! Two models' predictions of a task's rows, side by side.

use model::input::Batch;
use model::measure::{ClassRank, MeasureError, PairedClasses, PairedMeasures, PairedMetrics, TaskKind};
use model::outputs::Outputs;
use spec::Task;

use crate::comparison::SharedTask;

/// Collects what two models predict for the rows of a task.
pub(crate) enum Pairing {
    /// One number a row.
    Numbers(PairedMeasures),
    /// A probability of each class.
    Classes(PairedClasses),
}

impl Pairing {
    /// One without rows.
    pub(crate) fn new(task: &Task) -> Self {
        match task {
            Task::Multiclass(_) => Self::Classes(PairedClasses::default()),
            Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Lookalike(_) => {
                Self::Numbers(PairedMeasures::new(TaskKind::from(task)))
            }
        }
    }

    /// Adds the rows of a batch whose label was observed; of classes, those whose class both models know.
    pub(crate) fn push(&mut self, task: &SharedTask, batch: &Batch, (ours, theirs): (&Outputs, &Outputs)) {
        let rows = batch.inputs.rows;
        let (ours, theirs) = (&ours.tasks[task.index], &theirs.tasks[task.of_other]);
        let of_row = |scores: &[f32], row: usize| {
            let width = scores.len() / rows;
            row * width..(row + 1) * width
        };
        for row in 0..rows {
            let at = task.index * rows + row;
            let (label, observed) = (batch.targets.labels[at], batch.targets.observed[at]);
            if observed <= 0.0 {
                continue;
            }
            let weight = observed * batch.targets.weights.as_ref().map_or(1.0, |weights| weights[row]);
            let (ours, theirs) = (&ours[of_row(ours, row)], &theirs[of_row(theirs, row)]);
            match self {
                Self::Numbers(paired) => paired.push(ours[0], theirs[0], label, weight),
                Self::Classes(paired) => {
                    let class = label as usize;
                    if let Some(of_other) = task.classes[class] {
                        paired.push(ClassRank::of(ours, class), ClassRank::of(theirs, of_other), weight);
                    }
                }
            }
        }
    }

    /// Both models' measures and their differences.
    ///
    /// # Errors
    /// A prediction, label or weight that cannot be measured.
    pub(crate) fn finish(self) -> Result<PairedMetrics, MeasureError> {
        match self {
            Self::Numbers(paired) => paired.finish(),
            Self::Classes(paired) => Ok(paired.finish()),
        }
    }
}

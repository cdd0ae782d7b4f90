//! The epochs of a training: shuffled batches through the learner, a look at the validation rows after each, the best
//! weights kept.

use std::time::{Duration, Instant};

use model::learner::{Learner, Snapshot, StepLosses};
use model::measure::{Better, PartMetrics, TaskKind};
use spec::measure::StoppingMeasure;
use spec::{Task, TaskName, TrainingSpec};

use crate::error::Result;
use crate::evaluation::{Evaluation, evaluate_part};
use crate::fitting::Desk;
use crate::overall::Overall;
use crate::report::{Epoch, EpochTask, StopReason, Timeline};
use crate::rows::Part;
use crate::stopping::{Stopping, Verdict};

/// Steps between two lines of progress.
const STEPS_A_MESSAGE: u64 = 20;
/// Tasks whose own losses a line of progress shows.
const MOST_TASKS_A_MESSAGE: usize = 4;

/// What is trained, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Title {
    /// A network of the document, by its number from 1, and how many there are.
    Network(u32, u32),
    /// The linear network beside it.
    Baseline,
    /// A trial of a search, by its number.
    Trial(u32),
}

impl Title {
    fn words(self) -> String {
        match self {
            Self::Network(_, 1) => String::new(),
            Self::Network(number, all) => format!("network {number} of {all}: "),
            Self::Baseline => "linear baseline: ".to_owned(),
            Self::Trial(number) => format!("trial {number}, "),
        }
    }
}

/// Trains until the epochs are done or nothing gets better, and leaves the best weights in the learner.
///
/// # Errors
///
/// What the rows or the model refuse, and [`TrainerError::Cancelled`].
pub(crate) fn train(learner: &mut Learner, spec: &TrainingSpec, title: Title, desk: &Desk<'_>) -> Result<Timeline> {
    let watched = watched(spec)?;
    let mut course = Course {
        spec,
        title,
        desk,
        better: if watched.is_better_when_larger() { Better::Higher } else { Better::Lower },
        watched,
        overall: Overall::of_document(spec),
        epochs: Vec::new(),
        stepping: Duration::ZERO,
        trained_rows: 0,
    };
    course.run(learner)
}

fn watched(spec: &TrainingSpec) -> Result<StoppingMeasure> {
    let measure = spec.training.early_stopping.measure.as_deref();
    Ok(measure.map(str::parse).transpose()?.unwrap_or_default())
}

struct Course<'a> {
    spec: &'a TrainingSpec,
    title: Title,
    desk: &'a Desk<'a>,
    watched: StoppingMeasure,
    /// Known after the first epoch where weights are learned.
    overall: Option<Overall>,
    better: Better,
    epochs: Vec<Epoch>,
    stepping: Duration,
    trained_rows: u64,
}

impl Course<'_> {
    fn run(&mut self, learner: &mut Learner) -> Result<Timeline> {
        let started = Instant::now();
        let mut stopping = Stopping::new(self.better, self.spec.training.early_stopping.patience);
        let mut best: Option<Snapshot> = None;
        let mut stopped = StopReason::Finished;
        for number in 1..=self.spec.training.epochs {
            let value = self.epoch(learner, number)?;
            match stopping.judge(number, value) {
                Verdict::Best => best = Some(learner.snapshot()?),
                Verdict::Worse => {}
                Verdict::Stop => {
                    stopped = StopReason::NoGain;
                    break;
                }
            }
        }
        if let Some(best) = &best {
            learner.restore(best)?;
        }
        Ok(Timeline {
            device: learner.device().to_string(),
            threads: self.desk.rows.threads() as u32,
            seconds: started.elapsed().as_secs_f64(),
            rows_per_second: rate(self.trained_rows, self.stepping),
            watched: self.watched.to_string(),
            best_epoch: stopping.best_epoch(),
            stopped,
            others: Vec::new(),
            epochs: std::mem::take(&mut self.epochs),
        })
    }

    /// One epoch; returns the watched value.
    fn epoch(&mut self, learner: &mut Learner, number: u32) -> Result<Option<f64>> {
        let started = Instant::now();
        let trained = self.pass(learner, number)?;
        let stepping = started.elapsed();
        self.stepping += stepping;
        self.trained_rows += trained.rows;
        let validation = self.validate(learner)?;
        let train_losses = trained.means();
        let validation_losses = validation.as_ref().map(|validation| learner.task_losses(&validation.losses));
        let judged = validation_losses.as_ref().unwrap_or(&train_losses);
        let overall = self.overall.get_or_insert_with(|| Overall::relative_to(judged));
        let (train_loss, validation_loss) =
            (overall.of(&train_losses), validation_losses.as_ref().map(|losses| overall.of(losses)));
        let value = match (&validation, &validation_losses) {
            (Some(validation), Some(losses)) => self.value(validation, losses, validation_loss),
            _ => Some(train_loss),
        };
        let epoch = Epoch {
            number,
            seconds: started.elapsed().as_secs_f64(),
            rows_per_second: rate(trained.rows, stepping),
            train_loss,
            validation_loss,
            watched: value,
            tasks: self.epoch_tasks(&train_losses, validation_losses.as_deref(), validation.as_ref()),
        };
        self.note(&epoch);
        self.epochs.push(epoch);
        Ok(value)
    }

    fn pass(&self, learner: &mut Learner, number: u32) -> Result<Trained> {
        self.desk.progress.phase(
            &format!("{}epoch {number}/{}", self.title.words(), self.spec.training.epochs),
            "rows",
            Some(self.desk.rows.training_rows()),
        );
        let mut trained = Trained::new(self.spec.tasks.len());
        for batch in self.desk.rows.shuffled(number)? {
            self.desk.check()?;
            let batch = batch?;
            let losses = learner.step(&batch)?;
            trained.add(&losses, batch.inputs.rows);
            self.desk.progress.advance(batch.inputs.rows as u64);
            if trained.steps.is_multiple_of(STEPS_A_MESSAGE) {
                self.desk.progress.message(self.so_far(&trained));
            }
        }
        Ok(trained)
    }

    /// The epoch's loss so far, the same quantity as in its line at the end; each task's own while there is none.
    fn so_far(&self, trained: &Trained) -> String {
        let losses = trained.means();
        if let Some(overall) = &self.overall {
            return format!("loss {:.4}", overall.of(&losses));
        }
        let tasks = self.spec.tasks.keys().zip(losses).take(MOST_TASKS_A_MESSAGE);
        let tasks: Vec<_> = tasks.map(|(task, loss)| format!("{task} {loss:.4}")).collect();
        let more = if self.spec.tasks.len() > MOST_TASKS_A_MESSAGE { ", …" } else { "" };
        format!("losses {}{more}", tasks.join(", "))
    }

    fn validate(&self, learner: &Learner) -> Result<Option<Evaluation>> {
        let evaluation = evaluate_part(learner, self.spec, Part::Validation, self.desk)?;
        Ok((evaluation.rows > 0).then_some(evaluation))
    }

    fn value(&self, validation: &Evaluation, losses: &[f64], overall: Option<f64>) -> Option<f64> {
        match &self.watched {
            StoppingMeasure::Loss => overall,
            StoppingMeasure::Task(name) => validation.measure(name, self.spec, losses),
        }
    }

    fn epoch_tasks(
        &self,
        train_losses: &[f64],
        validation_losses: Option<&[f64]>,
        validation: Option<&Evaluation>,
    ) -> Vec<EpochTask> {
        let metrics = validation.map(Evaluation::metrics);
        let of_task = |(index, (task, kind)): (usize, (&TaskName, &Task))| EpochTask {
            task: task.clone(),
            train_loss: train_losses[index],
            validation_loss: validation_losses.map(|losses| losses[index]),
            validation_measure: metrics.as_ref().and_then(|metrics| leading_measure(kind, &metrics[task])),
        };
        self.spec.tasks.iter().enumerate().map(of_task).collect()
    }

    /// A line for each epoch, except of trials: there are too many of them.
    fn note(&self, epoch: &Epoch) {
        if let Title::Trial(_) = self.title {
            return;
        }
        let measures =
            epoch.tasks.iter().filter_map(|task| Some(format!("{} {:.4}", task.task, task.validation_measure?)));
        let measures: Vec<_> = measures.collect();
        let loss = epoch.validation_loss.map(|loss| format!(", validation {loss:.4}")).unwrap_or_default();
        self.desk.progress.note(format!(
            "{}epoch {}: loss {:.4}{loss}; {}; {:.0} rows/s",
            self.title.words(),
            epoch.number,
            epoch.train_loss,
            measures.join(", "),
            epoch.rows_per_second
        ));
    }
}

/// The first measure of a task's kind, such as AUC.
fn leading_measure(task: &Task, metrics: &PartMetrics) -> Option<f64> {
    TaskKind::from(task).measures().first().and_then(|measure| metrics.measure(measure.name()))
}

/// Sums over the steps of an epoch.
struct Trained {
    rows: u64,
    steps: u64,
    tasks: Vec<f64>,
}

impl Trained {
    fn new(tasks: usize) -> Self {
        Self { rows: 0, steps: 0, tasks: vec![0.0; tasks] }
    }

    fn add(&mut self, losses: &StepLosses, rows: usize) {
        self.rows += rows as u64;
        self.steps += 1;
        self.tasks.iter_mut().zip(&losses.tasks).for_each(|(sum, loss)| *sum += loss * rows as f64);
    }

    /// Each task's mean loss.
    fn means(&self) -> Vec<f64> {
        self.tasks.iter().map(|sum| sum / (self.rows as f64).max(1.0)).collect()
    }
}

fn rate(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64().max(1e-9)
}

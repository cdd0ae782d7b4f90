//! What a batch's targets say before any prediction: are they usable, and how much do their rows weigh.

use spec::{Network, Task, TaskName, TrainingSpec};

use super::Objective;
use super::regression::LabelMoments;
use super::ziln::raw_scale;
use crate::error::Error;
use crate::input::{InputLayout, Inputs, Targets};
use crate::outputs::ClassCounts;

/// Checks shapes and values of a batch's targets.
pub(crate) fn check(tasks: &[(TaskName, Task)], targets: &Targets, rows: usize) -> Result<(), Error> {
    let expect = |what, found: usize, expected: usize| {
        if found == expected { Ok(()) } else { Err(Error::BatchShape { rows, what, found, expected }) }
    };
    expect("labels", targets.labels.len(), tasks.len() * rows)?;
    expect("task's row weights", targets.observed.len(), tasks.len() * rows)?;
    if let Some(weights) = &targets.weights {
        expect("row weights", weights.len(), rows)?;
        refuse("a row weight", "a finite number of at least 0", weights, is_weight)?;
    }
    refuse("a task's row weight", "a finite number of at least 0", &targets.observed, is_weight)?;
    for (index, (_, task)) in tasks.iter().enumerate() {
        let labels = &targets.labels[index * rows..(index + 1) * rows];
        match task {
            Task::Binary(_) => refuse("a label of a binary task", "0 or 1", labels, is_binary)?,
            Task::Lookalike(_) => refuse("a label of a lookalike task", "0 or 1", labels, is_binary)?,
            Task::Value(_) => refuse("a label of a value task", "a finite amount of at least 0", labels, |label| {
                label.is_finite() && label >= 0.0
            })?,
            Task::Multiclass(_) => refuse("a label of a multiclass task", "the place of a class", labels, |label| {
                label >= 0.0 && label.fract() == 0.0
            })?,
            Task::Regression(task) if task.loss.takes_negative() => {
                refuse("a label of a regression task", "a finite number", labels, f32::is_finite)?;
            }
            Task::Regression(_) => {
                let is_usable = |label: f32| label.is_finite() && label >= 0.0;
                refuse("a label of a regression task", "a finite number of at least 0", labels, is_usable)?;
            }
        }
    }
    Ok(())
}

/// Checks that the labels of multiclass tasks are places of their classes.
pub(crate) fn check_classes(objectives: &[Objective], targets: &Targets, rows: usize) -> Result<(), Error> {
    for (task, objective) in objectives.iter().enumerate() {
        if let Objective::Multiclass { classes } = objective {
            let (labels, most) = (&targets.labels[task * rows..(task + 1) * rows], *classes as f32);
            refuse("a label of a multiclass task", "the place of a class", labels, |label| label < most)?;
        }
    }
    Ok(())
}

fn is_weight(weight: f32) -> bool {
    weight.is_finite() && weight >= 0.0
}

fn is_binary(label: f32) -> bool {
    label == 0.0 || label == 1.0
}

fn refuse(
    what: &'static str,
    expected: &'static str,
    values: &[f32],
    is_usable: impl Fn(f32) -> bool,
) -> Result<(), Error> {
    if values.iter().fold(true, |all, &value| all & is_usable(value)) {
        return Ok(());
    }
    let row = values.iter().position(|&value| !is_usable(value)).unwrap_or_default();
    Err(Error::Value { what, row, value: values[row], expected })
}

/// What the labels of the training rows are on average, for the heads' first biases. Push every batch (or enough of
/// them), in any order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetStatistics {
    tasks: Vec<TaskStatistics>,
    classes: ClassCounts,
    items: Vec<u64>,
}

/// Weighted sums over a task's observed rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct TaskStatistics {
    weight: f64,
    positive: f64,
    log_sum: f64,
    log_squares: f64,
    /// Of all labels.
    mean: f64,
    /// Σ weight · squared distance from the mean.
    squares: f64,
}

impl TargetStatistics {
    /// Adds a batch of `rows` rows.
    pub fn push(&mut self, targets: &Targets, rows: usize) {
        let tasks = targets.labels.len().checked_div(rows).unwrap_or_default();
        self.tasks.resize(self.tasks.len().max(tasks), TaskStatistics::default());
        let weight = |row: usize| targets.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
        for (task, statistics) in self.tasks.iter_mut().take(tasks).enumerate() {
            for row in 0..rows {
                let (at, label) = (task * rows + row, f64::from(targets.labels[task * rows + row]));
                statistics.push(label, f64::from(targets.observed[at]) * weight(row));
            }
        }
    }

    /// Counts the items of a batch's rows, where the document's network has items.
    pub fn push_items(&mut self, spec: &TrainingSpec, layout: &InputLayout, inputs: &Inputs) {
        let Network::TwoTower(network) = &spec.network else { return };
        let Some(slot) = layout.single(&network.item) else { return };
        self.items.resize(slot.ids, 0);
        (0..inputs.rows).for_each(|row| self.items[slot.id(inputs, row)] += 1);
    }

    /// How many rows have each item's id; nothing where none were counted.
    pub(crate) fn items(&self) -> &[u64] {
        &self.items
    }

    /// Adds what others were given.
    pub fn merge(&mut self, other: &Self) {
        self.classes.extend(other.classes.iter().map(|(task, rows)| (task.clone(), rows.clone())));
        self.items.resize(self.items.len().max(other.items.len()), 0);
        self.items.iter_mut().zip(&other.items).for_each(|(mine, other)| *mine += other);
        self.tasks.resize(self.tasks.len().max(other.tasks.len()), TaskStatistics::default());
        self.tasks.iter_mut().zip(&other.tasks).for_each(|(mine, other)| mine.merge(other));
    }

    /// The same with the training rows of each multiclass task's classes.
    pub fn with_classes(mut self, classes: ClassCounts) -> Self {
        self.classes = classes;
        self
    }

    /// How many classes a multiclass task has, the rest among them.
    pub(crate) fn classes(&self, task: &TaskName) -> Option<usize> {
        self.classes.get(task).map(Vec::len)
    }

    /// Where the logits of a multiclass task start: at the classes' shares, half a row added to each.
    pub(crate) fn class_bias(&self, task: &TaskName) -> Vec<f32> {
        let rows = self.classes.get(task).map_or(&[][..], Vec::as_slice);
        let all = rows.iter().sum::<u64>() as f64 + 0.5 * rows.len() as f64;
        rows.iter().map(|&rows| ((rows as f64 + 0.5) / all).ln() as f32).collect()
    }

    /// Σ weight of a task's observed rows.
    pub fn observed(&self, task: usize) -> f64 {
        self.tasks.get(task).map_or(0.0, |task| task.weight)
    }

    /// The share of positive rows among a task's observed ones: labels that are 1, or amounts above 0.
    pub fn positive_share(&self, task: usize) -> Option<f64> {
        let task = self.tasks.get(task).filter(|task| task.weight > 0.0)?;
        Some(task.positive / task.weight)
    }

    /// Mean and deviation of a task's labels; 0 and 0 without statistics.
    pub(crate) fn moments(&self, task: usize) -> LabelMoments {
        let task = self.tasks.get(task).copied().unwrap_or_default();
        let variance = if task.weight > 0.0 { task.squares / task.weight } else { 0.0 };
        LabelMoments { mean: task.mean, deviation: variance.sqrt() }
    }

    /// Where a head's bias starts, so that the untrained model predicts the averages; zeros without statistics.
    pub(crate) fn bias(&self, task: usize, name: &TaskName, kind: &Task, prior: Option<f64>) -> Vec<f32> {
        let statistics = self.tasks.get(task).copied().unwrap_or_default();
        let share = self.positive_share(task);
        match kind {
            Task::Binary(kind) => vec![share.map_or(0.0, |share| log_odds(share, kind.positive_weight))],
            Task::Multiclass(_) => self.class_bias(name),
            // A head of numbers learns what is beyond the labels' mean.
            Task::Regression(_) => vec![0.0],
            Task::Lookalike(_) => vec![prior.or(share).map_or(0.0, |share| log_odds(share, 1.0))],
            Task::Value(_) => {
                let (location, deviation) = statistics.log_moments();
                vec![share.map_or(0.0, |share| log_odds(share, 1.0)), location as f32, raw_scale(deviation) as f32]
            }
        }
    }
}

impl TaskStatistics {
    fn push(&mut self, label: f64, weight: f64) {
        if weight <= 0.0 {
            return;
        }
        self.merge(&Self { weight, mean: label, ..Self::default() });
        if label > 0.0 {
            let logarithm = label.ln();
            self.positive += weight;
            self.log_sum += weight * logarithm;
            self.log_squares += weight * logarithm * logarithm;
        }
    }

    /// Means and squares as of both (Chan, Golub and LeVeque 1983), which loses no digits where a mean is large.
    fn merge(&mut self, other: &Self) {
        let weight = self.weight + other.weight;
        if weight > 0.0 {
            let (apart, share) = (other.mean - self.mean, other.weight / weight);
            self.mean += apart * share;
            self.squares += other.squares + apart * apart * self.weight * share;
        }
        self.weight = weight;
        self.positive += other.positive;
        self.log_sum += other.log_sum;
        self.log_squares += other.log_squares;
    }

    /// Mean and standard deviation of the logarithms of positive amounts; 0 and 1 where there are none.
    fn log_moments(&self) -> (f64, f64) {
        if self.positive <= 0.0 {
            return (0.0, 1.0);
        }
        let mean = self.log_sum / self.positive;
        let deviation = (self.log_squares / self.positive - mean * mean).max(0.0).sqrt();
        (mean, deviation.max(0.1))
    }
}

/// The logit of a share, not beyond one in a million; positive rows count `weight`.
fn log_odds(share: f64, weight: f64) -> f32 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    (weight * share / (1.0 - share)).max(1e-6).ln() as f32
}

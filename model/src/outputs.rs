//! Predictions of a batch.

use std::collections::BTreeMap;

use spec::{Task, TaskName, TrainingSpec};

use crate::encode::Encoders;
use crate::loss::Objective;

/// Training rows of each class of each multiclass task, those of no class of their own last.
pub type ClassCounts = BTreeMap<TaskName, Vec<u64>>;

/// Predictions of each task: probabilities for binary and lookalike tasks, expected values for value and regression
/// tasks, a probability for each class of multiclass tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// `[tasks][rows]`, tasks in the document's order; `[rows, classes]`, row-major, of a multiclass task, whose last
    /// class is what is no class of its own.
    pub tasks: Vec<Vec<f32>>,
}

impl Outputs {
    /// What several networks say together of the same rows, each task's predictions pooled as its objective says.
    pub(crate) fn pool(&mut self, members: &[Self], objectives: &[Objective]) {
        for (task, objective) in objectives.iter().enumerate() {
            let of_members = || members.iter().map(|member| &member.tasks[task]);
            let numbers = of_members().map(Vec::len).next().unwrap_or_default();
            self.tasks[task].clear();
            self.tasks[task].extend((0..numbers).map(|at| {
                let said = of_members().map(|predictions| f64::from(predictions[at]));
                objective.pooled(said, members.len()) as f32
            }));
        }
    }

    /// Makes room for predictions of `rows` rows, to be overwritten: so many numbers a row of each task.
    pub(crate) fn reset(&mut self, widths: impl ExactSizeIterator<Item = usize>, rows: usize) {
        self.tasks.resize_with(widths.len(), Vec::new);
        self.tasks.iter_mut().zip(widths).for_each(|(task, width)| task.resize(rows * width, 0.0));
    }
}

/// What a model says for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutput {
    /// The task.
    pub task: TaskName,
    /// A number, or the classes of which each has a probability.
    pub classes: Option<ClassOutput>,
}

/// What a model says for a multiclass task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassOutput {
    /// The classes' labels, in the order of their probabilities; behind them there is one more of all others.
    pub names: Vec<String>,
    /// How many of the most probable ones are told, at most all.
    pub top: usize,
}

impl TaskOutput {
    /// The outputs of a model, in the order of its tasks.
    pub fn of(spec: &TrainingSpec, encoders: &Encoders) -> Vec<Self> {
        let output = |(name, task): (&TaskName, &Task)| {
            let classes = match task {
                Task::Multiclass(task) => encoders.classes().get(name).map(|classes| {
                    let names = classes.names();
                    ClassOutput { top: names.len().min(task.top as usize), names }
                }),
                Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Lookalike(_) => None,
            };
            Self { task: name.clone(), classes }
        };
        spec.tasks.iter().map(output).collect()
    }

    /// One number a row.
    pub fn number(task: TaskName) -> Self {
        Self { task, classes: None }
    }
}

/// The `top` classes of a row's probabilities that are most probable, equal ones in the classes' order, into `best`; the
/// last probability is of no class and left out.
pub fn most_probable(probabilities: &[f32], top: usize, best: &mut Vec<usize>) {
    let named = probabilities.len().saturating_sub(1);
    best.clear();
    best.extend(0..named);
    let before = |a: &usize, b: &usize| probabilities[*b].total_cmp(&probabilities[*a]).then(a.cmp(b));
    if top < named {
        best.select_nth_unstable_by(top, before);
        best.truncate(top);
    }
    best.sort_unstable_by(before);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_probable_classes_come_first_and_equal_ones_in_their_order() {
        let probabilities = [0.1f32, 0.2, 0.05, 0.2, 0.15, 0.3];
        let mut best = Vec::new();
        most_probable(&probabilities, 3, &mut best);
        assert_eq!(best, [1, 3, 4]);
        most_probable(&probabilities, 5, &mut best);
        assert_eq!(best, [1, 3, 4, 0, 2]);
        most_probable(&[1.0], 5, &mut best);
        assert!(best.is_empty());
    }
}

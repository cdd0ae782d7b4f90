//! Predictions of a batch.

/// A column of predictions a task: probabilities for binary and lookalike tasks, expected values for
/// value and regression tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outputs {
    /// `[tasks][rows]`, tasks in the document's order.
    pub tasks: Vec<Vec<f32>>,
}

impl Outputs {
    /// Makes room for `rows` predictions of each of `tasks` tasks, to be overwritten.
    pub(crate) fn reset(&mut self, tasks: usize, rows: usize) {
        self.tasks.resize_with(tasks, Vec::new);
        self.tasks.iter_mut().for_each(|task| task.resize(rows, 0.0));
    }
}

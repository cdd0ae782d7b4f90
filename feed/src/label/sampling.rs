//! Which rows a task learns from where it takes but a share of its negative ones.

use arrow::array::RecordBatch;
use artifacts::keys::{hash_nullable_keys, seed_of, unit_interval};
use model::input::Targets;

use super::{LabelFault, Labels, at, column_of};
use crate::split::key_fault;

impl Labels {
    /// Whether [`Self::sample`] changes anything.
    pub(crate) fn are_sampled(&self) -> bool {
        self.sampled_by.is_some()
    }

    /// Leaves negative rows out of each task that learns from a share of them. A key's hash decides, the same for all
    /// tasks, so that a row is left out of as many as can be and a person's rows stay together.
    pub(crate) fn sample(&self, batch: &RecordBatch, targets: &mut Targets) -> Result<(), LabelFault> {
        let Some(key) = &self.sampled_by else { return Ok(()) };
        let rows = batch.num_rows();
        let hashes = hash_nullable_keys(column_of(batch, key), seed_of("negative_rate", ""));
        let hashes = hashes.map_err(key_fault).map_err(at(key))?;
        for (task, label) in self.tasks.iter().enumerate().filter(|(_, label)| label.negative_rate < 1.0) {
            let of_task = task * rows..(task + 1) * rows;
            let observed = targets.observed[of_task.clone()].iter_mut();
            for ((observed, positive), hash) in observed.zip(&targets.labels[of_task]).zip(&hashes) {
                let is_left_out = hash.is_some_and(|hash| unit_interval(hash) >= label.negative_rate);
                if *positive <= 0.0 && is_left_out {
                    *observed = 0.0;
                }
            }
        }
        Ok(())
    }
}

/// Whether each row counts for a task.
pub(crate) fn teaching(targets: &Targets, tasks: usize, rows: usize) -> Vec<bool> {
    let counts = |row: usize| (0..tasks).any(|task| targets.observed[task * rows + row] > 0.0);
    (0..rows).map(counts).collect()
}

//! Fine-tuning of a campaign's network to a list that no task was trained for: steps of the campaign's own, as training takes them,
//! over small parts of the list and of others.

use super::gradients::InputGradients;
use super::lanes::Lane;
use super::work::{Work, Worker};
use crate::architecture::Campaign;
use crate::cpu::Model;
use crate::embedding::Table;
use crate::error::Error;
use crate::input::Batch;
use crate::kernel::memory::Aligned;
use crate::layers::Dropout;
use crate::loss::binary::Classes;
use crate::loss::{LossSums, Objective, Rows};

/// What is fine-tuned, and how.
pub(crate) struct Tuning<'a> {
    pub(crate) campaign: &'a Campaign,
    pub(crate) tables: &'a [Table],
    /// Times that all batches are gone through.
    pub(crate) passes: u64,
    /// Of what is left out at random.
    pub(crate) seed: u64,
}

impl Tuning<'_> {
    /// Goes from a campaign's weights down the loss of each batch in turn: batches of one task, seed or not.
    ///
    /// # Errors
    ///
    /// Ids beyond the tables.
    pub(crate) fn run(&self, mut own: Aligned, batches: &[Batch]) -> Result<Aligned, Error> {
        let mut worker = Worker::new(&self.campaign.network);
        let (mut by_own, mut by_input) = (self.campaign.zeros(), InputGradients::default());
        let batches = (0..self.passes).flat_map(|_| batches);
        for (step, batch) in (0..).zip(batches) {
            let rows = 0..batch.inputs.rows;
            by_input.make_room(&self.campaign.network, &batch.inputs);
            let known = [LossSums::of_weight(Rows::new(&batch.targets, 0, rows.len(), rows.clone()).weight())];
            let work = Work {
                architecture: &self.campaign.network,
                model: Model { dense: &own, tables: self.tables, packed: &[] },
                batch,
                dropout: Dropout { seed: self.seed, step, first_row: 0 },
                first_task: 0,
                objectives: &[Objective::Binary(Classes::cross_entropy(1.0))],
                known: &known,
                factors: &[1.0],
                totals: &[],
            };
            let input = by_input.split(std::slice::from_ref(&rows), &batch.inputs).swap_remove(0);
            work.run(&mut worker, Lane { rows, gradient: &mut by_own, input })?;
            self.campaign.step(&mut own, &by_own);
        }
        Ok(own)
    }
}

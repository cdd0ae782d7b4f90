//! Scores of people for seed lists that no task was trained for, by a meta-trained network that is fine-tuned to each of them (Zhu,
//! Learning to Expand Audience via Meta Hybrid Experts and Critics for Look-alike Modeling, KDD 2021).
//!
//! A list's network starts with the mean of the campaigns' vectors and a bias of 0, and goes [two times](PASSES) over its seeds and
//! a sample of others, in batches of [256](BATCH) by steps of `inner_learning_rate`; embedding tables stay as they are. Seeds
//! and others weigh the same together, so a score is an order and no probability. A list has all dense weights for itself: its
//! scores cost as much as the network's predictions of one task.

mod stored;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use spec::TaskName;

use crate::architecture::{Architecture, Campaign};
use crate::cpu::Weights;
use crate::error::Error;
use crate::input::{Batch, Inputs, Targets};
use crate::kernel::memory::Aligned;
use crate::kernel::random::Stream;
use crate::learner::Tuning;

/// Times that a list's people are gone through, as in the paper.
pub const PASSES: u64 = 2;

/// People of a step.
pub const BATCH: usize = 256;

/// A list with networks of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedList {
    /// The column of its scores.
    pub name: TaskName,
    /// Of each member of the model the flat dense weights.
    #[serde(with = "stored")]
    pub(crate) members: Vec<Vec<f32>>,
}

/// Lists that a model was fine-tuned to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedLists {
    /// The lists.
    pub tuned: Vec<TunedList>,
}

/// Fine-tunes a model to lists, on a CPU.
#[derive(Debug)]
pub struct FineTuner<'a> {
    pub(crate) architecture: &'a Architecture,
    pub(crate) campaign: &'a Campaign,
    pub(crate) members: Vec<Cow<'a, Weights>>,
}

impl FineTuner<'_> {
    /// Numbers that a list's networks have, all members together.
    pub fn numbers_a_list(&self) -> usize {
        self.members.len() * self.campaign.network.graph.parameters.len()
    }

    /// Fine-tunes to a list of seeds, told from others. Both are of the model's layout; the same people in the same order give
    /// the same bits.
    ///
    /// # Errors
    ///
    /// Rows of another layout.
    pub fn tune(&self, name: TaskName, seeds: &Inputs, others: &Inputs) -> Result<TunedList, Error> {
        let batches = self.batches(seeds, others);
        let tune = |(member, weights): (u64, &Cow<'_, Weights>)| {
            let start = self.campaign.unseen(self.architecture, &weights.dense);
            let tuning = Tuning { campaign: self.campaign, tables: &weights.tables, passes: PASSES, seed: member };
            Ok(tuning.run(start, &batches)?.to_vec())
        };
        let members = (0..).zip(&self.members).map(tune).collect::<Result<_, Error>>()?;
        Ok(TunedList { name, members })
    }

    /// The people in a drawn order, seeds spread evenly over the batches; each kind weighs the same.
    fn batches(&self, seeds: &Inputs, others: &Inputs) -> Vec<Batch> {
        let mut order: Vec<(f64, u32, u32)> = Vec::with_capacity(seeds.rows + others.rows);
        for (kind, people) in [(0, seeds), (1, others)] {
            let places = shuffled(people.rows, u64::from(kind)).into_iter().enumerate();
            order.extend(places.map(|(place, row)| ((place as f64 + 0.5) / people.rows as f64, kind, row)));
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let batch = |people: &[(f64, u32, u32)]| self.batch([seeds, others], people);
        order.chunks(BATCH).map(batch).collect()
    }

    fn batch(&self, kinds: [&Inputs; 2], people: &[(f64, u32, u32)]) -> Batch {
        let rows: Vec<(u32, u32)> = people.iter().map(|(_, kind, row)| (*kind, *row)).collect();
        let mut inputs = Inputs::default();
        inputs.gather(&self.architecture.layout, &kinds, &rows);
        let all = (kinds[0].rows + kinds[1].rows) as f32 / 2.0;
        let targets = Targets {
            labels: rows.iter().map(|(kind, _)| if *kind == 0 { 1.0 } else { 0.0 }).collect(),
            observed: rows.iter().map(|(kind, _)| all / kinds[*kind as usize].rows as f32).collect(),
            weights: None,
        };
        Batch { inputs, targets }
    }
}

/// `0..count` in an order that is drawn (Fisher and Yates).
fn shuffled(count: usize, stream: u64) -> Vec<u32> {
    let mut stream = Stream::of(0x7475_6e65, &[stream]);
    let mut order: Vec<u32> = (0..count as u32).collect();
    (1..count).rev().for_each(|place| order.swap(place, stream.below(place + 1)));
    order
}

impl TunedList {
    /// The weights of a member, if they are as many as its network has.
    pub(crate) fn member(&self, member: usize, len: usize) -> Result<Aligned, Error> {
        let numbers = self.members.get(member).filter(|numbers| numbers.len() == len);
        let numbers = numbers.ok_or_else(|| Error::TunedToAnother { list: self.name.clone() })?;
        Ok(Aligned::copy_of(numbers))
    }
}

#[cfg(test)]
mod tests;

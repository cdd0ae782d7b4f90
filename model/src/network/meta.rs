//! Which dense weights are a campaign's own, in a network whose training takes a step of each campaign's own before its gradient:
//! the network of one campaign has the shared weights and the campaign's.

use crate::kernel::memory::Aligned;
use crate::network::parameters::{Block, Parameters};

/// A meta-trained network's campaigns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Meta {
    /// α: the step size of a campaign's own step.
    pub(crate) rate: f64,
    /// A row a campaign.
    vectors: Block,
    /// A number a campaign.
    biases: Block,
}

/// Where a block of one campaign's network lies in that of all: so many numbers from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its place among the blocks, the same in both.
    pub(crate) index: usize,
    /// Within the block of all.
    pub(crate) first: usize,
    pub(crate) len: usize,
}

impl Meta {
    pub(crate) fn new(rate: f64, [vectors, biases]: [Block; 2]) -> Self {
        Self { rate, vectors, biases }
    }

    /// What a campaign's network has of each block.
    pub(crate) fn parts<'a>(&'a self, all: &'a Parameters, task: usize) -> impl Iterator<Item = Part> + 'a {
        all.blocks.iter().map(move |block| {
            let index = block.index;
            if index == self.vectors.index {
                Part { index, first: task * block.stride, len: block.stride }
            } else if index == self.biases.index {
                Part { index, first: task, len: 1 }
            } else {
                Part { index, first: 0, len: block.len() }
            }
        })
    }

    /// A campaign's network out of the flat weights of all.
    pub(crate) fn take(&self, [all, one]: [&Parameters; 2], weights: &[f32], task: usize) -> Aligned {
        let mut own = Aligned::zeros(one.len());
        for Part { index, first, len } in self.parts(all, task) {
            let (from, to) = (all.blocks[index].offset + first, one.blocks[index].offset);
            own[to..to + len].copy_from_slice(&weights[from..from + len]);
        }
        own
    }

    /// Adds the gradient by a campaign's network to that by all.
    pub(crate) fn add(&self, [all, one]: [&Parameters; 2], by_one: &[f32], task: usize, sum: &mut [f32]) {
        for Part { index, first, len } in self.parts(all, task) {
            let (to, from) = (all.blocks[index].offset + first, one.blocks[index].offset);
            sum[to..to + len].iter_mut().zip(&by_one[from..from + len]).for_each(|(sum, by)| *sum += by);
        }
    }

    /// The network of a campaign that nobody has seen: its vector is the mean of all, its bias 0.
    pub(crate) fn unseen(&self, [all, one]: [&Parameters; 2], weights: &[f32]) -> Aligned {
        let mut own = self.take([all, one], weights, 0);
        let rows = weights[self.vectors.range()].chunks(self.vectors.stride);
        let mean = &mut own[one.blocks[self.vectors.index].range()];
        for (number, mean) in mean.iter_mut().enumerate() {
            let sum: f64 = rows.clone().map(|row| f64::from(row[number])).sum();
            *mean = (sum / self.vectors.rows as f64) as f32;
        }
        own[one.blocks[self.biases.index].offset] = 0.0;
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaigns_network_has_what_is_shared_and_its_own() {
        let parameters = |tasks: usize| {
            let mut parameters = Parameters::default();
            let vectors = parameters.block(tasks, 2, true);
            let shared = parameters.block(1, 16, true);
            let biases = parameters.block(1, tasks, false);
            (Meta::new(0.1, [vectors, biases]), parameters, shared)
        };
        let ((meta, all, shared), (_, one, _)) = (parameters(3), parameters(1));
        let mut weights = vec![0.0f32; all.len()];
        for task in 0..3 {
            weights[16 * task] = 1.0 + task as f32;
            weights[all.len() - 16 + task] = 10.0 * (1.0 + task as f32);
        }
        weights[shared.range()].fill(7.0);
        let own = meta.take([&all, &one], &weights, 1);
        assert_eq!((own[0], own[16], own[32], own[33]), (2.0, 7.0, 20.0, 0.0));
        let unseen = meta.unseen([&all, &one], &weights);
        assert_eq!((unseen[0], unseen[1], unseen[16], unseen[32]), (2.0, 0.0, 7.0, 0.0));
        let mut sum = vec![0.0f32; all.len()];
        meta.add([&all, &one], &own, 1, &mut sum);
        meta.add([&all, &one], &own, 1, &mut sum);
        assert_eq!((sum[0], sum[16], sum[48], sum[65], sum[66]), (0.0, 4.0, 14.0, 40.0, 0.0));
    }
}

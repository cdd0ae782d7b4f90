//! The dense weights of a network: one flat run of numbers on a CPU, its blocks a tensor each on a GPU, and the named
//! tensors of a package that are placed in it.

use std::ops::Range;

use tch::Tensor;

use crate::kernel::memory::Aligned;
use crate::kernel::random;
use crate::layers::LINE;

/// A run of the flat weights that is one matrix or bias; rows are padded to cache lines, the padding stays zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its place among the blocks.
    pub(crate) index: usize,
    pub(crate) offset: usize,
    pub(crate) rows: usize,
    pub(crate) stride: usize,
    /// Whether weight decay shrinks it: matrices yes, biases no.
    pub(crate) decays: bool,
}

impl Block {
    pub(crate) fn len(self) -> usize {
        self.rows * self.stride
    }

    pub(crate) fn end(self) -> usize {
        self.offset + self.len()
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.offset..self.end()
    }

    /// Its tensor among the blocks' tensors.
    pub(crate) fn of(self, blocks: &[Tensor]) -> &Tensor {
        &blocks[self.index]
    }
}

/// Where the numbers of a named tensor lie: `[groups, rows, columns]` in a flat run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) offset: usize,
    pub(crate) groups: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) group_stride: usize,
    pub(crate) row_stride: usize,
}

impl Placement {
    /// The ranges of the flat run, row after row.
    fn rows(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.groups).flat_map(move |group| {
            (0..self.rows).map(move |row| {
                let start = self.offset + group * self.group_stride + row * self.row_stride;
                start..start + self.columns
            })
        })
    }
}

/// A tensor's first values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Init {
    /// Uniform in ±bound, from the seed and the tensor's name.
    Uniform(f32),
    /// Given.
    Values(Vec<f32>),
}

/// A tensor by the name that a package knows it by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) placement: Placement,
    pub(crate) init: Init,
}

impl Named {
    /// Its numbers out of a flat run, in row-major order.
    pub(crate) fn read(&self, flat: &[f32]) -> Vec<f32> {
        self.placement.rows().flat_map(|range| flat[range].iter().copied()).collect()
    }

    /// Puts its numbers, in row-major order, into a flat run.
    pub(crate) fn write(&self, flat: &mut [f32], numbers: &[f32]) {
        for (range, numbers) in self.placement.rows().zip(numbers.chunks(self.placement.columns)) {
            flat[range].copy_from_slice(numbers);
        }
    }
}

/// All dense weights of a network.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) blocks: Vec<Block>,
    pub(crate) named: Vec<Named>,
}

impl Parameters {
    /// Numbers of the flat run.
    pub(crate) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.end())
    }

    /// Adds a block of `rows` × `columns`, on a cache line.
    pub(crate) fn block(&mut self, rows: usize, columns: usize, decays: bool) -> Block {
        let (index, offset) = (self.blocks.len(), self.len());
        let block = Block { index, offset, rows, stride: columns.next_multiple_of(LINE), decays };
        self.blocks.push(block);
        block
    }

    /// The flat weights that training starts from.
    pub(crate) fn initial(&self, seed: u64) -> Aligned {
        let mut flat = Aligned::zeros(self.len());
        for named in &self.named {
            let mut numbers = vec![0.0; named.shape.iter().product()];
            match &named.init {
                Init::Uniform(bound) => {
                    random::fill_uniform(&mut numbers, random::named(seed, &named.name), 0, *bound);
                }
                Init::Values(values) => numbers.copy_from_slice(values),
            }
            named.write(&mut flat, &numbers);
        }
        flat
    }
}

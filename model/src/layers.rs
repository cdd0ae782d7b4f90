//! The blocks that networks are assembled from, one file a concept. Each knows its formula three times: forward and
//! backward over plain memory on a CPU, and as libtorch operators for a GPU (their gradients come from autograd, and
//! the tests hold the two against each other).

pub(crate) mod activation;
pub(crate) mod attend;
pub(crate) mod campaigns;
pub(crate) mod conjunction;
pub(crate) mod cross;
pub(crate) mod dense;
pub(crate) mod inner;
pub(crate) mod mix;
pub(crate) mod pairs;
pub(crate) mod prototypes;
pub(crate) mod select;
pub(crate) mod softmax;
pub(crate) mod sum;
pub(crate) mod unit;

use std::fmt::Debug;
use std::ops::Range;

use tch::{TchError, Tensor};

use crate::kernel::memory::Aligned;
use crate::kernel::product::{Packed, Write};
use crate::network::parameters::Block;

/// Some columns of a buffer: `[rows, width]` f32, row-major, a row every [`Buffer::stride`] numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) buffer: usize,
    pub(crate) column: usize,
    pub(crate) width: usize,
}

impl View {
    /// Part `group` of `groups` equal ones.
    pub(crate) fn part(self, group: usize, groups: usize) -> Self {
        let width = self.width / groups;
        Self { column: self.column + group * width, width, ..self }
    }

    fn end(self) -> usize {
        self.column + self.width
    }

    /// Where a row of it lies in its buffer.
    pub(crate) fn at(self, row: usize, stride: usize) -> Range<usize> {
        let start = row * stride + self.column;
        start..start + self.width
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.buffer == other.buffer && self.column < other.end() && other.column < self.end()
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.buffer == other.buffer && self.column <= other.column && other.end() <= self.end()
    }
}

/// The shape of an intermediate result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) width: usize,
    /// Numbers from a row to the next: `width` rounded up to a cache line.
    pub(crate) stride: usize,
}

impl Buffer {
    pub(crate) fn new(width: usize) -> Self {
        Self { width, stride: width.next_multiple_of(LINE) }
    }
}

/// Numbers in a cache line; strides and the starts of weights are multiples of it.
pub(crate) const LINE: usize = 16;

/// The input `x` is buffer 0.
pub(crate) const INPUT: usize = 0;

/// Which units are left out at a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropout {
    pub(crate) seed: u64,
    pub(crate) step: u64,
    /// The batch's row that is the pass's row 0.
    pub(crate) first_row: usize,
}

/// One forward pass over a block of rows.
pub(crate) struct Forward<'a> {
    /// The network's weights, flat.
    pub(crate) weights: &'a [f32],
    /// Those of them that are packed for a block's products, by block of parameters and group.
    pub(crate) packed: &'a [Vec<Packed>],
    pub(crate) buffers: &'a [Buffer],
    pub(crate) rows: usize,
    /// None outside training.
    pub(crate) dropout: Option<Dropout>,
}

/// One backward pass over a block of rows.
pub(crate) struct Backward<'a> {
    pub(crate) weights: &'a [f32],
    pub(crate) buffers: &'a [Buffer],
    pub(crate) rows: usize,
    /// What the forward pass left.
    pub(crate) activations: &'a [Aligned],
    /// The loss's gradient by each activation; the input's is [`Self::input`].
    pub(crate) gradients: &'a mut [Aligned],
    /// The loss's gradient by `x`, strided like it; columns before the first embedding are not written.
    pub(crate) input: &'a mut [f32],
    /// The loss's gradient by the weights, flat.
    pub(crate) weight_gradient: &'a mut [f32],
    /// Whether `weight_gradient` holds earlier blocks' gradient already.
    pub(crate) write: Write,
}

/// One forward pass of libtorch operators.
pub(crate) struct TensorPass<'a> {
    /// The weights, a tensor for each block of [`crate::network::Parameters`].
    pub(crate) weights: &'a [Tensor],
    pub(crate) dropout: Option<Dropout>,
    /// The type of the products' operands.
    pub(crate) product_kind: tch::Kind,
}

/// The results of a pass of operators: for each buffer, its parts by first column, ascending.
pub(crate) struct Nodes(Vec<Vec<(usize, Tensor)>>);

impl Nodes {
    pub(crate) fn new(buffers: usize, x: Tensor) -> Self {
        let mut nodes: Vec<Vec<(usize, Tensor)>> = (0..buffers).map(|_| Vec::new()).collect();
        nodes[INPUT].push((0, x));
        Self(nodes)
    }

    pub(crate) fn put(&mut self, buffer: usize, column: usize, part: Tensor) {
        self.0[buffer].push((column, part));
    }

    /// `[rows, view.width]`
    pub(crate) fn get(&self, view: View) -> Result<Tensor, TchError> {
        let mut parts = Vec::new();
        for (column, part) in &self.0[view.buffer] {
            let (first, end) = (view.column.max(*column), view.end().min(column + part.size()[1] as usize));
            if first < end {
                parts.push(part.f_narrow(1, (first - column) as i64, (end - first) as i64)?);
            }
        }
        match parts.as_slice() {
            [part] => Ok(part.shallow_clone()),
            parts => Tensor::f_cat(parts, 1),
        }
    }
}

/// A step of a network: reads some views, writes a buffer of its own.
pub(crate) trait Layer: Debug + Send + Sync {
    /// What it reads.
    fn inputs(&self) -> Vec<View>;

    /// What it writes: a whole buffer.
    fn output(&self) -> View;

    /// The matrix that it multiplies by, if any; layers may share one.
    fn weight(&self) -> Option<Block> {
        None
    }

    /// Packs its weights for products of `rows` rows, each block's under its index.
    fn pack(&self, _weights: &[f32], _rows: usize, _packed: &mut [Vec<Packed>]) {}

    /// Computes its output for the first `pass.rows` rows.
    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]);

    /// From the gradient by its output, the gradients by its weights and inputs. `writes` says for each input whether
    /// its gradient is written over or added to. May spoil the gradient by its output.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]);

    /// The same formula in libtorch's operators.
    fn forward_tensors(&self, pass: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError>;
}

/// Two buffers at once, one to read and one to write.
pub(crate) fn read_write(buffers: &mut [Aligned], read: usize, write: usize) -> (&[f32], &mut [f32]) {
    let [read, write] = buffers.get_disjoint_mut([read, write]).expect("a layer writes a buffer of its own");
    (read, write)
}

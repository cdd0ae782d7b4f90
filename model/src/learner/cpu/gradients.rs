//! The loss's gradient by what a batch's rows read: by `x`, and by each step of the lists that attention pools.

use std::ops::Range;

use crate::architecture::Architecture;
use crate::embedding::update::InputGradient;
use crate::embedding::{VECTOR, stride};
use crate::input::{Inputs, Pooling};
use crate::kernel::memory::Aligned;
use crate::layers::INPUT;

/// Kept from step to step.
#[derive(Debug, Clone, Default)]
pub(super) struct InputGradients {
    /// `[rows, stride]`
    x: Aligned,
    stride: usize,
    /// For each bag `[steps, stride of its table]`; nothing for those that attention does not pool.
    steps: Vec<Aligned>,
    /// Of each bag's table.
    strides: Vec<usize>,
}

/// A lane's part of them.
#[derive(Debug)]
pub(super) struct LaneInput<'a> {
    pub(super) x: &'a mut [f32],
    /// For each bag.
    pub(super) steps: Vec<&'a mut [f32]>,
}

impl InputGradients {
    /// Makes room for a checked batch.
    pub(super) fn make_room(&mut self, architecture: &Architecture, inputs: &Inputs) {
        self.stride = architecture.graph.buffers[INPUT].stride;
        grow(&mut self.x, inputs.rows * self.stride + VECTOR);
        let tables = architecture.layout.tables.iter();
        let slots = tables.flat_map(|table| table.bags().iter().map(|slot| (slot, stride(table.width))));
        self.steps.resize_with(inputs.bags.len(), Aligned::default);
        self.strides.clear();
        for (((slot, stride), bag), steps) in slots.zip(&inputs.bags).zip(&mut self.steps) {
            self.strides.push(stride);
            if slot.pool == Some(Pooling::Attention) {
                grow(steps, bag.ids.len() * stride + VECTOR);
            }
        }
    }

    /// The part of each lane.
    pub(super) fn split(&mut self, lanes: &[Range<usize>], inputs: &Inputs) -> Vec<LaneInput<'_>> {
        let Self { x, stride, steps, strides } = self;
        let (mut x, mut steps): (&mut [f32], Vec<&mut [f32]>) =
            (x, steps.iter_mut().map(|steps| &mut steps[..]).collect());
        let mut parts = Vec::with_capacity(lanes.len());
        for rows in lanes {
            let of_bags = steps.iter_mut().zip(&inputs.bags).zip(&*strides).map(|((rest, bag), stride)| {
                let len = (bag.offsets[rows.end] - bag.offsets[rows.start]) as usize;
                take(rest, len * stride)
            });
            parts.push(LaneInput { steps: of_bags.collect(), x: take(&mut x, rows.len() * *stride) });
        }
        parts
    }

    /// Adds those of another loss of the same batch.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = std::iter::once((&mut self.x, &other.x)).chain(self.steps.iter_mut().zip(&other.steps));
        for (sums, numbers) in pairs {
            sums.iter_mut().zip(&numbers[..]).for_each(|(sum, number)| *sum += number);
        }
    }

    /// Adds the part of one lane, of another loss of the same batch.
    pub(super) fn add_lane(&mut self, other: &mut Self, lanes: &[Range<usize>], lane: usize, inputs: &Inputs) {
        let [to, from] = [self, other].map(|all| all.split(lanes, inputs).swap_remove(lane));
        let pairs = std::iter::once((to.x, from.x)).chain(to.steps.into_iter().zip(from.steps));
        for (sums, numbers) in pairs {
            sums.iter_mut().zip(&*numbers).for_each(|(sum, number)| *sum += number);
        }
    }

    /// Sets all of them to zero.
    pub(super) fn clear(&mut self) {
        self.x.fill(0.0);
        self.steps.iter_mut().for_each(|steps| steps.fill(0.0));
    }

    /// As the tables' optimizer takes them.
    pub(super) fn view(&self) -> InputGradient<'_> {
        InputGradient { numbers: &self.x, stride: self.stride, steps: &self.steps }
    }
}

fn grow(numbers: &mut Aligned, len: usize) {
    if numbers.len() < len {
        *numbers = Aligned::zeros(len);
    }
}

/// The first numbers of a slice, which is left with the rest; nothing where it has none.
fn take<'a>(rest: &mut &'a mut [f32], len: usize) -> &'a mut [f32] {
    if rest.is_empty() {
        return &mut [];
    }
    let (own, later) = std::mem::take(rest).split_at_mut(len);
    *rest = later;
    own
}

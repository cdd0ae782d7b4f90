//! Sequences whose steps are weighed by attention: pooled into `x` before the network runs. A step is a place of a list: the
//! embedding of its id, or those of several lists that share their places, side by side.
//!
//! On a CPU the products go over all steps of a block of rows at once, lists as long as they are, without padding. Gradients
//! by the weights lie among the network's dense ones; those by steps are handed to the tables' optimizer, one for each
//! occurrence of an id.

mod among;
mod memory;
pub(crate) mod tensors;
mod unit;

use std::ops::Range;

pub(crate) use self::memory::{Memory, Scratch, StepGradients};

use self::among::SelfAttention;
use self::unit::Unit;
use crate::embedding::{Table, tensor_name};
use crate::input::{Attended, AttentionKind, InputLayout, Inputs, Slot};
use crate::kernel::product::Write;
use crate::network::Parameters;
use crate::network::parameters::{Block, Init, Named, Placement};
use spec::FeatureName;

/// One attended sequence, for one of the embeddings that each id has.
#[derive(Debug)]
pub(crate) struct Attention {
    /// The lists that its steps are made of.
    pub(crate) members: Vec<Member>,
    pub(crate) rule: Rule,
}

/// How steps become one.
#[derive(Debug)]
pub(crate) enum Rule {
    Unit(Unit),
    Among(SelfAttention),
}

/// A list of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// Its place among [`Inputs::bags`].
    pub(crate) bag: usize,
    /// Its merged table.
    pub(crate) table: usize,
    /// Its first column of `x`.
    pub(crate) column: usize,
    /// The first number of a table's row that is read.
    pub(crate) first: usize,
    /// How many are read.
    pub(crate) width: usize,
}

/// Where an attended sequence's parts lie in `x`.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    slot: &'a Slot,
    table: usize,
    bag: usize,
    column: usize,
    width: usize,
}

/// What a block's `x` is, `[rows, stride]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) stride: usize,
}

/// What a block's backward pass writes.
pub(crate) struct Back<'a> {
    /// By the dense weights, flat.
    pub(crate) dense: &'a mut [f32],
    pub(crate) write: Write,
    /// By `x`, strided like it: by what steps became, and to be added to by a target.
    pub(crate) by_x: &'a mut [f32],
}

/// The attentions of a layout whose ids have so many embeddings each, side by side; their weights go to `parameters`.
pub(crate) fn attentions(layout: &InputLayout, kinds: usize, parameters: &mut Parameters) -> Vec<Attention> {
    let of = |attended: &Attended| {
        (0..kinds).map(|kind| Attention::new(layout, attended, [kind, kinds], parameters)).collect()
    };
    layout.attended.iter().map(of).collect::<Vec<Vec<_>>>().into_iter().flatten().collect()
}

impl Attention {
    fn new(layout: &InputLayout, attended: &Attended, [kind, kinds]: [usize; 2], parameters: &mut Parameters) -> Self {
        let part = |place: Place<'_>| {
            let width = place.width / kinds;
            Member {
                bag: place.bag,
                table: place.table,
                column: place.column + kind * width,
                first: kind * width,
                width,
            }
        };
        let places: Vec<Place<'_>> = attended.features.iter().map(|name| place(layout, name)).collect();
        let members: Vec<Member> = places.iter().copied().map(part).collect();
        let own = if kind == 0 { String::new() } else { format!("tasks.{}.", kind - 1) };
        let mut named = Naming { prefix: format!("{own}attention.{}", attended.features[0]), parameters };
        let width = members.iter().map(|member| member.width).sum();
        let rule = match &attended.kind {
            AttentionKind::Unit { target } => {
                let target = target.as_ref().map(|target| {
                    let place = place(layout, target);
                    let is_same = tensor_name(place.slot) == tensor_name(places[0].slot);
                    (part(place), is_same)
                });
                Rule::Unit(Unit::new(width, members[0].width, target, attended.max_length, &mut named))
            }
            AttentionKind::Among { heads } => {
                Rule::Among(SelfAttention::new(width, *heads, attended.max_length, &mut named))
            }
        };
        Self { members, rule }
    }

    /// Numbers of a step.
    pub(crate) fn width(&self) -> usize {
        self.members.iter().map(|member| member.width).sum()
    }

    /// All of its weights.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        match &self.rule {
            Rule::Unit(unit) => unit.blocks(),
            Rule::Among(among) => among.blocks(),
        }
    }

    /// Pools the steps of some rows of a checked batch into their `x`, where the target's embedding is already.
    pub(crate) fn forward(
        &self,
        (dense, tables): (&[f32], &[Table]),
        inputs: &Inputs,
        rows: Range<usize>,
        (x, stride): (&mut [f32], usize),
        memory: &mut Memory,
    ) {
        memory.gather(self, tables, inputs, rows);
        match &self.rule {
            Rule::Unit(unit) => unit.forward(dense, Rows { numbers: x, stride }, memory),
            Rule::Among(among) => among.forward(dense, memory),
        }
        memory.scatter(self, x, stride);
    }

    /// From the gradient by what [`Self::forward`] wrote, those by the weights, the target and the steps.
    pub(crate) fn backward(
        &self,
        weights: &[f32],
        x: Rows<'_>,
        (memory, scratch): (&Memory, &mut Scratch),
        into: Back<'_>,
        steps: &mut StepGradients<'_, '_>,
    ) {
        let Back { dense, write, by_x } = into;
        if write == Write::Over {
            self.blocks().into_iter().for_each(|block| dense[block.range()].fill(0.0));
        }
        scratch.gather(self, memory, Rows { numbers: by_x, stride: x.stride });
        match &self.rule {
            Rule::Unit(unit) => unit.backward(weights, x, (memory, scratch), dense, by_x),
            Rule::Among(among) => among.backward(weights, memory, scratch, dense),
        }
        steps.put(self, memory, scratch);
    }
}

fn place<'a>(layout: &'a InputLayout, name: &FeatureName) -> Place<'a> {
    let (mut column, mut bags) = (layout.numeric_width(), 0);
    for (table, merged) in layout.tables.iter().enumerate() {
        let singles = merged.single_slots();
        if let Some(at) = merged.slots.iter().position(|slot| slot.feature == *name) {
            let (slot, width) = (&merged.slots[at], merged.width);
            return Place { slot, table, bag: bags + at.saturating_sub(singles), column: column + at * width, width };
        }
        column += merged.output_width();
        bags += merged.bags().len();
    }
    unreachable!("an attended layout has the slots that it names: {name}")
}

/// Names weights by what they are of.
struct Naming<'a> {
    prefix: String,
    parameters: &'a mut Parameters,
}

impl Naming<'_> {
    /// A matrix of so many rows and columns, by its part's name.
    fn matrix(&mut self, name: &str, [rows, columns]: [usize; 2], init: Init) -> Block {
        let block = self.parameters.block(rows, columns, true);
        self.columns(name, block, (0, columns), init);
        block
    }

    /// Some columns of a block as a matrix.
    fn columns(&mut self, name: &str, block: Block, (first, columns): (usize, usize), init: Init) {
        self.push(name, vec![block.rows, columns], (block, first, columns), init);
    }

    /// A vector that does not decay.
    fn vector(&mut self, name: &str, len: usize, init: Init) -> Block {
        let block = self.parameters.block(1, len, false);
        self.push(name, vec![len], (block, 0, len), init);
        block
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, (block, first, columns): (Block, usize, usize), init: Init) {
        let placement = Placement {
            offset: block.offset + first,
            groups: 1,
            rows: block.rows,
            columns,
            group_stride: block.len(),
            row_stride: block.stride,
        };
        let name = format!("{}.{name}", self.prefix);
        self.parameters.named.push(Named { name, shape, placement, init });
    }
}

#[cfg(test)]
mod tests;

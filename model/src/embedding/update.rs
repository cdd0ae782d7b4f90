//! Row-wise Adagrad (Mudigere, Software-Hardware Co-design for Fast and Scalable Training of Deep Learning
//! Recommendation Models, ISCA 2022): for each row that a batch names, once,
//!
//! `s += mean(g²)`, `w -= rate · g / (√s + ε)`, with `g` the sum of the gradients of all the row's occurrences.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use spec::feature::Pool;

use super::gather::pool_scale;
use super::group::Groups;
use super::{Table, VECTOR};
use crate::input::{Bag, InputLayout, Inputs, Slot};
use crate::kernel::memory::Aligned;

/// Keeps the first step of a row with next to no gradient small.
pub(crate) const EPSILON: f32 = 1e-8;

/// The optimizer's state of all tables: a number a row.
#[derive(Debug)]
pub(crate) struct RowwiseAdagrad {
    /// For each table `[rows]`, the sum of mean squared gradients.
    pub(crate) sums: Vec<Aligned>,
    scratch: Vec<Scratch>,
}

#[derive(Debug, Default)]
struct Scratch {
    groups: Groups,
    gradient: Vec<f32>,
    bag_rows: Vec<u32>,
}

/// The gradient by `x` of a whole batch, `[rows, stride]`, with [`VECTOR`] numbers of room behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputGradient<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) stride: usize,
}

/// A feature's part of the work.
struct Job<'a> {
    slot: &'a Slot,
    width: usize,
    stride: usize,
    /// Its first column of `x`.
    column: usize,
    rows: &'a mut [f32],
    sums: &'a mut [f32],
    ids: Ids<'a>,
}

#[derive(Clone, Copy)]
enum Ids<'a> {
    /// Every `step`-th of these.
    Single(&'a [i32], usize),
    Bag(&'a Bag),
}

impl RowwiseAdagrad {
    pub(crate) fn new(layout: &InputLayout) -> Self {
        let sums = layout.tables.iter().map(|table| Aligned::zeros(table.rows)).collect();
        let slots = layout.tables.iter().map(|table| table.slots.len()).sum();
        Self { sums, scratch: (0..slots).map(|_| Scratch::default()).collect() }
    }

    /// One step, on the current rayon pool: features in parallel, each feature's rows in the order of their ids.
    pub(crate) fn step(
        &mut self,
        layout: &InputLayout,
        tables: &mut [Table],
        inputs: &Inputs,
        gradient: InputGradient<'_>,
        rate: f32,
    ) {
        let jobs = jobs(layout, tables, &mut self.sums, inputs);
        let work = jobs.into_par_iter().with_max_len(1).zip(self.scratch.par_iter_mut());
        work.for_each(|(job, scratch)| job.run(scratch, gradient, rate));
    }
}

fn jobs<'a>(
    layout: &'a InputLayout,
    tables: &'a mut [Table],
    sums: &'a mut [Aligned],
    inputs: &'a Inputs,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    let mut column = layout.numeric_width();
    let mut bags = inputs.bags.iter();
    for (index, (table, sums)) in tables.iter_mut().zip(sums).enumerate() {
        let singles = layout.tables[index].single_slots();
        let ids = inputs.table_ids(layout, index, 0..inputs.rows);
        let (width, stride) = (table.width, table.stride);
        let (mut rows, mut sums): (&mut [f32], &mut [f32]) = (&mut table.numbers, sums);
        let mut next_row = 0;
        for (place, slot) in layout.tables[index].slots.iter().enumerate() {
            assert!(slot.first_row as usize == next_row, "features have consecutive rows of a table, in order");
            next_row += slot.rows as usize;
            let (own_rows, later_rows) = rows.split_at_mut(slot.rows as usize * stride);
            let (own_sums, later_sums) = sums.split_at_mut(slot.rows as usize);
            (rows, sums) = (later_rows, later_sums);
            let ids = if place < singles {
                Ids::Single(ids.get(place..).unwrap_or_default(), singles)
            } else {
                Ids::Bag(bags.next().expect("a checked batch has a bag for each bag slot"))
            };
            jobs.push(Job { slot, width, stride, column, rows: own_rows, sums: own_sums, ids });
            column += width;
        }
    }
    jobs
}

impl Job<'_> {
    fn run(self, scratch: &mut Scratch, gradient: InputGradient<'_>, rate: f32) {
        let Self { slot, width, stride, column, rows, sums, ids } = self;
        let local = |&id: &i32| id as u32 - slot.first_row;
        let pairs = match ids {
            Ids::Single(ids, step) => scratch.groups.sort(ids.iter().step_by(step).map(local), slot.rows),
            Ids::Bag(bag) => scratch.groups.sort(bag.ids.iter().map(local), slot.rows),
        };
        let occurrences = Occurrences::new(ids, slot, &mut scratch.bag_rows);
        let sum = &mut scratch.gradient;
        sum.resize(stride.next_multiple_of(VECTOR), 0.0);
        for equal in pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
            sum.fill(0.0);
            for &pair in equal {
                let (row, scale) = occurrences.get(pair);
                add(sum, &gradient.numbers[row * gradient.stride + column..], scale);
            }
            sum[width..].fill(0.0);
            let id = (equal[0] >> 32) as usize;
            descend(&mut rows[id * stride..][..stride], &mut sums[id], sum, width, rate);
        }
    }
}

/// Which row of the batch an occurrence of an id belongs to, and what part of the row's gradient is its.
enum Occurrences<'a> {
    Single,
    Bag { bag: &'a Bag, rows: &'a [u32], pool: Pool },
}

impl<'a> Occurrences<'a> {
    fn new(ids: Ids<'a>, slot: &Slot, bag_rows: &'a mut Vec<u32>) -> Self {
        let Ids::Bag(bag) = ids else { return Self::Single };
        bag_rows.clear();
        let rows = bag.offsets.windows(2).zip(0u32..);
        bag_rows.extend(rows.flat_map(|(ends, row)| (ends[0]..ends[1]).map(move |_| row)));
        Self::Bag { bag, rows: bag_rows, pool: slot.pool.unwrap_or_default() }
    }

    fn get(&self, pair: u64) -> (usize, f32) {
        let occurrence = pair as u32 as usize;
        match self {
            Self::Single => (occurrence, 1.0),
            Self::Bag { bag, rows, pool } => {
                let row = rows[occurrence] as usize;
                (row, pool_scale(*pool, bag.row(row).len()))
            }
        }
    }
}

/// Adds whole vectors; what lies behind the embedding's width is cleared by the caller.
#[inline(always)]
fn add(sum: &mut [f32], gradient: &[f32], scale: f32) {
    for (sum, gradient) in sum.chunks_exact_mut(VECTOR).zip(gradient.chunks_exact(VECTOR)) {
        sum.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient * scale);
    }
}

#[inline(always)]
fn descend(row: &mut [f32], state: &mut f32, gradient: &[f32], width: usize, rate: f32) {
    const PART: usize = VECTOR / 2;
    let mut squares = [0.0f32; PART];
    for gradient in gradient.chunks_exact(PART) {
        squares.iter_mut().zip(gradient).for_each(|(square, gradient)| *square += gradient * gradient);
    }
    *state += squares.iter().sum::<f32>() / width as f32;
    let factor = rate / (state.sqrt() + EPSILON);
    for (row, gradient) in row.chunks_exact_mut(PART).zip(gradient.chunks_exact(PART)) {
        row.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight -= factor * gradient);
    }
}

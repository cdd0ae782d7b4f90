//! Row-wise Adagrad (Mudigere, Software-Hardware Co-design for Fast and Scalable Training of Deep Learning
//! Recommendation Models, ISCA 2022): for each row that a batch names, once,
//!
//! `s += mean(g²)`, `w -= rate · g / (√s + ε)`, with `g` the sum of the gradients of all the row's occurrences.
//!
//! Rows that are read seldom can be held back by a decay `d`, as DIN's regularization by counts does (Zhou, Deep Interest
//! Network for Click-Through Rate Prediction, KDD 2018, 5.2), here apart from the gradient and with the count so far: before
//! the step that reads a row for the k-th time, `w *= 1 - min(rate · d / k, 1)`.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use super::gather::pool_scale;
use super::group::Groups;
use super::{Table, VECTOR};
use crate::input::{Bag, InputLayout, Inputs, Pooling, Section};
use crate::kernel::memory::Aligned;

/// Keeps the first step of a row with next to no gradient small.
pub(crate) const EPSILON: f32 = 1e-8;

/// The optimizer's state of all tables: a number a row.
#[derive(Debug)]
pub(crate) struct RowwiseAdagrad {
    /// For each table `[rows]`, the sum of mean squared gradients.
    pub(crate) sums: Vec<Aligned>,
    /// For each table `[rows]`, the steps that have read a row; nothing where nobody asks.
    pub(crate) reads: Vec<Aligned>,
    decay: f32,
    scratch: Vec<Scratch>,
}

#[derive(Debug, Default)]
struct Scratch {
    groups: Groups,
    gradient: Vec<f32>,
    bag_rows: Vec<u32>,
}

/// The gradient by what a whole batch reads, each with [`VECTOR`] numbers of room behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputGradient<'a> {
    /// By `x`, `[rows, stride]`.
    pub(crate) numbers: &'a [f32],
    pub(crate) stride: usize,
    /// For each bag whose steps attention pools, by each step, `[steps, stride of its table]`; nothing for other bags.
    pub(crate) steps: &'a [Aligned],
}

/// How far a step goes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: f32,
    decay: f32,
}

/// A section's part of the work.
struct Job<'a> {
    width: usize,
    stride: usize,
    first_row: u32,
    rows: &'a mut [f32],
    sums: &'a mut [f32],
    /// Empty where nobody asks.
    reads: &'a mut [f32],
    /// The features that have the section's rows.
    readers: Vec<Reader<'a>>,
}

/// A feature's ids, and where its embeddings' gradients are.
struct Reader<'a> {
    /// Its first column of them.
    column: usize,
    /// How many ids it has.
    len: usize,
    ids: Ids<'a>,
    /// The gradient that it is part of, `[.., stride]`.
    gradient: &'a [f32],
    stride: usize,
}

#[derive(Clone, Copy)]
enum Ids<'a> {
    /// Every `step`-th of these.
    Single(&'a [i32], usize),
    Bag(&'a Bag, Pooling),
    /// Of steps, each with a gradient of its own.
    Steps(&'a Bag),
}

impl RowwiseAdagrad {
    pub(crate) fn new(layout: &InputLayout, decay: f64) -> Self {
        let a_row = || layout.tables.iter().map(|table| Aligned::zeros(table.rows)).collect();
        let sections = layout.tables.iter().map(|table| table.sections().len()).sum();
        let reads = if decay > 0.0 { a_row() } else { Vec::new() };
        Self { sums: a_row(), reads, decay: decay as f32, scratch: (0..sections).map(|_| Scratch::default()).collect() }
    }

    /// One step, on the current rayon pool: sections in parallel, each section's rows in the order of their ids.
    pub(crate) fn step(
        &mut self,
        layout: &InputLayout,
        tables: &mut [Table],
        inputs: &Inputs,
        gradient: InputGradient<'_>,
        rate: f32,
    ) {
        let jobs = jobs(layout, tables, (&mut self.sums, &mut self.reads), inputs, gradient);
        let pace = Pace { rate, decay: self.decay };
        let work = jobs.into_par_iter().with_max_len(1).zip(self.scratch.par_iter_mut());
        work.for_each(|(job, scratch)| job.run(scratch, pace));
    }
}

fn jobs<'a>(
    layout: &'a InputLayout,
    tables: &'a mut [Table],
    (sums, reads): (&'a mut [Aligned], &'a mut [Aligned]),
    inputs: &'a Inputs,
    by: InputGradient<'a>,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    let mut column = layout.numeric_width();
    let mut first_bag = 0;
    let mut all_reads = reads.iter_mut();
    for (index, (table, sums)) in tables.iter_mut().zip(sums).enumerate() {
        let mut reads: &mut [f32] = all_reads.next().map_or(&mut [], |reads| reads);
        let merged = &layout.tables[index];
        let (singles, ids) = (merged.single_slots(), inputs.table_ids(layout, index, 0..inputs.rows));
        let (width, stride) = (table.width, table.stride);
        let reader = |place: usize| {
            let column = column + place * width;
            let of_x = |len, ids| Reader { column, len, ids, gradient: by.numbers, stride: by.stride };
            let Some(pool) = merged.slots[place].pool else {
                return of_x(inputs.rows, Ids::Single(ids.get(place..).unwrap_or_default(), singles));
            };
            let (place, len) = (first_bag + place - singles, inputs.bags[first_bag + place - singles].ids.len());
            let bag = &inputs.bags[place];
            if pool == Pooling::Attention {
                return Reader { column: 0, len, ids: Ids::Steps(bag), gradient: &by.steps[place], stride };
            }
            of_x(len, Ids::Bag(bag, pool))
        };
        let (mut rows, mut sums): (&mut [f32], &mut [f32]) = (&mut table.numbers, sums);
        let mut next_row = 0;
        for Section { first, slots } in merged.sections() {
            assert!(first.first_row == next_row, "sections have consecutive rows of a table, in order");
            next_row += first.rows;
            let (own_rows, later_rows) = rows.split_at_mut(first.rows as usize * stride);
            let (own_sums, later_sums) = sums.split_at_mut(first.rows as usize);
            let (own_reads, later_reads) = reads.split_at_mut((first.rows as usize).min(reads.len()));
            (rows, sums, reads) = (later_rows, later_sums, later_reads);
            let (rows, sums, reads, readers) = (own_rows, own_sums, own_reads, slots.into_iter().map(reader).collect());
            jobs.push(Job { width, stride, first_row: first.first_row, rows, sums, reads, readers });
        }
        column += merged.output_width();
        first_bag += merged.bags().len();
    }
    jobs
}

impl Job<'_> {
    fn run(self, scratch: &mut Scratch, Pace { rate, decay }: Pace) {
        let Self { width, stride, first_row, rows, sums, reads, readers } = self;
        let Scratch { groups, gradient: sum, bag_rows } = scratch;
        let bound = sums.len() as u32;
        let local = |&id: &i32| id as u32 - first_row;
        let pairs = match &readers[..] {
            [reader] => groups.sort(reader.ids.iter().map(local), bound),
            readers => groups.sort(readers.iter().flat_map(|reader| reader.ids.iter()).map(local), bound),
        };
        let occurrences = Occurrences::new(&readers, bag_rows);
        sum.resize(stride.next_multiple_of(VECTOR), 0.0);
        for equal in pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
            sum.fill(0.0);
            for &pair in equal {
                let (gradient, scale) = occurrences.get(pair as u32 as usize);
                add(sum, gradient, scale);
            }
            sum[width..].fill(0.0);
            let id = (equal[0] >> 32) as usize;
            let row = &mut rows[id * stride..][..stride];
            if let Some(reads) = reads.get_mut(id) {
                *reads += 1.0;
                let kept = 1.0 - (rate * decay / *reads).min(1.0);
                row.iter_mut().for_each(|weight| *weight *= kept);
            }
            descend(row, &mut sums[id], sum, width, rate);
        }
    }
}

impl<'a> Ids<'a> {
    fn iter(self) -> impl Iterator<Item = &'a i32> {
        let (ids, step): (&[i32], usize) = match self {
            Self::Single(ids, step) => (ids, step),
            Self::Bag(bag, _) | Self::Steps(bag) => (&bag.ids, 1),
        };
        ids.iter().step_by(step)
    }
}

/// Where the gradient of an occurrence of an id is, and what part of it is the occurrence's.
struct Occurrences<'a> {
    readers: &'a [Reader<'a>],
    /// The batch's row of each id in a bag, one reader's after the other's.
    bag_rows: &'a [u32],
}

impl<'a> Occurrences<'a> {
    fn new(readers: &'a [Reader<'a>], bag_rows: &'a mut Vec<u32>) -> Self {
        bag_rows.clear();
        for reader in readers {
            if let Ids::Bag(bag, _) = reader.ids {
                let rows = bag.offsets.windows(2).zip(0u32..);
                bag_rows.extend(rows.flat_map(|(ends, row)| (ends[0]..ends[1]).map(move |_| row)));
            }
        }
        Self { readers, bag_rows }
    }

    /// The gradient and scale of an occurrence by its place among all readers' ids.
    fn get(&self, mut place: usize) -> (&'a [f32], f32) {
        let mut bag_rows = self.bag_rows;
        for reader in self.readers {
            if place < reader.len {
                return reader.get(place, bag_rows);
            }
            place -= reader.len;
            if let Ids::Bag(..) = reader.ids {
                bag_rows = &bag_rows[reader.len..];
            }
        }
        unreachable!("an occurrence is one of a reader's ids")
    }
}

impl<'a> Reader<'a> {
    fn get(&self, place: usize, bag_rows: &[u32]) -> (&'a [f32], f32) {
        let (row, scale) = match self.ids {
            Ids::Single(..) | Ids::Steps(_) => (place, 1.0),
            Ids::Bag(bag, pool) => {
                let row = bag_rows[place] as usize;
                let weight = bag.weights.get(place).copied().unwrap_or(1.0);
                (row, weight * pool_scale(pool, bag.row(row).len()))
            }
        };
        (&self.gradient[row * self.stride + self.column..], scale)
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

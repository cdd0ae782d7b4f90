//! The sparse update of embedding tables: each row that a batch names goes once, by the tables' rule ([`super::rule`]),
//! down the sum of the gradients of all its occurrences.
//!
//! Rows that are read seldom can be held back by a decay `d`, as DIN's regularization by counts does (Zhou, Deep Interest
//! Network for Click-Through Rate Prediction, KDD 2018, 5.2), here apart from the gradient and with the count so far: before
//! the step that reads a row for the k-th time, `w *= 1 - min(rate · d / k, 1)`.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefMutIterator, ParallelIterator};

use spec::training::EmbeddingOptimizer;

use super::gather::pool_scale;
use super::group::Groups;
use super::rule::{self, Row, Rule};
use super::states::RowStates;
use super::{Table, VECTOR};
use crate::input::{Bag, InputLayout, Inputs, Pooling, Section};
use crate::kernel::memory::Aligned;
use crate::optimize::dense::Step;

/// The optimizer of all tables.
#[derive(Debug)]
pub(crate) struct TableOptimizer {
    pub(crate) states: RowStates,
    optimizer: EmbeddingOptimizer,
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

/// How far a step goes, and by which rule.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: f32,
    decay: f32,
    rule: Rule,
}

/// A run of a table's rows, or of what is known of them; empty where nothing is.
#[derive(Default)]
struct RowRun<'a> {
    numbers: &'a mut [f32],
    stride: usize,
}

/// A section's part of the work.
struct Job<'a> {
    width: usize,
    first_row: u32,
    row_count: u32,
    rows: RowRun<'a>,
    squares: RowRun<'a>,
    first: RowRun<'a>,
    reads: RowRun<'a>,
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

impl<'a> RowRun<'a> {
    fn of(table: Option<&'a mut Table>) -> Self {
        table.map_or_else(Self::default, |table| Self { numbers: &mut table.numbers, stride: table.stride })
    }

    /// Its first rows, which it then has no more.
    fn take(&mut self, rows: usize) -> Self {
        let numbers = std::mem::take(&mut self.numbers);
        let (own, later) = numbers.split_at_mut((rows * self.stride).min(numbers.len()));
        self.numbers = later;
        Self { numbers: own, stride: self.stride }
    }

    #[inline(always)]
    fn row(&mut self, row: usize) -> &mut [f32] {
        self.numbers.get_mut(row * self.stride..(row + 1) * self.stride).unwrap_or_default()
    }
}

impl TableOptimizer {
    pub(crate) fn new(layout: &InputLayout, optimizer: &EmbeddingOptimizer) -> Self {
        let sections = layout.tables.iter().map(|table| table.sections().len()).sum();
        let scratch = (0..sections).map(|_| Scratch::default()).collect();
        Self { states: RowStates::zeros(layout, optimizer), optimizer: optimizer.clone(), scratch }
    }

    /// One step against the whole gradient, on the current rayon pool: sections in parallel, each section's rows in the order of their ids.
    pub(crate) fn step(
        &mut self,
        layout: &InputLayout,
        tables: &mut [Table],
        inputs: &Inputs,
        gradient: InputGradient<'_>,
        step: Step,
    ) {
        let jobs = jobs(layout, tables, &mut self.states, inputs, gradient);
        let rate = rule::rate(&self.optimizer, step) as f32;
        let pace = Pace { rate, decay: self.optimizer.rare_decay as f32, rule: Rule::at(&self.optimizer, step) };
        let work = jobs.into_par_iter().with_max_len(1).zip(self.scratch.par_iter_mut());
        work.for_each(|(job, scratch)| job.run(scratch, pace));
    }
}

fn jobs<'a>(
    layout: &'a InputLayout,
    tables: &'a mut [Table],
    states: &'a mut RowStates,
    inputs: &'a Inputs,
    by: InputGradient<'a>,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    let mut column = layout.numeric_width();
    let mut first_bag = 0;
    let mut all_squares = states.squares.iter_mut();
    let (mut all_first, mut all_reads) = (states.first.iter_mut(), states.reads.iter_mut());
    for (index, table) in tables.iter_mut().enumerate() {
        let mut squares = RowRun::of(all_squares.next());
        let (mut first_moments, mut reads) = (RowRun::of(all_first.next()), RowRun::of(all_reads.next()));
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
        let mut rows = RowRun::of(Some(table));
        let mut next_row = 0;
        for Section { first, slots } in merged.sections() {
            assert!(first.first_row == next_row, "sections have consecutive rows of a table, in order");
            next_row += first.rows;
            let count = first.rows as usize;
            jobs.push(Job {
                width,
                first_row: first.first_row,
                row_count: first.rows,
                rows: rows.take(count),
                squares: squares.take(count),
                first: first_moments.take(count),
                reads: reads.take(count),
                readers: slots.into_iter().map(reader).collect(),
            });
        }
        column += merged.output_width();
        first_bag += merged.bags().len();
    }
    jobs
}

impl Job<'_> {
    fn run(self, scratch: &mut Scratch, Pace { rate, decay, rule }: Pace) {
        let Self { width, first_row, row_count, mut rows, mut squares, mut first, mut reads, readers } = self;
        let Scratch { groups, gradient: sum, bag_rows } = scratch;
        let local = |&id: &i32| id as u32 - first_row;
        let pairs = match &readers[..] {
            [reader] => groups.sort(reader.ids.iter().map(local), row_count),
            readers => groups.sort(readers.iter().flat_map(|reader| reader.ids.iter()).map(local), row_count),
        };
        let occurrences = Occurrences::new(&readers, bag_rows);
        sum.resize(rows.stride.next_multiple_of(VECTOR), 0.0);
        for equal in pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
            sum.fill(0.0);
            for &pair in equal {
                let (gradient, scale) = occurrences.get(pair as u32 as usize);
                add(sum, gradient, scale);
            }
            sum[width..].fill(0.0);
            let id = (equal[0] >> 32) as usize;
            let weights = rows.row(id);
            if let Some(reads) = reads.row(id).first_mut() {
                *reads += 1.0;
                let kept = 1.0 - (rate * decay / *reads).min(1.0);
                weights.iter_mut().for_each(|weight| *weight *= kept);
            }
            rule.descend(Row { weights, squares: squares.row(id), first: first.row(id), width }, sum);
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

//! What a thread needs to pool the steps of a block: grown to the largest block, reused for all.

use std::ops::Range;

use super::{Attention, Rows};
use crate::embedding::Table;
use crate::input::Inputs;
use crate::kernel::product::{Matrix, MatrixMut};

/// The steps of a block and what is made of them.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// `[rows + 1]`: where each row's steps begin.
    pub(super) offsets: Vec<usize>,
    /// The batch's rows that they are of.
    rows: Range<usize>,
    /// `[steps, width]`
    pub(super) steps: Numbers,
    /// Hidden units of each step, or its projections.
    pub(super) hidden: Numbers,
    /// What each step counts.
    pub(super) shares: Numbers,
    /// What is looked for in each row, or what its steps say together.
    pub(super) queries: Numbers,
    /// A part of each row's hidden units.
    pub(super) by_row: Numbers,
    /// `[rows, width]`: what the steps became.
    pub(super) pooled: Numbers,
}

/// The gradients by them.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// `[rows, width]`
    pub(super) pooled: Numbers,
    pub(super) steps: Numbers,
    pub(super) hidden: Numbers,
    pub(super) queries: Numbers,
    pub(super) by_row: Numbers,
    /// Of one row's steps by one another.
    pub(super) scores: Numbers,
}

/// A matrix that keeps its memory when it shrinks.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) numbers: Vec<f32>,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Numbers {
    /// Takes a shape; what was there stays as it lies.
    pub(super) fn reshape(&mut self, rows: usize, columns: usize) {
        (self.rows, self.columns) = (rows, columns);
        self.numbers.resize(rows * columns, 0.0);
    }

    /// Takes a shape, with zeros.
    pub(super) fn clear(&mut self, rows: usize, columns: usize) {
        self.numbers.clear();
        self.reshape(rows, columns);
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.numbers[row * self.columns..][..self.columns]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.numbers[row * self.columns..][..self.columns]
    }

    pub(super) fn matrix(&self) -> Matrix<'_> {
        Matrix { numbers: &self.numbers, rows: self.rows, columns: self.columns, stride: self.columns }
    }

    pub(super) fn matrix_mut(&mut self) -> MatrixMut<'_> {
        MatrixMut { numbers: &mut self.numbers, rows: self.rows, columns: self.columns, stride: self.columns }
    }

    /// Some columns of some rows.
    pub(super) fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Matrix<'_> {
        let numbers = &self.numbers[rows.start * self.columns + columns.start..];
        Matrix { numbers, rows: rows.len(), columns: columns.len(), stride: self.columns }
    }

    /// Some columns of some rows, to be written.
    pub(super) fn part_mut(&mut self, rows: Range<usize>, columns: Range<usize>) -> MatrixMut<'_> {
        let numbers = &mut self.numbers[rows.start * self.columns + columns.start..];
        MatrixMut { numbers, rows: rows.len(), columns: columns.len(), stride: self.columns }
    }
}

impl Memory {
    /// Reads the steps of some rows of a checked batch.
    pub(super) fn gather(&mut self, attention: &Attention, tables: &[Table], inputs: &Inputs, rows: Range<usize>) {
        let offsets = &inputs.bags[attention.members[0].bag].offsets;
        let start = offsets[rows.start] as usize;
        self.offsets.clear();
        self.offsets.extend(offsets[rows.start..=rows.end].iter().map(|offset| *offset as usize - start));
        self.rows = rows;
        self.steps.reshape(self.count(), attention.width());
        self.pooled.clear(self.rows.len(), attention.width());
        let mut column = 0;
        for member in &attention.members {
            let (table, ids) = (&tables[member.table], &inputs.bags[member.bag].ids[start..][..self.count()]);
            for (step, &id) in self.steps.numbers.chunks_exact_mut(attention.width()).zip(ids) {
                let row = &table.numbers[id as usize * table.stride + member.first..][..member.width];
                step[column..column + member.width].copy_from_slice(row);
            }
            column += member.width;
        }
    }

    /// How many steps all rows have.
    pub(super) fn count(&self) -> usize {
        self.offsets.last().copied().unwrap_or_default()
    }

    /// The steps of each row.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.offsets.windows(2).map(|ends| ends[0]..ends[1]).enumerate()
    }

    /// Writes what the steps became into `x`.
    pub(super) fn scatter(&self, attention: &Attention, x: &mut [f32], stride: usize) {
        let mut column = 0;
        for member in &attention.members {
            for (x, pooled) in x.chunks_mut(stride).zip(self.pooled.numbers.chunks_exact(attention.width())) {
                x[member.column..member.column + member.width].copy_from_slice(&pooled[column..column + member.width]);
            }
            column += member.width;
        }
    }
}

impl Scratch {
    /// Reads the gradient by what the steps became.
    pub(super) fn gather(&mut self, attention: &Attention, memory: &Memory, by_x: Rows<'_>) {
        self.pooled.reshape(memory.rows.len(), attention.width());
        let mut column = 0;
        for member in &attention.members {
            let rows = self.pooled.numbers.chunks_exact_mut(attention.width()).zip(by_x.numbers.chunks(by_x.stride));
            for (by_pooled, by_x) in rows {
                by_pooled[column..column + member.width]
                    .copy_from_slice(&by_x[member.column..member.column + member.width]);
            }
            column += member.width;
        }
    }
}

/// The gradients by the steps of some of a batch's rows.
pub(crate) struct StepGradients<'a, 'b> {
    /// For each bag of the inputs `[steps, stride of its table]`, from that of `first_row` on; nothing for bags without steps.
    pub(crate) bags: &'a mut [&'b mut [f32]],
    pub(crate) first_row: usize,
    pub(crate) inputs: &'a Inputs,
    pub(crate) tables: &'a [Table],
}

impl StepGradients<'_, '_> {
    /// Writes those of a block.
    pub(super) fn put(&mut self, attention: &Attention, memory: &Memory, scratch: &Scratch) {
        let mut column = 0;
        for member in &attention.members {
            let offsets = &self.inputs.bags[member.bag].offsets;
            let before = (offsets[memory.rows.start] - offsets[self.first_row]) as usize;
            let stride = self.tables[member.table].stride;
            let to = self.bags[member.bag][before * stride..].chunks_mut(stride);
            for (to, by_step) in to.zip(scratch.steps.numbers.chunks_exact(scratch.steps.columns.max(1))) {
                to[member.first..member.first + member.width].copy_from_slice(&by_step[column..column + member.width]);
            }
            column += member.width;
        }
    }
}

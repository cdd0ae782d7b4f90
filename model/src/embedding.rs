//! Embedding tables: gathered into `x` before the network runs, updated after it, outside of any gradient graph.
//!
//! A step reads and writes the rows that its ids name and nothing else, so its cost does not depend on how many rows
//! a table has.

pub(crate) mod gather;
mod group;
mod rule;
pub(crate) mod states;
pub(crate) mod tensors;
pub(crate) mod update;

use crate::input::{InputLayout, Slot, TableLayout};
use crate::kernel::memory::Aligned;
use crate::kernel::random;

/// All tables of one width, as one matrix in memory, or what is known of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Numbers an embedding.
    pub(crate) width: usize,
    /// Numbers from a row to the next: `width` rounded up so that rows are whole vectors; the rest stays zero.
    pub(crate) stride: usize,
    /// `[rows, stride]`
    pub(crate) numbers: Aligned,
}

/// Vectors of this many numbers are read and written whole.
pub(crate) const VECTOR: usize = 8;

/// How far embeddings are from zero at first. Small, so that a new id says little until it has been seen.
pub(crate) const INITIAL_BOUND: f32 = 0.01;

impl Table {
    pub(crate) fn zeros(layout: &TableLayout) -> Self {
        let stride = stride(layout.width);
        Self { width: layout.width, stride, numbers: Aligned::zeros(layout.rows * stride) }
    }

    /// A number a row, one after the other.
    pub(crate) fn column(rows: usize) -> Self {
        Self { width: 1, stride: 1, numbers: Aligned::zeros(rows) }
    }

    /// The shape of so many of its rows: of a column `[rows]`, else `[rows, width]`.
    pub(crate) fn shape(&self, rows: usize) -> Vec<usize> {
        if self.stride == 1 { vec![rows] } else { vec![rows, self.width] }
    }

    /// The tables that training starts from: each section's rows from its own stream of random numbers.
    pub(crate) fn initial(layout: &InputLayout, seed: u64) -> Vec<Self> {
        let filled = |layout: &TableLayout| {
            let mut table = Self::zeros(layout);
            for slot in layout.sections().into_iter().map(|section| section.first) {
                let seed = random::named(seed, &tensor_name(slot));
                let mut row_numbers = vec![0.0; layout.width];
                for row in 0..slot.rows as usize {
                    random::fill_uniform(&mut row_numbers, seed, (row * layout.width) as u64, INITIAL_BOUND);
                    let at = (slot.first_row as usize + row) * table.stride;
                    table.numbers[at..at + layout.width].copy_from_slice(&row_numbers);
                }
            }
            table
        };
        layout.tables.iter().map(filled).collect()
    }

    /// A range of its rows without padding, row-major.
    pub(crate) fn read(&self, first: usize, rows: usize) -> Vec<f32> {
        let rows = self.numbers[first * self.stride..(first + rows) * self.stride].chunks(self.stride);
        rows.flat_map(|row| &row[..self.width]).copied().collect()
    }

    /// Replaces rows from `first` on by `numbers`, row-major without padding.
    pub(crate) fn write(&mut self, first: usize, numbers: &[f32]) {
        let rows = self.numbers[first * self.stride..].chunks_mut(self.stride);
        for (row, numbers) in rows.zip(numbers.chunks(self.width)) {
            row[..self.width].copy_from_slice(numbers);
        }
    }
}

/// Rows start on a vector; up to 8 numbers never straddle a cache line.
pub(crate) fn stride(width: usize) -> usize {
    if width <= VECTOR / 2 { VECTOR / 2 } else { width.next_multiple_of(VECTOR) }
}

/// The name of a slot's table in a package.
pub(crate) fn tensor_name(slot: &Slot) -> String {
    match &slot.table {
        Some(table) => format!("tables.{table}"),
        None => format!("embeddings.{}", slot.feature),
    }
}

#[cfg(test)]
mod tests;

//! Rows counted by cells that mean the same in every run.

use serde::{Deserialize, Serialize};

/// What the cells of a distribution are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The top 16 bits of the number in the order of numbers: sixteen cells to each power of two, zero one of its own.
    Numbers,
    /// The top 12 bits of the XXH3-64 of the value's text.
    Categories,
}

/// How many rows (of lists: elements) fall into each cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// What the cells are.
    pub kind: Kind,
    /// Rows without a value.
    pub missing: u64,
    /// Cells that hold any, ascending, with how many.
    cells: Vec<(u16, u64)>,
}

impl Distribution {
    /// Nothing counted.
    pub fn new(kind: Kind) -> Self {
        Self { kind, missing: 0, cells: Vec::new() }
    }

    /// Of cells that were counted before.
    pub fn of_cells(kind: Kind, cells: impl IntoIterator<Item = (u16, u64)>) -> Self {
        let mut cells: Vec<(u16, u64)> = cells.into_iter().collect();
        cells.sort_unstable();
        let mut distribution = Self::new(kind);
        for (cell, count) in cells {
            distribution.push(cell, count);
        }
        distribution
    }

    /// Counts numbers; NaN is missing.
    pub fn add_numbers(&mut self, numbers: impl IntoIterator<Item = f64>) {
        self.add(numbers.into_iter().map(cell_of));
    }

    /// Counts cells, none being missing.
    pub(super) fn add(&mut self, cells: impl Iterator<Item = Option<u16>>) {
        let mut present = Vec::with_capacity(cells.size_hint().0);
        for cell in cells {
            match cell {
                Some(cell) => present.push(cell),
                None => self.missing += 1,
            }
        }
        present.sort_unstable();
        let mut counted = Self::new(self.kind);
        present.chunk_by(|left, right| left == right).for_each(|run| counted.push(run[0], run.len() as u64));
        self.merge(&counted);
    }

    /// Adds what was counted over other rows.
    pub fn merge(&mut self, other: &Self) {
        self.missing += other.missing;
        let mut merged = Self::new(self.kind);
        let (mut left, mut right) = (self.cells.iter().peekable(), other.cells.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 <= b.0 => left.next(),
                (Some(_), None) => left.next(),
                (_, Some(_)) => right.next(),
                (None, None) => break,
            };
            if let Some((cell, count)) = next {
                merged.push(*cell, *count);
            }
        }
        self.cells = merged.cells;
    }

    /// Cells that hold any, ascending, with how many.
    pub fn cells(&self) -> &[(u16, u64)] {
        &self.cells
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.missing + self.cells.iter().map(|(_, count)| count).sum::<u64>()
    }

    /// Adds to the last cell or one behind it.
    fn push(&mut self, cell: u16, count: u64) {
        match self.cells.last_mut() {
            Some(last) if last.0 == cell => last.1 += count,
            _ => self.cells.push((cell, count)),
        }
    }
}

/// The cell of a number; a negative zero is zero.
fn cell_of(number: f64) -> Option<u16> {
    if number.is_nan() {
        return None;
    }
    let bits = (number + 0.0).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
    Some((ordered >> 48) as u16)
}

//! Weighted pairs (x, y) in bounded memory: every row as it is while there are few, then cells of equal leading bits.
//!
//! A pair's key is the order-preserving bits of both numbers side by side. Beyond [`EXACT_ROWS`] rows, rows with equal
//! keys become one cell, and the keys' low bits are dropped (as many of x as of y) until at most [`MOST_CELLS`] are
//! left. How many bits go depends on the set of rows alone, not on their order or on how accumulators were merged. A cell
//! remembers its weighted sums and the smallest and largest x and y in it, so that readers know which ties are real.

use std::mem;

/// Rows that an accumulator keeps one by one; up to here every measure is exact.
pub const EXACT_ROWS: usize = 1 << 20;

/// Cells that an accumulator keeps beyond [`EXACT_ROWS`] rows, 56 bytes each.
pub(super) const MOST_CELLS: usize = 1 << 18;

/// Bits of an f32: dropping all but the first still tells signs apart.
const MOST_SHIFT: u32 = 31;

#[derive(Debug, Clone, Copy)]
struct Row {
    x: u32,
    y: u32,
    weight: f32,
}

impl Row {
    fn key(&self, shift: u32) -> u64 {
        mask_key((u64::from(self.x) << 32) | u64::from(self.y), shift)
    }
}

/// Rows whose pairs agree in all bits but the lowest ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    key: u64,
    /// Σ w
    pub(super) weight: f64,
    /// Σ w²
    pub(super) weight_squared: f64,
    /// Σ w·x
    pub(super) x_sum: f64,
    /// Σ w·y
    pub(super) y_sum: f64,
    x_low: u32,
    x_high: u32,
    y_low: u32,
    y_high: u32,
}

impl Cell {
    fn of(row: &Row, shift: u32) -> Self {
        let weight = f64::from(row.weight);
        Self {
            key: row.key(shift),
            weight,
            weight_squared: weight * weight,
            x_sum: weight * f64::from(float_of(row.x)),
            y_sum: weight * f64::from(float_of(row.y)),
            x_low: row.x,
            x_high: row.x,
            y_low: row.y,
            y_high: row.y,
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.weight += other.weight;
        self.weight_squared += other.weight_squared;
        self.x_sum += other.x_sum;
        self.y_sum += other.y_sum;
        self.x_low = self.x_low.min(other.x_low);
        self.x_high = self.x_high.max(other.x_high);
        self.y_low = self.y_low.min(other.y_low);
        self.y_high = self.y_high.max(other.y_high);
    }

    /// What orders cells by x; equal for all cells of one x.
    pub(super) fn x_key(&self) -> u32 {
        (self.key >> 32) as u32
    }

    /// What orders cells by y; equal for all cells of one y.
    pub(super) fn y_key(&self) -> u32 {
        self.key as u32
    }

    /// Smallest and largest x, as order-preserving bits.
    pub(super) fn x_span(&self) -> (u32, u32) {
        (self.x_low, self.x_high)
    }

    /// Smallest and largest y, as order-preserving bits.
    pub(super) fn y_span(&self) -> (u32, u32) {
        (self.y_low, self.y_high)
    }
}

/// The accumulator.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    rows: Vec<Row>,
    cells: Vec<Cell>,
    shift: u32,
}

impl Cells {
    /// Adds a row; all three numbers finite, the weight positive.
    pub(super) fn push(&mut self, x: f32, y: f32, weight: f32) {
        if self.rows.len() == EXACT_ROWS {
            self.fold(Vec::new());
        }
        self.rows.push(Row { x: ordered_bits(x), y: ordered_bits(y), weight });
    }

    /// Adds all rows of another accumulator.
    pub(super) fn merge(&mut self, other: Self) {
        let is_exact = self.cells.is_empty() && other.cells.is_empty();
        if is_exact && self.rows.len() + other.rows.len() <= EXACT_ROWS {
            self.rows.extend(other.rows);
            return;
        }
        self.shift = self.shift.max(other.shift);
        self.fold(other.cells);
        self.rows = other.rows;
        self.fold(Vec::new());
    }

    /// All cells in the order of (x, y), and whether each holds one pair only, that is, nothing was rounded.
    pub(super) fn finish(mut self) -> (Vec<Cell>, bool) {
        if self.cells.is_empty() {
            return (cells_of(self.rows, 0), true);
        }
        self.fold(Vec::new());
        (self.cells, self.shift == 0)
    }

    /// Turns the rows kept one by one into cells, takes in `more`, and drops bits until the cells fit.
    fn fold(&mut self, more: Vec<Cell>) {
        let rows = mem::take(&mut self.rows);
        let mut cells = mem::take(&mut self.cells);
        cells.extend(more);
        self.shift = smallest_fitting_shift(&rows, &cells, self.shift);
        cells.extend(cells_of(rows, self.shift));
        for cell in &mut cells {
            cell.key = mask_key(cell.key, self.shift);
        }
        self.cells = combined(cells);
    }
}

fn cells_of(mut rows: Vec<Row>, shift: u32) -> Vec<Cell> {
    rows.sort_unstable_by_key(|row| row.key(shift));
    let mut cells: Vec<Cell> = Vec::new();
    for row in &rows {
        push_combined(&mut cells, Cell::of(row, shift));
    }
    cells
}

fn combined(mut cells: Vec<Cell>) -> Vec<Cell> {
    cells.sort_by_key(|cell| cell.key);
    let mut unique = Vec::new();
    for cell in cells {
        push_combined(&mut unique, cell);
    }
    unique
}

fn push_combined(cells: &mut Vec<Cell>, cell: Cell) {
    match cells.last_mut() {
        Some(last) if last.key == cell.key => last.absorb(&cell),
        _ => cells.push(cell),
    }
}

/// The number of distinct keys falls as bits are dropped, so the smallest shift that fits is found by halving.
fn smallest_fitting_shift(rows: &[Row], cells: &[Cell], from: u32) -> u32 {
    let mut keys = Vec::with_capacity(rows.len() + cells.len());
    let mut fits = |shift: u32| {
        keys.clear();
        keys.extend(rows.iter().map(|row| row.key(shift)));
        keys.extend(cells.iter().map(|cell| mask_key(cell.key, shift)));
        keys.sort_unstable();
        keys.dedup();
        keys.len() <= MOST_CELLS
    };
    if fits(from) {
        return from;
    }
    let (mut too_small, mut enough) = (from, MOST_SHIFT);
    while enough - too_small > 1 {
        let middle = too_small.midpoint(enough);
        if fits(middle) { enough = middle } else { too_small = middle }
    }
    enough
}

fn mask_key(key: u64, shift: u32) -> u64 {
    let kept = u32::MAX << shift;
    key & ((u64::from(kept) << 32) | u64::from(kept))
}

/// Bits that order as the numbers do; 0 and -0 are the same.
pub(super) fn ordered_bits(number: f32) -> u32 {
    let bits = (number + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}

/// The number that [`ordered_bits`] came from.
fn float_of(ordered: u32) -> f32 {
    f32::from_bits(if ordered >> 31 == 1 { ordered ^ (1 << 31) } else { !ordered })
}

#[cfg(test)]
mod tests;

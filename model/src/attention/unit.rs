//! What each step counts by what it says of a target (Zhou, Deep Interest Network for Click-Through Rate Prediction, KDD
//! 2018): with `e_i` the steps of a row, oldest first, `q` the target's embedding and `f_i` the part of `e_i` that is of the
//! sequence itself,
//!
//! `u_i = relu([e_i, f_i ⊙ q, q]·W + b)`, `s_i = ⟨u_i, v⟩ + r_{n-1-i}`, `z = Σ_i softmax(s)_i e_i`, zeros without steps.
//!
//! The paper's unit reads `e_i - q` as well, which a product over `e_i` and `q` holds already; its shares are not made to sum
//! to 1, which is done here so that lists of any length give a vector of one scale, and `r`, what a step counts by how far
//! it lies back, is added. A target of another table than the sequence is brought to its width, `q = t·T`; without a target
//! the unit reads `e_i` alone.
//!
//! | tensor | shape |
//! |---|---|
//! | `units.weight` (W), `units.bias` (b) | `[step + 2·width, units]`, without a target `[step, units]`; `[units]` |
//! | `score.weight` (v) | `[units]` |
//! | `recency` (r) | `[max_length]` |
//! | `target.weight` (T) | `[target's width, width]`; none where the target shares the sequence's table |

use super::memory::{Memory, Numbers, Scratch};
use super::{Member, Naming, Rows};
use crate::kernel::product::{Matrix, MatrixMut, Write, product, product_transposed_left, product_transposed_right};
use crate::layers::mix::dot;
use crate::layers::softmax::normalize_in_place;
use crate::network::parameters::{Block, Init};

/// Hidden units of a step.
pub(super) const UNITS: usize = 32;

/// Weights of an activation unit.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Numbers of a step.
    pub(super) width: usize,
    pub(super) target: Option<Target>,
    pub(super) weight: Block,
    pub(super) bias: Block,
    pub(super) score: Block,
    pub(super) recency: Block,
    /// Steps of a row at the most.
    pub(super) max_length: usize,
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Target {
    /// Its embedding's first column of `x`.
    pub(super) column: usize,
    pub(super) width: usize,
    /// Numbers of a step that are of the sequence itself; they come first.
    pub(super) own: usize,
    /// T
    pub(super) projection: Option<Block>,
}

impl Unit {
    /// `target` comes with whether it shares the sequence's table.
    pub(super) fn new(
        width: usize,
        own: usize,
        target: Option<(Member, bool)>,
        max_length: usize,
        named: &mut Naming<'_>,
    ) -> Self {
        let target = target.map(|(member, is_same)| {
            let (column, bound) = (member.column, (1.0 / member.width as f32).sqrt());
            let project =
                |named: &mut Naming<'_>| named.matrix("target.weight", [member.width, own], Init::Uniform(bound));
            Target { column, width: member.width, own, projection: (!is_same).then(|| project(named)) }
        });
        let inputs = width + target.as_ref().map_or(0, |target| 2 * target.own);
        let weight = named.matrix("units.weight", [inputs, UNITS], Init::Uniform((6.0 / inputs as f32).sqrt()));
        let bias = named.vector("units.bias", UNITS, Init::Values(vec![0.0; UNITS]));
        let score = named.vector("score.weight", UNITS, Init::Uniform((1.0 / UNITS as f32).sqrt()));
        let recency = named.vector("recency", max_length, Init::Values(vec![0.0; max_length]));
        Self { width, target, weight, bias, score, recency, max_length }
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        let projection = self.target.as_ref().and_then(|target| target.projection);
        [self.weight, self.bias, self.score, self.recency].into_iter().chain(projection).collect()
    }

    /// Numbers of a step beside what it says of the target.
    fn seen(&self) -> usize {
        self.width + self.target.as_ref().map_or(0, |target| target.own)
    }

    /// Rows of W by what reads them: those of steps from 0 on, those of the target behind.
    fn matrix<'a>(&self, weights: &'a [f32], first: usize, rows: usize) -> Matrix<'a> {
        let numbers = &weights[self.weight.offset + first * self.weight.stride..self.weight.end()];
        Matrix { numbers, rows, columns: UNITS, stride: self.weight.stride }
    }

    fn matrix_mut<'a>(&self, weights: &'a mut [f32], first: usize, rows: usize) -> MatrixMut<'a> {
        let numbers = &mut weights[self.weight.offset + first * self.weight.stride..self.weight.end()];
        MatrixMut { numbers, rows, columns: UNITS, stride: self.weight.stride }
    }

    pub(super) fn forward(&self, weights: &[f32], x: Rows<'_>, memory: &mut Memory) {
        self.read_target(weights, x, memory);
        self.hide(weights, memory);
        let (score, recency) = (&weights[self.score.range()][..UNITS], &weights[self.recency.range()]);
        let Memory { offsets, steps, hidden, shares, pooled, .. } = memory;
        shares.reshape(steps.rows, 1);
        for (row, ends) in offsets.windows(2).enumerate().filter(|(_, ends)| ends[0] < ends[1]) {
            let (first, end) = (ends[0], ends[1]);
            for step in first..end {
                shares.numbers[step] = dot(hidden.row(step), score) + recency[end - 1 - step];
            }
            normalize_in_place(&mut shares.numbers[first..end]);
            let to = pooled.row_mut(row);
            for step in first..end {
                add_scaled(to, &steps.row(step)[..self.width], shares.numbers[step]);
            }
        }
    }

    /// Widens the steps by their products with the target, and gives each row its target's part of the units.
    fn read_target(&self, weights: &[f32], x: Rows<'_>, memory: &mut Memory) {
        let rows = memory.pooled.rows;
        memory.by_row.reshape(rows, UNITS);
        let bias = &weights[self.bias.range()][..UNITS];
        memory.by_row.numbers.chunks_exact_mut(UNITS).for_each(|row| row.copy_from_slice(bias));
        let Some(target) = &self.target else { return };
        target.query(weights, x, &mut memory.queries, rows);
        let of_target = self.matrix(weights, self.seen(), target.own);
        product(memory.queries.matrix(), of_target, memory.by_row.matrix_mut(), Write::Add);
        memory.steps.widen(self.seen());
        let Memory { offsets, steps, queries, .. } = memory;
        for (row, ends) in offsets.windows(2).enumerate() {
            for step in ends[0]..ends[1] {
                let (step, products) = steps.row_mut(step).split_at_mut(self.width);
                let pairs = step.iter().zip(queries.row(row));
                products.iter_mut().zip(pairs).for_each(|(product, (number, query))| *product = number * query);
            }
        }
    }

    fn hide(&self, weights: &[f32], memory: &mut Memory) {
        let Memory { offsets, steps, hidden, by_row, .. } = memory;
        hidden.reshape(steps.rows, UNITS);
        product(steps.matrix(), self.matrix(weights, 0, self.seen()), hidden.matrix_mut(), Write::Over);
        for (row, ends) in offsets.windows(2).enumerate() {
            for step in ends[0]..ends[1] {
                let units = hidden.row_mut(step).iter_mut().zip(by_row.row(row));
                units.for_each(|(unit, of_row)| *unit = (*unit + of_row).max(0.0));
            }
        }
    }

    /// `ds_i = a_i (⟨dz, e_i⟩ - Σ_j a_j ⟨dz, e_j⟩)`, and from there back through the units.
    pub(super) fn backward(
        &self,
        weights: &[f32],
        x: Rows<'_>,
        (memory, scratch): (&Memory, &mut Scratch),
        dense: &mut [f32],
        by_x: &mut [f32],
    ) {
        self.backward_of_shares(weights, memory, scratch, dense);
        let by_hidden = scratch.hidden.matrix();
        let by_weight = self.matrix_mut(dense, 0, self.seen());
        if by_hidden.rows > 0 {
            product_transposed_left(memory.steps.matrix(), by_hidden, by_weight, Write::Add);
            let matrix = self.matrix(weights, 0, self.seen());
            product_transposed_right(by_hidden, matrix, scratch.steps.matrix_mut(), Write::Add);
        }
        let by_bias = &mut dense[self.bias.range()][..UNITS];
        scratch.by_row.numbers.chunks_exact(UNITS).for_each(|by_row| add_scaled(by_bias, by_row, 1.0));
        if let Some(target) = self.target.as_ref().filter(|_| memory.pooled.rows > 0) {
            let by_target = self.matrix_mut(dense, self.seen(), target.own);
            product_transposed_left(memory.queries.matrix(), scratch.by_row.matrix(), by_target, Write::Add);
            scratch.queries.reshape(memory.pooled.rows, target.own);
            let matrix = self.matrix(weights, self.seen(), target.own);
            product_transposed_right(scratch.by_row.matrix(), matrix, scratch.queries.matrix_mut(), Write::Over);
            self.backward_of_products(memory, scratch);
            target.backward(weights, x, &scratch.queries, dense, by_x);
        }
    }

    /// By the scores' weights, the hidden units, and the steps as what is pooled.
    fn backward_of_shares(&self, weights: &[f32], memory: &Memory, scratch: &mut Scratch, dense: &mut [f32]) {
        let score = &weights[self.score.range()][..UNITS];
        let Scratch { pooled, steps, hidden, by_row, .. } = scratch;
        steps.clear(memory.count(), self.seen());
        hidden.reshape(memory.count(), UNITS);
        by_row.clear(memory.pooled.rows, UNITS);
        for (row, places) in memory.each() {
            let by_pooled = pooled.row(row);
            let share = |step: usize| memory.shares.numbers[step];
            let by_share = |step: usize| dot(by_pooled, &memory.steps.row(step)[..self.width]);
            let mean: f32 = places.clone().map(|step| share(step) * by_share(step)).sum();
            for step in places.clone() {
                let by_score = share(step) * (by_share(step) - mean);
                dense[self.recency.offset + places.end - 1 - step] += by_score;
                add_scaled(&mut dense[self.score.range()][..UNITS], memory.hidden.row(step), by_score);
                add_scaled(&mut steps.row_mut(step)[..self.width], by_pooled, share(step));
                let units = hidden.row_mut(step).iter_mut().zip(memory.hidden.row(step)).zip(score);
                for ((by_unit, unit), weight) in units {
                    *by_unit = if *unit > 0.0 { by_score * weight } else { 0.0 };
                }
                add_scaled(by_row.row_mut(row), hidden.row(step), 1.0);
            }
        }
    }

    /// By both sides of each step's product with the target.
    fn backward_of_products(&self, memory: &Memory, scratch: &mut Scratch) {
        for (row, places) in memory.each() {
            let (query, by_query) = (memory.queries.row(row), scratch.queries.row_mut(row));
            for step in places {
                let (by_step, by_products) = scratch.steps.row_mut(step).split_at_mut(self.width);
                let own = memory.steps.row(step);
                for (at, by_product) in by_products.iter().enumerate() {
                    by_step[at] += by_product * query[at];
                    by_query[at] += by_product * own[at];
                }
            }
        }
    }
}

impl Target {
    /// T, if there is one.
    fn matrix<'a>(&self, weights: &'a [f32]) -> Option<Matrix<'a>> {
        let block = self.projection?;
        Some(Matrix { numbers: &weights[block.range()], rows: self.width, columns: self.own, stride: block.stride })
    }

    fn embeddings<'a>(&self, x: Rows<'a>, rows: usize) -> Matrix<'a> {
        Matrix { numbers: &x.numbers[self.column..], rows, columns: self.width, stride: x.stride }
    }

    fn query(&self, weights: &[f32], x: Rows<'_>, queries: &mut Numbers, rows: usize) {
        queries.reshape(rows, self.own);
        let embeddings = self.embeddings(x, rows);
        match self.matrix(weights) {
            Some(matrix) => product(embeddings, matrix, queries.matrix_mut(), Write::Over),
            None => {
                for (query, x) in queries.numbers.chunks_exact_mut(self.own).zip(embeddings.numbers.chunks(x.stride)) {
                    query.copy_from_slice(&x[..self.own]);
                }
            }
        }
    }

    fn backward(&self, weights: &[f32], x: Rows<'_>, by_queries: &Numbers, dense: &mut [f32], by_x: &mut [f32]) {
        let by_target = &mut by_x[self.column..];
        let Some((block, matrix)) = self.projection.zip(self.matrix(weights)) else {
            for (by_target, by_query) in by_target.chunks_mut(x.stride).zip(by_queries.numbers.chunks_exact(self.own)) {
                add_scaled(&mut by_target[..self.own], by_query, 1.0);
            }
            return;
        };
        let to =
            MatrixMut { numbers: &mut dense[block.range()], rows: self.width, columns: self.own, stride: block.stride };
        product_transposed_left(self.embeddings(x, by_queries.rows), by_queries.matrix(), to, Write::Add);
        let to = MatrixMut { numbers: by_target, rows: by_queries.rows, columns: self.width, stride: x.stride };
        product_transposed_right(by_queries.matrix(), matrix, to, Write::Add);
    }
}

impl Numbers {
    /// Makes room behind each row, up to so many columns.
    fn widen(&mut self, columns: usize) {
        let before = self.columns;
        self.reshape(self.rows, columns);
        for row in (0..self.rows).rev() {
            self.numbers.copy_within(row * before..(row + 1) * before, row * columns);
        }
    }
}

pub(super) fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    to.iter_mut().zip(from).for_each(|(sum, number)| *sum += number * scale);
}

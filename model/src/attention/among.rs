//! What the steps of a row say to one another (scaled dot products of several heads: Vaswani, Attention Is All You Need,
//! NeurIPS 2017; places by how far they lie back: Kang, Self-Attentive Sequential Recommendation, ICDM 2018): with
//! `h_i = e_i + p_{n-1-i}`, for each head
//!
//! `a_ij = softmax_j(⟨h_i·Q, h_j·K⟩ / √k)`, `y_i = Σ_j a_ij h_j·V`; `z = mean_i(h_i + [y_i of all heads]·O)`, zeros without
//! steps.
//!
//! The mean over i of a head is `Σ_j c_j h_j·V` with `c_j = mean_i a_ij`, so that nothing is computed for each step but its
//! shares. In the backward pass the shares are computed again: they take more room than the steps.
//!
//! | tensor | shape |
//! |---|---|
//! | `positions` (p) | `[max_length, step]` |
//! | `query.weight` (Q), `key.weight` (K), `value.weight` (V) | `[step, heads·k]`, k = step / heads, rounded up |
//! | `output.weight` (O) | `[heads·k, step]` |

use std::ops::Range;

use super::Naming;
use super::memory::{Memory, Numbers, Scratch};
use super::unit::add_scaled;
use crate::embedding::INITIAL_BOUND;
use crate::kernel::product::{Matrix, MatrixMut, Write, product, product_transposed_left, product_transposed_right};
use crate::layers::mix::dot;
use crate::layers::softmax::normalize_in_place;
use crate::network::parameters::{Block, Init};

/// Weights of self-attention.
#[derive(Debug)]
pub(crate) struct SelfAttention {
    /// Numbers of a step.
    pub(super) width: usize,
    pub(super) heads: usize,
    /// Numbers of a head's query, key and value.
    pub(super) head_width: usize,
    pub(super) positions: Block,
    /// Q, K and V side by side.
    pub(super) projections: Block,
    pub(super) output: Block,
}

impl SelfAttention {
    pub(super) fn new(width: usize, heads: usize, max_length: usize, named: &mut Naming<'_>) -> Self {
        let head_width = width.div_ceil(heads);
        let inner = heads * head_width;
        let positions = named.parameters.block(max_length, width, false);
        named.columns("positions", positions, (0, width), Init::Uniform(INITIAL_BOUND));
        let projections = named.parameters.block(width, 3 * inner, true);
        for (place, name) in ["query.weight", "key.weight", "value.weight"].into_iter().enumerate() {
            named.columns(name, projections, (place * inner, inner), Init::Uniform((1.0 / width as f32).sqrt()));
        }
        let output = named.matrix("output.weight", [inner, width], Init::Uniform((1.0 / inner as f32).sqrt()));
        Self { width, heads, head_width, positions, projections, output }
    }

    pub(super) fn blocks(&self) -> Vec<Block> {
        vec![self.positions, self.projections, self.output]
    }

    pub(super) fn inner(&self) -> usize {
        self.heads * self.head_width
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.head_width as f32).sqrt()
    }

    fn position(&self, back: usize) -> Range<usize> {
        let start = self.positions.offset + back * self.positions.stride;
        start..start + self.width
    }

    fn projections<'a>(&self, weights: &'a [f32]) -> Matrix<'a> {
        let numbers = &weights[self.projections.range()];
        Matrix { numbers, rows: self.width, columns: 3 * self.inner(), stride: self.projections.stride }
    }

    fn output<'a>(&self, weights: &'a [f32]) -> Matrix<'a> {
        let numbers = &weights[self.output.range()];
        Matrix { numbers, rows: self.inner(), columns: self.width, stride: self.output.stride }
    }

    /// The columns of a head's queries, keys or values among the projections.
    fn columns(&self, part: usize, head: usize) -> Range<usize> {
        let start = part * self.inner() + head * self.head_width;
        start..start + self.head_width
    }

    pub(super) fn forward(&self, weights: &[f32], memory: &mut Memory) {
        let Memory { offsets, steps, hidden, shares, queries, by_row: scores, pooled, .. } = memory;
        for ends in offsets.windows(2) {
            for step in ends[0]..ends[1] {
                add_scaled(steps.row_mut(step), &weights[self.position(ends[1] - 1 - step)], 1.0);
            }
        }
        hidden.reshape(steps.rows, 3 * self.inner());
        product(steps.matrix(), self.projections(weights), hidden.matrix_mut(), Write::Over);
        shares.clear(steps.rows, self.heads);
        queries.clear(pooled.rows, self.inner());
        for (row, ends) in offsets.windows(2).enumerate().filter(|(_, ends)| ends[0] < ends[1]) {
            let (places, count) = (ends[0]..ends[1], (ends[1] - ends[0]) as f32);
            places.clone().for_each(|step| add_scaled(pooled.row_mut(row), steps.row(step), 1.0 / count));
            for head in 0..self.heads {
                self.weigh(hidden, places.clone(), head, scores);
                for (step, at) in places.clone().zip(0..) {
                    let share = (0..scores.rows).map(|from| scores.row(from)[at]).sum::<f32>() / count;
                    shares.row_mut(step)[head] = share;
                    let value = &hidden.row(step)[self.columns(2, head)];
                    add_scaled(&mut queries.row_mut(row)[self.columns(0, head)], value, share);
                }
            }
        }
        product(queries.matrix(), self.output(weights), pooled.matrix_mut(), Write::Add);
    }

    /// `a` of one row and head, `[steps, steps]`.
    fn weigh(&self, hidden: &Numbers, places: Range<usize>, head: usize, scores: &mut Numbers) {
        let [query, key] = [0, 1].map(|part| hidden.part(places.clone(), self.columns(part, head)));
        scores.reshape(places.len(), places.len());
        product_transposed_right(query, key, scores.matrix_mut(), Write::Over);
        for from in 0..places.len() {
            let scores = scores.row_mut(from);
            scores.iter_mut().for_each(|score| *score *= self.scale());
            normalize_in_place(scores);
        }
    }

    /// `ds_ij = a_ij (dc_j - Σ_k a_ik dc_k) / n`, `dc_j = ⟨dy, h_j·V⟩`, dy being by a head's mean.
    pub(super) fn backward(&self, weights: &[f32], memory: &Memory, scratch: &mut Scratch, dense: &mut [f32]) {
        let rows = memory.pooled.rows;
        scratch.queries.reshape(rows, self.inner());
        scratch.steps.reshape(memory.count(), self.width);
        scratch.hidden.clear(memory.count(), 3 * self.inner());
        if memory.count() == 0 {
            return;
        }
        let to = &mut dense[self.output.range()];
        let to = MatrixMut { numbers: to, rows: self.inner(), columns: self.width, stride: self.output.stride };
        product_transposed_left(memory.queries.matrix(), scratch.pooled.matrix(), to, Write::Add);
        let by_heads = scratch.queries.matrix_mut();
        product_transposed_right(scratch.pooled.matrix(), self.output(weights), by_heads, Write::Over);
        for (row, places) in memory.each().filter(|(_, places)| !places.is_empty()) {
            let count = places.len() as f32;
            for step in places.clone() {
                let by_pooled = scratch.pooled.row(row).iter();
                scratch.steps.row_mut(step).iter_mut().zip(by_pooled).for_each(|(by_step, by)| *by_step = by / count);
            }
            (0..self.heads).for_each(|head| self.backward_of_head(memory, scratch, (row, places.clone()), head));
        }
        let to = &mut dense[self.projections.range()];
        let columns = 3 * self.inner();
        let to = MatrixMut { numbers: to, rows: self.width, columns, stride: self.projections.stride };
        product_transposed_left(memory.steps.matrix(), scratch.hidden.matrix(), to, Write::Add);
        let by_steps = scratch.steps.matrix_mut();
        product_transposed_right(scratch.hidden.matrix(), self.projections(weights), by_steps, Write::Add);
        for (_, places) in memory.each() {
            for step in places.clone() {
                add_scaled(&mut dense[self.position(places.end - 1 - step)], scratch.steps.row(step), 1.0);
            }
        }
    }

    /// By the queries, keys and values of one row's steps.
    fn backward_of_head(
        &self,
        memory: &Memory,
        scratch: &mut Scratch,
        (row, places): (usize, Range<usize>),
        head: usize,
    ) {
        let Scratch { queries, hidden, scores, by_row: by_shares, .. } = scratch;
        let by_head = &queries.row(row)[self.columns(0, head)];
        let count = places.len() as f32;
        by_shares.reshape(1, places.len());
        for (by_share, step) in by_shares.numbers.iter_mut().zip(places.clone()) {
            *by_share = dot(by_head, &memory.hidden.row(step)[self.columns(2, head)]) / count;
            let by_value = &mut hidden.row_mut(step)[self.columns(2, head)];
            add_scaled(by_value, by_head, memory.shares.row(step)[head]);
        }
        self.weigh(&memory.hidden, places.clone(), head, scores);
        for from in 0..places.len() {
            let scores = scores.row_mut(from);
            let mean = dot(scores, &by_shares.numbers);
            let pairs = scores.iter_mut().zip(&by_shares.numbers);
            pairs.for_each(|(share, by_share)| *share *= (by_share - mean) * self.scale());
        }
        let [query, key] = [0, 1].map(|part| memory.hidden.part(places.clone(), self.columns(part, head)));
        product(scores.matrix(), key, hidden.part_mut(places.clone(), self.columns(0, head)), Write::Over);
        product_transposed_left(scores.matrix(), query, hidden.part_mut(places, self.columns(1, head)), Write::Over);
    }
}

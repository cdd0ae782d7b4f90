//! The rules by which a row goes down a gradient `g`, the sum of the gradients of all the row's occurrences in a batch.
//!
//! - Row-wise Adagrad (Mudigere, Software-Hardware Co-design for Fast and Scalable Training of Deep Learning
//!   Recommendation Models, ISCA 2022): `s += mean(g²)`, `w -= rate·g / (√s + ε)`, `s` a number a row; ε 1e-8.
//! - Adagrad (Duchi, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 2011):
//!   `s += g²`, `w -= rate·g / (√s + ε)`, `s` a number a weight; ε 1e-10, as torch's.
//! - Row-wise Adam, after `partial_row_wise_adam` of FBGEMM, TorchRec's kernels: `m = β₁m + (1-β₁)g`,
//!   `v = β₂v + (1-β₂)·mean(g²)`, `w -= rate·m̂ / (√v̂ + ε)` with `m̂ = m/(1-β₁ᵗ)`, `v̂ = v/(1-β₂ᵗ)`, `m` a number a
//!   weight, `v` a number a row; β₁ 0.9, β₂ 0.999, ε 1e-8. As there `t` counts the run's steps, not the row's: moments of
//!   a row that is not read stay as they are.

use spec::training::{EmbeddingOptimizer, EmbeddingOptimizerKind};

use super::VECTOR;
use crate::optimize::dense::{
    ADAGRAD_EPSILON, ADAM_EPSILON, Correction, NEW_1, NEW_2, Step, first_moment, second_moment,
};

/// Keeps the first step of row-wise Adagrad small where a row has next to no gradient.
pub(crate) const EPSILON: f32 = 1e-8;

/// A rule, with what a step says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    RowwiseAdagrad { rate: f32 },
    Adagrad { rate: f32 },
    RowwiseAdam(Correction),
}

/// A row, and what is known of it.
pub(super) struct Row<'a> {
    /// Whole vectors, zeros behind the width.
    pub(super) weights: &'a mut [f32],
    /// A number, or one for each of the weights.
    pub(super) squares: &'a mut [f32],
    /// One for each of the weights, or nothing.
    pub(super) first: &'a mut [f32],
    /// Numbers of the embedding.
    pub(super) width: usize,
}

/// How far tables go in a step.
pub(crate) fn rate(optimizer: &EmbeddingOptimizer, step: Step) -> f64 {
    optimizer.top_rate() * step.rate_factor
}

impl Rule {
    pub(super) fn at(optimizer: &EmbeddingOptimizer, step: Step) -> Self {
        let rate = rate(optimizer, step);
        match optimizer.kind {
            EmbeddingOptimizerKind::RowwiseAdagrad => Self::RowwiseAdagrad { rate: rate as f32 },
            EmbeddingOptimizerKind::Adagrad => Self::Adagrad { rate: rate as f32 },
            EmbeddingOptimizerKind::RowwiseAdam => Self::RowwiseAdam(Correction::at(step.index + 1, rate)),
        }
    }

    /// One step of a row down its gradient, zeros behind the width.
    #[inline(always)]
    pub(super) fn descend(self, row: Row<'_>, gradient: &[f32]) {
        match self {
            Self::RowwiseAdagrad { rate } => rowwise_adagrad(row, gradient, rate),
            Self::Adagrad { rate } => adagrad(row, gradient, rate),
            Self::RowwiseAdam(correction) => rowwise_adam(row, gradient, correction),
        }
    }
}

const PART: usize = VECTOR / 2;

#[inline(always)]
fn rowwise_adagrad(row: Row<'_>, gradient: &[f32], rate: f32) {
    let state = &mut row.squares[0];
    *state += mean_square(gradient, row.width);
    let factor = rate / (state.sqrt() + EPSILON);
    for (weights, gradient) in row.weights.chunks_exact_mut(PART).zip(gradient.chunks_exact(PART)) {
        weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight -= factor * gradient);
    }
}

fn adagrad(row: Row<'_>, gradient: &[f32], rate: f32) {
    for ((weight, square), gradient) in row.weights.iter_mut().zip(row.squares).zip(gradient) {
        *square += gradient * gradient;
        *weight -= rate * gradient / (square.sqrt() + ADAGRAD_EPSILON);
    }
}

fn rowwise_adam(row: Row<'_>, gradient: &[f32], correction: Correction) {
    let second = &mut row.squares[0];
    *second = second_moment(*second, NEW_2 * mean_square(gradient, row.width));
    let factor = correction.rate / (second.sqrt() * correction.second + ADAM_EPSILON);
    for ((weight, first), gradient) in row.weights.iter_mut().zip(row.first).zip(gradient) {
        *first = first_moment(*first, NEW_1 * gradient);
        *weight -= factor * *first;
    }
}

/// The mean over a row's width of its squared gradient.
#[inline(always)]
fn mean_square(gradient: &[f32], width: usize) -> f32 {
    let mut squares = [0.0f32; PART];
    for gradient in gradient.chunks_exact(PART) {
        squares.iter_mut().zip(gradient).for_each(|(square, gradient)| *square += gradient * gradient);
    }
    squares.iter().sum::<f32>() / width as f32
}

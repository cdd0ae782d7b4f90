//! AdamW, Adam, Adagrad and plain descent over the flat weights of a network, in fixed chunks that any thread may take.
//!
//! - AdamW (Loshchilov, Decoupled Weight Decay Regularization, ICLR 2019): `m = β₁m + (1-β₁)g`, `v = β₂v + (1-β₂)g²`,
//!   `w -= rate·(m̂ / (√v̂ + ε) + decay·w)` with `m̂ = m/(1-β₁ᵗ)`, `v̂ = v/(1-β₂ᵗ)`; β₁ 0.9, β₂ 0.999, ε 1e-8.
//! - Adam (Kingma, Adam: A Method for Stochastic Optimization, ICLR 2015): the same with `g + decay·w` for `g` and no other
//!   decay.
//! - Adagrad (Duchi 2011): `v += g²`, `w -= rate·(g / (√v + ε) + decay·w)`; ε 1e-10.
//!
//! - SGD (Robbins and Monro 1951): `w -= rate·(g + decay·w)`.
//!
//! Biases do not decay.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use spec::training::{Optimizer, OptimizerKind};

use crate::kernel::memory::Aligned;
use crate::network::parameters::Block;

pub(crate) const BETA_1: f64 = 0.9;
pub(crate) const BETA_2: f64 = 0.999;
pub(crate) const ADAM_EPSILON: f32 = 1e-8;
pub(crate) const ADAGRAD_EPSILON: f32 = 1e-10;

/// Weights a chunk: a few pieces of work for each thread, each much longer than handing it over takes.
const CHUNK: usize = 1 << 14;

/// Moments below these are zero: arithmetic on subnormal numbers is a hundred times slower.
const NEGLIGIBLE_1: f32 = 1e-30;
const NEGLIGIBLE_2: f32 = 1e-36;

/// An optimizer with its state.
#[derive(Debug, Clone)]
pub(crate) struct DenseOptimizer {
    optimizer: Optimizer,
    /// Length and decay of each chunk, in order.
    chunks: Vec<(usize, bool)>,
    /// First moments of AdamW and Adam, else empty.
    pub(crate) first: Aligned,
    /// Second moments, or Adagrad's sums of squares; empty for SGD.
    pub(crate) second: Aligned,
}

/// What one step is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Steps taken before this one.
    pub(crate) index: u64,
    /// The schedule's factor.
    pub(crate) rate_factor: f64,
    /// What the gradient is multiplied by: below 1 where its norm is clipped.
    pub(crate) gradient_scale: f32,
}

struct Chunk<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    decays: bool,
}

impl DenseOptimizer {
    pub(crate) fn new(optimizer: &Optimizer, blocks: &[Block]) -> Self {
        let pieces = |block: &Block| {
            let decays = block.decays;
            let len = block.len();
            (0..len).step_by(CHUNK).map(move |start| (CHUNK.min(len - start), decays)).collect::<Vec<_>>()
        };
        let len = blocks.iter().map(|block| block.len()).sum();
        let moments = |are_kept: bool| Aligned::zeros(if are_kept { len } else { 0 });
        let (first, second) = (moments(optimizer.kind.has_first()), moments(optimizer.kind.has_second()));
        let chunks = blocks.iter().flat_map(pieces).collect();
        Self { optimizer: optimizer.clone(), chunks, first, second }
    }

    /// Sums the lanes' gradients, in their order, into the first and gives the sum of its squares.
    pub(crate) fn sum_lanes(&self, lanes: &mut [Aligned]) -> f64 {
        let Some((total, others)) = lanes.split_first_mut() else { return 0.0 };
        let mut pieces = Vec::with_capacity(self.chunks.len());
        let (mut rest, mut start): (&mut [f32], usize) = (total, 0);
        for &(len, _) in &self.chunks {
            let (piece, later) = rest.split_at_mut(len);
            pieces.push((start, piece));
            (rest, start) = (later, start + len);
        }
        let add_up = |(start, piece): (usize, &mut [f32])| {
            for lane in &*others {
                piece.iter_mut().zip(&lane[start..]).for_each(|(sum, gradient)| *sum += gradient);
            }
            sum_of_squares(piece)
        };
        let squares: Vec<f64> = pieces.into_par_iter().map(add_up).collect();
        squares.iter().sum()
    }

    /// One step, on the current rayon pool.
    pub(crate) fn step(&mut self, weights: &mut [f32], gradient: &[f32], step: Step) {
        let rate = self.optimizer.learning_rate * step.rate_factor;
        let decay = (rate * self.optimizer.weight_decay) as f32;
        let kind = self.optimizer.kind;
        let (coupled, correction) = (self.optimizer.weight_decay as f32, Correction::at(step.index + 1, rate));
        self.split(weights, gradient).into_par_iter().for_each(|chunk| {
            let (decay, coupled) = if chunk.decays { (decay, coupled) } else { (0.0, 0.0) };
            match kind {
                OptimizerKind::Adamw => adamw(chunk, step.gradient_scale, correction, decay),
                OptimizerKind::Adam => adam(chunk, step.gradient_scale, correction, coupled),
                OptimizerKind::Adagrad => adagrad(chunk, step.gradient_scale, rate as f32, decay),
                OptimizerKind::Sgd => descend(chunk, step.gradient_scale, rate as f32, decay),
            }
        });
    }

    fn split<'a>(&'a mut self, mut weights: &'a mut [f32], mut gradient: &'a [f32]) -> Vec<Chunk<'a>> {
        let (mut first, mut second): (&mut [f32], &mut [f32]) = (&mut self.first, &mut self.second);
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for &(len, decays) in &self.chunks {
            let (own_weights, own_gradient, own_first, own_second);
            (own_weights, weights) = weights.split_at_mut(len);
            (own_gradient, gradient) = gradient.split_at(len);
            (own_first, first) = first.split_at_mut(len.min(first.len()));
            (own_second, second) = second.split_at_mut(len.min(second.len()));
            chunks.push(Chunk {
                weights: own_weights,
                gradient: own_gradient,
                first: own_first,
                second: own_second,
                decays,
            });
        }
        chunks
    }
}

/// Numbers of AdamW and Adam that depend on the step alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correction {
    /// rate / (1 - β₁ᵗ)
    pub(crate) rate: f32,
    /// 1 / √(1 - β₂ᵗ)
    pub(crate) second: f32,
}

/// What a gradient counts in Adam's moments.
pub(crate) const NEW_1: f32 = (1.0 - BETA_1) as f32;
pub(crate) const NEW_2: f32 = (1.0 - BETA_2) as f32;

/// Adam's first moment with the share of a gradient, [`NEW_1`] of it.
#[inline(always)]
pub(crate) fn first_moment(first: f32, share: f32) -> f32 {
    let moment = BETA_1 as f32 * first + share;
    if moment.abs() < NEGLIGIBLE_1 { 0.0 } else { moment }
}

/// Adam's second moment with the share of a squared gradient, [`NEW_2`] of it.
#[inline(always)]
pub(crate) fn second_moment(second: f32, share: f32) -> f32 {
    let square = BETA_2 as f32 * second + share;
    if square < NEGLIGIBLE_2 { 0.0 } else { square }
}

impl Correction {
    /// Of a step, from 1 on.
    pub(crate) fn at(step: u64, rate: f64) -> Self {
        let power = step.min(1 << 30) as i32;
        let second = 1.0 / (1.0 - BETA_2.powi(power)).sqrt();
        Self { rate: (rate / (1.0 - BETA_1.powi(power))) as f32, second: second as f32 }
    }

    /// Takes a gradient into a weight's moments and gives what the weight goes down by.
    #[inline(always)]
    fn change(self, gradient: f32, (first, second): (&mut f32, &mut f32)) -> f32 {
        *first = first_moment(*first, NEW_1 * gradient);
        *second = second_moment(*second, NEW_2 * gradient * gradient);
        let deviation = second.sqrt() * self.second + ADAM_EPSILON;
        self.rate * *first / deviation
    }
}

fn adamw(chunk: Chunk<'_>, scale: f32, correction: Correction, decay: f32) {
    let states = chunk.first.iter_mut().zip(chunk.second);
    for ((weight, gradient), state) in chunk.weights.iter_mut().zip(chunk.gradient).zip(states) {
        *weight -= correction.change(gradient * scale, state) + decay * *weight;
    }
}

fn adam(chunk: Chunk<'_>, scale: f32, correction: Correction, decay: f32) {
    let states = chunk.first.iter_mut().zip(chunk.second);
    for ((weight, gradient), state) in chunk.weights.iter_mut().zip(chunk.gradient).zip(states) {
        *weight -= correction.change(gradient * scale + decay * *weight, state);
    }
}

fn descend(chunk: Chunk<'_>, scale: f32, rate: f32, decay: f32) {
    for (weight, gradient) in chunk.weights.iter_mut().zip(chunk.gradient) {
        *weight -= rate * (gradient * scale) + decay * *weight;
    }
}

fn adagrad(chunk: Chunk<'_>, scale: f32, rate: f32, decay: f32) {
    for ((weight, gradient), second) in chunk.weights.iter_mut().zip(chunk.gradient).zip(chunk.second) {
        let gradient = gradient * scale;
        *second += gradient * gradient;
        *weight -= rate * gradient / (second.sqrt() + ADAGRAD_EPSILON) + decay * *weight;
    }
}

/// In f64 over eight partial sums, so that it is vector instructions.
fn sum_of_squares(numbers: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for numbers in numbers.chunks(8) {
        for (sum, &number) in sums.iter_mut().zip(numbers) {
            *sum += f64::from(number) * f64::from(number);
        }
    }
    sums.iter().sum()
}

/// What a gradient of this norm is multiplied by to have at most the norm `limit`.
pub(crate) fn clip_scale(limit: Option<f64>, norm: f64) -> f32 {
    limit.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0)) as f32
}

#[cfg(test)]
mod tests;

//! `z = Σ_u w_u h_1(u)`, `w = softmax_u(⟨h_2(u), h_3(u)⟩ / √k)`: a mixture of sources by what each says of itself (Xi,
//! Modeling the Sequential Dependence among Audience Multi-step Conversions with Multi-task Learning in Targeted Display
//! Advertising, KDD 2021).
//!
//! Each source comes projected, `[rows, 3·k]`: `h_1(u)`, `h_2(u)` and `h_3(u)` side by side; the mixture is `[rows, k]`.

use tch::{Kind, TchError, Tensor};

use super::mix::dot;
use super::softmax::normalize;
use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Projected sources to their mixture.
#[derive(Debug, Clone)]
pub(crate) struct Attend {
    pub(crate) sources: [View; 2],
    pub(crate) output: View,
}

/// A source's row.
#[derive(Debug, Clone, Copy)]
struct Projected<'a> {
    value: &'a [f32],
    key: &'a [f32],
    query: &'a [f32],
}

impl<'a> Projected<'a> {
    fn new(row: &'a [f32]) -> Self {
        let (value, rest) = row.split_at(row.len() / 3);
        let (key, query) = rest.split_at(value.len());
        Self { value, key, query }
    }

    fn scale(self) -> f32 {
        1.0 / (self.value.len() as f32).sqrt()
    }

    fn score(self) -> f32 {
        dot(self.key, self.query) * self.scale()
    }
}

/// The sources' shares in a row.
fn weigh(sources: &[Projected<'_>; 2]) -> [f32; 2] {
    let mut shares = [0.0; 2];
    normalize(&sources.map(Projected::score), &mut shares);
    shares
}

impl Layer for Attend {
    fn inputs(&self) -> Vec<View> {
        self.sources.to_vec()
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let projected = |view: View| Projected::new(&before[view.buffer][view.at(row, stride(view))]);
            let sources = self.sources.map(projected);
            let shares = weigh(&sources);
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            output.fill(0.0);
            for (source, share) in sources.iter().zip(&shares) {
                output.iter_mut().zip(source.value).for_each(|(sum, value)| *sum += share * value);
            }
        }
    }

    /// `dh_1(u) = w_u dz`; with `ds_u = w_u (⟨dz, h_1(u)⟩ - Σ_u' w_u' ⟨dz, h_1(u')⟩) / √k`, `dh_2(u) = ds_u h_3(u)` and
    /// `dh_3(u) = ds_u h_2(u)`.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let by_output = &rest[0][self.output.at(row, stride(self.output))];
            let projected = |view: View| Projected::new(&pass.activations[view.buffer][view.at(row, stride(view))]);
            let sources = self.sources.map(projected);
            let shares = weigh(&sources);
            let by_share = |source: &Projected<'_>| dot(by_output, source.value);
            let mean: f32 = sources.iter().zip(&shares).map(|(source, share)| share * by_share(source)).sum();
            for (((&view, write), source), share) in self.sources.iter().zip(writes).zip(&sources).zip(&shares) {
                let to = &mut before[view.buffer][view.at(row, stride(view))];
                if *write == Write::Over {
                    to.fill(0.0);
                }
                let by_score = share * (by_share(source) - mean) * source.scale();
                let (by_value, others) = to.split_at_mut(source.value.len());
                let (by_key, by_query) = others.split_at_mut(source.value.len());
                add_scaled(by_value, by_output, *share);
                add_scaled(by_key, source.query, by_score);
                add_scaled(by_query, source.key, by_score);
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let width = self.output.width as i64;
        let sources = self.sources.iter().map(|&view| nodes.get(view)?.f_reshape([-1, 1, 3, width]));
        // [rows, sources, 3, k]
        let sources = Tensor::f_cat(&sources.collect::<Result<Vec<_>, TchError>>()?, 1)?;
        let [value, key, query] = [0, 1, 2].map(|part| sources.f_select(2, part));
        let products = key?.f_mul(&query?)?.f_sum_dim_intlist([2i64].as_slice(), true, Kind::Float)?;
        let shares = products.f_mul_scalar(1.0 / (width as f64).sqrt())?.f_softmax(1, Kind::Float)?;
        let mixture = value?.f_mul(&shares)?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
        nodes.put(self.output.buffer, 0, mixture);
        Ok(())
    }
}

fn add_scaled(to: &mut [f32], from: &[f32], scale: f32) {
    to.iter_mut().zip(from).for_each(|(sum, number)| *sum += number * scale);
}

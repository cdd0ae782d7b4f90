//! `s_g = a_g·b_g`: the inner products of vectors, pair by pair. Vectors `[rows, width]` each, `s` `[rows, groups]`.

use tch::{Kind, TchError, Tensor};

use super::mix::dot;
use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Pairs of vectors to a number each.
#[derive(Debug, Clone)]
pub(crate) struct Inner {
    /// Of one width; none of them is of `x`.
    pub(crate) pairs: Vec<[View; 2]>,
    /// As wide as there are pairs.
    pub(crate) output: View,
}

impl Layer for Inner {
    fn inputs(&self) -> Vec<View> {
        self.pairs.as_flattened().to_vec()
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            for (product, pair) in output.iter_mut().zip(&self.pairs) {
                let [a, b] = pair.map(|view| &before[view.buffer][view.at(row, stride(view))]);
                *product = dot(a, b);
            }
        }
    }

    /// `da = ds·b`, `db = ds·a`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let of = |view: View, row: usize| &pass.activations[view.buffer][view.at(row, stride(view))];
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let by_output = &rest[0][self.output.at(row, stride(self.output))];
            for ((&[a, b], by), writes) in self.pairs.iter().zip(by_output).zip(writes.chunks(2)) {
                for ((view, other), write) in [(a, b), (b, a)].into_iter().zip(writes) {
                    let to = &mut before[view.buffer][view.at(row, stride(view))];
                    if *write == Write::Over {
                        to.fill(0.0);
                    }
                    to.iter_mut().zip(of(other, row)).for_each(|(to, other)| *to += by * other);
                }
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let product = |&[a, b]: &[View; 2]| {
            nodes.get(a)?.f_mul(&nodes.get(b)?)?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
        };
        let products = self.pairs.iter().map(product).collect::<Result<Vec<_>, _>>()?;
        nodes.put(self.output.buffer, 0, Tensor::f_cat(&products, 1)?);
        Ok(())
    }
}

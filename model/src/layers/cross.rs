//! `y = x_0 ⊙ c + x_l`: the last step of a cross (Wang, DCN V2: Improved Deep & Cross Network and Practical Lessons for
//! Web-scale Learning to Rank Systems, WWW 2021), where `c = U (V x_l) + b` is computed before. `[rows, width]` all.

use tch::TchError;

use super::{Backward, Forward, INPUT, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// A product of columns, and what they were.
#[derive(Debug, Clone)]
pub(crate) struct Cross {
    /// `x_0`
    pub(crate) start: View,
    /// `c`
    pub(crate) factor: View,
    /// `x_l`
    pub(crate) state: View,
    pub(crate) output: View,
    /// The first column of `x` whose gradient anybody needs.
    pub(crate) gradient_from: usize,
}

impl Layer for Cross {
    fn inputs(&self) -> Vec<View> {
        vec![self.start, self.factor, self.state]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let of = |view: View| &before[view.buffer][view.at(row, stride(view))];
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            let numbers = of(self.start).iter().zip(of(self.factor)).zip(of(self.state));
            output.iter_mut().zip(numbers).for_each(|(y, ((start, factor), state))| *y = start * factor + state);
        }
    }

    /// `dx_0 = dy ⊙ c`, `dc = dy ⊙ x_0`, `dx_l = dy`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        self.add_gradient(pass, self.start, Some(self.factor), writes[0]);
        self.add_gradient(pass, self.factor, Some(self.start), writes[1]);
        self.add_gradient(pass, self.state, None, writes[2]);
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let product = nodes.get(self.start)?.f_mul(&nodes.get(self.factor)?)?;
        let output = product.f_add(&nodes.get(self.state)?)?;
        nodes.put(self.output.buffer, 0, output);
        Ok(())
    }
}

impl Cross {
    /// The gradient by one of the inputs: the output's, times the other factor if there is one.
    fn add_gradient(&self, pass: &mut Backward<'_>, to: View, other: Option<View>, write: Write) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (to_stride, out_stride) = (stride(to), stride(self.output));
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        let (by_output, is_input) = (&rest[0], to.buffer == INPUT);
        let by_input: &mut [f32] = if is_input { pass.input } else { &mut before[to.buffer] };
        let first = if is_input { self.gradient_from.saturating_sub(to.column).min(to.width) } else { 0 };
        for row in 0..pass.rows {
            let by_output = &by_output[self.output.at(row, out_stride)][first..];
            let by_input = &mut by_input[to.at(row, to_stride)][first..];
            if write == Write::Over {
                by_input.fill(0.0);
            }
            match other {
                Some(other) => {
                    let other = &pass.activations[other.buffer][other.at(row, stride(other))][first..];
                    let products = by_output.iter().zip(other);
                    by_input.iter_mut().zip(products).for_each(|(sum, (by, other))| *sum += by * other);
                }
                None => by_input.iter_mut().zip(by_output).for_each(|(sum, by)| *sum += by),
            }
        }
    }
}

//! `y = x[columns]`: runs of columns of the input, copied side by side.

use std::ops::Range;

use tch::{TchError, Tensor};

use super::{Backward, Forward, INPUT, Layer, Nodes, TensorPass, View, read_write};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Columns of `x` in another order, and more than once where asked for.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    /// All of `x`.
    pub(crate) input: View,
    /// Columns of `x`, one run after another in the output.
    pub(crate) runs: Vec<Range<usize>>,
    pub(crate) output: View,
    /// The first column of `x` whose gradient anybody needs.
    pub(crate) gradient_from: usize,
}

impl Select {
    /// Each run with the output's column where it starts.
    fn placed(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.runs.iter().scan(0, |next, run| {
            let start = *next;
            *next += run.len();
            Some((start, run.clone()))
        })
    }
}

impl Layer for Select {
    fn inputs(&self) -> Vec<View> {
        vec![self.input]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let (input, output) = read_write(activations, INPUT, self.output.buffer);
        let (in_stride, stride) = (pass.buffers[INPUT].stride, pass.buffers[self.output.buffer].stride);
        for (input, output) in input.chunks(in_stride).zip(output.chunks_mut(stride)).take(pass.rows) {
            for (start, run) in self.placed() {
                output[start..start + run.len()].copy_from_slice(&input[run]);
            }
        }
    }

    /// `dx_c = Σ dy` over the columns that were copied from c.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let (in_stride, stride) = (pass.buffers[INPUT].stride, pass.buffers[self.output.buffer].stride);
        let by_outputs = pass.gradients[self.output.buffer].chunks(stride);
        for (by_input, by_output) in pass.input.chunks_mut(in_stride).zip(by_outputs).take(pass.rows) {
            if writes[0] == Write::Over {
                by_input[self.gradient_from..self.input.width].fill(0.0);
            }
            for (start, run) in self.placed().filter(|(_, run)| run.start >= self.gradient_from) {
                let by_output = &by_output[start..start + run.len()];
                by_input[run].iter_mut().zip(by_output).for_each(|(sum, by)| *sum += by);
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let x = nodes.get(self.input)?;
        let runs = self.runs.iter().map(|run| x.f_narrow(1, run.start as i64, run.len() as i64));
        let output = Tensor::f_cat(&runs.collect::<Result<Vec<_>, _>>()?, 1)?;
        nodes.put(self.output.buffer, 0, output);
        Ok(())
    }
}

//! `y = Σ_i x_i`: intermediate results, added up. `[rows, width]`; a narrower one is repeated up to that width.

use tch::TchError;

use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Some views to their sum; none of them is of `x`.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    pub(crate) parts: Vec<View>,
    pub(crate) output: View,
}

impl Layer for Sum {
    fn inputs(&self) -> Vec<View> {
        self.parts.clone()
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            output.fill(0.0);
            for &part in &self.parts {
                let part = &before[part.buffer][part.at(row, stride(part))];
                for output in output.chunks_mut(part.len()) {
                    output.iter_mut().zip(part).for_each(|(sum, number)| *sum += number);
                }
            }
        }
    }

    /// `dx_i = dy`, added up over its repetitions.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for (&part, write) in self.parts.iter().zip(writes) {
            for row in 0..pass.rows {
                let by_output = &rest[0][self.output.at(row, stride(self.output))];
                let by_part = &mut before[part.buffer][part.at(row, stride(part))];
                if *write == Write::Over {
                    by_part.fill(0.0);
                }
                for by_output in by_output.chunks(part.width) {
                    by_part.iter_mut().zip(by_output).for_each(|(sum, by)| *sum += by);
                }
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let repeated = |part: View| nodes.get(part)?.f_repeat([1, (self.output.width / part.width) as i64]);
        let mut sum = repeated(self.parts[0])?;
        for &part in &self.parts[1..] {
            sum = sum.f_add(&repeated(part)?)?;
        }
        nodes.put(self.output.buffer, 0, sum);
        Ok(())
    }
}

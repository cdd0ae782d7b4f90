//! `y = Σ_i x_i`: intermediate results of one width, added up. `[rows, width]` all.

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
                output.iter_mut().zip(part).for_each(|(sum, number)| *sum += number);
            }
        }
    }

    /// `dx_i = dy`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for (&part, write) in self.parts.iter().zip(writes) {
            for row in 0..pass.rows {
                let by_output = &rest[0][self.output.at(row, stride(self.output))];
                let by_part = &mut before[part.buffer][part.at(row, stride(part))];
                match write {
                    Write::Over => by_part.copy_from_slice(by_output),
                    Write::Add => by_part.iter_mut().zip(by_output).for_each(|(sum, by)| *sum += by),
                }
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let mut sum = nodes.get(self.parts[0])?;
        for &part in &self.parts[1..] {
            sum = sum.f_add(&nodes.get(part)?)?;
        }
        nodes.put(self.output.buffer, 0, sum);
        Ok(())
    }
}

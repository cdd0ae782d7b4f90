//! `s_k = e·c_k / ‖c_k‖`: how near an embedding of length 1 is to each of some learned directions, -1..1. `e` is `[rows, width]`,
//! `c` `[prototypes, width]`, `s` `[rows, prototypes]`.

use tch::TchError;

use super::mix::dot;
use super::unit::{by_vector, directions, length};
use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;
use crate::network::parameters::Block;

/// An embedding to its cosines to prototypes.
#[derive(Debug, Clone)]
pub(crate) struct Prototypes {
    /// Of length 1; not of `x`.
    pub(crate) input: View,
    /// A row each.
    pub(crate) weight: Block,
    pub(crate) output: View,
}

impl Prototypes {
    /// Each prototype's direction and its length.
    fn directions(&self, weights: &[f32]) -> Vec<(Vec<f32>, f32)> {
        let prototype = |numbers: &[f32]| {
            let length = length(numbers);
            (numbers.iter().map(|number| number / length).collect(), length)
        };
        let rows = weights[self.weight.range()].chunks(self.weight.stride);
        rows.map(|row| prototype(&row[..self.input.width])).collect()
    }
}

impl Layer for Prototypes {
    fn inputs(&self) -> Vec<View> {
        vec![self.input]
    }

    fn output(&self) -> View {
        self.output
    }

    fn weight(&self) -> Option<Block> {
        Some(self.weight)
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let prototypes = self.directions(pass.weights);
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let embedding = &before[self.input.buffer][self.input.at(row, stride(self.input))];
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            output.iter_mut().zip(&prototypes).for_each(|(near, (direction, _))| *near = dot(embedding, direction));
        }
    }

    /// `de = Σ_k ds_k·ĉ_k`, `dĉ_k = Σ_rows ds_k·e`, and [`by_vector`] of that.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let prototypes = self.directions(pass.weights);
        let mut by_directions = vec![vec![0.0f32; self.input.width]; prototypes.len()];
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let embedding = &pass.activations[self.input.buffer][self.input.at(row, stride(self.input))];
            let by_output = &rest[0][self.output.at(row, stride(self.output))];
            let by_embedding = &mut before[self.input.buffer][self.input.at(row, stride(self.input))];
            if writes[0] == Write::Over {
                by_embedding.fill(0.0);
            }
            for ((by, (direction, _)), by_direction) in by_output.iter().zip(&prototypes).zip(&mut by_directions) {
                by_embedding.iter_mut().zip(direction).for_each(|(sum, number)| *sum += by * number);
                by_direction.iter_mut().zip(embedding).for_each(|(sum, number)| *sum += by * number);
            }
        }
        let rows = pass.weight_gradient[self.weight.range()].chunks_mut(self.weight.stride);
        for ((to, (direction, length)), by_direction) in rows.zip(&prototypes).zip(&by_directions) {
            let to = &mut to[..direction.len()];
            if pass.write == Write::Over {
                to.fill(0.0);
            }
            let found = by_vector(direction, by_direction, *length);
            to.iter_mut().zip(found).for_each(|(sum, by)| *sum += by);
        }
    }

    fn forward_tensors(&self, pass: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let shape = [self.weight.rows as i64, self.weight.stride as i64];
        let weight = self.weight.of(pass.weights).f_view(shape)?.f_narrow(1, 0, self.input.width as i64)?;
        let near = nodes.get(self.input)?.f_matmul(&directions(&weight)?.f_transpose(0, 1)?)?;
        nodes.put(self.output.buffer, 0, near);
        Ok(())
    }
}

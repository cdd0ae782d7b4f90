//! `y_g = x_g / ‖x_g‖`: vectors side by side, each made of length 1. `[rows, groups·width]` both; `‖x‖² = Σ x² + 1e-12`, so that
//! nothing is divided by 0.

use tch::{Kind, TchError};

use super::mix::dot;
use super::{Backward, Forward, Layer, Nodes, TensorPass, View, read_write};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// What a squared length is at the least.
const LEAST: f32 = 1e-12;

/// Vectors to their directions.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// Not of `x`.
    pub(crate) input: View,
    pub(crate) output: View,
    pub(crate) groups: usize,
}

/// The length of a vector.
pub(super) fn length(vector: &[f32]) -> f32 {
    (dot(vector, vector) + LEAST).sqrt()
}

/// From the gradient by a vector's direction that by the vector: `dx = (dy - y·(y·dy)) / ‖x‖`, number by number.
pub(super) fn by_vector<'a>(
    direction: &'a [f32],
    by_direction: &'a [f32],
    length: f32,
) -> impl Iterator<Item = f32> + 'a {
    let along = dot(direction, by_direction);
    direction.iter().zip(by_direction).map(move |(y, by)| (by - y * along) / length)
}

impl Layer for Unit {
    fn inputs(&self) -> Vec<View> {
        vec![self.input]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let width = self.input.width / self.groups;
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (input, output) = read_write(activations, self.input.buffer, self.output.buffer);
        for row in 0..pass.rows {
            let vectors = input[self.input.at(row, stride(self.input))].chunks(width);
            let directions = output[self.output.at(row, stride(self.output))].chunks_mut(width);
            for (vector, direction) in vectors.zip(directions) {
                let length = length(vector);
                direction.iter_mut().zip(vector).for_each(|(y, x)| *y = x / length);
            }
        }
    }

    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let width = self.input.width / self.groups;
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let of = |view: View, row: usize| pass.activations[view.buffer][view.at(row, stride(view))].chunks(width);
        let (by_outputs, by_inputs) = read_write(pass.gradients, self.output.buffer, self.input.buffer);
        for row in 0..pass.rows {
            let by_directions = by_outputs[self.output.at(row, stride(self.output))].chunks(width);
            let by_vectors = by_inputs[self.input.at(row, stride(self.input))].chunks_mut(width);
            let groups = of(self.input, row).zip(of(self.output, row)).zip(by_directions.zip(by_vectors));
            for ((vector, direction), (by_direction, to)) in groups {
                if writes[0] == Write::Over {
                    to.fill(0.0);
                }
                let found = by_vector(direction, by_direction, length(vector));
                to.iter_mut().zip(found).for_each(|(sum, by)| *sum += by);
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let (groups, width) = (self.groups as i64, (self.input.width / self.groups) as i64);
        let vectors = nodes.get(self.input)?.f_reshape([-1, groups, width])?;
        let directions = directions(&vectors)?.f_reshape([-1, groups * width])?;
        nodes.put(self.output.buffer, 0, directions);
        Ok(())
    }
}

/// Each vector of the last dimension over its length.
pub(super) fn directions(vectors: &tch::Tensor) -> Result<tch::Tensor, TchError> {
    let squares = vectors.f_square()?.f_sum_dim_intlist([-1i64].as_slice(), true, Kind::Float)?;
    vectors.f_div(&squares.f_add_scalar(f64::from(LEAST))?.f_sqrt()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_has_length_one_and_nothing_has_none() {
        assert_eq!(length(&[3.0, 0.0, -4.0]), 5.0);
        assert!(length(&[0.0; 3]) > 0.0);
        // By hand: y = (0.6, -0.8), dy = (1, 0): along 0.6, (1 - 0.36, 0.48) / 5.
        let found: Vec<f32> = by_vector(&[0.6, -0.8], &[1.0, 0.0], 5.0).collect();
        assert!((found[0] - 0.128).abs() < 1e-7 && (found[1] - 0.096).abs() < 1e-7, "{found:?}");
    }
}

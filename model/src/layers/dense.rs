//! `h = activation(x·W + b)`, for one matrix, for several side by side over the same input, or for groups that each
//! read their own part of the input.
//!
//! | form | input | weights | output |
//! |---|---|---|---|
//! | side by side | `[rows, in]` | `[in, out]` | `[rows, out]`: the branches' columns, one after another |
//! | grouped | `[rows, groups·in]` | `[groups, in, out]` | `[rows, groups·out]` |
//!
//! Side by side is one product for all branches (the first layer of all experts, and the gates): wide products run at
//! the processor's full speed, many narrow ones do not.

use tch::{Kind, TchError};

use super::activation::Activation;
use super::{Backward, Forward, INPUT, Layer, Nodes, TensorPass, View, read_write};
use crate::kernel::memory::Aligned;
use crate::kernel::product::{
    Matrix, MatrixMut, Packed, Write, product, product_packed, product_transposed_left, product_transposed_right,
};
use crate::network::parameters::Block;

/// A product with bias and activations. See the module's documentation.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    pub(crate) input: View,
    pub(crate) output: View,
    pub(crate) groups: usize,
    /// `[groups, in, out]`
    pub(crate) weight: Block,
    /// `[groups·out]`; none for a product alone, which has no activations either.
    pub(crate) bias: Option<Block>,
    pub(crate) activations: Vec<Activation>,
    /// The first column of the input whose gradient anybody needs: numbers of `x` come before its embeddings.
    pub(crate) gradient_from: usize,
}

impl Dense {
    fn group_input(&self) -> usize {
        self.input.width / self.groups
    }

    fn group_output(&self) -> usize {
        self.output.width / self.groups
    }

    /// The weights of a group, from row `first` on.
    fn matrix<'a>(&self, weights: &'a [f32], group: usize, first: usize) -> Matrix<'a> {
        let rows = self.group_input();
        let start = self.weight.offset + (group * rows + first) * self.weight.stride;
        let numbers = &weights[start..self.weight.end()];
        Matrix { numbers, rows: rows - first, columns: self.group_output(), stride: self.weight.stride }
    }

    /// The gradient by the weights and bias, given the gradient by the products in `gradients[output]`.
    fn weight_gradient(&self, pass: &mut Backward<'_>, group: usize) {
        let (input, output) = (self.input.part(group, self.groups), self.output.part(group, self.groups));
        let activations = columns(&pass.activations[input.buffer], input, pass.buffers[input.buffer].stride, pass.rows);
        let gradient = columns(&pass.gradients[output.buffer], output, pass.buffers[output.buffer].stride, pass.rows);
        let start = self.weight.offset + group * input.width * self.weight.stride;
        let to = MatrixMut {
            numbers: &mut pass.weight_gradient[start..self.weight.end()],
            rows: input.width,
            columns: output.width,
            stride: self.weight.stride,
        };
        product_transposed_left(activations, gradient, to, pass.write);
    }

    fn input_gradient(&self, pass: &mut Backward<'_>, group: usize, write: Write) {
        let (input, output) = (self.input.part(group, self.groups), self.output.part(group, self.groups));
        let first = self.gradient_from.saturating_sub(input.column).min(input.width);
        let input = View { column: input.column + first, width: input.width - first, ..input };
        let (in_stride, out_stride) = (pass.buffers[input.buffer].stride, pass.buffers[output.buffer].stride);
        let (gradient, to): (&[f32], &mut [f32]) = if input.buffer == INPUT {
            (&pass.gradients[output.buffer], &mut *pass.input)
        } else {
            read_write(pass.gradients, output.buffer, input.buffer)
        };
        let gradient = columns(gradient, output, out_stride, pass.rows);
        let to =
            MatrixMut { numbers: &mut to[input.column..], rows: pass.rows, columns: input.width, stride: in_stride };
        product_transposed_right(gradient, self.matrix(pass.weights, group, first), to, write);
    }
}

/// The columns of a view as a matrix of `rows` rows.
fn columns(buffer: &[f32], view: View, stride: usize, rows: usize) -> Matrix<'_> {
    Matrix { numbers: &buffer[view.column..], rows, columns: view.width, stride }
}

impl Layer for Dense {
    fn inputs(&self) -> Vec<View> {
        vec![self.input]
    }

    fn output(&self) -> View {
        self.output
    }

    fn weight(&self) -> Option<Block> {
        Some(self.weight)
    }

    fn pack(&self, weights: &[f32], rows: usize, packed: &mut [Vec<Packed>]) {
        let group = |group| Packed::new(self.matrix(weights, group, 0), rows);
        packed[self.weight.index] = (0..self.groups).map(group).collect();
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let (input, output) = read_write(activations, self.input.buffer, self.output.buffer);
        let (in_stride, stride) = (pass.buffers[self.input.buffer].stride, pass.buffers[self.output.buffer].stride);
        for group in 0..self.groups {
            let from = columns(input, self.input.part(group, self.groups), in_stride, pass.rows);
            let part = self.output.part(group, self.groups);
            let to = MatrixMut { numbers: &mut output[part.column..], rows: pass.rows, columns: part.width, stride };
            match pass.packed.get(self.weight.index).and_then(|groups| groups.get(group)) {
                Some(packed) if packed.rows() == pass.rows => product_packed(from, packed, to),
                _ => product(from, self.matrix(pass.weights, group, 0), to, Write::Over),
            }
        }
        if let Some(bias) = self.bias {
            let bias = &pass.weights[bias.range()];
            for activation in &self.activations {
                activation.apply(output, stride, pass.rows, bias, pass.dropout);
            }
        }
    }

    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let output = self.output.buffer;
        let stride = pass.buffers[output].stride;
        if let Some(bias) = self.bias {
            let bias_gradient = &mut pass.weight_gradient[bias.range()];
            if pass.write == Write::Over {
                bias_gradient.fill(0.0);
            }
            for activation in &self.activations {
                let gradient = &mut pass.gradients[output];
                activation.reverse(gradient, &pass.activations[output], stride, pass.rows, bias_gradient);
            }
        }
        for group in 0..self.groups {
            self.weight_gradient(pass, group);
            if self.input.buffer != INPUT || self.gradient_from < self.input.end() {
                self.input_gradient(pass, group, writes[0]);
            }
        }
    }

    fn forward_tensors(&self, pass: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let (groups, out) = (self.groups as i64, self.group_output() as i64);
        let shape = [groups, self.group_input() as i64, self.weight.stride as i64];
        let weight = self.weight.of(pass.weights).f_view(shape)?.f_narrow(2, 0, out)?.f_to_kind(pass.product_kind)?;
        let input = nodes.get(self.input)?.f_to_kind(pass.product_kind)?;
        let z = if groups == 1 {
            input.f_matmul(&weight.f_squeeze_dim(0)?)?
        } else {
            // [rows, groups·in] → [groups, rows, in] · [groups, in, out] → [rows, groups·out]
            let input = input.f_reshape([-1, groups, self.group_input() as i64])?.f_transpose(0, 1)?;
            input.f_bmm(&weight)?.f_transpose(0, 1)?.f_reshape([-1, groups * out])?
        };
        let z = z.f_to_kind(Kind::Float)?;
        let Some(bias) = self.bias else {
            nodes.put(self.output.buffer, 0, z);
            return Ok(());
        };
        let z = z.f_add(&bias.of(pass.weights).f_narrow(0, 0, groups * out)?)?;
        for activation in &self.activations {
            let (first, width) = (activation.columns.start, activation.columns.len());
            let part = activation.apply_tensors(&z.f_narrow(1, first as i64, width as i64)?, pass.dropout)?;
            nodes.put(self.output.buffer, first, part);
        }
        Ok(())
    }
}

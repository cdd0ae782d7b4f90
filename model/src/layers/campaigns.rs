//! What belongs to campaigns alone and is the same for every row: softmax gates over a campaign's vector, and its bias.
//!
//! `p_t = softmax(v_t·W + b)` for each gate. The output is `[rows, Σ_gates tasks·n + tasks]`: of each gate every task's shares, in
//! the tasks' order, and the tasks' biases behind them.

use tch::{Kind, TchError, Tensor};

use super::softmax::normalize_in_place;
use super::{Backward, Forward, INPUT, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;
use crate::network::parameters::Block;

/// Vectors to gates, and biases, in every row.
#[derive(Debug, Clone)]
pub(crate) struct Campaigns {
    /// `v`, a row a campaign.
    pub(crate) vectors: Block,
    /// Numbers of a vector.
    pub(crate) width: usize,
    /// How many campaigns.
    pub(crate) tasks: usize,
    pub(crate) gates: Vec<Gate>,
    /// A number a campaign, side by side.
    pub(crate) biases: Block,
    pub(crate) output: View,
}

/// A linear layer and a softmax over what it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    /// `[width, units]`
    pub(crate) weight: Block,
    /// `[units]`
    pub(crate) bias: Block,
    /// Between how many it shares.
    pub(crate) units: usize,
}

impl Campaigns {
    fn vector<'a>(&self, weights: &'a [f32], task: usize) -> &'a [f32] {
        &weights[self.vectors.offset + task * self.vectors.stride..][..self.width]
    }

    /// A row of the output.
    fn row(&self, weights: &[f32]) -> Vec<f32> {
        let mut row = Vec::with_capacity(self.output.width);
        for gate in &self.gates {
            for task in 0..self.tasks {
                let first = row.len();
                row.extend_from_slice(&weights[gate.bias.range()][..gate.units]);
                let logits = &mut row[first..];
                for (number, of_number) in self.vector(weights, task).iter().zip(gate.rows(weights)) {
                    logits.iter_mut().zip(of_number).for_each(|(logit, weight)| *logit += number * weight);
                }
                normalize_in_place(logits);
            }
        }
        row.extend_from_slice(&weights[self.biases.range()][..self.tasks]);
        row
    }

    /// The gradient by one row of the output, summed over the rows.
    fn by_row(&self, pass: &Backward<'_>) -> Vec<f32> {
        let (stride, by_output) = (pass.buffers[self.output.buffer].stride, &pass.gradients[self.output.buffer]);
        let mut sum = vec![0.0; self.output.width];
        for row in 0..pass.rows {
            sum.iter_mut().zip(&by_output[self.output.at(row, stride)]).for_each(|(sum, by)| *sum += by);
        }
        sum
    }

    fn blocks(&self) -> impl Iterator<Item = Block> {
        let of_gates = self.gates.iter().flat_map(|gate| [gate.weight, gate.bias]);
        of_gates.chain([self.vectors, self.biases])
    }

    /// Adds the gradients by a campaign's vector and a gate's weights, `by_logits` being that by what the gate says of it.
    fn backward_gate(&self, pass: &mut Backward<'_>, gate: &Gate, task: usize, by_logits: &[f32]) {
        for (sum, by) in pass.weight_gradient[gate.bias.range()].iter_mut().zip(by_logits) {
            *sum += by;
        }
        for (number, &of_vector) in self.vector(pass.weights, task).iter().enumerate() {
            let at = gate.weight.offset + number * gate.weight.stride;
            for (sum, by) in pass.weight_gradient[at..at + gate.units].iter_mut().zip(by_logits) {
                *sum += of_vector * by;
            }
            let by: f32 = pass.weights[at..at + gate.units].iter().zip(by_logits).map(|(weight, by)| weight * by).sum();
            pass.weight_gradient[self.vectors.offset + task * self.vectors.stride + number] += by;
        }
    }
}

impl Gate {
    /// What each number of a vector counts for the logits.
    fn rows(self, weights: &[f32]) -> impl Iterator<Item = &[f32]> {
        weights[self.weight.range()].chunks(self.weight.stride).map(move |row| &row[..self.units])
    }
}

impl Layer for Campaigns {
    fn inputs(&self) -> Vec<View> {
        Vec::new()
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let (row, stride) = (self.row(pass.weights), pass.buffers[self.output.buffer].stride);
        let output = &mut activations[self.output.buffer];
        (0..pass.rows).for_each(|at| output[self.output.at(at, stride)].copy_from_slice(&row));
    }

    /// `dl_e = p_e (dp_e - Σ_e' p_e' dp_e')`, `dW = v·dl`, `dv = W·dl`
    fn backward(&self, pass: &mut Backward<'_>, _: &[Write]) {
        if pass.write == Write::Over {
            self.blocks().for_each(|block| pass.weight_gradient[block.range()].fill(0.0));
        }
        let (row, by_row) = (self.row(pass.weights), self.by_row(pass));
        let mut first = 0;
        for gate in &self.gates {
            for task in 0..self.tasks {
                let (shares, by_shares) = (&row[first..first + gate.units], &by_row[first..first + gate.units]);
                let mean: f32 = shares.iter().zip(by_shares).map(|(share, by)| share * by).sum();
                let by_logits: Vec<f32> = shares.iter().zip(by_shares).map(|(share, by)| share * (by - mean)).collect();
                self.backward_gate(pass, gate, task, &by_logits);
                first += gate.units;
            }
        }
        let by_biases = &mut pass.weight_gradient[self.biases.range()];
        by_biases.iter_mut().zip(&by_row[first..]).for_each(|(sum, by)| *sum += by);
    }

    fn forward_tensors(&self, pass: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let matrix = |block: Block, columns: usize| {
            let shape = [block.rows as i64, block.stride as i64];
            block.of(pass.weights).f_view(shape)?.f_narrow(1, 0, columns as i64)
        };
        let vectors = matrix(self.vectors, self.width)?;
        let mut parts = Vec::with_capacity(self.gates.len() + 1);
        for gate in &self.gates {
            let logits = vectors.f_matmul(&matrix(gate.weight, gate.units)?)?.f_add(&matrix(gate.bias, gate.units)?)?;
            parts.push(logits.f_softmax(1, Kind::Float)?.f_reshape([1, -1])?);
        }
        parts.push(matrix(self.biases, self.tasks)?);
        // As many rows as the input has, whatever they are when a trace is run.
        let rows = nodes.get(View { buffer: INPUT, column: 0, width: 1 })?.f_zeros_like()?;
        nodes.put(self.output.buffer, 0, rows.f_add(&Tensor::f_cat(&parts, 1)?)?);
        Ok(())
    }
}

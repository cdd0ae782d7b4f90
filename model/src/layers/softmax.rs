//! `p_ke = exp(l_ke) / Σ_e' exp(l_ke')`: a softmax over each of several groups of columns. `[rows, groups·n]` both.

use tch::{Kind, TchError};

use super::{Backward, Forward, Layer, Nodes, TensorPass, View, read_write};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Gate logits to gate weights.
#[derive(Debug, Clone)]
pub(crate) struct Softmax {
    pub(crate) input: View,
    pub(crate) output: View,
    pub(crate) groups: usize,
}

impl Layer for Softmax {
    fn inputs(&self) -> Vec<View> {
        vec![self.input]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let (input, output) = read_write(activations, self.input.buffer, self.output.buffer);
        let (in_stride, stride) = (pass.buffers[self.input.buffer].stride, pass.buffers[self.output.buffer].stride);
        let width = self.input.width / self.groups;
        for (logits, shares) in input.chunks(in_stride).zip(output.chunks_mut(stride)).take(pass.rows) {
            let logits = &logits[self.input.column..][..self.input.width];
            for (logits, shares) in logits.chunks(width).zip(shares.chunks_mut(width)) {
                normalize(logits, shares);
            }
        }
    }

    /// `dl_e = p_e (dp_e - Σ_e' p_e' dp_e')`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let (in_stride, stride) = (pass.buffers[self.input.buffer].stride, pass.buffers[self.output.buffer].stride);
        let width = self.input.width / self.groups;
        let shares = pass.activations[self.output.buffer].chunks(stride);
        let (by_shares, by_logits) = read_write(pass.gradients, self.output.buffer, self.input.buffer);
        let rows = shares.zip(by_shares.chunks(stride)).zip(by_logits.chunks_mut(in_stride)).take(pass.rows);
        for ((shares, by_shares), by_logits) in rows {
            let by_logits = &mut by_logits[self.input.column..][..self.input.width];
            if writes[0] == Write::Over {
                by_logits.fill(0.0);
            }
            let groups = shares.chunks(width).zip(by_shares.chunks(width)).zip(by_logits.chunks_mut(width));
            for ((shares, by_shares), by_logits) in groups {
                let mean: f32 = shares.iter().zip(by_shares).map(|(share, by_share)| share * by_share).sum();
                for ((share, by_share), by_logit) in shares.iter().zip(by_shares).zip(by_logits) {
                    *by_logit += share * (by_share - mean);
                }
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let groups = [-1, self.groups as i64, (self.input.width / self.groups) as i64];
        let shares = nodes.get(self.input)?.f_reshape(groups)?.f_softmax(2, Kind::Float)?;
        nodes.put(self.output.buffer, 0, shares.f_reshape([-1, self.input.width as i64])?);
        Ok(())
    }
}

/// A softmax over all of some logits.
pub(super) fn normalize(logits: &[f32], shares: &mut [f32]) {
    shares.copy_from_slice(logits);
    normalize_in_place(shares);
}

/// The same where the logits lie.
pub(crate) fn normalize_in_place(logits: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - largest).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|share| *share /= sum);
}

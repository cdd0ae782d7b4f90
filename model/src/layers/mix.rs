//! `z_k = Σ_e p_ke f_e`: each task's mixture of the experts (Ma, KDD 2018).
//!
//! Shares `[rows, tasks·experts]`, experts `[rows, experts·width]`, mixtures `[rows, tasks·width]`.

use tch::TchError;

use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Experts mixed by gates.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    pub(crate) shares: View,
    pub(crate) experts: View,
    pub(crate) output: View,
    pub(crate) expert_count: usize,
}

impl Mix {
    fn width(&self) -> usize {
        self.experts.width / self.expert_count
    }
}

impl Layer for Mix {
    fn inputs(&self) -> Vec<View> {
        vec![self.shares, self.experts]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let views = [self.shares, self.experts, self.output];
        let strides = views.map(|view| pass.buffers[view.buffer].stride);
        let [shares, experts, output] = activations
            .get_disjoint_mut(views.map(|view| view.buffer))
            .expect("gates, experts and mixtures are buffers of their own");
        let width = self.width();
        for row in 0..pass.rows {
            let experts = &experts[row * strides[1] + self.experts.column..][..self.experts.width];
            let shares = &shares[row * strides[0] + self.shares.column..][..self.shares.width];
            let output = &mut output[row * strides[2]..][..self.output.width];
            for (mixture, shares) in output.chunks_mut(width).zip(shares.chunks(self.expert_count)) {
                mixture.fill(0.0);
                for (expert, share) in experts.chunks(width).zip(shares) {
                    mixture.iter_mut().zip(expert).for_each(|(sum, value)| *sum += share * value);
                }
            }
        }
    }

    /// `dp_ke = ⟨dz_k, f_e⟩`, `df_e = Σ_k p_ke dz_k`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let views = [self.shares, self.experts, self.output];
        let strides = views.map(|view| pass.buffers[view.buffer].stride);
        let (shares, experts) = (&pass.activations[self.shares.buffer], &pass.activations[self.experts.buffer]);
        let [by_shares, by_experts, by_output] = pass
            .gradients
            .get_disjoint_mut(views.map(|view| view.buffer))
            .expect("gates, experts and mixtures are buffers of their own");
        for row in 0..pass.rows {
            let shares_at =
                row * strides[0] + self.shares.column..row * strides[0] + self.shares.column + self.shares.width;
            let first_expert = row * strides[1] + self.experts.column;
            let experts_at = first_expert..first_expert + self.experts.width;
            if writes[0] == Write::Over {
                by_shares[shares_at.clone()].fill(0.0);
            }
            if writes[1] == Write::Over {
                by_experts[experts_at.clone()].fill(0.0);
            }
            self.backward_row(
                (&shares[shares_at.clone()], &mut by_shares[shares_at]),
                (&experts[experts_at.clone()], &mut by_experts[experts_at]),
                &by_output[row * strides[2]..][..self.output.width],
            );
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let (experts, width) = (self.expert_count as i64, self.width() as i64);
        // [rows, tasks, experts] · [rows, experts, width] → [rows, tasks, width]
        let shares = nodes.get(self.shares)?.f_reshape([-1, self.shares.width as i64 / experts, experts])?;
        let mixtures = shares.f_bmm(&nodes.get(self.experts)?.f_reshape([-1, experts, width])?)?;
        nodes.put(self.output.buffer, 0, mixtures.f_reshape([-1, self.output.width as i64])?);
        Ok(())
    }
}

impl Mix {
    fn backward_row(
        &self,
        (shares, by_shares): (&[f32], &mut [f32]),
        (experts, by_experts): (&[f32], &mut [f32]),
        by_mixtures: &[f32],
    ) {
        let width = self.width();
        let tasks = shares.chunks(self.expert_count).zip(by_shares.chunks_mut(self.expert_count));
        for (by_mixture, (shares, by_shares)) in by_mixtures.chunks(width).zip(tasks) {
            let experts = experts.chunks(width).zip(by_experts.chunks_mut(width));
            for ((expert, by_expert), (share, by_share)) in experts.zip(shares.iter().zip(by_shares)) {
                *by_share += dot(by_mixture, expert);
                by_expert.iter_mut().zip(by_mixture).for_each(|(sum, by)| *sum += share * by);
            }
        }
    }
}

/// Σ a·b in eight partial sums, so that it is vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_parts.zip(b_parts) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

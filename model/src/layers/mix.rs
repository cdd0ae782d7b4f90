//! `z_k = Σ_e p_ke f_e`: mixtures of experts by gates (Ma, KDD 2018; with experts of a gate's own Tang, RecSys 2020).
//!
//! Shares `[rows, gates·experts]`, each gate's in the order of the sources; mixtures `[rows, gates·width]`.

use tch::{TchError, Tensor};

use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Experts that gates mix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// `[rows, experts·width]`, or `[rows, gates·experts·width]` where each gate has experts of its own.
    pub(crate) experts: View,
    /// How many a gate mixes.
    pub(crate) count: usize,
    pub(crate) readers: Readers,
    pub(crate) teachers: Teachers,
}

/// Who mixes a source's experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// All gates the same ones.
    Shared,
    /// Gate `k` part `k`.
    Own,
}

/// Whose gradients experts that all gates mix learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Teachers {
    /// Those of all who mix them.
    Readers,
    /// Expert `e` of `n` that of gate `e / (n / gates)` alone (Su, AAAI 2024).
    Own,
}

/// Experts mixed by gates.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    pub(crate) shares: View,
    pub(crate) sources: Vec<Source>,
    pub(crate) output: View,
    pub(crate) gates: usize,
}

impl Mix {
    fn width(&self) -> usize {
        self.output.width / self.gates
    }

    /// Each source beside the place of its shares among a gate's.
    fn placed(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.sources.iter().scan(0, |next, source| {
            let first = *next;
            *next += source.count;
            Some((first, source))
        })
    }

    fn experts_per_gate(&self) -> usize {
        self.shares.width / self.gates
    }
}

impl Source {
    /// Where gate `gate`'s experts start among the source's columns.
    fn start(&self, gate: usize, width: usize) -> usize {
        match self.readers {
            Readers::Shared => 0,
            Readers::Own => gate * self.count * width,
        }
    }

    /// Whether a gate's gradient reaches its expert `expert`.
    fn is_taught(&self, expert: usize, gate: usize, gates: usize) -> bool {
        match self.teachers {
            Teachers::Readers => true,
            Teachers::Own => expert / (self.count / gates) == gate,
        }
    }

    /// The gates' mixtures, `[rows, gates, 1, width]`, of experts `[rows, gates or 1, experts, width]` by shares
    /// `[rows, gates, 1, experts]`.
    fn mixtures(&self, shares: &Tensor, experts: &Tensor) -> Result<Tensor, TchError> {
        match self.teachers {
            Teachers::Readers => shares.f_matmul(experts),
            Teachers::Own => {
                let kept = experts.f_detach()?;
                let (gates, count, width) = (shares.size()[1], self.count as i64, experts.size()[3]);
                let own = shares.f_detach()?.f_reshape([-1, gates, gates, count / gates])?.f_diagonal(0, 1, 2)?;
                // [rows, experts of a gate, gates] → [rows, gates, 1, experts of a gate]
                let own = own.f_permute([0, 2, 1])?.f_unsqueeze(2)?;
                // Zero, but for its gradient.
                let learned = experts.f_sub(&kept)?.f_reshape([-1, gates, count / gates, width])?;
                shares.f_matmul(&kept)?.f_add(&own.f_matmul(&learned)?)
            }
        }
    }
}

impl Layer for Mix {
    fn inputs(&self) -> Vec<View> {
        [self.shares].into_iter().chain(self.sources.iter().map(|source| source.experts)).collect()
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let (width, per_gate) = (self.width(), self.experts_per_gate());
        for (first, source) in self.placed() {
            let views = [self.shares, source.experts, self.output];
            let strides = views.map(|view| pass.buffers[view.buffer].stride);
            let [shares, experts, output] = disjoint(activations, views);
            for row in 0..pass.rows {
                let experts = &experts[row * strides[1] + source.experts.column..][..source.experts.width];
                let shares = &shares[row * strides[0] + self.shares.column..][..self.shares.width];
                let output = &mut output[row * strides[2]..][..self.output.width];
                let gates = output.chunks_mut(width).zip(shares.chunks(per_gate)).enumerate();
                for (gate, (mixture, shares)) in gates {
                    if first == 0 {
                        mixture.fill(0.0);
                    }
                    let experts = experts[source.start(gate, width)..].chunks(width);
                    for (expert, share) in experts.zip(&shares[first..first + source.count]) {
                        mixture.iter_mut().zip(expert).for_each(|(sum, value)| *sum += share * value);
                    }
                }
            }
        }
    }

    /// `dp_ke = ⟨dz_k, f_e⟩`, `df_e = Σ_k p_ke dz_k`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let strides = pass.buffers;
        for ((first, source), write) in self.placed().zip(&writes[1..]) {
            let views = [self.shares, source.experts, self.output];
            let strides = views.map(|view| strides[view.buffer].stride);
            let (shares, experts) = (&pass.activations[self.shares.buffer], &pass.activations[source.experts.buffer]);
            let [by_shares, by_experts, by_output] = disjoint(pass.gradients, views);
            for row in 0..pass.rows {
                let (shares_at, experts_at) = (self.shares.at(row, strides[0]), source.experts.at(row, strides[1]));
                if first == 0 && writes[0] == Write::Over {
                    by_shares[shares_at.clone()].fill(0.0);
                }
                if *write == Write::Over {
                    by_experts[experts_at.clone()].fill(0.0);
                }
                self.backward_row(
                    (first, source),
                    (&shares[shares_at.clone()], &mut by_shares[shares_at]),
                    (&experts[experts_at.clone()], &mut by_experts[experts_at]),
                    &by_output[row * strides[2]..][..self.output.width],
                );
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let (gates, width) = (self.gates as i64, self.width() as i64);
        // [rows, gates, 1, experts] · [rows, gates or 1, experts, width] → [rows, gates, 1, width]
        let shares = nodes.get(self.shares)?.f_reshape([-1, gates, 1, self.experts_per_gate() as i64])?;
        let mut sum: Option<Tensor> = None;
        for (first, source) in self.placed() {
            let count = source.count as i64;
            let readers = match source.readers {
                Readers::Shared => 1,
                Readers::Own => gates,
            };
            let experts = nodes.get(source.experts)?.f_reshape([-1, readers, count, width])?;
            let part = source.mixtures(&shares.f_narrow(3, first as i64, count)?, &experts)?;
            sum = Some(match sum {
                Some(sum) => sum.f_add(&part)?,
                None => part,
            });
        }
        let mixtures = sum.expect("a mixture has a source").f_reshape([-1, self.output.width as i64])?;
        nodes.put(self.output.buffer, 0, mixtures);
        Ok(())
    }
}

fn disjoint(buffers: &mut [Aligned], views: [View; 3]) -> [&mut Aligned; 3] {
    let buffers = buffers.get_disjoint_mut(views.map(|view| view.buffer));
    buffers.expect("gates, experts and mixtures are buffers of their own")
}

impl Mix {
    fn backward_row(
        &self,
        (first, source): (usize, &Source),
        (shares, by_shares): (&[f32], &mut [f32]),
        (experts, by_experts): (&[f32], &mut [f32]),
        by_mixtures: &[f32],
    ) {
        let (width, per_gate, used) = (self.width(), self.experts_per_gate(), first..first + source.count);
        let gates = shares.chunks(per_gate).zip(by_shares.chunks_mut(per_gate));
        for (gate, (by_mixture, (shares, by_shares))) in by_mixtures.chunks(width).zip(gates).enumerate() {
            let start = source.start(gate, width);
            let experts = experts[start..].chunks(width).zip(by_experts[start..].chunks_mut(width));
            let shares = shares[used.clone()].iter().zip(&mut by_shares[used.clone()]);
            for (index, ((expert, by_expert), (share, by_share))) in experts.zip(shares).enumerate() {
                *by_share += dot(by_mixture, expert);
                if source.is_taught(index, gate, self.gates) {
                    by_expert.iter_mut().zip(by_mixture).for_each(|(sum, by)| *sum += share * by);
                }
            }
        }
    }
}

/// Σ a·b in eight partial sums, so that it is vector instructions.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
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

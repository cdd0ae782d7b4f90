//! Experts and critics, mixed by what each campaign's vector says, and trained so that a step of a campaign's own gradient tells it
//! well (Zhu, Learning to Expand Audience via Meta Hybrid Experts and Critics for Look-alike Modeling, KDD 2021).
//!
//! `z_t = Σ_m softmax(v_t·G + g)_m · expert_m(x)`, `y_t = Σ_k softmax(v_t·H + h)_k · critic_k(z_t) + b_t`
//!
//! Training is [first-order meta-learning](crate::learner). The bias, which the paper leaves to the critics, puts back the share of
//! the others that a list learns from.
//!
//! | tensor | shape |
//! |---|---|
//! | `experts.<l>.weight`, `.bias` | `[experts, in, units]`, `[experts, units]` |
//! | `critics.<l>.weight`, `.bias` | `[critics, in, units]`, `[critics, units]` |
//! | `critics.score.weight`, `.bias` | `[critics, in, 1]`, `[critics, 1]` |
//! | `campaigns.weight` (v) | `[tasks, width]` |
//! | `gates.experts.weight` (G), `.bias` (g) | `[width, experts]`, `[experts]` |
//! | `gates.critics.weight` (H), `.bias` (h) | `[width, critics]`, `[critics]` |
//! | `heads.<task>.bias` (b) | `[1]` |
//!
//! Hidden layers are `relu(h·W + b)`; scores and gates are linear. All campaigns read the same experts, whose first layers are
//! one product. The experts' outputs side by side are a row's embedding.

use spec::network::MetaheacNetwork;

use super::builder::CampaignViews;
use super::{Assembly, Builder, Head, Hidden, Stack, hidden_problem};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::layers::mix::{Readers, Source, Teachers};

impl Assembly for MetaheacNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.experts == 0 {
            return Some(NetworkProblem::NoExperts);
        }
        if self.critics == 0 {
            return Some(NetworkProblem::NoCritics);
        }
        if self.expert_layers.is_empty() {
            return Some(NetworkProblem::NoExpertLayers);
        }
        if self.embedding_width == 0 {
            return Some(NetworkProblem::NoUnits("embedding_width"));
        }
        let layers = [("expert_layers", &self.expert_layers[..]), ("critic_layers", &self.critic_layers[..])];
        hidden_problem(&layers, self.dropout)
    }

    /// A head is a bias and what the critics say: one number, of the size of a logit.
    fn misfit(&self, _builder: &Builder, heads: &[Head]) -> Option<NetworkProblem> {
        heads.iter().any(|head| head.units != 1).then_some(NetworkProblem::WideHead)
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let (experts, critics, tasks) = (self.experts as usize, self.critics as usize, heads.len());
        let hidden = Hidden { dropout: self.dropout as f32 };
        let stack = Stack { name: "experts", groups: Some(experts), widths: &self.expert_layers, hidden };
        let said = builder.stack_over(builder.input(), stack);
        builder.share(said);
        let width = said.width / experts;
        let stack = Stack { name: "critics", groups: Some(critics), widths: &self.critic_layers, hidden };
        let alike = builder.alike(width, stack);
        let gates = [("gates.experts", experts), ("gates.critics", critics)];
        let campaigns = builder.campaigns(self.embedding_width as usize, &gates, (heads, self.inner_learning_rate));
        let CampaignViews { shares, biases } = campaigns;
        let mixed = builder.mix(shares[0], vec![source(said, experts)], tasks, width);
        let head = |task: usize| {
            let scores = builder.apply_alike(mixed.part(task, tasks), &alike);
            let score = builder.mix(shares[1].part(task, tasks), vec![source(scores, critics)], 1, 1);
            builder.sum(vec![score, biases.part(task, tasks)])
        };
        (0..tasks).map(head).collect()
    }
}

/// Networks that all gates mix and that learn from all of them.
fn source(experts: View, count: usize) -> Source {
    Source { experts, count, readers: Readers::Shared, teachers: Teachers::Readers }
}

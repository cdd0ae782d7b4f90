//! `z_k = Σ_e softmax(W_k x)_e · expert_e(x)`, `y_k = tower_k(z_k)` (Ma, Modeling Task Relationships in Multi-task
//! Learning with Multi-gate Mixture-of-Experts, KDD 2018).
//!
//! | tensor | shape |
//! |---|---|
//! | `experts.<l>.weight`, `.bias` | `[experts, in, units]`, `[experts, units]` |
//! | `gates.weight`, `.bias` | `[tasks, width, experts]`, `[tasks, experts]` |
//! | `towers.<l>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `heads.<task>.weight`, `.bias` | `[in, units]`, `[units]` |
//!
//! Hidden layers are `relu(h·W + b)`; gates and heads are linear. The first layer of all experts and all gates are
//! one product.

use spec::network::MmoeNetwork;

use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::layers::mix::{Readers, Source, Teachers};

impl Assembly for MmoeNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.experts == 0 {
            return Some(NetworkProblem::NoExperts);
        }
        if self.expert_layers.is_empty() {
            return Some(NetworkProblem::NoExpertLayers);
        }
        let layers = [("expert_layers", &self.expert_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let (experts, tasks) = (self.experts as usize, heads.len());
        let hidden = Hidden { dropout: self.dropout as f32 };
        let first = Branch::hidden("experts.0", Some(experts), self.expert_layers[0] as usize, hidden);
        let gates = Branch { groups: Some(tasks), ..Branch::linear("gates", experts) };
        let interaction = interaction::interact(self.interaction.as_ref(), builder, heads);
        let views = builder.side_by_side(interaction.input, &[first, gates]);
        let stack = Stack { name: "experts", groups: Some(experts), widths: &self.expert_layers, hidden };
        let experts_out = builder.stack_from(1, views[0], stack);
        builder.share(experts_out);
        let shares = builder.softmax(views[1], tasks);
        let source =
            Source { experts: experts_out, count: experts, readers: Readers::Shared, teachers: Teachers::Readers };
        let mixed = builder.mix(shares, vec![source], tasks, experts_out.width / experts);
        let stack = Stack { name: "towers", groups: Some(tasks), widths: &self.tower_layers, hidden };
        let towers = builder.stack(mixed, stack);
        let own = builder.heads(|task| towers.part(task, tasks), heads);
        interaction.beside(own, builder)
    }
}

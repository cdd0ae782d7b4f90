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

use super::builder::Hidden;
use super::{Assembly, Branch, Builder, Head, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::layers::mix::{Readers, Source};

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
        let units = self.expert_layers[0] as usize;
        let first = Branch { name: "experts.0", groups: Some(experts), units, hidden: Some(hidden), bias: None };
        let gates = Branch { name: "gates", groups: Some(tasks), units: experts, hidden: None, bias: None };
        let input = interaction::interact(self.interaction.as_ref(), builder);
        let views = builder.side_by_side(input, &[first.clone(), gates]);
        let mut experts_out = views[0];
        for (index, &units) in self.expert_layers.iter().enumerate().skip(1) {
            let branch = Branch { name: &format!("experts.{index}"), units: units as usize, ..first.clone() };
            experts_out = builder.grouped(experts_out, &[branch]);
        }
        let shares = builder.softmax(views[1], tasks);
        let source = Source { experts: experts_out, count: experts, readers: Readers::Shared };
        let mut towers = builder.mix(shares, vec![source], tasks, experts_out.width / experts);
        for (index, &units) in self.tower_layers.iter().enumerate() {
            let (name, units) = (format!("towers.{index}"), units as usize);
            let branch = Branch { name: &name, groups: Some(tasks), units, hidden: Some(hidden), bias: None };
            towers = builder.grouped(towers, &[branch]);
        }
        builder.heads(|task| towers.part(task, tasks), heads)
    }
}

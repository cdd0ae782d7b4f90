//! Multi-task lookalike with a second main objective: seed lists and behaviour share a trunk, and every person has an
//! embedding on the sphere, where the seeds of a list are drawn to the list's prototype.
//!
//! `h = bottom(x)`, `e = z / ‖z‖` with `z = h·P + p`, `s_k = e·c_k / ‖c_k‖` for each seed list k, its lookalike task
//!
//! `y_k = tower_k(h)` for tasks of behaviour, `y_k = tower_k(h) + a_k·s_k` for seed lists
//!
//! Training adds [the pull to the prototypes](crate::loss::joint::prototypes), `λ·mean -Σ_k t_k·ln softmax(s / τ)_k` over the rows
//! that are seeds of a list. Prototypes are learned with the network (Snell, Prototypical Networks for Few-shot Learning, NeurIPS
//! 2017, takes class means), several lists of one person as in Khosla, Supervised Contrastive Learning, NeurIPS 2020. `e` is the
//! person's embedding: cosines of it are what training has made of *alike*.
//!
//! | tensor | shape |
//! |---|---|
//! | `bottom.<l>.weight`, `.bias` | `[in, units]`, `[units]` |
//! | `projection.weight` (P), `.bias` (p) | `[in, width]`, `[width]` |
//! | `prototypes.weight` (c) | `[lists, width]`, lists in the order of their tasks |
//! | `towers.<l>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `heads.<task>.weight`, `.bias` | `[in, units]`, `[units]` |
//! | `heads.<list>.nearness.weight` (a) | `[1, 1]`, starts at 1 |
//!
//! Hidden layers are `relu(h·W + b)`; projection and heads are linear.

use spec::network::SeedTowerNetwork;

use super::parameters::Init;
use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::loss::joint::prototypes::ToPrototypes;
use crate::loss::joint::{Joint, Rule};

/// Seed lists at the least: the seeds of one are drawn away from nothing.
const LEAST_LISTS: usize = 2;

impl Assembly for SeedTowerNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.embedding_width == 0 {
            return Some(NetworkProblem::NoUnits("embedding_width"));
        }
        let layers = [("bottom_layers", &self.bottom_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn misfit(&self, _builder: &Builder, heads: &[Head]) -> Option<NetworkProblem> {
        let lists = seed_lists(heads).len();
        (lists < LEAST_LISTS).then_some(NetworkProblem::FewSeedLists(lists))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let hidden = Hidden { dropout: self.dropout as f32 };
        let interaction = interaction::interact(self.interaction.as_ref(), builder, heads);
        let bottom = Stack { name: "bottom", groups: None, widths: &self.bottom_layers, hidden };
        let trunk = builder.stack(interaction.input, bottom);
        let projection = Branch::linear("projection", self.embedding_width as usize);
        let projected = builder.side_by_side(trunk, &[projection])[0];
        let embedding = builder.unit(projected, 1);
        builder.share(embedding);
        let lists = seed_lists(heads);
        let nearness = builder.prototypes(embedding, lists.len());
        let rule = ToPrototypes { lists: lists.clone(), nearness, temperature: self.temperature };
        builder.ask(Joint { rule: Rule::Prototypes(rule), weight: self.prototype_weight });
        let stack = Stack { name: "towers", groups: Some(heads.len()), widths: &self.tower_layers, hidden };
        let towers = builder.stack_over(trunk, stack);
        let of_task = |task| if stack.widths.is_empty() { towers } else { towers.part(task, heads.len()) };
        let own = builder.heads(of_task, heads);
        let mut whole = interaction.beside(own, builder);
        for (place, &task) in lists.iter().enumerate() {
            let name = format!("{}.nearness", heads[task].name);
            let slope = Branch { start: Some(Init::Values(vec![1.0])), ..Branch::linear(&name, 1) };
            let near = builder.products(nearness.part(place, lists.len()), &[slope])[0];
            whole[task] = builder.sum(vec![whole[task], near]);
        }
        whole
    }
}

/// The lists' places among the tasks.
fn seed_lists(heads: &[Head]) -> Vec<usize> {
    heads.iter().enumerate().filter(|(_, head)| head.is_seed_list).map(|(task, _)| task).collect()
}

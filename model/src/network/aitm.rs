//! Adaptive information transfer (Xi, Modeling the Sequential Dependence among Audience Multi-step Conversions with
//! Multi-task Learning in Targeted Display Advertising, KDD 2021): towers over shared embeddings, each step of a funnel
//! reading what the step before hands over.
//!
//! `q_k = tower_k(x)`; `z_k = q_k` for a task that comes after none, else with `b` the step before
//!
//! `p_k = relu(z_b·T_k + t_k)`, `z_k = Σ_{u ∈ {p_k, q_k}} w_u h_1(u)`, `w = softmax_u(⟨h_2(u), h_3(u)⟩ / √width)`
//!
//! where `h_1`, `h_2` and `h_3` are products with matrices that all steps share. Training adds [the calibrator of
//! expectations](crate::loss::joint::steps), `α·mean max(p_k - p_b, 0)` for every step.
//!
//! | tensor | shape |
//! |---|---|
//! | `towers.<l>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `transfers.<k>.weight` (T), `.bias` (t) | `[width, width]`, `[width]`; k counts tasks, those that come after another |
//! | `attention.value.weight` (h_1), `attention.key.weight` (h_2), `attention.query.weight` (h_3) | `[width, width]` |
//! | `heads.<task>.weight`, `.bias` | `[width, units]`, `[units]` |
//!
//! Width is that of the last tower layer. Hidden layers are `relu(h·W + b)`; the heads are linear.

use spec::network::AitmNetwork;

use super::funnel::in_order;
use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::loss::joint::steps::{Step, StepRule, Steps};
use crate::loss::joint::{Joint, Rule};

impl Assembly for AitmNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.tower_layers.is_empty() {
            return Some(NetworkProblem::NoTowerLayers);
        }
        let layers = [("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let hidden = Hidden { dropout: self.dropout as f32 };
        let interaction = interaction::interact(self.interaction.as_ref(), builder, heads);
        builder.share(interaction.input);
        let stack = Stack { name: "towers", groups: Some(heads.len()), widths: &self.tower_layers, hidden };
        let towers = builder.stack_over(interaction.input, stack);
        let mut states: Vec<View> = (0..heads.len()).map(|task| towers.part(task, heads.len())).collect();
        transfer(builder, heads, hidden, &mut states);
        let own = builder.heads(|task| states[task], heads);
        let whole = interaction.beside(own, builder);
        for (task, head) in heads.iter().enumerate() {
            let step = |task: usize| Step { task, logit: whole[task] };
            let Some(before) = head.after.map(step) else { continue };
            let steps = Steps { rule: StepRule::Order, before, step: step(task) };
            builder.ask(Joint { rule: Rule::Steps(steps), weight: self.calibrator_weight });
        }
        whole
    }
}

/// Puts into each step's state what the step before hands over.
fn transfer(builder: &mut Builder, heads: &[Head], hidden: Hidden, states: &mut [View]) {
    let width = states[0].width;
    let names = ["attention.value", "attention.key", "attention.query"];
    let mut projections = None;
    for task in in_order(heads) {
        let Some(before) = heads[task].after else { continue };
        let shared =
            *projections.get_or_insert_with(|| builder.shared(width, &names.map(|name| Branch::linear(name, width))));
        let name = format!("transfers.{task}");
        let handed = builder.side_by_side(states[before], &[Branch::hidden(&name, None, width, hidden)])[0];
        let sources = [handed, states[task]].map(|source| builder.apply(source, shared));
        states[task] = builder.attend(sources);
    }
}

//! Progressive layered extraction (Tang, Progressive Layered Extraction: A Novel Multi-Task Learning Model for
//! Personalized Recommendations, RecSys 2020); one level is the customized gate control (CGC) of the same paper.
//!
//! At level `l` with `z⁰ = x`, task `k` of `K` has experts of its own over `z_k`, and all share experts over `z_s`:
//!
//! `z_k' = Σ_e softmax(W_k z_k)_e · f_e`, e over the task's own experts and then the shared ones;
//! `z_s' = Σ_e softmax(W_s z_s)_e · f_e`, e over the experts of all tasks and then the shared ones (not at the last
//! level); `y_k = tower_k(z_k)` after the last.
//!
//! | tensor | shape |
//! |---|---|
//! | `levels.<l>.tasks.<k>.experts.<i>.weight`, `.bias` | `[task_experts, in, units]`, `[task_experts, units]` |
//! | `levels.<l>.shared.experts.<i>.weight`, `.bias` | `[shared_experts, in, units]`, `[shared_experts, units]` |
//! | `levels.<l>.tasks.<k>.gate.weight`, `.bias` | `[in, task_experts + shared_experts]`, `[…]` |
//! | `levels.<l>.shared.gate.weight`, `.bias` | `[in, K·task_experts + shared_experts]`, `[…]`; all levels but the last |
//! | `towers.<i>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `heads.<task>.weight`, `.bias` | `[in, units]`, `[units]` |
//!
//! Hidden layers are `relu(h·W + b)`; gates and heads are linear. The first layer of all experts of the first level and
//! its gates are one product.

use spec::network::PleNetwork;

use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::layers::mix::{Readers, Source, Teachers};

impl Assembly for PleNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.levels == 0 {
            return Some(NetworkProblem::NoLevels);
        }
        if self.task_experts == 0 || self.shared_experts == 0 {
            return Some(NetworkProblem::NoExperts);
        }
        if self.expert_layers.is_empty() {
            return Some(NetworkProblem::NoExpertLayers);
        }
        let layers = [("expert_layers", &self.expert_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let tasks = heads.len();
        let interaction = interaction::interact(self.interaction.as_ref(), builder, heads);
        let level = |number| Level { network: self, number, tasks };
        let mut state = level(0).assemble(builder, Before::Input(interaction.input));
        for number in 1..self.levels as usize {
            state = level(number).assemble(builder, Before::Level(state));
        }
        let hidden = Hidden { dropout: self.dropout as f32 };
        let stack = Stack { name: "towers", groups: Some(tasks), widths: &self.tower_layers, hidden };
        let towers = builder.stack(state.tasks, stack);
        let own = builder.heads(|task| towers.part(task, tasks), heads);
        interaction.beside(own, builder)
    }
}

/// What a level hands to the next one.
#[derive(Debug, Clone, Copy)]
struct State {
    /// `z_k`, `[rows, tasks·width]`
    tasks: View,
    /// `z_s`, `[rows, width]`; after the last level nobody reads it.
    shared: Option<View>,
}

/// What a level reads.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// The first one: what all tasks read.
    Input(View),
    Level(State),
}

/// Experts after their first layer, and the gates' logits.
#[derive(Debug, Clone, Copy)]
struct Started {
    own: View,
    shared: View,
    gates: View,
    shared_gate: Option<View>,
}

#[derive(Debug, Clone, Copy)]
struct Level<'a> {
    network: &'a PleNetwork,
    number: usize,
    tasks: usize,
}

impl Level<'_> {
    fn own_experts(&self) -> usize {
        self.network.task_experts as usize
    }

    fn shared_experts(&self) -> usize {
        self.network.shared_experts as usize
    }

    fn is_last(&self) -> bool {
        self.number + 1 == self.network.levels as usize
    }

    fn assemble(self, builder: &mut Builder, before: Before) -> State {
        let Started { mut own, mut shared, gates, shared_gate } = match before {
            Before::Input(input) => self.start_side_by_side(builder, input),
            Before::Level(state) => self.start_apart(builder, state),
        };
        for index in 1..self.network.expert_layers.len() {
            let names = self.expert_names(index);
            own = builder.grouped(own, &self.own_branches(&names, index));
            shared = builder.grouped(shared, &[self.shared_branch(&names, index)]);
        }
        builder.share(shared);
        let (own_count, shared_count) = (self.own_experts(), self.shared_experts());
        let width = shared.width / shared_count;
        let shared_source =
            Source { experts: shared, count: shared_count, readers: Readers::Shared, teachers: Teachers::Readers };
        let own_source = |count, readers| Source { experts: own, count, readers, teachers: Teachers::Readers };
        let shares = builder.softmax(gates, self.tasks);
        let sources = vec![own_source(own_count, Readers::Own), shared_source];
        let tasks = builder.mix(shares, sources, self.tasks, width);
        let shared = shared_gate.map(|gate| {
            let shares = builder.softmax(gate, 1);
            let sources = vec![own_source(self.tasks * own_count, Readers::Shared), shared_source];
            builder.mix(shares, sources, 1, width)
        });
        State { tasks, shared }
    }

    /// Over the input, which all read.
    fn start_side_by_side(&self, builder: &mut Builder, input: View) -> Started {
        let names = self.expert_names(0);
        let gate_names = self.gate_names();
        let mut branches = self.own_branches(&names, 0);
        branches.push(self.shared_branch(&names, 0));
        branches.extend(self.gate_branches(&gate_names));
        branches.extend(self.shared_gate_branch(&gate_names));
        let views = builder.side_by_side(input, &branches);
        let (own, rest) = views.split_at(self.tasks);
        let (gates, rest_after_gates) = rest[1..].split_at(self.tasks);
        let together = |views: &[View]| View { width: views.iter().map(|view| view.width).sum(), ..views[0] };
        let shared_gate = rest_after_gates.first().copied();
        Started { own: together(own), shared: rest[0], gates: together(gates), shared_gate }
    }

    /// Over what the level before has mixed, each task its own.
    fn start_apart(&self, builder: &mut Builder, before: State) -> Started {
        let names = self.expert_names(0);
        let gate_names = self.gate_names();
        let shared_input = before.shared.expect("a level that is not the last has a shared mixture");
        let own = builder.parts(before.tasks, &self.own_branches(&names, 0));
        let gates = builder.parts(before.tasks, &self.gate_branches(&gate_names));
        let mut over_shared = vec![self.shared_branch(&names, 0)];
        over_shared.extend(self.shared_gate_branch(&gate_names));
        let views = builder.side_by_side(shared_input, &over_shared);
        Started { own, shared: views[0], gates, shared_gate: views.get(1).copied() }
    }

    /// Of each task's experts, and then of the shared ones.
    fn expert_names(&self, index: usize) -> Vec<String> {
        let level = self.number;
        let own = (0..self.tasks).map(|task| format!("levels.{level}.tasks.{task}.experts.{index}"));
        own.chain([format!("levels.{level}.shared.experts.{index}")]).collect()
    }

    fn gate_names(&self) -> Vec<String> {
        let level = self.number;
        let own = (0..self.tasks).map(|task| format!("levels.{level}.tasks.{task}.gate"));
        own.chain([format!("levels.{level}.shared.gate")]).collect()
    }

    fn own_branches<'n>(&self, names: &'n [String], index: usize) -> Vec<Branch<'n>> {
        names[..self.tasks].iter().map(|name| self.experts(name, index, self.own_experts())).collect()
    }

    fn shared_branch<'n>(&self, names: &'n [String], index: usize) -> Branch<'n> {
        self.experts(&names[self.tasks], index, self.shared_experts())
    }

    fn experts<'n>(&self, name: &'n str, index: usize, count: usize) -> Branch<'n> {
        let hidden = Hidden { dropout: self.network.dropout as f32 };
        Branch::hidden(name, Some(count), self.network.expert_layers[index] as usize, hidden)
    }

    fn gate_branches<'n>(&self, names: &'n [String]) -> Vec<Branch<'n>> {
        let units = self.own_experts() + self.shared_experts();
        names[..self.tasks].iter().map(|name| Branch::linear(name, units)).collect()
    }

    fn shared_gate_branch<'n>(&self, names: &'n [String]) -> Option<Branch<'n>> {
        let units = self.tasks * self.own_experts() + self.shared_experts();
        (!self.is_last()).then(|| Branch::linear(&names[self.tasks], units))
    }
}

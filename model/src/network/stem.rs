//! Shared and task-specific embeddings (Su, STEM: Unleashing the Power of Embeddings for Multi-task Recommendation, AAAI
//! 2024).
//!
//! Every table holds an embedding for all tasks and one for each, side by side: `[shared | task 0 | task 1 | …]`. With `x_s`
//! the numbers and the shared embeddings, and `x_k` the numbers and those of task `k` of `K`, experts of all tasks read
//! `x_s`, experts of a task `x_k`, and
//!
//! `z_k = Σ_e softmax((x_k + x_s)·W_k + b_k)_e · f_e`, e over the experts of task 0, 1, … and then the shared ones;
//! `y_k = tower_k(z_k)`.
//!
//! All experts go into every task's mixture, but no gradient flows from a task's mixture into the experts of another
//! (all forward, task-specific backward): what a task's embeddings say is learned from that task alone.
//!
//! | tensor | shape |
//! |---|---|
//! | `embeddings.<feature>` | `[ids, (1 + K)·width]` |
//! | `tasks.<k>.experts.<i>.weight`, `.bias` | `[task_experts, in, units]`, `[task_experts, units]` |
//! | `shared.experts.<i>.weight`, `.bias` | `[shared_experts, in, units]`, `[shared_experts, units]` |
//! | `tasks.<k>.gate.weight`, `.bias` | `[in, K·task_experts + shared_experts]`, `[…]` |
//! | `towers.<i>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `heads.<task>.weight`, `.bias` | `[in, units]`, `[units]` |
//!
//! Hidden layers are `relu(h·W + b)`; gates and heads are linear.

use std::ops::Range;

use spec::network::StemNetwork;

use super::field::Field;
use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::layers::mix::{Readers, Source, Teachers};

impl Assembly for StemNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.task_experts == 0 || self.shared_experts == 0 {
            return Some(NetworkProblem::NoExperts);
        }
        if self.expert_layers.is_empty() {
            return Some(NetworkProblem::NoExpertLayers);
        }
        let layers = [("expert_layers", &self.expert_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout)
    }

    fn embeddings(&self, tasks: usize) -> usize {
        1 + tasks
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let (tasks, hidden) = (heads.len(), Hidden { dropout: self.dropout as f32 });
        let (own_count, shared_count) = (tasks * self.task_experts as usize, self.shared_experts as usize);
        let inputs = builder.select(columns(builder.fields(), 1 + tasks));
        let of_all = inputs.part(0, 1 + tasks);
        let of_tasks = View { column: of_all.width, width: of_all.width * tasks, ..inputs };
        let widths = &self.expert_layers;
        let shared = Stack { name: "shared.experts", groups: Some(shared_count), widths, hidden };
        let shared = builder.stack_over(of_all, shared);
        builder.share(shared);
        let own = task_experts(self, builder, of_tasks, tasks, hidden);
        let read = builder.sum(vec![of_tasks, of_all]);
        let names: Vec<String> = (0..tasks).map(|task| format!("tasks.{task}.gate")).collect();
        let gates: Vec<Branch<'_>> = names.iter().map(|name| Branch::linear(name, own_count + shared_count)).collect();
        let gates = builder.parts(read, &gates);
        let shares = builder.softmax(gates, tasks);
        let sources = vec![
            Source { experts: own, count: own_count, readers: Readers::Shared, teachers: Teachers::Own },
            Source { experts: shared, count: shared_count, readers: Readers::Shared, teachers: Teachers::Readers },
        ];
        let mixed = builder.mix(shares, sources, tasks, shared.width / shared_count);
        let stack = Stack { name: "towers", groups: Some(tasks), widths: &self.tower_layers, hidden };
        let towers = builder.stack(mixed, stack);
        builder.heads(|task| towers.part(task, tasks), heads)
    }
}

/// The columns of `x` that are each input's: the numbers, and the embeddings of one kind.
fn columns(fields: &[Field], kinds: usize) -> Vec<Range<usize>> {
    let of_kind = |kind: usize| {
        fields.iter().map(move |field| {
            let view = if field.is_embedding { field.view.part(kind, kinds) } else { field.view };
            view.column..view.column + view.width
        })
    };
    (0..kinds).flat_map(of_kind).collect()
}

/// Each task's experts over its own input.
fn task_experts(network: &StemNetwork, builder: &mut Builder, inputs: View, tasks: usize, hidden: Hidden) -> View {
    network.expert_layers.iter().enumerate().fold(inputs, |view, (layer, &units)| {
        let names: Vec<String> = (0..tasks).map(|task| format!("tasks.{task}.experts.{layer}")).collect();
        let count = Some(network.task_experts as usize);
        let branch = |name| Branch::hidden(name, count, units as usize, hidden);
        let branches: Vec<Branch<'_>> = names.iter().map(|name| branch(name)).collect();
        if layer == 0 { builder.parts(view, &branches) } else { builder.grouped(view, &branches) }
    })
}

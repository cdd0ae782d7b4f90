//! A tower for the user and one for the item of a row (Yi, Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
//! Recommendations, RecSys 2019), for any tasks over pairs of both.
//!
//! `u_k = ũ_k / ‖ũ_k‖`, `ũ = user(x_user)·U + u_0`; `v_k = ṽ_k / ‖ṽ_k‖`, `ṽ = item(x_item)·V + v_0`; `y_k = (u_k·v_k)·a_k + b_k`
//!
//! The towers' hidden layers serve all tasks. Each binary task's positive rows are also asked [for their item among those of
//! other rows](crate::loss::joint::retrieval), `λ·mean -ln softmax_j(u_i·v_j / τ - ln q_j)_i`. Nothing but the inner product
//! joins user and item, so the best items of a user are the nearest ones.
//!
//! | tensor | shape |
//! |---|---|
//! | `user.<l>.weight`, `.bias`; `item.<l>.weight`, `.bias` | `[in, units]`, `[units]` |
//! | `user.embedding.weight`, `.bias`; `item.embedding.weight`, `.bias` | `[tasks, in, width]`, `[tasks, width]` |
//! | `heads.<task>.weight` (a), `.bias` (b) | `[1, units]`, `[units]`; of binary tasks `a` starts at 1/τ |
//!
//! Hidden layers are `relu(h·W + b)`; embeddings and heads are linear. What a user is to the tasks, `u_0, u_1, …` side by side, is
//! the row's embedding; what the item is, `v_0, v_1, …`, the item's.

use std::ops::Range;

use spec::FeatureName;
use spec::network::TwoTowerNetwork;

use super::parameters::Init;
use super::{Assembly, Branch, Builder, Head, Hidden, Stack, hidden_problem};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::loss::Objective;
use crate::loss::joint::retrieval::Retrieval;
use crate::loss::joint::{Joint, Rule};

impl Assembly for TwoTowerNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        if self.embedding_width == 0 {
            return Some(NetworkProblem::NoUnits("embedding_width"));
        }
        hidden_problem(&[("user_layers", &self.user_layers), ("item_layers", &self.item_layers)], self.dropout)
    }

    fn misfit(&self, builder: &Builder, _heads: &[Head]) -> Option<NetworkProblem> {
        if [Side::User, Side::Item].iter().any(|side| columns(self, builder, *side).is_empty()) {
            return Some(NetworkProblem::EmptyTower);
        }
        builder.single(&self.item).is_none().then_some(NetworkProblem::NoItem)
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let user = tower(self, builder, Side::User, heads.len());
        let item = tower(self, builder, Side::Item, heads.len());
        builder.share(user);
        builder.share_item(item);
        ask(self, builder, [user, item], heads);
        let parts = |view: View| (0..heads.len()).map(move |task| view.part(task, heads.len()));
        let products = builder.inner(parts(user).zip(parts(item)).map(|(user, item)| [user, item]).collect());
        let head = |(task, head): (usize, &Head)| {
            let slope = Init::Values(vec![1.0 / self.temperature as f32; head.units]);
            let start = matches!(head.objective, Objective::Binary(_)).then_some(slope);
            let branch = Branch { start, ..head.branch() };
            builder.side_by_side(products.part(task, heads.len()), &[branch])[0]
        };
        heads.iter().enumerate().map(head).collect()
    }
}

/// A tower's embeddings for each task, `[rows, tasks·width]`.
fn tower(network: &TwoTowerNetwork, builder: &mut Builder, side: Side, tasks: usize) -> View {
    let hidden = Hidden { dropout: network.dropout as f32 };
    let (name, widths) = match side {
        Side::User => ("user", &network.user_layers),
        Side::Item => ("item", &network.item_layers),
    };
    let input = builder.select(columns(network, builder, side));
    let last = builder.stack(input, Stack { name, groups: None, widths, hidden });
    let name = format!("{name}.embedding");
    let embedding = Branch { groups: Some(tasks), ..Branch::linear(&name, network.embedding_width as usize) };
    let embedding = builder.side_by_side(last, &[embedding])[0];
    builder.unit(embedding, tasks)
}

/// Asks the positive rows of binary tasks for their items.
fn ask(network: &TwoTowerNetwork, builder: &mut Builder, [user, item]: [View; 2], heads: &[Head]) {
    let Some(ids) = builder.single(&network.item) else { return };
    for (task, _) in heads.iter().enumerate().filter(|(_, head)| matches!(head.objective, Objective::Binary(_))) {
        let part = |view: View| view.part(task, heads.len());
        let retrieval = Retrieval {
            task,
            user: part(user),
            item: part(item),
            ids,
            log_rates: builder.log_rates(),
            temperature: network.temperature,
        };
        builder.ask(Joint { rule: Rule::Retrieval(retrieval), weight: network.softmax_weight });
    }
}

/// The columns of x that a tower reads.
fn columns(network: &TwoTowerNetwork, builder: &Builder, side: Side) -> Vec<Range<usize>> {
    let is_item = |feature: &FeatureName| network.item_features.contains(feature);
    let fields = builder.fields().iter().filter(|field| is_item(&field.feature) == (side == Side::Item));
    fields.map(|field| field.view.column..field.view.column + field.view.width).collect()
}

/// Whose tower it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    User,
    Item,
}

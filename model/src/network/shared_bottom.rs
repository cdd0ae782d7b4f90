//! `y_k = tower_k(bottom(x))` (Caruana, Multitask Learning, 1997): one trunk for all tasks.
//!
//! | tensor | shape |
//! |---|---|
//! | `bottom.<l>.weight`, `.bias` | `[in, units]`, `[units]` |
//! | `towers.<l>.weight`, `.bias` | `[tasks, in, units]`, `[tasks, units]` |
//! | `heads.<task>.weight`, `.bias` | `[in, units]`, `[units]` |
//!
//! Hidden layers are `relu(h·W + b)`; the heads are linear.

use spec::network::SharedBottomNetwork;

use super::{Assembly, Builder, Head, Hidden, Stack, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;

impl Assembly for SharedBottomNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        let layers = [("bottom_layers", &self.bottom_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let hidden = Hidden { dropout: self.dropout as f32 };
        let interaction = interaction::interact(self.interaction.as_ref(), builder, heads);
        let bottom = Stack { name: "bottom", groups: None, widths: &self.bottom_layers, hidden };
        let trunk = builder.stack(interaction.input, bottom);
        builder.share(trunk);
        let stack = Stack { name: "towers", groups: Some(heads.len()), widths: &self.tower_layers, hidden };
        let towers = builder.stack_over(trunk, stack);
        let of_task = |task| if stack.widths.is_empty() { towers } else { towers.part(task, heads.len()) };
        let own = builder.heads(of_task, heads);
        interaction.beside(own, builder)
    }
}

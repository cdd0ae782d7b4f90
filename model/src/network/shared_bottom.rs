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

use super::builder::Hidden;
use super::{Assembly, Branch, Builder, Head, hidden_problem, interaction};
use crate::error::NetworkProblem;
use crate::layers::View;

impl Assembly for SharedBottomNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        let layers = [("bottom_layers", &self.bottom_layers[..]), ("tower_layers", &self.tower_layers[..])];
        hidden_problem(&layers, self.dropout).or_else(|| interaction::problem(self.interaction.as_ref()))
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let hidden = Hidden { dropout: self.dropout as f32 };
        let mut trunk = interaction::interact(self.interaction.as_ref(), builder);
        for (index, &units) in self.bottom_layers.iter().enumerate() {
            let name = format!("bottom.{index}");
            let branch = Branch { name: &name, groups: None, units: units as usize, hidden: Some(hidden), bias: None };
            trunk = builder.grouped(trunk, &[branch]);
        }
        let widths: Vec<usize> = self.tower_layers.iter().map(|&units| units as usize).collect();
        let towers = builder.towers(trunk, "towers", heads.len(), &widths, hidden);
        let of_task = |task| if widths.is_empty() { towers } else { towers.part(task, heads.len()) };
        builder.heads(of_task, heads)
    }
}

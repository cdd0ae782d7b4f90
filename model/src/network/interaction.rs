//! Interactions: what is computed of the inputs before a network's first layer.
//!
//! DCN-v2 (Wang, WWW 2021) in its low-rank, stacked form: `x_{l+1} = x_0 ⊙ (U_l (V_l x_l) + b_l) + x_l`; the network
//! reads the last `x_l`, as wide as the input.
//!
//! | tensor | shape |
//! |---|---|
//! | `interaction.<l>.down.weight` (V) | `[width, rank]` |
//! | `interaction.<l>.up.weight` (U), `.bias` | `[rank, width]`, `[width]` |

use spec::network::{DcnV2Interaction, Interaction};

use super::{Branch, Builder};
use crate::error::NetworkProblem;
use crate::layers::View;

/// What is impossible about it, if anything.
pub(super) fn problem(interaction: Option<&Interaction>) -> Option<NetworkProblem> {
    match interaction {
        Some(Interaction::DcnV2(DcnV2Interaction { layers: 0, .. })) => Some(NetworkProblem::NoUnits("interaction")),
        Some(Interaction::DcnV2(DcnV2Interaction { rank: 0, .. })) => Some(NetworkProblem::NoUnits("interaction")),
        Some(Interaction::DcnV2(_)) | None => None,
    }
}

/// What the network reads: the input, or what the interaction makes of it.
pub(super) fn interact(interaction: Option<&Interaction>, builder: &mut Builder) -> View {
    match interaction {
        None => builder.input(),
        Some(Interaction::DcnV2(crosses)) => cross(crosses, builder),
    }
}

fn cross(crosses: &DcnV2Interaction, builder: &mut Builder) -> View {
    let start = builder.input();
    (0..crosses.layers).fold(start, |state, layer| {
        let (down, up) = (format!("interaction.{layer}.down"), format!("interaction.{layer}.up"));
        let low = builder.linear(state, &down, crosses.rank as usize);
        let branch = Branch { name: &up, groups: None, units: start.width, hidden: None, bias: None };
        let factor = builder.side_by_side(low, &[branch])[0];
        builder.cross(start, factor, state)
    })
}

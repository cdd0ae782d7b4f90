//! DCN-v2 (Wang, DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank Systems, WWW
//! 2021) in its low-rank, stacked form: `x_{l+1} = x_0 ⊙ (U_l (V_l x_l) + b_l) + x_l`; the network reads the last `x_l`,
//! as wide as the input.
//!
//! | tensor | shape |
//! |---|---|
//! | `interaction.<l>.down.weight` (V) | `[width, rank]` |
//! | `interaction.<l>.up.weight` (U), `.bias` | `[rank, width]`, `[width]` |

use spec::network::DcnV2Interaction;

use super::{Branch, Builder};
use crate::layers::View;

/// What the network reads.
pub(super) fn cross(crosses: &DcnV2Interaction, builder: &mut Builder) -> View {
    let start = builder.input();
    (0..crosses.layers).fold(start, |state, layer| {
        let (down, up) = (format!("interaction.{layer}.down"), format!("interaction.{layer}.up"));
        let low = builder.products(state, &[Branch::linear(&down, crosses.rank as usize)])[0];
        let factor = builder.side_by_side(low, &[Branch::linear(&up, start.width)])[0];
        builder.cross(start, factor, state)
    })
}

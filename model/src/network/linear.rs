//! `y_k = w_k·x + b_k`: the honest baseline.
//!
//! Over a one-hot id the product of embedding and weights is one number an id and task, so with embeddings at least
//! as wide as there are tasks this is logistic (or log-normal) regression on the numbers and the one-hot ids, neither
//! more nor less, with the ids' weights learned as a product of two factors.
//!
//! | tensor | shape |
//! |---|---|
//! | `heads.<task>.weight` | `[width, units]` |
//! | `heads.<task>.bias` | `[units]` |

use spec::network::LinearNetwork;

use super::{Assembly, Builder, Head};
use crate::error::NetworkProblem;
use crate::layers::View;

impl Assembly for LinearNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        None
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let branches: Vec<_> = heads.iter().map(Head::branch).collect();
        builder.side_by_side(builder.input(), &branches)
    }
}

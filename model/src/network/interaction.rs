//! Interactions: what is computed of the inputs explicitly, before a network's first layer or beside the network.

mod cross;
mod factors;

use spec::network::{DcnV2Interaction, DeepfmInteraction, Interaction};

use super::{Branch, Builder, Head};
use crate::error::NetworkProblem;
use crate::layers::View;

/// What an interaction means for the network.
#[derive(Debug)]
pub(super) struct Interacted {
    /// What the network reads: the inputs, or what the interaction made of them.
    pub(super) input: View,
    /// For each head what is added to it; nothing where all goes through the network.
    beside: Vec<Vec<View>>,
}

/// What is impossible about it, if anything.
pub(super) fn problem(interaction: Option<&Interaction>) -> Option<NetworkProblem> {
    let is_empty = match interaction? {
        Interaction::DcnV2(DcnV2Interaction { layers, rank }) => *layers == 0 || *rank == 0,
        Interaction::Deepfm(DeepfmInteraction { rank }) => *rank == 0,
    };
    is_empty.then_some(NetworkProblem::NoUnits("interaction"))
}

/// Adds the interaction's layers, before those of the network.
pub(super) fn interact(interaction: Option<&Interaction>, builder: &mut Builder, heads: &[Head]) -> Interacted {
    match interaction {
        None => Interacted { input: builder.input(), beside: Vec::new() },
        Some(Interaction::DcnV2(crosses)) => Interacted { input: cross::cross(crosses, builder), beside: Vec::new() },
        Some(Interaction::Deepfm(machine)) => {
            let beside = factors::factorize(machine, builder, heads);
            Interacted { input: builder.input(), beside }
        }
    }
}

impl Interacted {
    /// The network's heads with what is added to them.
    pub(super) fn beside(self, own: Vec<View>, builder: &mut Builder) -> Vec<View> {
        if self.beside.is_empty() {
            return own;
        }
        let whole = |(own, mut parts): (View, Vec<View>)| {
            parts.insert(0, own);
            builder.sum(parts)
        };
        own.into_iter().zip(self.beside).map(whole).collect()
    }
}

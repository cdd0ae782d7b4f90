//! A finished network: layers in their order, and how gradients flow back through them.

use std::collections::BTreeSet;

use crate::attention::Attention;
use crate::kernel::product::Write;
use crate::layers::{Buffer, Layer, View};
use crate::loss::joint::Joint;
use crate::network::Parameters;
use crate::network::meta::Meta;

/// A finished network.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) buffers: Vec<Buffer>,
    /// What pools steps into `x` before the first stage.
    pub(crate) attentions: Vec<Attention>,
    /// In the order of the forward pass.
    pub(crate) stages: Vec<Stage>,
    pub(crate) parameters: Parameters,
    /// What each task's loss reads.
    pub(crate) heads: Vec<View>,
    /// What the tasks share at last: a row's embedding.
    pub(crate) embedding: View,
    /// What a row's item is to the tasks, where a tower of its own says so.
    pub(crate) item: Option<View>,
    /// Losses of several tasks or rows together.
    pub(crate) joints: Vec<Joint>,
    /// What joint losses alone read: no head is there, or holds it.
    pub(crate) beside_heads: Vec<View>,
    /// What training by steps of each campaign's own needs to know; none where tasks learn together.
    pub(crate) meta: Option<Meta>,
}

/// A layer and how gradients are written when the backward pass comes to it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) layer: Box<dyn Layer>,
    /// By each of its inputs.
    pub(crate) inputs: Vec<Write>,
    /// By its matrix: added where a later layer has the same one.
    pub(crate) weight: Write,
}

/// Which gradients are there before the layers are gone through backwards, and in their course.
pub(super) struct Written {
    views: Vec<View>,
    /// See [`Graph::beside_heads`].
    pub(super) beside_heads: Vec<View>,
    /// Blocks whose gradient some layer has written.
    blocks: BTreeSet<usize>,
}

impl Written {
    /// By the losses.
    pub(super) fn by(heads: &[View], joints: &[Joint]) -> Self {
        let mut written = Self { views: heads.to_vec(), beside_heads: Vec::new(), blocks: BTreeSet::new() };
        for view in joints.iter().flat_map(Joint::views) {
            if written.claim(view) == Write::Over {
                written.beside_heads.push(view);
            }
        }
        written
    }

    /// How each layer's gradients are written.
    pub(super) fn settle(&mut self, layers: Vec<Box<dyn Layer>>) -> Vec<Stage> {
        let mut stages: Vec<Stage> = layers.into_iter().rev().map(|layer| self.stage(layer)).collect();
        stages.reverse();
        stages
    }

    fn stage(&mut self, layer: Box<dyn Layer>) -> Stage {
        let output = layer.output();
        let read: usize = self.views.iter().filter(|view| view.buffer == output.buffer).map(|view| view.width).sum();
        assert!(read >= output.width, "every column of {layer:?} is read by a later layer or a head");
        let inputs = layer.inputs().into_iter().map(|input| self.claim(input)).collect();
        let is_first = layer.weight().is_none_or(|block| self.blocks.insert(block.index));
        Stage { layer, inputs, weight: if is_first { Write::Over } else { Write::Add } }
    }

    /// Whether the gradient of `input` is the first to be written in its place.
    fn claim(&mut self, input: View) -> Write {
        if self.views.iter().any(|view| view.contains(input)) {
            return Write::Add;
        }
        let apart = self.views.iter().all(|view| !view.overlaps(input));
        assert!(apart, "views of a buffer are the same, one inside an earlier one, or apart: {input:?}");
        self.views.push(input);
        Write::Over
    }
}

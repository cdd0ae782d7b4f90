//! Networks that lay people, and what they are compared with, on a sphere of embeddings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Interaction;
use crate::ids::FeatureName;

/// y_k = tower_k(h) + a_k·e·c_k/‖c_k‖ for seed lists, e = (h·P + p) / ‖h·P + p‖ over the trunk h; seeds are also drawn to the
/// prototype c of their list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SeedTowerNetwork {
    /// Widths of the trunk's hidden layers; none: every tower reads the inputs.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub bottom_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Numbers of a person's embedding and of a list's prototype.
    #[schemars(range(min = 2, max = 4096))]
    pub embedding_width: u32,
    /// What drawing seeds to their list's prototype counts in the loss, 0 or more (λ).
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub prototype_weight: f64,
    /// What cosines are divided by before the softmax over the lists (τ).
    #[schemars(range(min = 0.001, max = 100.0))]
    pub temperature: f64,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
    /// What is computed of the inputs explicitly; nothing when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Interaction>,
}

impl Default for SeedTowerNetwork {
    fn default() -> Self {
        Self {
            bottom_layers: vec![256, 128],
            tower_layers: vec![32],
            embedding_width: 32,
            prototype_weight: 0.5,
            temperature: 0.1,
            dropout: 0.1,
            interaction: None,
        }
    }
}

/// y_k = a_k·u_k·v_k + b_k, u_k and v_k of length 1 from the user's and the item's features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoTowerNetwork {
    /// The features of the item: the product, campaign or creative of a row. All others are the user's.
    #[schemars(length(min = 1))]
    pub item_features: Vec<FeatureName>,
    /// The one of them that says which item it is.
    pub item: FeatureName,
    /// Widths of the user tower's hidden layers.
    #[serde(default = "layers")]
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub user_layers: Vec<u32>,
    /// Widths of the item tower's hidden layers.
    #[serde(default = "layers")]
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub item_layers: Vec<u32>,
    /// Numbers of each task's embedding of a user, and of an item.
    #[serde(default = "embedding_width")]
    #[schemars(range(min = 2, max = 4096))]
    pub embedding_width: u32,
    /// What telling a positive row's item from those of other rows counts in the loss, 0 or more (λ).
    #[serde(default = "softmax_weight")]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub softmax_weight: f64,
    /// What cosines are divided by before the softmax over the items (τ).
    #[serde(default = "temperature")]
    #[schemars(range(min = 0.001, max = 100.0))]
    pub temperature: f64,
    /// Share of hidden units left out at random while training, 0..1.
    #[serde(default = "dropout")]
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
}

fn layers() -> Vec<u32> {
    vec![128, 64]
}

fn embedding_width() -> u32 {
    32
}

fn softmax_weight() -> f64 {
    0.5
}

fn temperature() -> f64 {
    0.1
}

fn dropout() -> f64 {
    0.1
}

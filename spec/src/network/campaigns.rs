//! Networks that know each seed list as a campaign.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// y_t = Σ_k h_k(v_t)·critic_k(Σ_m g_m(v_t)·expert_m(x)) + b_t, g and h softmax gates over the campaign's vector v_t. Trained so
/// that one step of a campaign's own gradient tells it well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetaheacNetwork {
    /// How many experts.
    #[schemars(range(min = 1, max = 256))]
    pub experts: u32,
    /// How many critics.
    #[schemars(range(min = 1, max = 256))]
    pub critics: u32,
    /// Widths of each expert's layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub expert_layers: Vec<u32>,
    /// Widths of each critic's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub critic_layers: Vec<u32>,
    /// Numbers of a campaign's vector.
    #[schemars(range(min = 1, max = 4096))]
    pub embedding_width: u32,
    /// Step size of a campaign's own step in training, and of fine-tuning to a new list.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub inner_learning_rate: f64,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
}

impl Default for MetaheacNetwork {
    fn default() -> Self {
        Self {
            experts: 8,
            critics: 4,
            expert_layers: vec![64, 32],
            critic_layers: vec![32],
            embedding_width: 16,
            inner_learning_rate: 0.05,
            dropout: 0.1,
        }
    }
}

//! Networks: how encoded rows become one logit (or value head) per task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network's shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Network {
    /// A linear model on the same inputs: the honest baseline.
    Linear(LinearNetwork),
    /// One trunk for all tasks, a tower each (Caruana 1997).
    SharedBottom(SharedBottomNetwork),
    /// Experts mixed by a softmax gate per task (Ma, KDD 2018).
    Mmoe(MmoeNetwork),
}

/// No fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearNetwork {}

/// y_k = tower_k(trunk(x)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SharedBottomNetwork {
    /// Widths of the trunk's hidden layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub bottom_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
}

impl Default for SharedBottomNetwork {
    fn default() -> Self {
        Self { bottom_layers: vec![256, 128], tower_layers: vec![32], dropout: 0.1 }
    }
}

/// z_k = Σ_e softmax(W_k x)_e · expert_e(x); y_k = tower_k(z_k).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MmoeNetwork {
    /// How many experts.
    #[schemars(range(min = 1, max = 256))]
    pub experts: u32,
    /// Widths of each expert's layers.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 16_384)))]
    pub expert_layers: Vec<u32>,
    /// Widths of each tower's hidden layers.
    #[schemars(length(max = 16), inner(range(min = 1, max = 16_384)))]
    pub tower_layers: Vec<u32>,
    /// Share of hidden units left out at random while training, 0..1.
    #[schemars(schema_with = "crate::share::part")]
    pub dropout: f64,
}

impl Default for MmoeNetwork {
    fn default() -> Self {
        Self { experts: 4, expert_layers: vec![128, 64], tower_layers: vec![32], dropout: 0.1 }
    }
}

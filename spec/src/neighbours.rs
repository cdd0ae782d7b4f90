//! The nearest people to given ones, by the model's embeddings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::KeyTable;

/// People whose nearest are looked for among the population: a table of neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Neighbours {
    /// Who they are; those who are not in the population have no neighbours.
    pub of: KeyTable,
    /// Neighbours of each.
    #[serde(default = "default_count")]
    #[schemars(range(min = 1, max = 1000))]
    pub count: u32,
    /// How like two people's embeddings are.
    #[serde(default)]
    pub similarity: NeighbourSimilarity,
}

/// How like two embeddings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeighbourSimilarity {
    /// The cosine of the angle between them, -1..1.
    #[default]
    Cosine,
    /// Their product.
    Dot,
}

fn default_count() -> u32 {
    10
}

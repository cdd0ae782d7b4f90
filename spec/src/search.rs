//! `search`: other settings, tried on the validation rows; the best are registered.
//!
//! What is tried is a pure function of the document: [`SearchPlan`] says which settings each trial has and for how many
//! epochs each rung trains, so that every process that reads a run's document means the same by a trial's number.

mod check;
mod draw;
mod field;
mod mistake;
mod plan;
#[cfg(test)]
mod tests;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use mistake::SearchMistake;
pub(crate) use plan::EPOCHS;
pub use plan::{InvalidPlan, Place, Rung, SearchPlan, Trial};

pub(crate) use check::check;

/// Other settings, tried on the validation rows; the best are registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// How epochs are shared among trials.
    #[serde(default)]
    pub method: SearchMethod,
    /// Settings that are tried at the most, the document's own among them; equal ones are tried once.
    #[serde(default = "default_trials")]
    #[schemars(range(min = 2, max = 1000))]
    pub trials: u32,
    /// Trainer processes at once; what comes of the search does not depend on it.
    #[serde(default = "default_parallel")]
    #[schemars(range(min = 1, max = 256))]
    pub parallel: u32,
    /// What is drawn comes from it.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What is best: `loss` or `task.measure` on the validation rows; what early stopping watches when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub objective: Option<String>,
    /// Fields by their paths, such as `network.dropout`, and what they may be.
    #[schemars(extend("minProperties" = 1))]
    pub space: IndexMap<String, Domain>,
}

fn default_trials() -> u32 {
    20
}

fn default_parallel() -> u32 {
    1
}

fn default_seed() -> u64 {
    7
}

/// How epochs are shared among trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SearchMethod {
    /// Every trial is trained in full (Bergstra and Bengio, JMLR 2012).
    Random(RandomSearch),
    /// All trials are trained for few epochs, the best of them for more, and so on (Jamieson and Talwalkar, AISTATS 2016).
    SuccessiveHalving(SuccessiveHalving),
}

impl Default for SearchMethod {
    fn default() -> Self {
        Self::SuccessiveHalving(SuccessiveHalving::default())
    }
}

impl SearchMethod {
    /// The method in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Random(_) => "random search",
            Self::SuccessiveHalving(_) => "successive halving",
        }
    }
}

/// No fields.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomSearch {}

/// The last rung trains for all of `training.epochs`, each one before it for a `factor` less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SuccessiveHalving {
    /// One in so many trials goes on to the next rung, which trains so many times as long.
    #[schemars(range(min = 2, max = 16))]
    pub factor: u32,
    /// Epochs of the first rung at the least.
    #[schemars(range(min = 1, max = 100_000))]
    pub min_epochs: u32,
}

impl Default for SuccessiveHalving {
    fn default() -> Self {
        Self { factor: 3, min_epochs: 1 }
    }
}

/// What a field may be; trials are drawn from it independently of each other and of other fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// A number between two, all equally likely; a whole one, both ends included, where the field is whole.
    Uniform([f64; 2]),
    /// A number between two above 0, its logarithm uniform: as likely in 1..10 as in 10..100.
    LogUniform([f64; 2]),
    /// One of these, all equally likely.
    Choice(#[schemars(schema_with = "choices")] Vec<Json>),
}

fn choices(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {"type": ["null", "boolean", "number", "string", "array", "object"]},
        "minItems": 1
    })
}

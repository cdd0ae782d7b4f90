//! How far a population has moved from another: distributions of features and scores, counted in one pass, and the
//! population stability index between two of them.
//!
//! A [`Distribution`] is counted without knowing what it will be compared with, in cells that are the same in every run, so
//! that shards, nights and models add up and compare. Bins are cut only when two are compared ([`stability_index`]).

mod category;
mod distribution;
mod features;
mod stability;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::{FeatureName, TaskName};

pub use distribution::{Distribution, Kind};
pub use features::FeatureCounts;
pub use stability::stability_index;

/// The file of a model package that holds the [`Distributions`] of its training.
pub const REFERENCE_FILE: &str = "reference.json";

/// What a set of rows looks like: its features, and what a model says of it.
///
/// In a model package: features over the training rows, calibrated outputs over the validation rows (the training rows where
/// there are none). Of a scoring run: both over the population.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distributions {
    /// Features that read one column of numbers, categories or lists of categories, by name.
    pub features: IndexMap<FeatureName, Distribution>,
    /// Outputs that are one number, by task.
    pub outputs: IndexMap<TaskName, Distribution>,
}

impl Distributions {
    /// Adds what was counted over other rows.
    pub fn merge(&mut self, other: &Self) {
        merge(&mut self.features, &other.features);
        merge(&mut self.outputs, &other.outputs);
    }
}

fn merge<N: Clone + std::hash::Hash + Eq>(sums: &mut IndexMap<N, Distribution>, more: &IndexMap<N, Distribution>) {
    for (name, more) in more {
        match sums.get_mut(name) {
            Some(sum) => sum.merge(more),
            None => drop(sums.insert(name.clone(), more.clone())),
        }
    }
}

#[cfg(test)]
mod tests;

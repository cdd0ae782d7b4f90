//! Parts of features that do not go together.

use crate::mistake::choice;
use crate::node::quoted;

/// Parts of one feature, or of features that share a table, that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureContradiction {
    /// `hash` and `vocabulary` of one feature.
    #[error("`hash` and `vocabulary` exclude one another: keep one")]
    HashAndVocabulary,
    /// Features of one table that say different things of it.
    #[error("the features of the table `{table}` share one {what}, and {} says another", quoted(.feature))]
    TableDisagrees {
        /// The table.
        table: String,
        /// What they share.
        what: &'static str,
        /// The feature that says it first.
        feature: String,
    },
    /// A table that no second feature names.
    #[error("no other feature names the table `{table}`: a table is named where features share it")]
    TableOfOne {
        /// The table.
        table: String,
        /// The tables that other features name.
        known: Vec<String>,
    },
    /// An option of buckets where there are none.
    #[error("`{option}` belongs to `transform: buckets`, and the transform is another")]
    OptionOfBuckets {
        /// The option.
        option: &'static str,
    },
    /// Given edges and a number of learned ones.
    #[error("`edges` and `buckets` exclude one another: keep one")]
    EdgesAndBuckets,
    /// Edges out of order.
    #[error("the edge {later} does not lie above the one before it, {earlier}")]
    EdgesNotAscending {
        /// The edge before.
        earlier: f64,
        /// The edge.
        later: f64,
    },
    /// What stands in for missing numbers that have a bucket of their own.
    #[error("`impute` has no use here: missing values have an embedding of their own")]
    ImputeOfBuckets,
    /// Weights of ids that are not used.
    #[error("`weights` belong to `pool: weighted`, and the pool is another")]
    WeightsOfAnotherPool,
    /// A weighted average without weights.
    #[error("`pool: weighted` needs `weights`: the column of the ids' weights")]
    PoolWithoutWeights,
}

impl FeatureContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::TableOfOne { table, known } if !known.is_empty() => Some(choice("tables here", table, known)),
            Self::TableOfOne { .. }
            | Self::HashAndVocabulary
            | Self::TableDisagrees { .. }
            | Self::OptionOfBuckets { .. }
            | Self::EdgesAndBuckets
            | Self::EdgesNotAscending { .. }
            | Self::ImputeOfBuckets
            | Self::WeightsOfAnotherPool
            | Self::PoolWithoutWeights => None,
        }
    }
}

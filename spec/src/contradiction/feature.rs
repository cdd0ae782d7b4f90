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
    /// An option of one pool of sequences where the pool is another.
    #[error("`{option}` belongs to `pool: {pool}`, and the pool is another")]
    OptionOfAttention {
        /// The option.
        option: &'static str,
        /// Its pool.
        pool: &'static str,
    },
    /// A sequence that is too long for looking at every pair.
    #[error("`pool: self_attention` looks at every pair of a list: at most {most} of a row")]
    TooLongAmong {
        /// The most that there may be.
        most: u32,
    },
    /// A feature that is named and is not there.
    #[error("there is no feature `{feature}`")]
    NoFeature {
        /// The feature.
        feature: String,
        /// Those that may be named here.
        known: Vec<String>,
    },
    /// A member of a step that is no sequence.
    #[error("`{feature}` is a {kind} feature: the places of a sequence are shared by sequences")]
    StepKind {
        /// The feature.
        feature: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A sequence that shares places twice.
    #[error("`{feature}` is named twice: a sequence shares the places of one other")]
    StepTwice {
        /// The sequence.
        feature: String,
    },
    /// A sequence that says for others how steps are pooled.
    #[error("`{feature}` says itself how its steps are pooled: it cannot share another's")]
    StepOfLeader {
        /// The sequence.
        feature: String,
    },
    /// What a sequence says of itself although another says it for it.
    #[error("`{feature}` names this sequence in `with` and says how steps are pooled: leave it out here")]
    PoolOfAnother {
        /// The sequence that says.
        feature: String,
    },
    /// Sequences of one step that are cut at different places.
    #[error("this sequence shares the places of `{feature}`, of which {length} are read: say the same `max_length`")]
    OtherLength {
        /// The sequence that names this one.
        feature: String,
        /// How many of its ids are read.
        length: u32,
    },
    /// A target that is not one id.
    #[error("`{feature}` is a {kind} feature: attention looks for one id a row, of a categorical feature or cross")]
    TargetKind {
        /// The feature.
        feature: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A weighted average without weights.
    #[error("`pool: weighted` needs `weights`: the column of the ids' weights")]
    PoolWithoutWeights,
}

impl FeatureContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::TableOfOne { table, known } if !known.is_empty() => Some(choice("tables here", table, known)),
            Self::NoFeature { feature, known } => Some(choice("one of", feature, known)),
            Self::TableOfOne { .. }
            | Self::OptionOfAttention { .. }
            | Self::TooLongAmong { .. }
            | Self::TargetKind { .. }
            | Self::StepKind { .. }
            | Self::StepTwice { .. }
            | Self::StepOfLeader { .. }
            | Self::PoolOfAnother { .. }
            | Self::OtherLength { .. }
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

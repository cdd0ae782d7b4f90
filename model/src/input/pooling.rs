//! How lists of embeddings become one.

use spec::FeatureName;
use spec::feature::Pool;

/// How the embeddings of a row's list become one; all zeros for an empty list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their average.
    Mean,
    /// Their sum.
    Sum,
    /// Their sum by the ids' weights.
    Weighted,
    /// As [`Attended`] says.
    Attention,
}

impl From<Pool> for Pooling {
    fn from(pool: Pool) -> Self {
        match pool {
            Pool::Mean => Self::Mean,
            Pool::Sum => Self::Sum,
            Pool::Weighted => Self::Weighted,
        }
    }
}

/// A sequence that is pooled by attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    /// The features of its steps, the one that says how first: their lists are equally long in every row.
    pub features: Vec<FeatureName>,
    /// How.
    pub kind: AttentionKind,
    /// Steps of a row at the most.
    pub max_length: usize,
}

/// Kinds of attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttentionKind {
    /// A small network over each step and a target says what the step counts.
    Unit {
        /// The feature, of one id a row, that is looked for; none where steps are judged by themselves.
        target: Option<FeatureName>,
    },
    /// Steps look at one another.
    Among {
        /// Parallel attentions, at least 1.
        heads: usize,
    },
}

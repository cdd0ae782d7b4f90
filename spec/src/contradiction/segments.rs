//! Segments whose parts do not go together.

use crate::node::quoted;

/// Parts of a segmentation that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SegmentContradiction {
    /// Segments whose columns have names that are taken.
    #[error("the score table has a column {} already: give the segments another name", quoted(.column))]
    ColumnTaken {
        /// The column.
        column: String,
    },
    /// A range of numbers of segments without anything to choose from.
    #[error("`from` {from} is not below `to` {to}")]
    Range {
        /// The lowest number.
        from: u32,
        /// The highest.
        to: u32,
    },
    /// Fewer people than segments can be found in.
    #[error("{k} segments need a sample of at least {least} people")]
    Sample {
        /// The most segments that there may be.
        k: u32,
        /// The fewest people.
        least: u32,
    },
    /// Batches of more people than there are.
    #[error("a batch of {batch_size} is larger than the sample of {sample}")]
    Batch {
        /// People of a batch.
        batch_size: u32,
        /// People of the sample.
        sample: u32,
    },
    /// How to fit segments that are there already.
    #[error("`{option}` is for fitting segments, and these are those of a run")]
    OfRun {
        /// The field.
        option: &'static str,
    },
}

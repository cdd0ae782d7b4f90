//! Row groups in, encoded batches out: scheduling, prefetch, decoding and encoding on several threads, bounded and in a stated order.
//!
//! Never here: whether it feeds training or scoring.

mod chunk;
mod error;
mod even;
mod feed;
mod fit;
mod label;
mod order;
mod pipeline;
mod plan;
mod split;
mod table;
mod window;

pub use chunk::FeedBatch;
pub use error::{FeedError, Place, ValueFault};
pub use feed::Feed;
pub use fit::{FitPlan, Fitted, LabelCounts, PartCounts, fit_encoders};
pub use label::{Condition, ConditionError, Labels, RowSets, Seeds};
pub use order::{Order, Random};
pub use plan::FeedPlan;
pub use split::{Part, Splitter};
pub use table::Table;

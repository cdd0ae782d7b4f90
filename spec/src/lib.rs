//! What a user declares: documents, features, tasks, networks, audiences; their ids, shape and validation.
//!
//! A document's text goes through [`parse`], which reports every mistake at once with its place; what comes out is
//! valid and holds no parameter references. This crate does no I/O and knows nothing of Arrow, tensors or storage.

pub mod audience;
pub mod document;
pub mod feature;
pub mod ids;
pub mod network;
pub mod scoring;
pub mod table;
pub mod task;
pub mod training;

pub use audience::{Audience, FileFormat, Guards, Holdout, IdColumn, IdHash, IdNormalization, Size, TierCut};
pub use document::{Document, Scoring, Training};
pub use feature::{Feature, IdSpace};
pub use ids::{
    AliasName, AudienceName, ColumnName, FeatureName, ModelName, ModelReference, RunId, TableName, TaskName, TierName,
    Version,
};
pub use network::Network;
pub use scoring::ScoringSpec;
pub use table::{KeyTable, PrepareStep, TableSource};
pub use task::Task;
pub use training::TrainingSpec;

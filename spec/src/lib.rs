//! What a user declares: documents, features, tasks, networks, audiences; their ids, shape and validation.
//!
//! A document's text goes through [`parse`], which reports every mistake at once with its place; what comes out is
//! valid and holds no parameter references. This crate does no I/O and knows nothing of Arrow, tensors or storage.

pub mod audience;
pub mod contradiction;
pub mod document;
pub mod duration;
pub mod feature;
pub mod fresh;
pub mod identifier;
pub mod identity;
pub mod ids;
pub mod measure;
pub mod mistake;
pub mod neighbours;
pub mod network;
pub mod parameters;
pub mod parse;
pub mod preparation;
pub mod preset;
pub mod problem;
pub mod quarantine;
pub mod schedule;
pub mod schema;
pub mod scoring;
pub mod search;
pub mod segments;
pub mod share;
pub mod size;
pub mod table;
pub mod task;
pub mod training;

mod node;
mod planned;
mod shape;
mod structure;
pub mod suggest;
#[cfg(test)]
mod testing;
mod text;
mod validate;
mod yaml;

pub use audience::{
    Audience, AudienceProfile, ContactCap, FileFormat, Guards, Holdout, IdColumn, IdHash, IdNormalization, KeyStep,
    Retain, Size, TierCut,
};
pub use document::{Document, Scoring, Training};
pub use feature::{Feature, IdSpace};
pub use fresh::Fresh;
pub use identifier::{Country, Normalized, Normalizer, SecretSource};
pub use identity::Identity;
pub use ids::{
    AliasName, AudienceName, ColumnName, EmbeddingTableName, FeatureName, ModelName, ModelReference, NeighboursName,
    PreparationName, RunId, ScheduleName, SegmentationName, SubmissionId, TableName, TaskName, TierName, Version,
};
pub use neighbours::Neighbours;
pub use network::Network;
pub use parameters::Settings;
pub use parse::{SourceFile, expand, parse, preparations};
pub use preparation::Preparation;
pub use preset::Preset;
pub use problem::{Place, Problem, Problems};
pub use quarantine::Quarantine;
pub use schedule::{CronSchedule, Overlap, TimeZone, Timetable, WaitFor};
pub use schema::schema;
pub use scoring::{ScoringSpec, SeedLists};
pub use search::{Search, SearchPlan};
pub use segments::{SegmentCount, Segmentation};
pub use table::{KeyTable, PrepareStep, TableSource};
pub use task::Task;
pub use training::TrainingSpec;

//! Everything durable: the layout of object storage, create-once publication, sources of tables, Parquet reading and
//! writing, shard plans, the model registry, runs and published audiences.
//!
//! Only [`layout`] formats an object key and only [`publish`] decides who won a create. Decisions ([`plan`],
//! `publish::decide`) are pure; I/O goes through [`object_store`] and is async. This crate knows nothing of tensors,
//! SQL or RPC.

pub mod audience;
mod claims;
pub mod clock;
pub mod digest;
pub mod error;
pub mod faults;
pub mod keys;
pub mod layout;
pub mod local;
pub mod object;
pub mod plan;
mod pointers;
pub mod publish;
pub mod quarantine;
pub mod registry;
pub mod retention;
pub mod rows;
pub mod runs;
pub mod secret;
pub mod source;
pub mod trials;
pub mod workspace;

pub use digest::Digest;
pub use error::{ArtifactsError, FailureClass, Result};
pub use layout::{Attempt, Key, ShardId};
pub use object::{FileRecord, ObjectWriter};
pub use publish::{Outcome, PublishError};
pub use rows::{ParquetOptions, ParquetWriter};
pub use source::InputFile;
pub use workspace::Workspace;

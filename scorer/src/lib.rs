//! Scores shards; builds, checks and publishes audience packages.
//!
//! A scoring run is three kinds of units of work, each safe to be done twice or to be killed at any moment: [`plan::plan`]
//! prepares tables and freezes the shard plan, [`score::Scorer::score`] scores a shard, [`publish::publish`] cuts the
//! audiences and makes them visible. [`ScorerWork`] does them for a coordinator. Who is in an audience is decided in
//! [`select`], which is pure. `docs/audiences.md` says the same for users.

pub mod columns;
pub mod commit;
pub mod error;
mod freshness;
pub mod items;
pub mod lift;
pub mod neighbours;
pub mod plan;
pub mod profile;
pub mod publish;
mod quarantine;
mod reading;
pub mod release;
pub mod run;
pub mod score;
pub mod scores;
mod secret_keys;
pub mod seed_lists;
pub mod segments;
pub mod select;
mod work;

pub use error::{Result, ScorerError};
pub use work::ScorerWork;

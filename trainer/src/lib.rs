//! The trainer: the unit of work `train` (prepare, fit, evaluate, calibrate, report, register), those of a search, and the
//! look at data that `kindred check` asks for.

pub mod check;
mod columns;
mod comparison;
mod conditions;
mod description;
mod epochs;
mod error;
mod evaluation;
pub mod export;
mod fitting;
mod importance;
mod overall;
mod pairing;
pub mod preparation;
mod prior;
mod production;
mod reference;
mod registration;
pub mod report;
mod rows;
mod run;
pub mod search;
mod seeds;
mod slices;
mod stopping;
mod tables;
mod train;
pub mod work;

pub use error::{Result, TrainerError};
pub use train::{Outcome, train};

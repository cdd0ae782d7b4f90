//! The `kindred` command: reads documents, runs them with an embedded coordinator or gives them to one elsewhere, shows
//! models and audiences.
//!
//! Results go to stdout, everything else to stderr. What a command decides about runs, models or audiences is decided
//! in other crates; here are words, tables and exit codes.

mod adhoc;
pub mod arguments;
mod commands;
mod ending;
mod failure;
mod interrupt;
mod logging;
mod programs;
mod progress;
mod remote;
mod schedules;
mod settings;
mod show;
mod workers;

pub use commands::main;
pub use ending::Ending;

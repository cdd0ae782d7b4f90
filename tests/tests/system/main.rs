//! The whole system with its real binaries: from documents and tables to what lies in the workspace.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bad_inputs;
mod comparison;
mod coordinated;
mod demo;
mod documents;
mod interruption;
mod measures;
mod package;
mod prepare;
mod presets;
mod published;
mod same_bytes;
mod search;
mod seed_lists;
mod segments;
mod storms;
mod weather;

//! Scoring runs on real files: what is scored and published, whoever does it, and what happens when something is wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod drift;
mod exclusive;
mod ids;
mod inputs;
mod judged;
mod lift;
mod neighbours;
mod night;
mod plant;
mod profiles;
mod publishing;
mod quarantine;
mod release;
mod scoring;
mod seed_lists;
mod segments;
mod selection;

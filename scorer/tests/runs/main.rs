//! Scoring runs on real files: what is scored and published, whoever does it, and what happens when something is wrong.

mod inputs;
mod judged;
mod night;
mod plant;
mod publishing;
mod scoring;

//! Schedules in simulated time: what is decided in every case, and that slots survive crashes and rivals.

mod cases;
mod simulation;
mod task;
mod world;

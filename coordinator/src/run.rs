//! A run's life as data: its events, its states, and the one pure function that leads from one to the next.
//!
//! ```text
//! (absent) ──Submitted──▶ Ready ──Launched──▶ Active ──StageFinished──▶ Ready, or after the last stage
//!                           ▲                   │                          Succeeded | HeldBack
//!                           │              StopRequested
//!                        Reopened               ▼
//!                 └── Interrupted | Cancelled | Failed ◀──Stopped── Stopping
//! ```

mod budget;
mod state;
mod transition;

#[cfg(test)]
mod tests;

pub use budget::{Spent, Verdict, retries, verdict};
pub use state::{Course, Event, HeldBack, Kind, State, StopReason, Subject};
pub use transition::{Illegal, transition};

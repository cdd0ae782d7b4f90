//! A submission's life as data: its events, its states, and the one pure function that leads from one to the next.
//!
//! ```text
//! Queued ──Started──▶ Running ──Ended──▶ Queued, or after the last document Succeeded | HeldBack
//!  ▲  │                 │   └──Ended (it failed)──▶ Failed
//!  │  │           CancelRequested
//!  │  └──CancelRequested │
//!  │        ▼            ▼
//!  └── Cancelled ◀──Ended── Cancelling          Failed | Cancelled ──RetryRequested──▶ Queued
//! ```

mod log;
mod record;
mod state;
mod transition;

#[cfg(test)]
mod tests;

pub(crate) use log::{SubmissionLog, list};
pub(crate) use record::{SubmissionRecord, id_of};
pub use state::{DocumentEnd, Event, Progress, State, Take, Trace};
pub use transition::{Illegal, transition};

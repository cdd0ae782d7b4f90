//! What the coordinator shows, in the API's words.

mod events;
mod runs;
mod schedules;
mod submissions;
mod waits;
mod words;

pub(super) use events::{event, submission_event};
pub(super) use runs::run;
pub(super) use schedules::schedule;
pub(super) use submissions::submission;
pub(super) use words::{kind_from, run_statuses, stage_from, submission_statuses};

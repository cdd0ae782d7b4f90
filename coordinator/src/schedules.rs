//! Schedules: documents that are run again and again, at the times that they say.
//!
//! A schedule is what its log tells: `schedules/<name>/log/…`, entries that are created once, each with the state after
//! it, so that the newest one is all that must be read. [`State`] changes by [`transition`] alone, and what is done next
//! is decided by the pure [`decide`]: a slot that comes due is admitted or passed over, an admitted one waits for its inputs
//! and for the one before, and then it is started: first in the log, then by a submit whose client token is made of the
//! schedule's and the slot's names. So however often a coordinator dies or two of them work at once, a slot is one
//! submission.
//!
//! Which times a schedule means is [`spec::Timetable`]'s; how a submission runs is the house's.

mod content;
mod decide;
mod event;
mod handle;
mod inputs;
mod keeper;
mod kept;
mod log;
mod mistake;
mod shelf;
mod slot;
mod state;
mod submissions;
mod timekeeper;
mod transition;
mod view;

#[cfg(test)]
mod tests;

pub use content::{Content, DocumentKind, DocumentName, MOST_INPUTS, NewSchedules, Parts};
pub use decide::{Facts, Inputs, PUNCTUAL, Predecessor, Step, decide, undecided};
pub use event::{Event, Left, Passed};
pub use handle::{Schedules, Waits};
pub use mistake::SchedulesError;
pub use shelf::MOST_SCHEDULES;
pub(crate) use slot::SLOT_TOKENS;
pub use slot::Slot;
pub use state::{MOST_RECENT, MOST_WAITING, Paused, Recent, Revision, StartedSlot, State, Status, Waiting};
pub use submissions::{Firing, NotStarted, Standing, Submissions};
pub use timekeeper::Timekeeper;
pub use transition::{Illegal, transition};
pub use view::{Registered, ScheduleView, WaitingView, Why};

//! Runs: their state machine, durable log, leases, launchers, and the loop that carries them.
//!
//! Only [`run::transition`] changes a run's state, and it is a pure function of state and event. Everything durable is
//! in the run's [`log`]; the coordinator can be killed at any time, and another goes on from there. Rows never pass
//! through here, and neither tensors nor SQL are linked.

mod conductor;
mod control;
mod desk;
mod embedded;
mod error;
mod launcher;
mod leases;
pub mod log;
mod notice;
mod outcome;
pub mod run;
mod service;
mod shards;
mod submission;
mod timing;
mod trials;

pub use control::{Control, Controlled, Wanted};
pub use desk::{Caller, Desk};
pub use embedded::{Embedded, Report};
pub use error::{CoordinatorError, Result};
pub use launcher::{ChildName, Contact, Exit, Force, Launcher, LocalProcesses, Programs};
pub use leases::{Completion, Grant, Leases, Lost};
pub use notice::{Notice, Notices};
pub use service::LoopbackServer;
pub use submission::{PROGRAM, Submission};
pub use timing::Timing;

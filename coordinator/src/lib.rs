//! Runs: their state machine, durable log, leases, launchers, and the loop that carries them; submissions of documents
//! that become runs one after the other; and the long-lived [`Coordinator`] that takes them.
//!
//! Only [`run::transition`] changes a run's state and only [`submission::transition`] a submission's, and both are pure
//! functions of state and event. Everything durable is in their logs; the coordinator can be killed at any time, and
//! another goes on from there. Rows never pass
//! through here, and neither tensors nor SQL are linked.

pub mod access;
pub mod api;
mod board;
mod carry;
mod conductor;
mod control;
mod desk;
mod embedded;
mod error;
mod figures;
pub mod house;
mod http;
mod launcher;
mod leases;
pub mod log;
mod names;
mod notice;
mod outcome;
mod resolved;
pub mod run;
pub mod schedules;
mod service;
mod shards;
pub mod submission;
mod timing;
mod trials;
mod waiting;

pub use access::{Access, Role};
pub use api::{ApiLimits, ApiServer, ApiSettings, BoundServer, ServerError, TlsFiles};
pub use conductor::{Conductor, Orchestra};
pub use control::{Control, Controlled, Wanted};
pub use desk::{Caller, Calls, Desk};
pub use embedded::{Embedded, Report};
pub use error::{CoordinatorError, Result};
pub use house::{Coordinator, Settings};
pub use launcher::{ChildName, Contact, Exit, Force, Launcher, LocalProcesses, Programs};
pub use leases::{Completion, Grant, Holding, Leases, Lost, Straggling};
pub use names::{ClientToken, InvalidText, Owner, Priority};
pub use notice::{Notice, Notices};
pub use resolved::{PROGRAM, ResolvedDocument};
pub use schedules::Schedules;
pub use timing::Timing;
pub use waiting::WaitsFor;
